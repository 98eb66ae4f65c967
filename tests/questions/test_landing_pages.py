"""Landing pages: sessions by the page with which they begin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.questions.asking import ask, at, event
from tests.questions.cut_by_hand import added_up, sessions_of
from truelift.questions import landing_pages
from truelift.questions.forms import Context
from truelift.questions.landing_pages import LandingPages, LandingPagesAnswer
from truelift.questions.matching import BadQuestion, Events
from truelift.questions.metric import Amount, AmountKind, Counted
from truelift.questions.parse import parse_question
from truelift.questions.session_tally import SessionTally


EUROS = Counted(Events(("purchase",)), Amount(AmountKind.MONEY, currency="EUR"))
PAGES = LandingPages(revenue=EUROS)


def page(person: int, seconds: float, path: str | None = "/", **columns: object) -> dict[str, Any]:
    return event(person, seconds, "page_view", path=path, **columns)


def sessions(answer: LandingPagesAnswer) -> list[tuple[tuple[str | None, ...], int, int]]:
    return [(row.values, row.others, row.tally.sessions) for row in answer.rows]


def test_what_becomes_of_a_page_is_counted_over_its_sessions() -> None:
    events = [
        page(1, 0, "/sale"),
        page(1, 5, "/checkout"),
        event(1, 20, "purchase", value_minor=3000, currency="EUR"),
        page(1, 9000, "/sale"),
        page(2, 0, "/sale"),
        page(2, 11, "/sale"),
        page(3, 0, "/"),
    ]

    document = ask(PAGES, events).document()

    assert document["question"] == "landing_pages"
    assert document["currency"] == "EUR"
    assert document["rows"] == [
        {
            "by": {"entry_page": "/sale"},
            "sessions": 3,
            "people": 2,
            "events": 6,
            "pages": 5,
            "engaged": 2,
            "bounced": 1,
            "immature": 0,
            "key_sessions": 1,
            "conversions": 1,
            "pages_per_session": 5 / 3,
            "duration_s": 31 / 3,
            "engagement_rate": 2 / 3,
            "bounce_rate": 1 / 3,
            "key_rate": 1 / 3,
            "revenue": 3000,
            "revenue_per_session": 1000.0,
        },
        {
            "by": {"entry_page": "/"},
            "sessions": 1,
            "people": 1,
            "events": 1,
            "pages": 1,
            "engaged": 0,
            "bounced": 1,
            "immature": 0,
            "key_sessions": 0,
            "conversions": 0,
            "pages_per_session": 1.0,
            "duration_s": 0.0,
            "engagement_rate": 0.0,
            "bounce_rate": 1.0,
            "key_rate": 0.0,
            "revenue": 0,
            "revenue_per_session": 0.0,
        },
    ]


def test_a_session_without_a_page_stands_in_a_row_of_its_own() -> None:
    events = [page(1, 0, "/a"), event(2, 0, "purchase"), page(3, 0, None)]

    assert sessions(ask(PAGES, events)) == [((None,), 0, 2), (("/a",), 0, 1)]


def test_a_second_dimension_divides_each_page_in_the_order_of_pages() -> None:
    events = [
        page(1, 0, "/a", device="phone"),
        page(2, 0, "/a", device="desktop"),
        page(3, 0, "/a", device="desktop"),
        page(4, 0, "/b", device="phone"),
        page(5, 0, "/b"),
        event(5, 1, "scroll", device="tablet"),
    ]

    answer = ask(replace(PAGES, by="device"), events)

    assert sessions(answer) == [
        (("/a", "desktop"), 0, 2),
        (("/a", "phone"), 0, 1),
        (("/b", "phone"), 0, 1),
        (("/b", "tablet"), 0, 1),
    ]
    rows = answer.document()["rows"]
    assert isinstance(rows, list)
    assert rows[0]["by"] == {"entry_page": "/a", "device": "desktop"}


def test_the_second_dimension_may_be_the_sites_day() -> None:
    events = [page(1, 0, "/a"), page(2, 22.5 * 3600, "/a"), page(3, 23.5 * 3600, "/a")]

    answer = ask(replace(PAGES, by="day", time_zone="Europe/Berlin"), events)

    assert sessions(answer) == [(("/a", "2026-03-01"), 0, 2), (("/a", "2026-03-02"), 0, 1)]


def test_pages_beyond_the_largest_stand_together_and_sessions_add_up() -> None:
    events = [page(n, 0, path, device="phone") for n, path in enumerate("aaabbcd")]

    plain = ask(replace(PAGES, max_rows=2), events)
    divided = ask(replace(PAGES, max_rows=2, by="device"), events)

    assert sessions(plain) == [(("a",), 0, 3), (("b",), 0, 2), ((None,), 2, 2)]
    assert sessions(divided) == [
        (("a", "phone"), 0, 3),
        (("b", "phone"), 0, 2),
        ((None, None), 2, 2),
    ]
    assert plain.rows[2].tally.people is None
    assert plain.whole.sessions == divided.whole.sessions == 7


def test_values_of_a_page_with_too_few_people_stand_together_with_that_page() -> None:
    events = [page(n, 0, "/a", device="phone") for n in range(3)]
    events += [page(8, 0, "/a", device="tablet"), page(9, 0, "/a")]
    events += [page(7, n * 9000, "/rare", device="phone") for n in range(1, 5)]

    answer = ask(replace(PAGES, by="device", smallest=2), events)

    assert sessions(answer) == [
        (("/a", "phone"), 0, 3),
        (("/a", None), 2, 2),
        ((None, None), 1, 4),
    ]


def test_small_values_of_a_page_stand_together_beyond_the_most_that_are_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(landing_pages, "MOST_WITHIN", 1)
    events = [page(n, 0, "/a", source=source) for n, source in enumerate("xxyz")]
    events += [page(n + 10, 0, None, source=source) for n, source in enumerate("xy")]

    assert sessions(ask(replace(PAGES, by="source"), events)) == [
        (("/a", "x"), 0, 2),
        (("/a", None), 2, 2),
        ((None, "x"), 0, 1),
        ((None, None), 1, 1),
    ]


def test_nobody_lands_nowhere() -> None:
    for question in (PAGES, replace(PAGES, by="device")):
        answer = ask(question, [], buckets=2)

        assert answer.rows == ()
        assert answer.whole == SessionTally()
        whole = answer.document()["whole"]
        assert isinstance(whole, dict)
        assert whole["revenue_per_session"] is None
        assert whole["bounce_rate"] is None


def test_a_document_leaves_money_and_time_to_the_site() -> None:
    context = Context(now=at(0), currency="EUR")

    found = parse_question(
        {"question": "landing_pages", "by": "device", "smallest": 5, "key_events": "sign_up"},
        context,
    )

    money = Counted(Events(("sign_up",)), EUROS.amount)
    assert found == LandingPages(
        by="device", smallest=5, key_events=Events(("sign_up",)), revenue=money, as_of=at(0)
    )


def test_every_reason_is_given_at_once() -> None:
    with pytest.raises(BadQuestion) as refused:
        replace(PAGES, by="entry_page", time_zone="nowhere", max_rows=0)

    assert refused.value.facts["reasons"] == (
        "the second dimension is the page itself",
        "'nowhere' is not a time zone",
        "it shows no row",
    )


rows = st.lists(
    st.builds(
        lambda person, minutes, name, device, path: event(
            person, minutes * 60, name, device=device, path=path, value_minor=5, currency="EUR"
        ),
        st.integers(0, 6),
        st.integers(0, 200),
        st.sampled_from(["page_view", "screen_view", "scroll", "purchase"]),
        st.sampled_from(["phone", "desktop", None]),
        st.sampled_from(["/a", "/b", "/c", None]),
    ),
    max_size=40,
).map(lambda events: [{**row, "position": n} for n, row in enumerate(events)])


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(events=rows, buckets=st.integers(2, 4), smallest=st.integers(1, 3))
def test_any_partition_of_the_people_gives_the_answer_of_plain_python(
    events: Sequence[dict[str, Any]], buckets: int, smallest: int
) -> None:
    question = replace(PAGES, by="device", since=at(900), max_rows=2)

    found = ask(question, events, buckets=buckets)

    expected = [session for session in sessions_of(events) if session.begins >= at(900)]
    cells = {(session.entry_page, session.first("device")) for session in expected}
    shown = {row.values: row.tally for row in found.rows if not row.others}
    assert found.whole == added_up(expected)
    assert sum(row.tally.sessions for row in found.rows) == len(expected)
    assert shown.keys() <= cells
    assert len({page for page, _ in shown}) == min(2, len({page for page, _ in cells}))
    for cell, tally in shown.items():
        theirs = [s for s in expected if (s.entry_page, s.first("device")) == cell]
        assert tally == added_up(theirs)
    hidden = ask(replace(question, smallest=smallest), events, buckets=buckets)
    assert all((row.tally.people or 0) >= smallest for row in hidden.rows if not row.others)
    assert sum(row.tally.sessions for row in hidden.rows) == len(expected)
