"""Real events of Snowplow's trackers, and the sessions that its own web model expects of them.

The model takes a session as the tracker stamped it; Truelift cuts sessions of a visitor's events.
Each of the model's 18 sessions is in one table below: those that must be equal, and those that
must differ, with the reason. Engaged time, scroll share and web vitals have files of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from tests.oracle.snowplow.loader import expected
from truelift.lake.lake import Lake
from truelift.questions.channels import Channels, Level
from truelift.questions.landing_pages import LandingPages
from truelift.questions.matching import Comparison, Condition, Events
from truelift.questions.metric import Amount, AmountKind, Counted
from truelift.questions.session_tally import SessionTally
from truelift.questions.sessions import Sessions
from truelift.questions.trend import Trend


pytestmark = pytest.mark.oracle

VIEWS = Events(("page_view",))
WORTH = Counted(VIEWS, Amount(AmountKind.MONEY, currency="EUR"))

SAME = {
    "067bcc8e-8318": "two event ids came twice and count once",
    "6b379f3e-4291": "an event id came twice, from two collectors",
    "76053423-2c60": "pauses of up to 16 minutes",
    "0b0c7bb5-140c": "page pings keep a session alive",
    "37b340c1-81ff": "midnight does not end it",
    "79831fae-0a08": "the same visitor, a day earlier",
    "d21c000a-b12d": "one view; the tracker's next event of it comes eight months later",
    "b5c4939c-1a3b": "a visitor without an id",
    "4d34b56a-d7ae": "a view and an event three seconds later",
}
"""Sessions in which both definitions agree, by both ends of the tracker's id."""

PINGS = {"0b0c7bb5-140d", "0b0c7bb5-140e", "0b5d421a-fce8"}
"""A single page ping hours after its view. The model begins such a session 5 s before the ping and
counts the page that was pinged as viewed in it; here it is one event, which lasts no time and
views no page."""

CUT = {"2bfc2c76-bd35": 11}
"""The tracker stamped eleven events, each a day after the one before, with one session; the model
drops what is later than three days. Thirty minutes without an event end a session here."""

VISITORS = {"540b6c4f-3af5": 3}
"""The tracker's visitor id changes twice within its session; here visitors have sessions."""

MERGED = {
    "24837eb265f7": {"cde5b90f-2bb2", "93c11143-acc8"},
    "066d5a7eecd5": {"df2bf41d-3b32", "6f19f1f4-4656"},
}
"""Visitor → sessions that the tracker stamped at the same time; here they are one."""


def short(session: str) -> str:
    return f"{session[:8]}-{session[-4:]}"


@pytest.fixture(scope="module")
def model(data: Path) -> dict[str, dict[str, str]]:
    rows = expected(data, "default/snowplow_web_sessions_expected.csv")
    assert len(rows) == 18
    return {short(row["domain_sessionid"]): row for row in rows}


Grouped = Callable[[str], dict[str, SessionTally]]


@pytest.fixture(scope="module")
def grouped(lake: Lake) -> Grouped:
    """Ask for sessions by something, everything that converts being a view."""

    def ask(by: str) -> dict[str, SessionTally]:
        question = Sessions(by=by, key_events=VIEWS, revenue=WORTH, max_rows=1000)
        rows = lake.ask("web", question).answer.rows
        return {row.values[0] or "": row.tally for row in rows}

    return ask


@pytest.fixture(scope="module")
def ours(grouped: Grouped) -> dict[str, SessionTally]:
    """Sessions by the tracker's session of their first event."""
    return {short(session): tally for session, tally in grouped("domain_sessionid").items()}


def test_every_expected_session_is_either_the_same_or_known_to_differ(
    model: dict[str, dict[str, str]],
) -> None:
    together = {session for sessions in MERGED.values() for session in sessions}

    assert {*SAME, *PINGS, *CUT, *VISITORS, *together} == model.keys()


@pytest.mark.parametrize("session", SAME)
def test_sessions_events_time_conversions_and_worth_are_as_the_model_expects(
    session: str, model: dict[str, dict[str, str]], ours: dict[str, SessionTally]
) -> None:
    row, tally = model[session], ours[session]

    first, last = (datetime.fromisoformat(row[name]) for name in ("start_tstamp", "end_tstamp"))
    stray = 1 if session == "d21c000a-b12d" else 0
    assert (tally.sessions, tally.people) == (1 + stray, 1)
    assert tally.events - stray == int(row["total_events"])
    assert tally.duration_ms == round((last - first).total_seconds() * 1000)
    assert abs(tally.duration_ms / 1000 - int(row["absolute_time_in_s"])) < 1
    assert tally.conversions - stray == int(row["cv_view_page_volume"])
    assert tally.revenue - 50 * stray == round(float(row["cv_view_page_total"]) * 100)
    assert (tally.engaged > 0) == (row["is_engaged"] == "TRUE")


@pytest.mark.parametrize("session", SAME)
def test_page_views_are_as_the_model_expects_but_for_views_that_share_an_id(
    session: str, model: dict[str, dict[str, str]], ours: dict[str, SessionTally]
) -> None:
    # The tracker sent one view's id with two events two seconds apart; the model counts ids.
    shared = 1 if session == "76053423-2c60" else 0
    stray = 1 if session == "d21c000a-b12d" else 0

    assert ours[session].pages - shared - stray == int(model[session]["page_views"])


