"""A decision to ship is followed until somebody has seen that it is live."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client

from tests.apps.rollouts.conftest import DECIDED
from truelift.apps.accounts.models import AuditEvent, User
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.experiments.services import move_experiment
from truelift.apps.qa.models import HostRecord
from truelift.apps.research.actor import Actor
from truelift.apps.rollouts import services
from truelift.apps.rollouts.checking import Line, Where, judge, lines_from
from truelift.apps.rollouts.models import RolloutCheckRecord, RolloutRecord
from truelift.apps.rollouts.page import rollout_page, winners_page
from truelift.apps.rollouts.reads import counted, refusals, waiting
from truelift.apps.rollouts.services import RolloutFields
from truelift.apps.sites.models import Site
from truelift.browsing.visit import Sent, Visit
from truelift.lifecycle.experiment import Action, Choice
from truelift.lifecycle.obstacle import MoveRefused
from truelift.lifecycle.rollout import RolloutAction, RolloutStage


pytestmark = [pytest.mark.database, pytest.mark.django_db]

LATER = DECIDED + timedelta(days=2)


def complete(site: Site, winner: RolloutRecord, ada: User) -> None:
    """Say everything that a verification needs."""
    HostRecord.objects.create(
        site=site, host="shop.example", token="t", made_at=DECIDED, verified_at=DECIDED
    )
    fields = RolloutFields(
        owner="ben@example.com",
        exposure=1.0,
        variant_code="removed",
        check_url="https://shop.example/",
        present="Free delivery",
    )
    services.edit_rollout(site, winner.key, fields, by=Actor(ada), now=DECIDED)
    for action in (RolloutAction.START, RolloutAction.GO_LIVE):
        services.move(site, winner.key, action, by=Actor(ada), now=DECIDED)
    RolloutCheckRecord.objects.create(
        rollout=winner,
        url="https://shop.example/",
        asked_at=LATER,
        finished_at=LATER,
        passed=True,
    )


def test_deciding_to_ship_opens_a_rollout_with_the_variant_that_won(
    winner: RolloutRecord,
) -> None:
    assert winner.key == "R-1"
    assert winner.variant == "early"
    assert winner.stage == RolloutStage.PLANNED
    assert str(winner.due) == "2026-06-24"


@pytest.mark.parametrize("choice", [Choice.ITERATE, Choice.STOP])
def test_any_other_decision_opens_none(
    site: Site, analysed: ExperimentRecord, ada: User, choice: Choice
) -> None:
    move_experiment(
        site, analysed.key, Action.DECIDE, by=Actor(ada), now=DECIDED, choice=choice, reason="No."
    )

    assert not RolloutRecord.objects.exists()


def test_a_rollout_walks_its_way_and_every_step_is_written_down(
    site: Site, winner: RolloutRecord, ada: User
) -> None:
    complete(site, winner, ada)

    services.move(site, "R-1", RolloutAction.VERIFY, by=Actor(ada), now=LATER)
    services.move(site, "R-1", RolloutAction.CLEAN_UP, by=Actor(ada), now=LATER)

    winner.refresh_from_db()
    assert winner.stage == RolloutStage.CLEANED_UP
    assert winner.verified_at == LATER
    told = AuditEvent.objects.filter(target="rollout:R-1").values_list("action", flat=True)
    assert list(told.order_by("id")) == [
        "rollout.opened",
        "rollout.edited",
        "rollout.start",
        "rollout.go_live",
        "rollout.verify",
        "rollout.clean_up",
    ]
    assert not waiting(site)["winners"]
    page = rollout_page(winner, by=Actor(ada), now=LATER)
    assert page.main is None


def test_a_refusal_says_every_reason_and_stores_nothing(
    site: Site, winner: RolloutRecord, ada: User
) -> None:
    with pytest.raises(MoveRefused) as refused:
        services.move(site, "R-1", RolloutAction.START, by=Actor(ada), now=LATER)

    assert [each.code for each in refused.value.obstacles] == ["rollout.no_owner"]
    assert not winner.moves.exists()
    found = refusals(winner, by=Actor(ada), now=LATER)
    assert [each.code for each in found[RolloutAction.START]] == ["rollout.no_owner"]
    assert found[RolloutAction.ABANDON] == ()


def test_of_two_people_who_change_it_at_once_the_second_is_told(
    site: Site, winner: RolloutRecord, ada: User, ben: User
) -> None:
    seen = winner.version
    services.edit_rollout(
        site, "R-1", RolloutFields(notes="Mine"), by=Actor(ada), now=LATER, version=seen
    )

    with pytest.raises(services.ChangedMeanwhile):
        services.edit_rollout(
            site, "R-1", RolloutFields(notes="No, mine"), by=Actor(ben), now=LATER, version=seen
        )


def test_every_field_that_does_not_fit_is_named_at_once(
    site: Site, winner: RolloutRecord, ada: User
) -> None:
    fields = RolloutFields(
        owner="mallory@example.com",
        due="soon",
        variant="late-night",
        exposure=1.2,
        reach=0.0,
        deploy_link="javascript:alert(1)",
        variant_code="lost",
        check_url="https://elsewhere.example/",
        present="css:",
    )

    with pytest.raises(services.BadRolloutFields) as refused:
        services.edit_rollout(site, "R-1", fields, by=Actor(ada), now=LATER)

    assert set(refused.value.wrong) == {
        "owner",
        "due",
        "variant",
        "exposure",
        "reach",
        "deploy_link",
        "variant_code",
        "check_url",
        "present",
    }


def test_a_page_check_finds_what_is_there_and_what_is_gone(winner: RolloutRecord) -> None:
    seen = Visit(
        url="https://shop.example/",
        final_url="https://shop.example/",
        status=200,
        title="Shop",
        text="Free\n  delivery from €20",
        found={"#free": True},
        screenshot=b"",
        source="<body data-test='early'>",
        requests=(Sent("GET", "https://cdn.example/experiment.js", "script", 200),),
    )
    record = RolloutCheckRecord(rollout=winner, url=seen.url, asked_at=LATER)

    judge(
        record,
        seen,
        present=lines_from("free delivery\ncss: #free"),
        gone=lines_from("html: data-test='early'\nrequest: experiment.js\nSold out"),
    )

    assert [(each["what"], each["ok"]) for each in record.lines] == [
        ("free delivery", True),
        ("css: #free", True),
        ("html: data-test='early'", False),
        ("request: experiment.js", False),
        ("Sold out", True),
    ]
    assert record.passed is False
    assert lines_from("Price: €20")[0] == Line(Where.TEXT, "Price: €20")


def test_somebody_signs_only_for_what_they_do_and_when_it_is_live(
    site: Site, winner: RolloutRecord, ada: User, cleo: User
) -> None:
    with pytest.raises(services.NothingToSign):
        services.sign(site, "R-1", "engineering", by=ada, now=LATER)
    complete(site, winner, ada)

    with pytest.raises(services.NotYours):
        services.sign(site, "R-1", "finance", by=ada, now=LATER)
    services.sign(site, "R-1", "engineering", by=ada, now=LATER)

    assert winner.signatures.get().function == "engineering"


def test_winners_that_wait_too_long_are_a_warning_on_the_list(
    site: Site, winner: RolloutRecord
) -> None:
    month = winners_page(site, (), counted(site, now=DECIDED)[0], now=DECIDED + timedelta(days=31))
    seed = winners_page(site, (), counted(site, now=DECIDED)[0], now=DECIDED + timedelta(days=122))

    assert (
        winners_page(
            site, (), counted(site, now=DECIDED)[0], now=DECIDED + timedelta(days=30)
        ).warning
        == ""
    )
    assert "R-1 for 31" in month.warning
    assert not month.is_critical
    assert seed.is_critical
    assert "Of one decision to ship in the last 180 days, 0% came live" in month.warning


def test_pages_show_the_winner_to_members_and_nothing_to_a_stranger(
    site: Site,
    winner: RolloutRecord,
    cleo: User,
    mallory: User,
    client_of: Callable[[User], Client],
) -> None:
    member, stranger = client_of(cleo), client_of(mallory)

    for path in ("/s/shop/winners/", "/s/shop/winners/R-1/"):
        assert winner.experiment.name in member.get(path).content.decode()
        assert stranger.get(path).status_code == 404
    assert member.get("/s/shop/winners/R-9/").status_code == 404
    assert member.get("/s/shop/winners/R-1/edit/").status_code == 403


def test_the_page_moves_edits_and_says_why_not(
    site: Site, winner: RolloutRecord, ada: User, client_of: Callable[[User], Client]
) -> None:
    browser = client_of(ada)

    refused = browser.post("/s/shop/winners/R-1/move/", {"action": "start", "version": "1"})
    form = browser.get("/s/shop/winners/R-1/edit/").context["form"]
    given = {name: value for name, value in form.initial.items() if value is not None}
    kept = browser.post("/s/shop/winners/R-1/edit/", {**given, "owner": "ada@example.com"})
    moved = browser.post("/s/shop/winners/R-1/move/", {"action": "start", "version": "2"})
    unasked = browser.post("/s/shop/winners/R-1/check/")

    assert refused.status_code == 409
    assert "Nobody answers for it." in refused.content.decode()
    assert (kept.status_code, moved.status_code, unasked.status_code) == (302, 302, 409)
    winner.refresh_from_db()
    assert winner.stage == RolloutStage.IN_PROGRESS


def test_the_interface_for_programs_lists_moves_and_checks(
    site: Site,
    winner: RolloutRecord,
    ada: User,
    mallory: User,
    client_of: Callable[[User], Client],
) -> None:
    browser = client_of(ada)

    listed = browser.get("/api/v1/rollouts?site=shop").json()
    edited = browser.patch(
        "/api/v1/rollouts/R-1?site=shop", {"owner": "ben@example.com"}, "application/json"
    )
    moved = browser.post(
        "/api/v1/rollouts/R-1/move?site=shop", {"action": "start"}, "application/json"
    )
    refused = browser.post(
        "/api/v1/rollouts/R-1/move?site=shop", {"action": "verify"}, "application/json"
    )
    missing = browser.get("/api/v1/rollouts/R-7?site=shop")
    stranger = client_of(mallory).get("/api/v1/rollouts?site=shop")

    assert listed["rollouts"][0]["unrealised"]["value_minor"] is None
    assert listed["rollouts"][0]["unrealised"]["absent"]
    assert listed["warning"]["severity"] in {None, "warning", "critical"}
    assert edited.json()["owner"] == "ben@example.com"
    assert moved.json()["stage"] == "in_progress"
    assert (refused.status_code, missing.status_code, stranger.status_code) == (409, 404, 404)
