"""A new checkout ships in week one of a two-week test, and everything that follows from it."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client

from tests.apps.experiments.conftest import document
from truelift.apps.accounts.models import AuditEvent, Membership, User
from truelift.apps.briefs.models import BriefRecord
from truelift.apps.changes.models import (
    AdjudicationRecord,
    ChangeRecord,
    ContaminationRecord,
)
from truelift.apps.changes.reads import change_checks, to_judge, withheld_of
from truelift.apps.changes.senders import Made, hear, make_sender
from truelift.apps.changes.services import confirm, dismiss, record_change, record_emergency
from truelift.apps.changes.spoiling import NotTaken, adjudicate, set_wait, take_way_out
from truelift.apps.experiments.domain import as_domain
from truelift.apps.experiments.jobs import run_due_jobs
from truelift.apps.experiments.models import DecisionRecord, ExperimentRecord
from truelift.apps.experiments.services import (
    InvalidTeachesNothing,
    move_experiment,
    store_snapshot,
    write_learning,
)
from truelift.apps.inbox.models import NoticeForRecord, NoticeRecord
from truelift.apps.intake.models import SignalRecord
from truelift.apps.links.models import ShareKind
from truelift.apps.links.shown import shown
from truelift.apps.memory.index import catch_up
from truelift.apps.memory.models import EntryRecord
from truelift.apps.progress.figures import figures_of
from truelift.apps.progress.history import history_of
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.lifecycle.change import Change, ChangeKind, Trust
from truelift.lifecycle.experiment import Action, Stage


ClientOf = Callable[[User], Client]

pytestmark = [pytest.mark.database, pytest.mark.django_db]

WEEK_ONE = datetime(2026, 5, 7, 9, 30, tzinfo=UTC)


@pytest.fixture
def github(site: Site, surfaces: None, ada: User, now: datetime) -> Made:
    del surfaces
    return make_sender(site, kind="github", name="shop", by=Actor(ada), now=now)


def deployed(*paths: str, number: int = 7, packed: bool = False) -> dict[str, Any]:
    return {
        "deployment_status": {
            "state": "success",
            "environment": "production",
            "created_at": WEEK_ONE.isoformat(),
            "creator": {"login": "dev"},
        },
        "deployment": {
            "id": number,
            "sha": "0a1b2c3",
            "ref": "main",
            "description": "New checkout",
            "payload": json.dumps({"paths": list(paths)}) if packed else {"paths": list(paths)},
        },
        "repository": {"full_name": "acme/shop"},
    }


def sign(made: Made, body: bytes, *, delivery: str = "d-1") -> dict[str, str]:
    mac = hmac.new(made.secret.encode(), body, hashlib.sha256).hexdigest()
    return {
        "x-hub-signature-256": f"sha256={mac}",
        "x-github-delivery": delivery,
        "x-github-event": "deployment_status",
    }


def ship(made: Made, *paths: str, now: datetime = WEEK_ONE, number: int = 7) -> Any:
    body = json.dumps(deployed(*paths, number=number)).encode()
    return hear(made.record, sign(made, body, delivery=f"d-{number}"), body, now=now)


def deploy(site: Site, *surfaces: str, trust: Trust = Trust.TOKEN, **more: Any) -> ChangeRecord:
    given = {"kind": ChangeKind.DEPLOY, "external_id": "1", "finished_at": WEEK_ONE, **more}
    return record_change(
        site,
        Change(surfaces=surfaces, **given),
        source="ci",
        trust=trust,
        by=Actor(None),
        now=WEEK_ONE,
    ).record


def test_a_new_checkout_in_week_one_makes_the_test_invalid_for_good(
    site: Site, running: ExperimentRecord, github: Made, ada: User
) -> None:
    store_snapshot(running, document(as_of=WEEK_ONE), as_of=WEEK_ONE, by=Actor(ada), now=WEEK_ONE)

    body = json.dumps(deployed("src/checkout/form.ts", packed=True)).encode()
    heard = hear(github.record, sign(github, body), body, now=WEEK_ONE)

    found = ContaminationRecord.objects.get()
    assert heard.outcome == "taken"
    assert (found.scope, found.policy, found.verdict) == ("page", "fatal", "fatal")
    running.refresh_from_db()
    assert running.stage == Stage.INVALID
    step = running.moves.order_by("-pk")[0]
    assert step.reason.startswith("Contaminated by C-1, New checkout: It changed the tested")
    page = shown(site, ShareKind.RESULT, running.key, 1, now=WEEK_ONE)
    assert page.watermark == "Invalid"
    with pytest.raises(InvalidTeachesNothing):
        write_learning(
            site,
            running.key,
            text="Shorter forms win.",
            scope="Checkout",
            follow_up="None",
            by=Actor(ada),
            now=WEEK_ONE,
        )
    assert [each.check for each in change_checks(running)] == ["contamination"]
    assert change_checks(running)[0].status == "fail"
    results = figures_of(history_of(site, as_of=WEEK_ONE + timedelta(days=1)))["results"]
    assert (results["n"], results["invalid"], results["win_rate"]) == (0, 1, None)
    assert NoticeRecord.objects.get(settled_at=None, severity="urgent").sentence.endswith(
        "The test was ended as invalid."
    )


def test_a_deployment_of_the_blog_touches_no_test(running: ExperimentRecord, github: Made) -> None:
    ship(github, "blog/a-post.md")

    running.refresh_from_db()
    assert running.stage == Stage.RUNNING
    assert ChangeRecord.objects.get().surfaces == ["Blog"]
    assert not ContaminationRecord.objects.exists()


@pytest.mark.parametrize(
    ("path", "scope"), [("src/cart/a.ts", "upstream"), ("src/search/a.ts", "shared_bundle")]
)
def test_what_comes_from_nearby_is_suspect_and_ends_nothing(
    running: ExperimentRecord, github: Made, path: str, scope: str
) -> None:
    ship(github, path)

    found = ContaminationRecord.objects.get()
    running.refresh_from_db()
    assert (found.scope, found.verdict, running.stage) == (scope, "suspect", Stage.RUNNING)


def test_the_tested_part_itself_is_named(
    site: Site, running: ExperimentRecord, surfaces: None
) -> None:
    assert running.hypothesis is not None
    running.hypothesis.element = "Form"
    running.hypothesis.save()

    deploy(site, "Checkout", elements=("form",))

    assert ContaminationRecord.objects.get().scope == "same_element"


@pytest.mark.parametrize(
    "more",
    [
        {"env": "staging"},
        {"finished_at": datetime(2026, 5, 4, 11, tzinfo=UTC)},
        {"finished_at": None, "started_at": datetime(2026, 4, 1, tzinfo=UTC)},
    ],
)
def test_what_visitors_of_the_test_never_met_touches_it_not(
    site: Site, running: ExperimentRecord, more: dict[str, Any]
) -> None:
    deploy(site, "Checkout", **more)

    assert ChangeRecord.objects.exists()
    assert not ContaminationRecord.objects.exists()


def test_the_same_change_is_taken_once(site: Site, running: ExperimentRecord, github: Made) -> None:
    ship(github, "src/cart/a.ts")
    again = ship(github, "src/cart/a.ts")
    body = json.dumps(deployed("src/cart/a.ts", packed=True)).encode()
    under_another_name = hear(github.record, sign(github, body, delivery="d-8"), body, now=WEEK_ONE)

    assert (again.outcome, under_another_name.outcome) == ("again", "again")
    assert again.change == under_another_name.change == ChangeRecord.objects.get()
    assert ContaminationRecord.objects.count() == 1


def test_an_unsigned_change_is_only_proposed_and_never_ends_a_test(
    site: Site, running: ExperimentRecord, ada: User, now: datetime
) -> None:
    cms = make_sender(site, kind="cms", name="CMS", by=Actor(ada), now=now)
    body = json.dumps({"external_id": "p-1", "urls": ["/checkout/"], "what": "Text"}).encode()

    heard = hear(cms.record, {}, body, now=WEEK_ONE)

    record = ChangeRecord.objects.get()
    assert (heard.outcome, record.state, record.trust) == ("proposed", "proposed", "none")
    assert record.surfaces == ["Checkout"]
    assert not ContaminationRecord.objects.exists()
    assert not SignalRecord.objects.exists()
    running.refresh_from_db()
    assert running.stage == Stage.RUNNING

    confirm(site, record.key, note="I published it.", by=Actor(ada), now=WEEK_ONE)

    assert ContaminationRecord.objects.get().verdict == "fatal"


def test_what_was_proposed_counts_when_somebody_signs_the_same(
    site: Site, running: ExperimentRecord, ada: User, now: datetime
) -> None:
    cms = make_sender(site, kind="cms", name="CMS", by=Actor(ada), now=now)
    body = json.dumps({"external_id": "p-1", "surfaces": ["Blog"]}).encode()
    hear(cms.record, {}, body, now=WEEK_ONE)
    dismiss(site, "C-1", note="Nobody did that.", by=Actor(ada), now=WEEK_ONE)

    true = json.dumps({"external_id": "p-1", "surfaces": ["Checkout"]}).encode()
    heard = hear(cms.record, {"authorization": f"Bearer {cms.secret}"}, true, now=WEEK_ONE)

    record = ChangeRecord.objects.get()
    assert (heard.outcome, record.state, record.surfaces) == ("taken", "recorded", ["Checkout"])
    assert ContaminationRecord.objects.exists()


def _say(site: Site, who: User, function: str, verdict: str, pk: int) -> ContaminationRecord:
    return adjudicate(
        site,
        pk,
        function=function,
        verdict=verdict,
        reason="Looked at the page in both variants.",
        by=Actor(who),
        now=WEEK_ONE,
    )


def test_it_takes_engineering_and_analytics_to_call_a_change_harmless(
    site: Site, running: ExperimentRecord, ada: User, ben: User
) -> None:
    Membership.objects.filter(user=ada).update(functions=["analytics", "engineering"])
    Membership.objects.filter(user=ben).update(functions=["engineering"])
    deploy(site, "Checkout", kind=ChangeKind.TAG)
    pk = ContaminationRecord.objects.get().pk

    with pytest.raises(NotTaken, match="You do not speak for analytics"):
        _say(site, ben, "analytics", "benign", pk)
    assert _say(site, ben, "engineering", "benign", pk).verdict == "suspect"
    with pytest.raises(NotTaken, match="already spoken"):
        _say(site, ben, "analytics", "benign", pk)
    assert [each.pk for each in to_judge(site)] == [pk]
    made = _say(site, ada, "analytics", "benign", pk)

    assert made.verdict == "benign"
    assert to_judge(site) == ()
    assert change_checks(running)[0].status == "ok"
    logged = AuditEvent.objects.filter(action="contamination.adjudicated").order_by("pk")
    words = [(each.actor, each.after or {}) for each in logged]
    assert [(who, said["function"], said["said"]) for who, said in words] == [
        ("ben@example.com", "engineering", "benign"),
        ("ada@example.com", "analytics", "benign"),
    ]
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE adjudication SET verdict = 'fatal'")
    assert AdjudicationRecord.objects.count() == 2


def test_two_people_may_also_find_it_worse(
    site: Site, running: ExperimentRecord, ada: User, ben: User
) -> None:
    deploy(site, "Checkout", kind=ChangeKind.TAG)
    pk = ContaminationRecord.objects.get().pk

    _say(site, ben, "engineering", "fatal", pk)
    _say(site, ada, "analytics", "suspect", pk)

    running.refresh_from_db()
    assert running.stage == Stage.INVALID


def test_a_site_may_give_people_time_before_a_test_ends(
    site: Site, running: ExperimentRecord, ada: User, ben: User
) -> None:
    set_wait(site, 2, by=Actor(ada), now=WEEK_ONE)
    deploy(site, "Checkout")
    deploy(site, "Checkout", external_id="2")
    first, second = ContaminationRecord.objects.order_by("pk")

    _say(site, ben, "engineering", "benign", first.pk)
    _say(site, ada, "analytics", "benign", first.pk)
    run_due_jobs(WEEK_ONE + timedelta(days=1))
    running.refresh_from_db()
    waited = running.stage
    run_due_jobs(WEEK_ONE + timedelta(days=2, minutes=1))

    running.refresh_from_db()
    assert (waited, running.stage) == (Stage.RUNNING, Stage.INVALID)
    assert running.moves.order_by("-pk")[0].reason.startswith(
        f"Contaminated by {second.change.key}"
    )


DAILY = [
    {"day": f"2026-05-{day:02}", "variant": variant, "units": units}
    for day, units in ((4, 40_000), (5, 20_000), (7, 20_000))
    for variant in ("late", "early")
]


def test_when_enough_came_before_a_person_chooses_and_the_clean_part_decides(
    site: Site, running: ExperimentRecord, ada: User
) -> None:
    snapshot = {**document(as_of=WEEK_ONE), "daily": DAILY}
    store_snapshot(running, snapshot, as_of=WEEK_ONE, by=Actor(ada), now=WEEK_ONE)
    assert running.n_per_variant is not None
    assert running.n_per_variant < 60_000

    deploy(site, "Checkout")

    made = ContaminationRecord.objects.get()
    running.refresh_from_db()
    assert running.stage == Stage.RUNNING
    assert made.counts is not None
    assert made.counts.share_after == pytest.approx(0.25)
    assert made.counts.clean == 60_000
    assert change_checks(running)[0].value == pytest.approx(0.25)

    move_experiment(site, running.key, Action.STOP, by=Actor(ada), now=WEEK_ONE, reason="Spoiled")
    move_experiment(site, running.key, Action.ANALYSE, by=Actor(ada), now=WEEK_ONE)
    running.refresh_from_db()
    evidence = as_domain(running).evidence
    assert evidence is not None
    assert "C-1 spoiled it" in evidence.broken[0]

    take_way_out(
        site, made.pk, "clean_segment", note="Enough came before.", by=Actor(ada), now=WEEK_ONE
    )

    from truelift.apps.experiments.analysing import plan_and_question

    _, question = plan_and_question(running, now=WEEK_ONE + timedelta(days=30))
    assert question.until == datetime(2026, 5, 6, 22, tzinfo=UTC)
    assert change_checks(running) == []


def test_a_clean_part_that_is_too_small_decides_nothing(
    site: Site, running: ExperimentRecord, ada: User
) -> None:
    deploy(site, "Checkout")
    made = ContaminationRecord.objects.get()

    with pytest.raises(NotTaken) as refused:
        take_way_out(site, made.pk, "clean_segment", note="Try", by=Actor(ada), now=WEEK_ONE)

    assert [each.code for each in refused.value.obstacles] == [
        "contamination.already_invalid",
        "contamination.not_counted",
    ]


def test_a_spoiled_test_is_repeated_from_its_plan(
    site: Site, running: ExperimentRecord, ada: User
) -> None:
    deploy(site, "Checkout")
    made = ContaminationRecord.objects.get()

    made = take_way_out(site, made.pk, "restart", note="Once more.", by=Actor(ada), now=WEEK_ONE)

    again = ExperimentRecord.objects.get(site=site, key="short-form-2")
    assert again.stage == Stage.BRIEFED
    assert (again.surface, again.n_per_variant) == (running.surface, running.n_per_variant)
    assert [each.key for each in again.variants.all()] == ["late", "early"]
    assert again.starts_on is None
    assert made.way_note == "Once more. Repeated as short-form-2."


def test_a_spoiled_test_is_discarded_with_a_note(
    site: Site, running: ExperimentRecord, ada: User
) -> None:
    deploy(site, "Checkout")
    made = ContaminationRecord.objects.get()

    take_way_out(site, made.pk, "discard", note="Not worth it.", by=Actor(ada), now=WEEK_ONE)

    running.refresh_from_db()
    assert (running.stage, running.is_invalid) == (Stage.CLOSED, True)
    with pytest.raises(NotTaken, match="taken already"):
        take_way_out(site, made.pk, "restart", note="Or not?", by=Actor(ada), now=WEEK_ONE)


def test_an_emergency_is_written_down_at_once_for_every_test_it_touches(
    site: Site, running: ExperimentRecord, ben: User
) -> None:
    made = record_emergency(
        site, surfaces=["Cart"], by=Actor(ben), reason="Prices are wrong", now=WEEK_ONE
    )

    assert [(each.experiment.key, each.scope) for each in made] == [("short-form", "upstream")]
    change = ChangeRecord.objects.get()
    assert (change.emergency, change.what) == (True, "Emergency: Prices are wrong")
    assert (
        record_emergency(site, surfaces=["Blog"], by=Actor(ben), reason="A typo", now=WEEK_ONE)
        == ()
    )


def test_a_release_asks_to_look_at_its_surface_again_and_at_no_other(
    site: Site, surfaces: None
) -> None:
    first = deploy(site, "Blog", what="New template")
    second = deploy(site, "Blog", external_id="2")
    later = deploy(site, "Blog", external_id="3", finished_at=WEEK_ONE + timedelta(minutes=50))
    tag = deploy(site, "Cart", external_id="4", kind=ChangeKind.TAG)
    nowhere = deploy(site, external_id="5")

    signal = SignalRecord.objects.get()
    assert signal.title == "Validate: New template on Blog"
    assert signal.surface == "Blog"
    assert "until 21 May 2026" in signal.detail
    assert first.signal == second.signal == later.signal == signal.key
    assert tag.signal == nowhere.signal == ""


def test_what_was_decided_before_anybody_told_is_marked_until_somebody_answers(
    site: Site, running: ExperimentRecord, ada: User, ben: User, client_of: ClientOf
) -> None:
    made = store_snapshot(
        running, {**document(as_of=WEEK_ONE), "daily": DAILY}, as_of=WEEK_ONE, by=Actor(ada),
        now=WEEK_ONE,
    )  # fmt: skip
    running.stage, running.stopped_at = Stage.DECIDED.value, WEEK_ONE + timedelta(days=9)
    running.save()
    decided = WEEK_ONE + timedelta(days=10)
    DecisionRecord.objects.create(
        experiment=running, analysis=made, choice="ship", by=ada, decided_at=decided
    )
    catch_up(site)
    assert EntryRecord.objects.get().valid
    BriefRecord.objects.create(experiment=running, implementer=ben, changed_at=WEEK_ONE)

    deploy(site, "Checkout")

    spoiled = ContaminationRecord.objects.get()
    running.refresh_from_db()
    catch_up(site)
    entry = EntryRecord.objects.get()
    assert (running.stage, running.is_invalid) == (Stage.DECIDED, False)
    assert (entry.valid, entry.watermark) == (False, "Contaminated after the fact: not a finding")
    assert withheld_of([running.pk]) == {running.pk}
    told = NoticeForRecord.objects.filter(notice__cause="contamination:short-form:C-1")
    assert {each.user for each in told} == {ada, ben}
    assert "keep the decision with a reason" in told[0].notice.remedy
    browser = client_of(ada)
    here = f"/s/shop/contaminations/{spoiled.pk}/"
    assert "What becomes of the decision?" in browser.get(here).text
    mark = "Contaminated after the fact"
    assert mark in browser.get("/s/shop/experiments/short-form/").text
    assert mark in browser.get("/s/shop/library/").text
    outside = shown(site, ShareKind.RESULT, "short-form", made.number, now=decided)
    assert (outside.watermark, mark in outside.content) == (mark, True)
    (said,) = browser.get("/api/v1/experiments/short-form?site=shop").json()[
        "contaminated_after_the_fact"
    ]
    assert (said["change"], said["answer"], said["withheld"]) == ("C-1", None, True)

    answered = browser.post(f"{here}way/", {"way": "keep", "note": "Shown again in June."})

    assert answered.status_code == 302
    assert withheld_of([running.pk]) == frozenset()
    catch_up(site)
    assert EntryRecord.objects.get().valid
    assert (
        "The decision was kept: Shown again in June."
        in browser.get("/s/shop/experiments/short-form/").text
    )


def test_only_what_was_decided_before_can_be_kept(
    site: Site, running: ExperimentRecord, ada: User
) -> None:
    deploy(site, "Checkout")
    made = ContaminationRecord.objects.get()

    with pytest.raises(NotTaken, match="not decided before"):
        take_way_out(site, made.pk, "keep", note="We like it.", by=Actor(ada), now=WEEK_ONE)
