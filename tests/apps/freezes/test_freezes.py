"""Freezes come from tests and from people, are agreed to, end by themselves, and are counted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.apps.freezes.conftest import launched
from truelift.apps.accounts.models import AuditEvent, Membership, User
from truelift.apps.changes.models import ChangeRecord
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.freezes.deploy_services import change_deploy_policy
from truelift.apps.freezes.figures import figures_of, quarter_of
from truelift.apps.freezes.models import (
    ApprovalRecord,
    BadgeRecord,
    DeployPolicyRecord,
    DeployTokenRecord,
    FreezeRecord,
)
from truelift.apps.freezes.reads import (
    deploy_policy_of,
    freeze_obstacles_of,
    roadmap_items,
)
from truelift.apps.freezes.services import (
    FreezeChangedMeanwhile,
    FreezeFields,
    NotProposedAnyMore,
    NotYourSide,
    approve,
    edit_freeze,
    follow_experiment,
    keep_time,
    move,
    propose,
)
from truelift.apps.inbox.models import NoticeForRecord, NoticeRecord
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import BadFields
from truelift.apps.sites.models import Site
from truelift.apps.surfaces.models import SurfaceRecord
from truelift.lifecycle.deploy_check import DeployPolicy
from truelift.lifecycle.freeze import FreezeAction, Strength
from truelift.lifecycle.obstacle import MoveRefused
from truelift.lifecycle.roadmap_item import ItemKind, ItemStage


pytestmark = [pytest.mark.database, pytest.mark.django_db]

ClientOf = Callable[[User], Client]
DAY = timedelta(days=1)


def gives(site: Site, **functions: list[str]) -> None:
    """Give people functions by their first name."""
    for name, does in functions.items():
        Membership.objects.filter(site=site, user__email=f"{name}@example.com").update(
            functions=does
        )


@pytest.fixture
def season(
    site: Site, surfaces: dict[str, SurfaceRecord], ada: User, now: datetime
) -> FreezeRecord:
    """`F-1`: proposed by ada for a week from tomorrow."""
    fields = FreezeFields(
        what="Black week",
        surfaces=["checkout"],
        starts=now + DAY,
        ends=now + 8 * DAY,
        source="season",
        owner="ada@example.com",
    )
    return propose(site, fields, by=Actor(ada), now=now)


def asks_for_agreement(site: Site, now: datetime) -> None:
    change_deploy_policy(
        site, DeployPolicy(agreed_at_once=False, lead_days=2), by=Actor(None), now=now
    )


def test_the_owner_of_the_surface_is_asked_and_agrees(
    site: Site, season: FreezeRecord, ben: User, now: datetime
) -> None:
    asked = NoticeForRecord.objects.get(notice__cause="freeze:F-1")
    assert asked.user == ben
    gives(site, ben=["marketing"], ada=["sponsor"])

    move(site, "F-1", FreezeAction.AGREE, by=Actor(ben), now=now, version=season.version)

    season.refresh_from_db()
    assert (season.stage, season.agreed_at, season.surfaces) == ("agreed", now, ["Checkout"])
    assert NoticeRecord.objects.get().settled_at == now
    assert AuditEvent.objects.filter(target="freeze:F-1").count() == 2


def test_somebody_without_a_part_in_it_does_not_agree(
    site: Site, season: FreezeRecord, ada: User, now: datetime
) -> None:
    gives(site, ada=["marketing"])

    with pytest.raises(MoveRefused) as refused:
        move(site, "F-1", FreezeAction.AGREE, by=Actor(ada), now=now)

    assert [each.code for each in refused.value.obstacles] == ["people.function"]


def test_time_begins_and_ends_what_was_agreed(
    site: Site, season: FreezeRecord, ben: User, now: datetime
) -> None:
    move(site, "F-1", FreezeAction.AGREE, by=Actor(ben), now=now)

    assert keep_time(site, now=now) == 0
    assert keep_time(site, now=now + 2 * DAY) == 1
    assert keep_time(site, now=now + 9 * DAY) == 1

    season.refresh_from_db()
    assert (season.stage, season.over_at) == ("ended", season.ends_at)
    assert [each.action for each in season.moves.all()] == ["agree", "activate", "end"]


def test_what_was_agreed_to_is_not_changed_but_for_its_strength(
    site: Site, season: FreezeRecord, ben: User, now: datetime
) -> None:
    move(site, "F-1", FreezeAction.AGREE, by=Actor(ben), now=now)

    with pytest.raises(NotProposedAnyMore):
        edit_freeze(site, "F-1", FreezeFields(what="Other"), by=Actor(ben), now=now)
    edit_freeze(site, "F-1", FreezeFields(strength="advise"), by=Actor(ben), now=now)

    season.refresh_from_db()
    assert (season.what, season.strength, season.stage) == ("Black week", "advise", "agreed")


def test_two_people_do_not_overwrite_each_other(
    site: Site, season: FreezeRecord, ada: User, ben: User, now: datetime
) -> None:
    edit_freeze(site, "F-1", FreezeFields(what="Black days"), by=Actor(ada), now=now, version=1)

    with pytest.raises(FreezeChangedMeanwhile):
        move(site, "F-1", FreezeAction.AGREE, by=Actor(ben), now=now, version=1)


def test_a_proposal_names_every_field_that_does_not_fit(
    site: Site, surfaces: dict[str, SurfaceRecord], ada: User, now: datetime
) -> None:
    bad = FreezeFields(
        "x", ["Nowhere"], now, now + DAY, strength="hard", source="moon", owner="who@else.example"
    )

    with pytest.raises(BadFields) as refused:
        propose(site, bad, by=Actor(ada), now=now)

    assert set(refused.value.wrong) == {"surfaces", "strength", "source", "owner"}


def test_a_test_freezes_its_surface_while_it_runs(
    site: Site, surfaces: dict[str, SurfaceRecord], ada: User, now: datetime
) -> None:
    test = launched(site, ada, at=now)

    keep_time(site, now=now)
    keep_time(site, now=now)

    freeze = FreezeRecord.objects.get()
    assert (freeze.stage, freeze.surfaces, freeze.starts_at) == ("active", ["Checkout"], now)
    test.stage, test.stopped_at = "stopped", now + 3 * DAY
    test.save()
    keep_time(site, now=now + 4 * DAY)
    freeze.refresh_from_db()
    assert (freeze.stage, freeze.over_at) == ("ended", now + 3 * DAY)


def test_where_agreement_is_asked_for_a_ready_test_proposes_and_waits(
    site: Site, surfaces: dict[str, SurfaceRecord], ada: User, ben: User, now: datetime
) -> None:
    asks_for_agreement(site, now)
    test = launched(
        site, ada, at=now, stage="ready", started_at=None, starts_on=(now + 9 * DAY).date()
    )

    assert [each.code for each in freeze_obstacles_of(test, now=now)] == ["freeze.none"]
    freeze = follow_experiment(test, now=now)
    assert freeze is not None
    two_days_before = datetime.fromisoformat("2026-05-10T22:00:00+00:00")
    assert (freeze.stage, freeze.starts_at) == ("proposed", two_days_before)
    assert [each.code for each in freeze_obstacles_of(test, now=now)] == ["freeze.not_agreed"]
    move(site, freeze.key, FreezeAction.AGREE, by=Actor(ben), now=now)

    assert freeze_obstacles_of(test, now=now) == ()


def test_a_freeze_moves_with_its_test_and_goes_when_the_test_goes_back(
    site: Site, surfaces: dict[str, SurfaceRecord], ada: User, now: datetime
) -> None:
    test = launched(site, ada, at=now, stage="ready", started_at=None)
    follow_experiment(test, now=now)
    test.ends_on = (now + 40 * DAY).date()

    moved = follow_experiment(test, now=now)
    test.stage = "briefed"
    gone = follow_experiment(test, now=now)
    test.stage = "ready"
    again = follow_experiment(test, now=now)

    assert moved is not None
    assert gone is not None
    assert again is not None
    assert moved.ends_at is not None
    assert moved.ends_at.date() == (now + 40 * DAY).date()
    assert (gone.stage, again.stage, again.key) == ("cancelled", "agreed", "F-2")


def test_what_somebody_has_lifted_is_not_frozen_again(
    site: Site, running: ExperimentRecord, ben: User, now: datetime
) -> None:
    running.stage, running.stopped_at = "running", None
    running.save()
    move(site, "F-1", FreezeAction.END, by=Actor(ben), now=now, reason="It hurts more.")

    keep_time(site, now=now)

    assert FreezeRecord.objects.count() == 1


def test_each_side_approves_for_itself(
    site: Site, season: FreezeRecord, ada: User, ben: User, cleo: User, now: datetime
) -> None:
    gives(site, ada=["marketing"], ben=["marketing"], cleo=["liaison"])

    def approved(side: str, who: User, **more: str) -> ApprovalRecord:
        given = {"reason": "Only a text.", **more}
        return approve(site, "F-1", side, hours=2, by=Actor(who), now=now, **given)

    for side, who in (("decision_owner", ben), ("decision_owner", cleo), ("liaison", ada)):
        with pytest.raises(NotYourSide):
            approved(side, who)
    made = approved("liaison", ben, surface="checkout", sha="f00")
    approved("liaison", cleo)
    approved("decision_owner", ada)
    with pytest.raises(BadFields) as refused:
        approved("somebody", ben, reason=" ", surface="Blog", sha="f" * 65)

    assert (made.of, made.surface, made.until) == ("F-1", "Checkout", now + timedelta(hours=2))
    assert set(refused.value.wrong) == {"side", "reason", "surface", "sha"}
    assert AuditEvent.objects.filter(action="freeze.deploy_approved").count() == 3


def test_every_version_of_the_policy_is_kept_and_the_older_is_not_overwritten(
    site: Site, ada: User, now: datetime
) -> None:
    first = change_deploy_policy(
        site, DeployPolicy(tests=Strength.ADVISE), by=Actor(ada), now=now, because="To begin."
    )

    assert (first.version, deploy_policy_of(site)) == (1, first)
    assert change_deploy_policy(site, first, by=Actor(ada), now=now) == first
    with pytest.raises(FreezeChangedMeanwhile):
        change_deploy_policy(site, DeployPolicy(), by=Actor(ada), now=now)
    with pytest.raises(MoveRefused):
        change_deploy_policy(site, DeployPolicy(version=1, lead_days=99), by=Actor(ada), now=now)
    assert DeployPolicyRecord.objects.count() == 1


def test_a_freeze_stands_on_the_roadmap_in_days_of_the_site(
    site: Site, season: FreezeRecord, now: datetime
) -> None:
    season.ends_at = datetime.fromisoformat("2026-05-11T22:00:00+00:00")  # midnight in Berlin
    season.save()

    (item,) = roadmap_items(site, since=now, until=now + 30 * DAY)

    assert (item.key, item.kind, item.stage) == ("F-1", ItemKind.FREEZE, ItemStage.PROPOSED)
    assert (str(item.start), str(item.end)) == ("2026-05-05", "2026-05-12")
    assert (item.surfaces, item.owner, item.agreed) == (("Checkout",), "ada@example.com", False)
    assert roadmap_items(site, since=now + 9 * DAY, until=now + 30 * DAY) == ()


def test_figures_say_whether_freezes_are_kept_and_what_they_cost(
    site: Site, running: ExperimentRecord, now: datetime
) -> None:
    for number, surface in enumerate(("Checkout", "Blog", "Blog", "Blog"), 1):
        ChangeRecord.objects.create(
            site=site,
            number=number,
            source="tests",
            external_id=str(number),
            trust="token",
            state="recorded",
            kind="deploy",
            surfaces=[surface],
            at=now + DAY,
            told_at=now + DAY,
        )

    found = figures_of(site, now=now + 10 * DAY)

    assert (found.compliance.deploys, found.compliance.against) == (4, 1)
    assert found.overridden is None
    days = {each.surface: round(each.days, 1) for each in found.frozen}
    assert days == {"Checkout": 20.4, "Blog": 0.0}
    assert found.mean_days == pytest.approx(10.2, abs=0.05)


@pytest.mark.parametrize(
    ("day", "quarter"),
    [("2026-05-04", ("2026-04-01", "2026-07-01")), ("2026-12-31", ("2026-10-01", "2027-01-01"))],
)
def test_a_quarter_begins_in_january_april_july_or_october(
    day: str, quarter: tuple[str, str]
) -> None:
    first, after = quarter_of(datetime.fromisoformat(day).date())

    assert (str(first), str(after)) == quarter


def test_the_pages_are_read_by_members_and_by_nobody_else(
    site: Site, season: FreezeRecord, cleo: User, mallory: User, client_of: ClientOf
) -> None:
    pages = ("", "new/", "checks/", "policy/", "pipelines/", "F-1/", "F-1/edit/")
    for page in pages:
        address = f"/s/shop/freezes/{page}"
        wanted = 403 if page in {"new/", "F-1/edit/"} else 200
        assert client_of(cleo).get(address).status_code == wanted, address
        assert client_of(mallory).get(address).status_code == 404, address


def test_the_first_page_takes_few_queries_however_much_is_frozen(
    site: Site, surfaces: dict[str, SurfaceRecord], ada: User, now: datetime, client_of: ClientOf
) -> None:
    browser = client_of(ada)
    browser.get("/s/shop/freezes/")
    with CaptureQueriesContext(connection) as before:
        assert "Every surface may be deployed now" in browser.get("/s/shop/freezes/").text
    for number in range(12):
        launched(site, ada, at=now, key=f"T-{number}", surface=f"Page {number}")
    keep_time(site, now=now)

    with CaptureQueriesContext(connection) as after:
        page = browser.get("/s/shop/freezes/").text

    assert "12 of 14 surfaces are frozen now" in page
    assert len(after) <= len(before) + 3


def test_a_freeze_is_proposed_agreed_approved_and_ended_on_its_pages(
    site: Site, surfaces: dict[str, SurfaceRecord], ada: User, ben: User, client_of: ClientOf
) -> None:
    browser, owner = client_of(ada), client_of(ben)
    typed = {
        "what": "<b>Launch</b>",
        "surfaces": ["Checkout", "Blog"],
        "starts": "2026-11-01T10:00",
        "ends": "2027-09-01T00:00",
        "strength": "deny",
        "source": "manual",
        "owner": "ada@example.com",
    }

    empty = browser.post("/s/shop/freezes/new/", {"what": "x", "strength": "deny"})
    made = browser.post("/s/shop/freezes/new/", typed)
    here = "/s/shop/freezes/F-1/"
    halfway = browser.post(f"{here}move/", {"action": "agree", "version": "1"})
    waiting = browser.get(here).text
    told = browser.get("/api/v1/freezes/F-1?site=shop").json()
    twice = browser.post(f"{here}move/", {"action": "agree"})
    agreed = owner.post(f"{here}move/", {"action": "agree"})
    silent = browser.post(f"{here}approve/", {"side": "liaison", "hours": "2", "reason": ""})
    approved = browser.post(
        f"{here}approve/", {"side": "liaison", "hours": "2", "reason": "Only a text."}
    )
    page = browser.get(here).text
    without = browser.post(f"{here}move/", {"action": "end", "reason": ""})
    ended = browser.post(f"{here}move/", {"action": "end", "reason": "It is out."})

    codes = [each.status_code for each in (empty, made, agreed, silent, approved, without, ended)]
    assert codes == [422, 302, 302, 409, 302, 409, 302]
    assert (halfway.status_code, twice.status_code) == (302, 409)
    assert "1 of 2 surfaces wait for agreement" in waiting
    assert (told["stage"], [each["agreed_by"] for each in told["agreements"]]) == (
        "proposed",
        [None, str(ada)],
    )
    assert "Every surface is its owner’s to give" in twice.text
    assert "Everybody has agreed" in page
    freeze = FreezeRecord.objects.get()
    assert freeze.starts_at.isoformat() == "2026-11-01T09:00:00+00:00"  # Berlin's clock
    assert freeze.stage == "ended"
    assert "&lt;b&gt;Launch&lt;/b&gt;" in page
    assert "Only a text." in page
    assert "Nobody says why" in without.text
    assert "It is out." in browser.get(here).text
    assert "Launch" in browser.get("/s/shop/freezes/?over=1").text


def test_tokens_and_badges_are_made_by_owners_shown_once_and_revoked(
    site: Site, running: ExperimentRecord, ada: User, ben: User, client_of: ClientOf
) -> None:
    here = "/s/shop/freezes/pipelines/"
    browser = client_of(ada)

    refused = client_of(ben).post(here, {"make": "token", "name": "x"})
    nameless = browser.post(here, {"make": "token", "name": " "})
    made = browser.post(here, {"make": "token", "name": "Zebra"})
    badge = browser.post(here, {"make": "badge", "surface": "Checkout"})
    again = browser.get(here).text
    address = again.partition('<img src="')[2].partition('"')[0]
    shown = Client().get(address)
    browser.post(f"{here}badges/{BadgeRecord.objects.get().pk}/revoke/")
    browser.post(f"{here}tokens/{DeployTokenRecord.objects.get().pk}/revoke/")

    codes = [each.status_code for each in (refused, nameless, made, badge)]
    assert codes == [403, 422, 201, 302]
    assert "tld_" in made.text
    assert "tld_" not in again
    assert (shown.status_code, shown["content-type"]) == (200, "image/svg+xml")
    assert "Checkout: free" in shown.text
    assert Client().get(address).status_code == 404
    assert "Zebra" in again
    assert "Zebra" not in browser.get(here).text


def test_a_badge_says_until_when_it_is_frozen(
    site: Site, surfaces: dict[str, SurfaceRecord], ada: User, now: datetime
) -> None:
    from truelift.apps.freezes.badge import badge_svg, said_by
    from truelift.apps.freezes.deploy_services import make_badge

    launched(site, ada, at=now)
    badge = make_badge(site, "checkout", by=Actor(ada), now=now)

    assert said_by(badge, now=now + DAY)[0] == "frozen until 25 May"
    assert said_by(badge, now=now - DAY)[0] == "free"
    assert "&lt;x&gt;" in badge_svg("<x>", "free", "#000")


def test_the_log_is_a_file_that_no_spreadsheet_runs(
    site: Site, surfaces: dict[str, SurfaceRecord], ada: User, client_of: ClientOf
) -> None:
    browser = client_of(ada)
    browser.post(
        "/api/v1/deploy-check?site=shop",
        {"surface": "Blog", "actor": "=cmd()"},
        content_type="application/json",
    )

    file = browser.get("/s/shop/freezes/checks/?file=csv").text

    assert ",'=cmd()," in file
    assert "Blog" in browser.get("/s/shop/freezes/checks/").text
