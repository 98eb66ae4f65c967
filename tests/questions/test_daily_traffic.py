"""Daily traffic: every session stands in one cell of one day."""

from __future__ import annotations

from tests.questions.asking import ask, at, event
from truelift.questions.daily_traffic import DailyTraffic
from truelift.questions.matching import Events
from truelift.questions.metric import Amount, AmountKind, Counted
from truelift.questions.sessions import Sessions


def test_a_session_is_of_the_day_on_which_it_begins_and_of_what_it_says_first() -> None:
    euros = Counted(Events(("purchase",)), Amount(AmountKind.MONEY, currency="EUR"))
    paid = {"channel": "Paid Search", "source": "google", "medium": "cpc", "campaign": "shoes"}
    late = 86_400 - 60
    events = [
        event(1, late, "page_view", path="/sale", device="phone", **paid),
        event(1, late + 120, "purchase", value_minor=3000, currency="EUR"),
        event(1, late + 9000, "page_view", path="/", device="phone"),
        event(2, late, "page_view", path="/sale", device="phone", **paid),
        event(3, 0, "sign_in", device="desktop"),
    ]

    asked = DailyTraffic(since=at(0), until=at(2 * 86_400), revenue=euros)
    found = ask(asked, events, buckets=2)

    said = [
        (each.day, each.source, each.page, each.sessions, each.bounces, each.revenue)
        for each in found.cells
    ]
    assert sorted(said, key=str) == [
        ("2026-03-01", "google", "/sale", 2, 1, 3000),
        ("2026-03-01", None, None, 1, 1, 0),
        ("2026-03-02", None, "/", 1, 1, 0),
    ]
    assert found.whole == ask(Sessions(revenue=euros), events).whole