def test_sessions_begin_and_end_on_the_pages_that_the_model_expects(
    lake: Lake, model: dict[str, dict[str, str]]
) -> None:
    def cells(by: str) -> set[tuple[str | None, ...]]:
        question = LandingPages(by=by, revenue=WORTH, max_rows=1000)
        return {row.values for row in lake.ask("web", question).answer.rows}

    begun, ended = cells("domain_sessionid"), cells("exit_page")

    for session in SAME:
        row = model[session]
        assert (row["first_page_urlpath"], row["domain_sessionid"]) in begun
        assert (row["first_page_urlpath"], row["last_page_urlpath"]) in ended


def test_a_ping_long_after_its_view_is_a_session_without_time_or_pages(
    model: dict[str, dict[str, str]], ours: dict[str, SessionTally]
) -> None:
    for session in PINGS:
        row, tally = model[session], ours[session]

        assert (tally.sessions, tally.events) == (1, int(row["total_events"]))
        assert (tally.pages, int(row["page_views"])) == (0, 1)
        assert (tally.duration_ms, int(row["absolute_time_in_s"])) == (0, 5)
        assert tally.conversions == int(row["cv_view_page_volume"]) == 0


def test_days_without_an_event_end_a_session_whatever_the_tracker_says(
    ours: dict[str, SessionTally],
) -> None:
    for session, count in CUT.items():
        assert (ours[session].sessions, ours[session].events) == (count, count)
        assert ours[session].people == 1


def test_a_session_belongs_to_one_visitor(
    model: dict[str, dict[str, str]], ours: dict[str, SessionTally]
) -> None:
    for session, visitors in VISITORS.items():
        tally = ours[session]

        assert (tally.sessions, tally.people) == (visitors, visitors)
        assert tally.events == int(model[session]["total_events"])
        assert tally.pages == int(model[session]["page_views"])


def test_sessions_of_one_visitor_at_one_time_are_one(
    model: dict[str, dict[str, str]], grouped: Grouped
) -> None:
    of_visitor = {visitor[:12]: tally for visitor, tally in grouped("domain_userid").items()}

    for visitor, sessions in MERGED.items():
        tally = of_visitor[visitor]
        assert tally.sessions == 1
        assert tally.events == sum(int(model[one]["total_events"]) for one in sessions)
        assert tally.pages == sum(int(model[one]["page_views"]) for one in sessions)


def test_users_have_the_sessions_and_views_that_the_model_expects(
    data: Path, grouped: Grouped
) -> None:
    of_visitor = {visitor[:12]: tally for visitor, tally in grouped("domain_userid").items()}
    users = {
        row["domain_userid"][:12]: (int(row["sessions"]), int(row["page_views"]))
        for row in expected(data, "snowplow_web_users_expected.csv")
    }

    found = {
        visitor: (of_visitor[visitor].sessions, of_visitor[visitor].pages) for visitor in users
    }

    differing = {visitor: (users[visitor], found[visitor]) for visitor in users}
    differing = {visitor: pair for visitor, pair in differing.items() if pair[0] != pair[1]}
    assert differing == {
        # Pings alone are sessions in both; the model gives them a page view each.
        "0691aaf040cd": ((3, 6), (3, 4)),
        "b3c883845957": ((2, 2), (2, 1)),
        # Two events share the id of a view.
        "f897c486aa47": ((1, 7), (1, 8)),
        # Eleven days with one event each; the model drops all but the first three.
        "4f011c929234": ((1, 2), (11, 4)),
        # A visitor id that changes within a session: the model joins all to the first.
        "0e9ab97b5d9d": ((1, 3), (1, 1)),
        # Sessions at the same time.
        "066d5a7eecd5": ((2, 4), (1, 4)),
        "24837eb265f7": ((2, 4), (1, 4)),
        # A second event, eight months after the first, that the model drops.
        "12c98e1f5869": ((1, 1), (2, 2)),
    }


def test_every_page_view_that_the_model_expects_is_counted_as_often_as_it_was_sent(
    data: Path, lake: Lake
) -> None:
    views = {row["page_view_id"] for row in expected(data, "snowplow_web_page_views_expected.csv")}

    def counted(page_view: str) -> int:
        is_it = Condition("page_view_id", Comparison.IS, (page_view,))
        trend = Trend(events=Events(("page_view",), (is_it,)))
        return lake.ask("web", trend).answer.whole.count

    found = {page_view: counted(page_view) for page_view in sorted(views)}
    assert len(found) == 43
    # One id came with two events, two seconds apart: the model counts ids, Truelift events.
    shared = "320e0ef8-ed6e-4649-8ac1-d1a95c9e455e"
    assert {view: count for view, count in found.items() if count != 1} == {shared: 2}


def test_paid_campaigns_are_in_the_channel_that_the_model_expects(
    lake: Lake, model: dict[str, dict[str, str]]
) -> None:
    question = Channels(level=Level.CAMPAIGN, revenue=WORTH, max_rows=1000)

    rows = {row.values for row in lake.ask("web", question).answer.rows}

    theirs = {
        (row["default_channel_group"], row["mkt_source"], row["mkt_medium"], row["mkt_campaign"])
        for row in model.values()
        if row["mkt_source"]
    }
    assert len(theirs) == 2
    assert theirs <= rows
