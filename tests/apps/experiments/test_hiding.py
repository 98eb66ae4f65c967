"""Early effects are hidden behind every door: page, snapshot, list, home, API, command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone

from tests.apps.experiments.conftest import document
from truelift.apps.accounts.models import Membership, User
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.experiments.monitoring_hiding import hides_from, shown_to, shown_to_all
from truelift.apps.experiments.monitoring_models import AlertRecord, WatchRecord
from truelift.apps.experiments.services import store_snapshot
from truelift.apps.memory.taking_out import take_out
from truelift.apps.programme.services import PolicyChange, change_policy
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.apps.sites.publish import publish
from truelift.cli.analyse import in_words
from truelift.lake.home import Home
from truelift.lifecycle.experiment import Action


pytestmark = [pytest.mark.django_db]

TELLING = ("0.0045", "0.09", "+9.0%", "9.0%", "rose by", "4.5%")
"""What the snapshot below says of its effect."""


@pytest.fixture
def early(
    site: Site, planned: ExperimentRecord, moved: Callable[..., None], ada: User, ben: User
) -> ExperimentRecord:
    """A sequential test that runs until next week, with a snapshot that found something.

    Ben, who does marketing, is not to see it; ada, who analyses, is.
    """
    moved(planned.key, Action.SUBMIT, Action.LAUNCH)
    at = timezone.now()
    ExperimentRecord.objects.filter(pk=planned.pk).update(
        inference="sequential", ends_on=(at + timedelta(days=7)).date()
    )
    planned.refresh_from_db()
    found = document(as_of=at)
    found["method"] = "sequential"
    store_snapshot(planned, found, as_of=at, by=Actor(ada), now=at)
    Membership.objects.filter(user=ada).update(functions=["analytics"])
    Membership.objects.filter(user=ben).update(functions=["marketing"])
    change_policy(site, PolicyChange(early_hidden_from=["marketing"]), by=Actor(ada), now=at)
    WatchRecord.objects.create(
        experiment=planned,
        day=at.date(),
        at=at,
        document={
            "at": at.isoformat(),
            "level": 0.05,
            "split": {"status": "ok", "detail": "As planned."},
            "units": 500,
            "guardrails": [
                {
                    "metric": "revenue_per_visitor",
                    "name": "Revenue per visitor",
                    "variant": "early",
                    "variant_name": "Early",
                    "better": "increase",
                    "margin": 0.03,
                    "window_days": 1.0,
                    "delayed": False,
                    "n": 500,
                    "harm": "harm",
                    "value": 0.045,
                    "low": 0.01,
                    "high": 0.09,
                    "waits": "",
                }
            ],
        },
    )
    AlertRecord.objects.create(
        site=site,
        experiment=planned,
        key="guardrail:revenue_per_visitor:early",
        concern="guardrail",
        level="watch",
        sentence="Revenue per visitor fell by 4.5% with “Early”.",
        quiet="Revenue per visitor gets worse with “Early”.",
        remedy="Look at it.",
        opened_at=at,
        seen_at=at,
    )
    return planned


DOORS = (
    "/s/shop/experiments/delivery-cost/",
    "/s/shop/experiments/delivery-cost/progress/",
    "/s/shop/experiments/delivery-cost/analyses/1/",
    "/s/shop/experiments/",
    "/s/shop/alerts/",
    "/api/v1/experiments/delivery-cost?site=shop",
    "/api/v1/experiments/delivery-cost/monitoring?site=shop",
    "/api/v1/analyses?site=shop",
    "/api/v1/analyses/delivery-cost/1?site=shop",
    "/api/v1/alerts?site=shop",
)


def test_behind_no_door_is_an_effect_for_somebody_who_may_not_know_it_yet(
    early: ExperimentRecord, ben: User, client_of: Callable[[User], Client]
) -> None:
    client = client_of(ben)

    for door in DOORS:
        answer = client.get(door)
        text = answer.content.decode()
        assert answer.status_code == 200, door
        assert [each for each in TELLING if each in text] == [], door


def test_who_may_see_early_effects_sees_them_and_the_page_says_why_others_do_not(
    early: ExperimentRecord, ada: User, ben: User, client_of: Callable[[User], Client]
) -> None:
    page = DOORS[0]

    hers = client_of(ada).get(page).content.decode()
    his = client_of(ben).get(page).content.decode()
    api = client_of(ada).get(DOORS[8]).json()

    assert "fell by 4.5%" in hers
    assert "−4.5%, between −9.0% and −1.0%" in hers
    assert api["document"]["metrics"][0]["effects"][0]["absolute"]["value"] == 0.0045
    assert "gets worse with" in his
    assert "by the policy of the programme" in his


def test_no_question_tells_by_variant_what_the_page_of_a_test_hides(
    home: Home, early: ExperimentRecord, ada: User, ben: User, client_of: Callable[[User], Client]
) -> None:
    publish()
    asked = {"question": "form_fields", "experiment": early.key}
    page = f"/s/shop/sessions/forms/?experiment={early.key}"

    over_api = [
        client_of(each).post("/api/v1/ask?site=shop", asked, content_type="application/json")
        for each in (ada, ben)
    ]
    pages = [client_of(each).get(page).content.decode() for each in (ada, ben)]

    assert [each.status_code for each in over_api] == [200, 409]
    assert over_api[1].json()["code"] == "experiments.early_effects"
    assert ["hides early effects from you" in each for each in pages] == [False, True]


def test_a_snapshot_without_effects_keeps_what_tells_of_none(
    early: ExperimentRecord, ben: User
) -> None:
    whole = document()
    whole["something_new"] = {"effect": 0.09}

    seen = shown_to(early, whole, ben, now=timezone.now())

    assert "something_new" not in seen
    assert [each["check"] for each in seen["integrity"]] == ["srm", "crossovers"]
    assert seen["variants"] == whole["variants"]
    assert seen["metrics"][0]["summaries"] == []
    assert seen["recommendation"]["action"] == "keep_running"


def test_pages_that_are_the_same_for_everybody_show_no_early_effect_at_all(
    early: ExperimentRecord, ada: User, client_of: Callable[[User], Client]
) -> None:
    seen = shown_to_all(early, document(), now=timezone.now())
    listed = client_of(ada).get("/s/shop/experiments/").content.decode()

    assert seen["metrics"][0]["effects"][0]["absolute"] is None
    assert [each for each in TELLING if each in listed] == []


@pytest.mark.parametrize(
    ("stage", "days"), [("stopped", 7), ("analysed", 7), ("decided", 7), ("running", 0)]
)
def test_nothing_is_hidden_once_the_test_or_its_plan_is_over(
    early: ExperimentRecord, ben: User, stage: str, days: int
) -> None:
    now = timezone.now()
    early.stage = stage
    early.ends_on = (now + timedelta(days=days)).date()

    assert not hides_from(early, ben, now=now + timedelta(days=1))


def test_the_operator_sees_everything_and_acting_for_somebody_sees_what_they_see(
    early: ExperimentRecord, ben: User
) -> None:
    now = timezone.now()

    assert not hides_from(early, Actor(None, operator=True).user, now=now)
    assert hides_from(early, Actor(ben, operator=True).user, now=now)


def test_the_command_line_writes_a_hidden_snapshot_without_its_effects(
    early: ExperimentRecord, ben: User
) -> None:
    whole = {**document(), "name": early.name}

    said = in_words(dict(shown_to(early, whole, ben, now=timezone.now())), number=1)

    assert [each for each in (*TELLING, "The order rate rose.") if each in said] == []
    assert "Recommendation: keep running" in said
    assert "by the policy of the programme" in said


def test_without_a_policy_nothing_is_hidden(planned: ExperimentRecord, ben: User) -> None:
    planned.stage = "running"

    assert not hides_from(planned, ben, now=datetime(2026, 5, 6, tzinfo=UTC))


def test_strangers_find_no_alert_and_viewers_change_none(
    early: ExperimentRecord, mallory: User, cleo: User, client_of: Callable[[User], Client]
) -> None:
    number = AlertRecord.objects.get().pk
    stranger, viewer = client_of(mallory), client_of(cleo)
    api = f"/api/v1/alerts/{number}?site=shop"

    def over_api(client: Client) -> int:
        sent = client.post(api, '{"to": "acknowledged"}', content_type="application/json")
        return int(sent.status_code)

    assert stranger.get("/s/shop/alerts/").status_code == 404
    assert stranger.get("/api/v1/alerts?site=shop").status_code == 404
    assert stranger.get(DOORS[6]).status_code == 404
    assert stranger.post(f"/s/shop/alerts/{number}/", {"to": "resolved"}).status_code == 404
    assert over_api(stranger) == 404
    assert viewer.post(f"/s/shop/alerts/{number}/", {"to": "resolved"}).status_code in {403, 404}
    assert over_api(viewer) in {403, 404}
    assert AlertRecord.objects.get().stage == "open"


def test_an_alert_is_taken_on_and_settled_on_the_page_and_over_the_api(
    early: ExperimentRecord, ada: User, client_of: Callable[[User], Client]
) -> None:
    client, number = client_of(ada), AlertRecord.objects.get().pk
    page, api = f"/s/shop/alerts/{number}/", f"/api/v1/alerts/{number}?site=shop"

    taken = client.post(page, {"to": "acknowledged"})
    refused = client.post(page, {"to": "resolved", "note": " "})
    settled = client.post(
        api, '{"to": "resolved", "note": "It was a sale."}', content_type="application/json"
    )
    again = client.post(page, {"to": "acknowledged"})

    assert taken.status_code == 302
    assert refused.status_code == 409
    assert "Nobody wrote down what settled it." in refused.content.decode()
    assert (settled.json()["stage"], settled.json()["note"]) == ("resolved", "It was a sale.")
    assert again.status_code == 409
    assert "It was a sale." in client.get("/s/shop/alerts/").content.decode()
    assert client.post(page, {"to": "nonsense"}).status_code == 404
    assert client.post("/s/shop/alerts/999999/", {"to": "resolved"}).status_code == 404


def test_an_export_leaves_out_what_its_reader_may_not_see(
    site: Site, early: ExperimentRecord, ada: User, ben: User, tmp_path: Path
) -> None:
    now = timezone.now()

    def told(name: str, reader: User | None) -> list[str]:
        take_out(site, tmp_path / name, now=now, reader=reader)
        files = [path for path in (tmp_path / name).rglob("*") if path.is_file()]
        text = "\n".join(path.read_text(encoding="utf-8") for path in files)
        return [each for each in (*TELLING, "The order rate rose.") if each in text]

    anybody, marketing, analytics = told("all", None), told("ben", ben), told("ada", ada)

    manifest = json.loads((tmp_path / "ben" / "manifest.json").read_text(encoding="utf-8"))
    assert (anybody, marketing) == ([], [])
    assert "0.0045" in analytics
    assert (manifest["results_hidden"], manifest["rows"]["analyses"]) == ([early.key], 0)
