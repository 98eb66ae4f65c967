"""`truelift worlds` and `truelift demo`, from nothing to a running loop."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from truelift.lake.home import Home
from truelift.lake.lake import Lake


pytestmark = [pytest.mark.world, pytest.mark.timeout(150)]


def truelift(*words: str, home: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TRUELIFT_")}
    environment.pop("DATABASE_URL", None)
    if home is not None:
        environment["TRUELIFT_HOME"] = str(home)
    return subprocess.run(
        [sys.executable, "-m", "truelift.cli", *words],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, object], float]:
    home = tmp_path_factory.mktemp("built") / "home"
    began = _worked_s()
    done = truelift("worlds", "build", "shop", "--home", str(home), "--scale", "0.1", "--json")
    assert done.returncode == 0, done.stderr
    return home, json.loads(done.stdout), _worked_s() - began


def _worked_s() -> float:
    """Processor time of the programs that were started here: others share the machine."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


Built = tuple[Path, dict[str, object], float]


def test_a_small_world_is_built_in_under_a_minute(built: Built) -> None:
    home, document, took_s = built

    assert took_s < 60
    assert document["world"] == document["site"] == "shop"
    assert json.loads((home / "worlds" / "shop" / "truth.json").read_text())["scale"] == 0.1


def test_the_last_hours_came_through_the_collector_and_everything_adds_up(built: Built) -> None:
    root, _, _ = built

    ledger = Lake(Home(root=root, lake=root / "lake")).ledger("shop")

    assert ledger.waiting == 0
    assert ledger.received == ledger.stored + ledger.duplicates + ledger.quarantined
    # What the old app sent over HTTP: each item for another reason no event.
    assert {"bad_timestamp", "not_an_object", "unknown_type", "wrong_type"} <= set(ledger.reasons)


def test_the_loop_stands_where_the_story_left_it(built: Built) -> None:
    home, _, _ = built

    listed = truelift("experiments", "list", "--site", "shop", "--json", home=home)

    stages = {each["key"]: each["stage"] for each in json.loads(listed.stdout)["experiments"]}
    assert stages == {
        "reviews-higher": "closed",
        "urgency-timer": "closed",
        "order-summary": "decided",
        "arrival-date": "closed",
        "saved-cart": "build",
        "delivery-cost-early": "running",
        "imported-tents-photographed-pitched": "closed",
    }


STAGES = """
import json
from truelift.project.start import start_django
start_django()
from django.apps import apps
def stages(name):
    return sorted(set(apps.get_model(name).objects.values_list("stage", flat=True)))
names = ("intake.SignalRecord", "intake.IdeaRecord", "research.InsightRecord",
         "research.HypothesisRecord", "rollouts.RolloutRecord")
print(json.dumps({name.partition(".")[2]: stages(name) for name in names} | {
    name.partition(".")[2]: apps.get_model(name).objects.count()
    for name in ("backlog.ScoreRecord", "briefs.BriefRecord", "briefs.FollowUpRecord",
                 "threads.MentionRecord", "programme.PolicyRecord", "qa.QaRunRecord",
                 "voice.NoteRecord", "voice.CodingRecord", "voice.ThemeRecord")
}))
"""


def test_every_room_of_the_loop_has_something_in_it(built: Built) -> None:
    home, _, _ = built

    said = subprocess.run(
        [sys.executable, "-c", STAGES],
        env={**os.environ, "TRUELIFT_HOME": str(home)},
        capture_output=True,
        text=True,
        check=True,
    )

    found = json.loads(said.stdout)
    assert found["SignalRecord"] == ["dismissed", "linked", "new", "snoozed", "triaged"]
    assert {"parked", "promoted", "rejected", "scored", "submitted"} <= set(found["IdeaRecord"])
    assert {"accepted", "draft", "stale"} <= set(found["InsightRecord"])
    assert {"accepted", "ready_for_review", "tested"} <= set(found["HypothesisRecord"])
    assert "in_progress" in found["RolloutRecord"]
    counted = ("ScoreRecord", "BriefRecord", "FollowUpRecord", "MentionRecord", "QaRunRecord")
    assert all(found[name] for name in counted)
    assert all(found[name] for name in ("NoteRecord", "CodingRecord", "ThemeRecord"))
    assert found["PolicyRecord"] == 3


