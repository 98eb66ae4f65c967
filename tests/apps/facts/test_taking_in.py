"""Facts come in by file and by row: twice is once, corrections replace, nothing is lost."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from truelift.apps.accounts.models import AuditEvent
from truelift.apps.facts import reads
from truelift.apps.facts.cells import BadTable, Style
from truelift.apps.facts.feeds_page import looked_over
from truelift.apps.facts.models import DayRecord, FeedRecord, RefusedRecord, TrafficRecord
from truelift.apps.facts.services import make_feed, take_in
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site


pytestmark = [pytest.mark.database, pytest.mark.django_db]

ROBOT = Actor(None, machine=True)
MAY = date(2026, 5, 1)


@pytest.fixture
def feed(site: Site, now: datetime) -> Callable[[str], FeedRecord]:
    def made(kind: str) -> FeedRecord:
        return make_feed(site, name=kind, kind=kind, by=ROBOT, now=now - timedelta(days=9))

    return made


def _all(site: Site) -> reads.Traffic:
    return reads.traffic(site, since=date(2026, 4, 1), until=date(2026, 6, 1))


def test_the_same_file_twice_changes_nothing_and_a_corrected_one_replaces_and_says_so(
    site: Site, feed: Callable[[str], FeedRecord], now: datetime
) -> None:
    feed("traffic")
    file = (
        "\ufeffDate;Channel;Landing page;Sessions;Transactions;Revenue\r\n"
        "01.05.2026;google;/cart;1.200;30;€ 1.234,50\r\n"
        "2026-05-02T23:30:00Z;google;/cart;1 000;20;900,00\r\n"
        "02.05.2026;google;/cart;many;1;2,00\r\n"
        "02.05.2026;google;/cart;100;1;$ 2,00\r\n"
        "03.05.2026;google;/cart;999;20;900,00\r\n"
    ).encode()

    first = take_in(site, "traffic", file, by=ROBOT, now=now, file="ga.csv")
    again = take_in(site, "traffic", file, by=ROBOT, now=now)
    corrected = [{"day": "2026-05-01", "source": "google", "landing": "/cart", "sessions": 1300}]
    change = take_in(site, "traffic", corrected, by=ROBOT, now=now)

    assert (first.new, first.changed, first.same, first.refused) == (2, 0, 0, 3)
    assert (again.new, again.changed, again.same, again.refused) == (0, 0, 2, 3)
    assert (change.new, change.changed) == (0, 1)
    said = RefusedRecord.objects.filter(arrival=first).values_list("line", "reason")
    assert [line for line, _ in said] == [4, 5, 6]
    assert "“many” is no number" in said[0][1]
    assert "USD" in said[1][1]
    assert "Line 3 says something else" in said[2][1]
    rows = _all(site)
    assert rows.day.astype(str).tolist() == ["2026-05-01", "2026-05-03"]
    assert rows.sessions.tolist() == [1300, 1000]
    assert rows.landing.tolist() == ["/cart", "/cart"]
    told = AuditEvent.objects.get(action="facts.corrected")
    assert (told.before, told.after) == (
        {"2026-05-01": 1200},
        {"of": "sessions", "rows": 1, "2026-05-01": 1300},
    )


def test_an_older_export_gives_the_days_before_the_feed_that_is_read_and_no_other(
    site: Site, now: datetime
) -> None:
    for name in ("own", "before", "third"):
        make_feed(site, name=name, kind="traffic", by=ROBOT, now=now)

    def brings(feed: str, *rows: tuple[int, int]) -> None:
        given = [{"day": f"2026-05-{day:02}", "source": "google", "sessions": n} for day, n in rows]
        take_in(site, feed, given, by=ROBOT, now=now)

    brings("before", (1, 10), (2, 20), (3, 30))
    brings("third", (1, 7))
    nothing = _all(site).sessions.tolist()
    brings("own", (2, 200))

    assert nothing == []
    assert _all(site).sessions.tolist() == [10, 200]
    assert [each.sessions for each in DayRecord.objects.order_by("day")] == [10, 200]
    brings("own", (1, 100))
    assert _all(site).sessions.tolist() == [100, 200]
    assert [each.sessions for each in DayRecord.objects.order_by("day")] == [100, 200]


def test_refunds_change_the_day_of_their_order_within_the_window_and_later_ones_are_shown(
    site: Site, feed: Callable[[str], FeedRecord]
) -> None:
    for kind in ("traffic", "orders", "refunds"):
        feed(kind)
    later = datetime(2026, 8, 3, 12, tzinfo=UTC)
    day = {"day": "2026-05-04", "source": "mail"}
    take_in(site, "traffic", [{**day, "sessions": 100}], by=ROBOT, now=later)
    back: list[dict[str, object]] = [
        {"order": "A", "day": "2026-06-03", "amount": 10},
        {"order": "A", "day": "2026-06-04", "amount": "-5.50"},
        {"order": "?", "day": "2026-05-20", "amount": 7},
        {"order": "C", "day": "2026-05-20", "amount": 3, "order_day": "2026-05-04"},
    ]
    take_in(site, "refunds", back, by=ROBOT, now=later)
    sold: list[dict[str, object]] = [{**day, "order": each, "revenue": 50} for each in "AB"]
    take_in(site, "orders", sold, by=ROBOT, now=later)

    rows = _all(site)
    monday = reads.weeks(site, until=date(2026, 5, 11), count=3)
    back_on = DayRecord.objects.get(site=site, day="2026-05-20")

    # Thirty days after its order a refund still counts; on the next it is told apart.
    assert (rows.orders.sum(), rows.revenue_minor.sum(), rows.late_minor.sum()) == (2, 8700, 550)
    assert set(rows.source) == {"mail", ""}
    assert [(week.starts, week.sessions, week.revenue_minor) for week in monday] == [
        (date(2026, 5, 4), 100, 8700)
    ]
    assert monday[0].late_minor == 550
    assert monday[0].spend_minor is None
    assert (back_on.returned_minor, back_on.unplaced_minor) == (1000, 700)


def test_leads_spend_and_the_ledger_are_read_as_they_came(
    site: Site, feed: Callable[[str], FeedRecord], now: datetime
) -> None:
    for kind in ("leads", "spend", "ledger"):
        feed(kind)
    base = {"day": "2026-04-01", "source": "ads"}
    came: list[dict[str, object]] = [
        {**base, "lead": 1, "mql_day": "2026-04-02", "closed_day": "2026-04-09", "won": "Won"},
        {**base, "lead": 2, "won": False},
        {**base, "lead": 3, "won": "yes"},
    ]
    arrival = take_in(site, "leads", came, by=ROBOT, now=now)
    paid = b"date,source,cost,clicks\n2026-04-01,ads,1234.56,7\n2026-04-01,mail,0.5,\n"
    take_in(site, "spend", paid, by=ROBOT, now=now)
    take_in(
        site,
        "spend",
        paid.splitlines()[0] + b"\n2026-04-01,ads,9.00,1\n",
        by=ROBOT,
        now=now,
        whole_days=True,
    )
    take_in(site, "ledger", b"month\tumsatz\n2026-04\t99.000,00\n", by=ROBOT, now=now)

    leads = reads.leads(site, since=date(2026, 4, 1), until=date(2026, 4, 2))
    spend = reads.spend(site, since=date(2026, 4, 1), until=date(2026, 4, 2))
    ledger = reads.ledger(site, since=date(2026, 4, 1), until=MAY)

    assert arrival.refused == 1
    assert leads.lead.tolist() == ["1", "2"]
    assert leads.won.tolist() == [True, False]
    assert np.isnat(leads.mql_day).tolist() == [False, True]
    assert (spend.source.tolist(), spend.spend_minor.tolist()) == (["ads"], [900])
    assert [(each.day, each.until, each.revenue_minor) for each in ledger] == [
        (date(2026, 4, 1), MAY, 9_900_000)
    ]


def test_what_can_be_read_in_two_ways_is_refused_until_somebody_says_how(
    site: Site, feed: Callable[[str], FeedRecord], now: datetime
) -> None:
    feed("spend")
    file = b'day,source,spend\n1/2/26,ads,"1,234"\n'

    unclear = take_in(site, "spend", file, by=ROBOT, now=now)
    clear = take_in(site, "spend", file, by=ROBOT, now=now, style=Style(".", "dmy"))

    assert (unclear.new, unclear.refused) == (0, 1)
    assert "can be two days" in unclear.refusals.get().reason
    assert (clear.new, clear.first_day) == (1, date(2026, 2, 1))
    hostile: list[dict[str, object]] = [
        {"day": "\x00", "source": "ads", "spend": 1},
        {"day": "2026-05-01", "source": "\ud800", "spend": 1},
        {"day": "2026-05-01", "source": "ads", "spend": [1]},
        {"day": "2026-05-01", "source": "ads", "spend": 1e300, "\ud800": 1},
    ]
    assert take_in(site, "spend", hostile, by=ROBOT, now=now).refused == 4
    with pytest.raises(BadTable, match="no column source, spend"):
        take_in(site, "spend", b"day,what\n2026-05-01,1\n", by=ROBOT, now=now)


def test_a_feed_that_does_not_keep_its_promise_is_late_in_words(
    site: Site, feed: Callable[[str], FeedRecord], now: datetime
) -> None:
    feed("spend")
    feed("orders")
    take_in(site, "orders", [{"order": 1, "day": "2026-05-03", "revenue": 1}], by=ROBOT, now=now)

    (never,) = reads.stale(site, now=now)
    (late,) = reads.stale(site, now=now + timedelta(days=3), kinds=["orders"])

    assert (
        never.sentence
        == "Advertising spend (spend) has never come; it was promised every 36 hours."
    )
    assert late.sentence == "Orders (orders) last came 3 days ago; it was promised every 36 hours."


def test_many_pages_goes_in_and_comes_out_fast(
    site: Site, feed: Callable[[str], FeedRecord], now: datetime
) -> None:
    feed("traffic")
    rows = [
        f"{MAY - timedelta(days=day)},google,/p/{page},{day + page},1,9.90"
        for day in range(1, 41)
        for page in range(250)
    ]
    file = "\n".join(["day,source,landing,sessions,orders,revenue", *rows]).encode()

    began = time.process_time()
    take_in(site, "traffic", file, by=ROBOT, now=now)
    found = reads.traffic(site, since=MAY - timedelta(days=40), until=MAY)
    took = time.process_time() - began

    assert (len(found), TrafficRecord.objects.count()) == (10_000, 10_000)
    assert found.revenue_minor.sum() == 10_000 * 990
    assert took < 3


def test_real_exports_come_in_as_they_are_and_say_where_to_look(
    site: Site, shared: Path, now: datetime
) -> None:
    views = {"sessions": "Pageviews"}
    make_feed(site, name="users", kind="traffic", by=ROBOT, now=now)
    make_feed(site, name="views", kind="traffic", columns=views, by=ROBOT, now=now)
    files = {each: f"upworthy_ga_daily_{each}.csv" for each in ("users", "views")}
    files["views"] = "upworthy_ga_daily_pageviews.csv"

    users, pages = (
        take_in(site, feed, (shared / "data" / name).read_bytes(), by=ROBOT, now=now, file=name)
        for feed, name in files.items()
    )
    gaps, leaps = looked_over(users.feed)
    no_gaps, page_leaps = looked_over(pages.feed)

    # The export says N/A of sessions from 2 January to 1 November 2013, and of nothing else.
    assert (users.new, users.refused) == (546, 304)
    assert set(users.refusals.values_list("reason", flat=True)) == {"sessions: “N/A” is no number."}
    assert gaps == ("2 Jan 2013 to 1 Nov 2013 (304 days)",)
    assert (pages.new, pages.refused, no_gaps) == (850, 0, ())
    # Days on which single posts went round the world.
    assert "21 Aug 2014" in " ".join(leaps)
    assert "21 May 2013: 9,055,365, 6.8 times the usual" in " ".join(page_leaps)
