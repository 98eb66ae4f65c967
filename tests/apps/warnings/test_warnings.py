"""A warning opens once a cause, has an owner and a history, and would have come in time."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.apps.rollouts.conftest import DECIDED
from truelift.apps.accounts.models import User
from truelift.apps.alignment.models import MetricConflictRecord, TeamMetricRecord
from truelift.apps.drawing.series import Series
from truelift.apps.facts.services import make_feed, take_in
from truelift.apps.inbox.models import NoticeRecord
from truelift.apps.research.actor import Actor
from truelift.apps.roadmap.models import ItemChangeRecord
from truelift.apps.rollouts.models import RolloutRecord
from truelift.apps.sites.models import Site
from truelift.apps.warnings.charts import drawn
from truelift.apps.warnings.detectors import inconclusive_said
from truelift.apps.warnings.detectors_facts import traffic_gap
from truelift.apps.warnings.detectors_together import conflicting_metrics
from truelift.apps.warnings.jobs import look
from truelift.apps.warnings.models import SightingRecord, WarningRecord
from truelift.apps.warnings.reads import detail_document, readings_of
from truelift.apps.warnings.replaying import keep_replays
from truelift.apps.warnings.services import (
    MoveAsked,
    NoSuchOwner,
    NoSuchWarning,
    WarningMoved,
    keep_looks,
    move,
)
from truelift.lifecycle.obstacle import MoveRefused
from truelift.lifecycle.warning import FOUR, Kind, Look, Severity, WarningStage
from truelift.stats.programme import inconclusive_share


pytestmark = pytest.mark.django_db

ClientOf = Callable[[User], Client]
DAY = timedelta(days=1)


def late(site: Site) -> WarningRecord:
    return WarningRecord.objects.get(site=site, kind=Kind.WINNERS.value)


@pytest.mark.database
def test_a_winner_that_waits_warns_once_until_it_is_live_and_again_with_its_history(
    site: Site, winner: RolloutRecord, ada: User, ben: User
) -> None:
    look(site, now=DECIDED + 30 * DAY)
    assert not WarningRecord.objects.exists()

    for days in (31, 32, 32):
        look(site, now=DECIDED + days * DAY)
    row = late(site)
    assert (row.key, row.stage, row.severity) == ("W-1", "open", "warning")
    assert row.sentence.startswith("1 winner has waited for more than 30 days, “")
    assert (row.first_seen, row.last_seen) == (date(2026, 6, 25), date(2026, 6, 26))
    assert row.sightings.count() == 2
    notice = NoticeRecord.objects.get(cause="warning:W-1")

    asked = MoveAsked(WarningStage.ACKNOWLEDGED, "ben@example.com", date(2026, 7, 10), version=1)
    with pytest.raises(WarningMoved):
        move(site, "W-1", asked, by=Actor(ada), now=DECIDED + 33 * DAY)
    row = move(
        site,
        "W-1",
        MoveAsked(WarningStage.ACKNOWLEDGED, "ben@example.com", date(2026, 7, 10)),
        by=Actor(ada),
        now=DECIDED + 33 * DAY,
    )
    assert (row.stage, row.owner, row.due) == ("acknowledged", ben, date(2026, 7, 10))

    look(site, now=DECIDED + 50 * DAY)
    notice.refresh_from_db()
    assert (notice.severity, "was to be dealt with by 10 July" in notice.sentence) == (
        "urgent",
        True,
    )

    look(site, now=DECIDED + 91 * DAY)
    assert [late(site).stage, late(site).severity] == ["acknowledged", "critical"]
    RolloutRecord.objects.update(stage="verified", verified_at=DECIDED + 92 * DAY)
    look(site, now=DECIDED + 92 * DAY)
    assert late(site).stage == "resolved"
    notice.refresh_from_db()
    assert notice.settled_at is not None

    RolloutRecord.objects.update(stage="in_progress", verified_at=None)
    look(site, now=DECIDED + 100 * DAY)
    row = late(site)
    assert (row.stage, row.times, row.owner) == ("open", 2, ben)
    history = [each["action"] for each in detail_document(row)["history"]]
    assert history == ["opened", "acknowledged", "worse", "over", "came_back"]
    # What was seen is not rewritten.
    with pytest.raises(DatabaseError), transaction.atomic():
        SightingRecord.objects.update(text="{}")


def test_a_warning_is_refused_with_every_reason_and_a_risk_is_accepted_for_a_time(
    site: Site, winner: RolloutRecord, ada: User
) -> None:
    now = DECIDED + 40 * DAY
    look(site, now=now)

    with pytest.raises(MoveRefused) as refused:
        move(site, "W-1", MoveAsked(WarningStage.ACCEPTED_RISK), by=Actor(ada), now=now)
    assert {each.code for each in refused.value.obstacles} == {
        "warning.no_until",
        "warning.no_reason",
    }
    stranger = MoveAsked(WarningStage.ACKNOWLEDGED, "nobody@example.com")
    with pytest.raises(NoSuchOwner):
        move(site, "W-1", stranger, by=Actor(ada), now=now)
    with pytest.raises(NoSuchWarning):
        move(site, "W-9", stranger, by=Actor(ada), now=now)
    accepted = MoveAsked(
        WarningStage.ACCEPTED_RISK, day=date(2026, 7, 20), note="The shop moves in August."
    )
    move(site, "W-1", accepted, by=Actor(ada), now=now)

    look(site, now=now + 10 * DAY)
    assert late(site).stage == "accepted_risk"
    assert readings_of(site)[Kind.WINNERS].warning is None
    look(site, now=now + 20 * DAY)
    assert (late(site).stage, late(site).times) == ("open", 2)


@pytest.mark.parametrize(("days", "stands"), [(90, False), (91, True)])
def test_a_roadmap_is_decoration_from_its_ninety_first_day_and_comments_do_not_count(
    site: Site, ada: User, days: int, stands: bool
) -> None:
    for field, at in (("item", DECIDED), ("comment", DECIDED + 60 * DAY)):
        ItemChangeRecord.objects.create(
            site=site, item="RM-1", field=field, before="", after="RM-1", at=at, by=ada, human=True
        )

    look(site, now=DECIDED + days * DAY)

    assert WarningRecord.objects.filter(kind=Kind.ROADMAP.value).exists() is stands
    assert readings_of(site)[Kind.ROADMAP].short.startswith(
        f"Last material change {days} days ago."
    )


def feeds(site: Site, made: dict[str, Any], *, since: date, weeks: int, turn: int) -> None:
    """Sell for some weeks; from week `turn` on broad search brings many who do not buy."""
    make_feed(site, name="visits", kind="traffic", **made)
    draw = np.random.default_rng(11)
    rows = []
    for day in range(7 * weeks):
        more = max(0.0, day / 7 - turn) / 12
        noise = float(np.exp(draw.normal(0, 0.01)))
        for source, sessions, rate in (
            ("brand", 4_000 * noise, 0.04),
            ("broad", (500 + 4_000 * more) * noise, 0.008),
        ):
            orders = round(sessions * rate)
            rows.append(
                {
                    "day": (since + day * DAY).isoformat(),
                    "source": source,
                    "landing": "/tents" if source == "broad" else "/",
                    "sessions": round(sessions),
                    "orders": orders,
                    "revenue": orders * 60,
                }
            )
    take_in(site, "visits", rows, **made)


@pytest.mark.database
def test_growing_traffic_warns_before_the_quarter_shows_it(
    site: Site, ada: User, client_of: ClientOf
) -> None:
    # The quarter from April is well until its middle, and the one from July is not.
    now = DECIDED.replace(month=10, day=12)
    made = {"by": Actor(ada), "now": now}
    feeds(site, made, since=date(2026, 1, 5), weeks=40, turn=20)
    for week in range(18, 0, -1):
        monday = now - 7 * week * DAY
        keep_looks(site, traffic_gap(site, monday), now=monday)
    look(site, now=now)

    found = keep_replays(site, now=now)[Kind.TRAFFIC_GAP]

    row = WarningRecord.objects.get(kind=Kind.TRAFFIC_GAP.value)
    assert found["spells"][0][0] == row.first_seen.isoformat()
    fall = found["falls"][-1]
    assert (fall["quarter"], fall["known_on"]) == ("2026-Q3", "2026-09-28")
    assert fall["lead_days"] == (date(2026, 9, 28) - row.first_seen).days > 30
    assert "most of all from broad" in row.sentence
    browser = client_of(ada)
    with CaptureQueriesContext(connection) as asked:
        page = browser.get(f"/s/shop/warnings/{row.key}/")
    assert b"the warning came" in page.content
    assert b"/tents" in page.content
    # Those of the frame, and a dozen.
    assert len(asked) <= 22


def told_of(site: Site) -> set[str]:
    """The warnings that people are told of now."""
    open_ = NoticeRecord.objects.filter(site=site, settled_at=None)
    return {each.removeprefix("warning:") for each in open_.values_list("cause", flat=True)}


@pytest.mark.database
def test_people_hear_once_of_what_several_detectors_see_of_one_root(site: Site, ada: User) -> None:
    gap = Look(Kind.TRAFFIC_GAP, "Traffic rises.", Severity.WARNING, root="mix of broad")
    clicks, visits = (
        Look(Kind.METRIC_CONFLICT, f"{key} conflicts.", Severity.WARNING, key, root=gap.root)
        for key in ("TM-1", "TM-2")
    )

    # The metrics are named first, but the gap leads; and every night says the same.
    for _ in range(2):
        keep_looks(site, [visits, clicks, gap], now=DECIDED)
    rows = {each.cause: each for each in WarningRecord.objects.all()}
    assert [rows[each].key for each in ("", "TM-2", "TM-1")] == ["W-1", "W-2", "W-3"]
    assert rows["TM-1"].sentence == "TM-1 conflicts. It has the same cause as W-1."
    assert told_of(site) == {"W-1"}

    # Whoever takes it on has what has the same root, too.
    asked = MoveAsked(WarningStage.ACKNOWLEDGED, day=date(2026, 6, 20))
    move(site, "W-1", asked, by=Actor(ada), now=DECIDED)
    keep_looks(site, [gap, clicks, visits], now=DECIDED + DAY)
    went = WarningRecord.objects.get(cause="TM-2")
    assert (went.stage, went.owner, went.due) == ("acknowledged", ada, date(2026, 6, 20))
    # A day that passes is told once for all of them.
    keep_looks(site, [gap, clicks, visits], now=DECIDED + 60 * DAY)
    assert told_of(site) == {"W-1"}

    # One that comes later goes with the others, and is told of when it stands alone.
    later = replace(visits, cause="TM-3", sentence="TM-3 conflicts.")
    quiet = Look(Kind.TRAFFIC_GAP, "As always.")
    settled = MoveAsked(WarningStage.RESOLVED, note="Bids cut.")
    move(site, "W-1", settled, by=Actor(ada), now=DECIDED + 60 * DAY)
    keep_looks(site, [gap, clicks, visits, later], now=DECIDED + 61 * DAY)
    assert told_of(site) == set()
    keep_looks(site, [quiet, later], now=DECIDED + 62 * DAY)
    assert told_of(site) == {"W-4"}
    assert WarningRecord.objects.get(cause="TM-3").sentence == "TM-3 conflicts."


def test_a_conflict_is_drawn_with_both_metrics_and_names_what_lies_behind_it(
    site: Site,
) -> None:
    weeks = [(date(2026, 1, 5) + 7 * week * DAY).isoformat() for week in range(8)]
    reading = {
        "weeks": weeks,
        "values": [2.0] * 4 + [1.0] * 4,
        "shared": {"called": "Revenue per session", "values": [100.0] * 4 + [60.0] * 4},
        "window_weeks": 3,
        "mix": {"source": "google / broad"},
    }
    for number, name, share in ((1, "Cost per click", 1.03), (2, "Cost per visit", 0.2)):
        metric = TeamMetricRecord.objects.create(
            site=site, number=number, name=name, team="marketing", direction=-1, cadence="weekly",
            formula="cost_per_click", unit="money", reading=json.dumps(reading), made_at=DECIDED,
        )  # fmt: skip
        MetricConflictRecord.objects.create(
            metric=metric, kinds=["direct"], sentence="It is cheaper.", at_stake_minor=10_000,
            mix_share=share, first_at=DECIDED, last_at=DECIDED,
        )  # fmt: skip

    mixed, own = conflicting_metrics(site, DECIDED)

    assert (mixed.root, own.root) == ("mix of google / broad", "figures of marketing")
    chart = drawn(mixed.evidence["chart"])
    assert isinstance(chart, Series)
    assert [str(each) for each in chart.days] == weeks[2:]
    assert [(each.label, each.last, each.focus) for each in chart.lines] == [
        ("Cost per click", -0.5, False),
        ("Revenue per session", -0.4, True),
    ]
    # Of more than the whole, the whole is said.
    assert mixed.evidence["facts"] == [
        ["Metric", "Cost per click"],
        ["How they conflict", "direct"],
        ["At stake", "€100"],
        ["Of the fall, mix of the team’s sources", "all"],
    ]
    # Without a reading there is a warning still, and no chart.
    TeamMetricRecord.objects.update(reading="")
    assert [each.evidence["chart"] for each in conflicting_metrics(site, DECIDED)] == [None, None]


def test_a_look_that_is_kept_late_does_not_undo_a_later_one(site: Site) -> None:
    stale = Look(Kind.FRESHNESS, "Spend is late.", Severity.WARNING, "spend")
    fresh = Look(Kind.FRESHNESS, "Every feed keeps its promise.")
    keep_looks(site, [stale], now=DECIDED)

    # One worker looked before the other, and comes to keep it after it.
    keep_looks(site, [fresh], now=DECIDED + DAY)
    late_one = keep_looks(site, [stale], now=DECIDED + DAY - timedelta(minutes=1))

    assert late_one.opened == ()
    row = WarningRecord.objects.get()
    assert (row.stage, row.times) == ("resolved", 1)


@pytest.mark.parametrize(
    ("noise", "observed", "cause", "advice"),
    [
        (1.0, 8, "excess", "More traffic does not help."),
        (2.0, 8, "low_power", "Better ideas do not help."),
        (1.0, 3, "", ""),
    ],
)
def test_too_many_inconclusive_tests_are_told_from_too_little_traffic(
    noise: float, observed: int, cause: str, advice: str
) -> None:
    found = inconclusive_share([noise] * 14, [2.8016] * 14, observed=observed)

    said = inconclusive_said(found, ["a"])

    assert (said.cause, said.severity is not None) == (cause, bool(cause))
    assert said.advice.endswith(advice)
    assert said.short == f"{observed} of 14 in 180 days; {found.expected:.1f} were to be expected."


def test_a_site_without_anything_is_told_what_is_missing_for_every_kind(site: Site) -> None:
    look(site, now=DECIDED)

    said = readings_of(site)
    assert set(said) == set(Kind)
    assert [each.kind for each in said.values() if each.severity] == []
    assert said[Kind.CEILING].short == "Not judged: no lift was shipped two quarters before."
    judged = {kind for kind, each in said.items() if each.told}
    assert judged == {Kind.WINNERS, Kind.METRIC_CONFLICT}


def test_pages_show_the_four_always_and_let_a_member_take_one_on(
    site: Site, winner: RolloutRecord, ada: User, cleo: User, client_of: ClientOf
) -> None:
    browser = client_of(ada)
    assert b"Nobody has looked" in browser.get("/s/shop/warnings/").content
    look(site, now=DECIDED + 40 * DAY)

    listed = browser.get("/s/shop/warnings/").content.decode()
    assert all(kind.called in listed for kind in FOUR)
    assert listed.count("Cannot be judged yet") >= 3
    assert "Nothing to do" in listed
    told = {"to": "acknowledged", "owner": "ada@example.com", "day": "2020-01-01", "version": "2"}
    refused = browser.post("/s/shop/warnings/W-1/move/", told)
    assert refused.status_code == 409
    assert b"Name a nearer day" in refused.content
    assert client_of(cleo).post("/s/shop/warnings/W-1/move/", told).status_code == 403
    assert b"looks only" in client_of(cleo).get("/s/shop/warnings/W-1/").content

    sent = browser.post(
        "/api/v1/warnings/W-1/move?site=shop",
        {"to": "resolved", "note": "It is live."},
        content_type="application/json",
    )
    assert sent.status_code == 200, sent.content
    assert sent.json()["stage"] == "resolved"
    everything = browser.get("/api/v1/warnings?site=shop").json()
    assert [each["kind"] for each in everything["kinds"]][:4] == [each.value for each in FOUR]
    assert everything["warnings"][0]["key"] == "W-1"