@pytest.mark.parametrize(("wanted", "code"), [("deny", 10), ("allow", 0)])
def test_a_deploy_is_answered_as_the_truth_says(built: Built, wanted: str, code: int) -> None:
    home, _, _ = built
    asked = json.loads((home / "worlds" / "shop" / "truth.json").read_text())["deploy"][wanted]

    said = truelift(
        "deploy-check", "--site", "shop", "--surface", asked["surface"], "--at", asked["at"],
        "--json", home=home,
    )  # fmt: skip

    assert said.returncode == code, said.stderr
    assert json.loads(said.stdout)["decision"] == wanted


SPOILED = """
import json
from datetime import UTC, date, datetime
from truelift.project.start import start_django
start_django()
from django.conf import settings
from django.test import Client
from truelift.apps.accounts.models import User
from truelift.apps.alignment.models import MetricConflictRecord
from truelift.apps.changes.models import ChangeRecord, ContaminationRecord, IncidentRecord
from truelift.apps.experiments.domain import as_domain
from truelift.apps.experiments.models import DelayedOutcomeRecord, ExperimentRecord
from truelift.apps.experiments.monitoring_look import look_at_experiment
from truelift.apps.freezes.models import DeployCheckRecord, FreezeRecord
from truelift.apps.measurement.reads import lake
from truelift.apps.programme.reads import policy_of
from truelift.apps.roadmap.models import ConflictRecord
from truelift.apps.roadmap.reads import items_of
from truelift.apps.sites.models import Site
from truelift.apps.surfaces.models import SurfaceRecord
from truelift.apps.threads.models import CommentRecord
from truelift.apps.warnings.models import WarningRecord
site = Site.objects.get(name="shop")
settings.ALLOWED_HOSTS = ["testserver"]
lead = Client()
lead.force_login(User.objects.get(email="mara@northpine.example"))
what = {each.key: each.what for each in items_of(site)}
print(json.dumps({
    "guarded": {
        key: {
            "guardrails": [
                {"metric": each["metric"], **{
                    name: each["effects"][0].get(name)
                    for name in ("relative", "guardrail", "withheld")
                }}
                for each in snapshot.document["metrics"] if each["role"] == "guardrail"
            ],
            "lights": {each["check"]: [each["status"], each["detail"]]
                       for each in snapshot.document["integrity"]},
            "advice": snapshot.advice,
        }
        for key in ("order-summary", "delivery-cost-early")
        for snapshot in [ExperimentRecord.objects.get(key=key).analyses.latest("number")]
    },
    "looked": {
        each.metric: [each.low, each.value, each.high, each.waits]
        for each in look_at_experiment(
            ExperimentRecord.objects.get(key="delivery-cost-early"),
            policy=policy_of(site),
            now=datetime.now(UTC),
            ask=lambda asked: lake().ask("shop", asked),
            ask_trend=lambda asked: lake().ask("shop", asked).answer,
        ).guarded
    },
    "late": [
        [each.experiment.key, each.metric, each.reading, each.turned, next(
            metric["effects"][0]["relative"]
            for metric in each.experiment.analyses.get(number=each.reading).document["metrics"]
            if metric["metric"] == each.metric
        )]
        for each in DelayedOutcomeRecord.objects.exclude(read_at=None)
    ],
    "waits": (lambda found: [found.evidence.complete_at.isoformat(), str(found.ends_on)])(
        as_domain(ExperimentRecord.objects.get(key="delivery-cost-early"))
    ),
    "against": [
        [each.metric.name, each.kinds, each.sentence, [
            each.sentence.split(" week by week")[0] in lead.get(f"/s/shop/{page}").content.decode()
            for page in ("team-metrics/", "?as=marketer", f"rhythm/review/{date.today():%Y-%m}/")
        ]]
        for each in MetricConflictRecord.objects.filter(ended_at=None)
    ],
    "answered": list(WarningRecord.objects.filter(kind="metric_conflict").values_list(
        "stage", "owner__email")),
    "agreed": CommentRecord.objects.filter(text__contains="with and without that day").count(),
    "contaminated": [
        {"experiment": each.experiment.key, "surface": each.experiment.surface,
         "at": each.at.strftime("%Y-%m-%dT%H:%M:%SZ"), "verdict": each.verdict,
         "scope": each.scope, "way_out": each.way_out, "invalid": each.experiment.is_invalid}
        for each in ContaminationRecord.objects.order_by("at")
    ],
    "proposed": ChangeRecord.objects.filter(state="proposed").count(),
    "changes": ChangeRecord.objects.count(),
    "incidents": IncidentRecord.objects.count(),
    "freezes": sorted(set(FreezeRecord.objects.values_list("stage", flat=True))),
    "checks": list(DeployCheckRecord.objects.order_by("pk").values_list("decision", "emergency")),
    "owned": SurfaceRecord.objects.exclude(owner=None).exclude(code=[]).count(),
    "conflicts": [
        {"rule": each.rule, "state": each.state, "resolution": each.resolution,
         "experiment": each.first, "what": what.get(each.second or each.first, "")}
        for each in ConflictRecord.objects.filter(rule__in=["c6", "c13"]).order_by("rule", "state")
    ],
    "stages": sorted({each.stage.value for each in items_of(site)}),
}))
"""


_SAID: dict[Path, Any] = {}


def _said(home: Path) -> Any:
    """What stands in the rooms around the tests; asked once."""
    if home not in _SAID:
        said = subprocess.run(
            [sys.executable, "-c", SPOILED],
            env={**os.environ, "TRUELIFT_HOME": str(home)},
            capture_output=True,
            text=True,
            check=True,
        )
        _SAID[home] = json.loads(said.stdout)
    return _SAID[home]


def test_the_planted_conflicts_stand_as_the_truth_says(built: Built) -> None:
    home, _, _ = built
    planted = json.loads((home / "worlds" / "shop" / "truth.json").read_text())["roadmap"]

    late, moved, unresolved = sorted(
        _said(home)["conflicts"], key=lambda each: (each["rule"], each["state"])
    )

    del late["experiment"]
    assert late == {**planted["late"], "state": "open", "resolution": ""}
    assert moved == {**planted["moved"], "state": "gone", "resolution": "move"}
    assert unresolved == {**planted["unresolved"], "state": "open", "resolution": ""}
    assert set(_said(home)["stages"]) >= {"proposed", "planned", "scheduled", "running"}


def test_the_planted_test_alone_is_contaminated_and_what_only_proposes_spoils_none(
    built: Built,
) -> None:
    home, _, _ = built
    planted = json.loads((home / "worlds" / "shop" / "truth.json").read_text())["contaminated"]
    del planted["why"]

    found = _said(home)

    fatal = [each for each in found["contaminated"] if each["verdict"] == "fatal"]
    assert fatal == [{**planted, "way_out": "discard", "invalid": True}]
    assert (found["changes"], found["proposed"], found["incidents"]) == (7, 1, 2)
    assert found["checks"][:3] == [["allow", False], ["deny", False], ["allow", True]]
    assert found["freezes"] == ["active", "agreed", "ended", "proposed"]
    assert found["owned"] == 6


def test_a_release_in_the_first_week_stands_over_the_test_of_the_checkout(built: Built) -> None:
    home, _, _ = built
    planted = json.loads((home / "worlds" / "shop" / "truth.json").read_text())["disturbed"]

    found = _said(home)
    test = found["guarded"][planted["experiment"]]

    met = [each for each in found["contaminated"] if each["experiment"] == planted["experiment"]]
    assert [(each["at"], each["scope"], each["verdict"], each["invalid"]) for each in met] == [
        (planted["at"], "shared_bundle", planted["verdict"], False),
        (planted["until"], "shared_bundle", "benign", False),
    ]
    # The card names the release, the days stand beside the test, and nothing is claimed early.
    assert test["lights"]["contamination"][0] == test["lights"]["confounders"][0] == "warn"
    assert test["lights"]["contamination"][1].startswith("C-4: It changed code")
    assert "hung on phones" in test["lights"]["confounders"][1]
    assert test["advice"] == "keep_running"
    assert all(each["withheld"] for each in test["guardrails"])
    assert found["agreed"] == 1


def test_guardrails_of_the_checkout_have_intervals_and_refunds_are_waited_for(
    built: Built,
) -> None:
    home, _, _ = built

    found = _said(home)
    decided, running = (
        {each["metric"]: each for each in found["guarded"][key]["guardrails"]}
        for key in ("order-summary", "delivery-cost-early")
    )

    assert set(decided) == {"order_value", "payment_errors", "payment_p95", "lcp_p75"}
    assert set(running) == {*decided, "refund_rate"}
    for each in decided.values():
        assert each["relative"]["low"] < each["relative"]["value"] < each["relative"]["high"]
        # Nothing was planted there, and chance may show harm on some days: it is judged.
        assert each["guardrail"] in {"held", "undecided", "broken"}
    # Of the running one today's look has them, and says what refunds still wait for.
    looked = found["looked"]
    assert looked.pop("refund_rate")[3].startswith("no visitors of a variant")
    for name in ("order_value", "payment_p95", "lcp_p75"):
        low, value, high, waits = looked[name]
        assert (low < value < high, waits) == (True, "")
    # What was decided before its refunds were known was read again when they were.
    ((experiment, metric, reading, turned, effect),) = found["late"]
    assert (experiment, metric, reading, turned) == ("reviews-higher", "refund_rate", 2, "")
    assert effect["low"] < effect["value"] < effect["high"]
    complete_at, ends_on = map(datetime.fromisoformat, found["waits"])
    assert (complete_at.date() - ends_on.date()).days in {29, 30}


def test_the_metric_of_marketing_works_against_the_shared_one_and_pages_name_it(
    built: Built,
) -> None:
    home, _, _ = built
    planted = json.loads((home / "worlds" / "shop" / "truth.json").read_text())["metric_conflict"]

    ((metric, kinds, sentence, named),) = _said(home)["against"]

    assert (metric, kinds) == (planted["metric"], [planted["kind"]])
    assert sentence.startswith("Marketing’s cost per click and revenue per session step against")
    assert named == [True, True, True]
    assert _said(home)["answered"] == [["acknowledged", "mara@northpine.example"]]


def test_the_demo_says_what_the_loop_found(built: Built) -> None:
    home, _, _ = built

    found = json.loads(truelift("demo", "--json", home=home).stdout)

    assert found["leak"]["before"] == "add_shipping_info"
    assert found["leak"]["by"] == {"device": "phone"}
    assert found["leak"]["value_per_week_minor"]["low"] > 0
    assert found["verdict"]["experiment"] == "delivery-cost-early"
    assert found["verdict"]["action"] == "keep_running"
    assert found["proposal"]["hypothesis"].startswith("H-")
    assert found["conflict"]["sentence"].startswith("RM-")
    assert found["conflict"]["owners"] == ["mara@northpine.example", "ines@northpine.example"]


def test_the_demo_speaks_to_a_person(built: Built) -> None:
    home, _, _ = built

    said = truelift("demo", home=home).stdout

    for word in (
        "What the loop found",
        "At delivery, phone visitors",
        "Keep running",
        "What is in whose way?",
    ):
        assert word in said
    # The password is shown once, when it was built.
    assert "for another password: truelift users reset" in " ".join(said.replace("│", "").split())


def test_a_home_holds_a_world_once(built: Built) -> None:
    home, _, _ = built

    refused = truelift("worlds", "build", "shop", "--home", str(home))

    assert refused.returncode == 1
    assert json.loads(refused.stderr.splitlines()[-1])["error"]["code"] == "worlds.already_built"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("shop", "--scale", "0"), "worlds.bad_scale"),
        (("atlantis",), "worlds.no_such_world"),
    ],
)
def test_what_cannot_be_built_is_refused(tmp_path: Path, words: tuple[str, ...], code: str) -> None:
    refused = truelift("worlds", "build", *words, "--home", str(tmp_path / "home"))

    assert refused.returncode == 1
    assert json.loads(refused.stderr.splitlines()[-1])["error"]["code"] == code


def test_worlds_are_listed() -> None:
    listed = json.loads(truelift("worlds", "list", "--json").stdout)

    assert [world["world"] for world in listed["worlds"]] == ["shop", "leads", "saas", "programme"]
