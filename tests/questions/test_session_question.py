"""Sessions of stored events: length, pages, engagement, where they begin and end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.questions.asking import ask, at, event
from tests.questions.cut_by_hand import HandSession, added_up, sessions_of
from truelift.questions import session_tally
from truelift.questions.matching import BadQuestion, Events
from truelift.questions.metric import Amount, AmountKind, Counted
from truelift.questions.session_tally import TooManyGroups
from truelift.questions.sessions import Sessions, SessionsAnswer, SessionTally


ALL = Sessions()
EUROS = Counted(Events(("purchase",)), Amount(AmountKind.MONEY, currency="EUR"))


def page(person: int, seconds: float, path: str = "/", **columns: object) -> dict[str, Any]:
    return event(person, seconds, "page_view", path=path, **columns)


def sessions(answer: SessionsAnswer) -> dict[str | None, int]:
    return {row.values[0]: row.tally.sessions for row in answer.rows}


def test_sessions_people_pages_and_time_are_counted() -> None:
    events = [page(1, 0), page(1, 60), event(1, 90, "scroll"), page(1, 5000), page(2, 0)]

    assert ask(ALL, events).rows[0].tally == SessionTally(
        sessions=3, people=2, events=5, pages=4, engaged=1, duration_ms=90_000
    )


@pytest.mark.parametrize(
    ("events", "engaged"),
    [
        ([page(1, 0)], 0),
        ([page(1, 0), event(1, 9.999, "scroll")], 0),
        ([page(1, 0), event(1, 10, "scroll")], 1),
        ([page(1, 0), page(1, 1)], 1),
        ([page(1, 0), event(1, 1, "purchase")], 1),
    ],
)
def test_ten_seconds_two_pages_or_a_key_event_make_a_session_engaged(
    events: list[dict[str, Any]], engaged: int
) -> None:
    tally = ask(ALL, events).rows[0].tally

    assert (tally.engaged, tally.bounced) == (engaged, 1 - engaged)


def test_key_events_are_what_the_site_says() -> None:
    question = replace(ALL, key_events=Events(("sign_up",)))

    tally = ask(question, [event(1, 0, "sign_up"), event(2, 0, "purchase")]).rows[0].tally

    assert tally.key_sessions == 1


def test_a_session_belongs_to_the_period_in_which_it_begins() -> None:
    question = replace(ALL, since=at(1000), until=at(10_000))
    events = [page(1, 900), page(1, 1100), page(2, 9999), page(2, 10_500), page(3, 10_000)]

    tally = ask(question, events).rows[0].tally

    assert (tally.sessions, tally.events) == (1, 2)


def test_entry_and_exit_are_the_first_and_last_page() -> None:
    events = [
        event(1, 0, "scroll", path="/nowhere"),
        page(1, 1, "/a"),
        page(1, 2, "/b"),
        event(1, 3, "click", path="/c"),
        event(2, 0, "click"),
    ]

    assert sessions(ask(replace(ALL, by="entry_page"), events)) == {"/a": 1, None: 1}
    assert sessions(ask(replace(ALL, by="exit_page"), events)) == {"/b": 1, None: 1}


def test_a_dimension_is_the_sessions_first_that_is_known() -> None:
    events = [page(1, 0), page(1, 1, device="phone"), page(1, 2, device="desktop")]

    assert sessions(ask(replace(ALL, by="device"), events)) == {"phone": 1}


def test_people_are_counted_once_in_every_group() -> None:
    events = [page(1, 0, device="phone"), page(1, 9000, device="phone"), page(2, 0, device="phone")]
    events += [page(1, 20_000, device="desktop")]

    rows = ask(replace(ALL, by="device"), events).rows

    assert [(row.values[0], row.tally.sessions, row.tally.people) for row in rows] == [
        ("phone", 3, 2),
        ("desktop", 1, 1),
    ]


def test_days_are_the_sites_and_in_order() -> None:
    question = replace(ALL, by="day", time_zone="Europe/Berlin")
    events = [page(1, 23 * 3600), page(2, 0), page(3, 0), page(4, 30 * 3600)]

    assert list(sessions(ask(question, events)).items()) == [("2026-03-01", 2), ("2026-03-02", 2)]


def test_days_are_the_sites_when_the_clock_changes_too() -> None:
    question = replace(ALL, by="day", time_zone="Europe/Berlin")
    spring = datetime(2026, 3, 29, tzinfo=UTC)
    moments = [timedelta(hours=-1, milliseconds=-1), timedelta(hours=-1), timedelta(hours=21.9)]
    moments += [timedelta(hours=22), timedelta(hours=46)]

    events = [page(n, 0, occurred_at=spring + moment) for n, moment in enumerate(moments)]

    assert sessions(ask(question, events, buckets=2)) == {
        "2026-03-28": 1,
        "2026-03-29": 2,
        "2026-03-30": 1,
        "2026-03-31": 1,
    }


def test_small_groups_are_put_together() -> None:
    events = [page(n, 0, source=source) for n, source in enumerate("aabc")]

    rows = ask(replace(ALL, by="source", max_rows=1), events).rows

    assert [(row.values[0], row.others, row.tally.sessions) for row in rows] == [
        ("a", 0, 2),
        (None, 2, 2),
    ]


def test_rates_of_nothing_are_null() -> None:
    row = ask(ALL, []).document()["rows"]

    assert isinstance(row, list)
    assert row[0]["sessions"] == 0
    assert row[0]["bounce_rate"] is None


def test_every_reason_is_given_at_once() -> None:
    with pytest.raises(BadQuestion) as refused:
        Sessions(by="", time_zone="nowhere", max_rows=0)

    assert refused.value.facts["reasons"] == (
        "what they are grouped by is not a name",
        "'nowhere' is not a time zone",
        "it shows no row",
    )


def test_money_and_conversions_are_added_up_per_session() -> None:
    question = replace(ALL, revenue=EUROS)
    events = [
        event(1, 0, "purchase", value_minor=1999, currency="EUR"),
        event(1, 5, "purchase", value_minor=1, currency="EUR"),
        event(1, 6, "purchase", value_minor=5000, currency="USD"),
        event(1, 7, "add_to_cart", value_minor=700, currency="EUR"),
        page(2, 0),
    ]

    document = ask(question, events).document()

    assert document["currency"] == "EUR"
    assert isinstance(document["rows"], list)
    row = document["rows"][0]
    assert (row["conversions"], row["key_sessions"]) == (3, 1)
    assert (row["revenue"], row["revenue_per_session"]) == (2000, 1000.0)


def test_absurd_amounts_do_not_wrap_round() -> None:
    absurd = 10**15
    events = [
        event(1, n, "purchase", value_minor=absurd, currency="EUR", position=n)
        for n in range(20_000)
    ]

    assert ask(replace(ALL, revenue=EUROS), events).whole.revenue == 20_000 * absurd


def test_refunds_are_taken_off() -> None:
    refunds = Counted(Events(("purchase", "refund")), EUROS.amount)
    events = [
        event(1, 0, "purchase", value_minor=500, currency="EUR"),
        event(1, 1, "refund", value_minor=-700, currency="EUR"),
    ]

    assert ask(replace(ALL, revenue=refunds), events).whole.revenue == -200


def test_without_an_amount_nothing_is_said_about_money() -> None:
    document = ask(ALL, [page(1, 0)]).document()

    assert "currency" not in document
    assert isinstance(document["whole"], dict)
    assert "revenue" not in document["whole"]


def test_a_session_that_may_still_go_on_has_not_bounced() -> None:
    events = [page(1, 0), page(2, 0), page(2, 1), page(3, -3600)]

    at_the_end = ask(replace(ALL, as_of=at(1800)), events).whole
    after_it = ask(replace(ALL, as_of=at(1800.001)), events).whole

    assert (at_the_end.immature, at_the_end.engaged, at_the_end.bounced) == (1, 1, 1)
    assert (after_it.immature, after_it.engaged, after_it.bounced) == (0, 1, 2)
    assert at_the_end.document()["bounce_rate"] == 0.5


AD = {"channel": "Paid Search", "source": "google", "medium": "cpc"}
DIRECT = {"channel": "Direct", "source": "(direct)", "medium": "(none)"}


@pytest.mark.parametrize(
    ("origins", "count"),
    [
        ([{**AD, "campaign": "a"}, {**AD, "campaign": "b"}], 2),
        ([{**AD, "campaign": "a"}, {**AD, "campaign": "a"}], 1),
        ([{**AD, "campaign": "a"}, {**AD, "campaign": "a", "source": "bing"}], 2),
        ([{**AD, "campaign": "a"}, DIRECT, {}, {**AD, "campaign": "a"}], 1),
        ([{**AD, "campaign": "a"}, AD], 1),
        ([DIRECT, {**AD, "campaign": "a"}], 2),
        ([{}, {**AD, "campaign": "a"}], 1),
        ([DIRECT, AD], 1),
        ([{**AD, "campaign": "a"}, {**AD, "campaign": ""}], 1),
    ],
)
def test_another_named_campaign_begins_a_session_only_when_that_is_switched_on(
    origins: list[dict[str, object]], count: int
) -> None:
    events = [page(1, n, "/", **origin) for n, origin in enumerate(origins)]

    split = ask(replace(ALL, campaign_split=True), events)

    assert ask(ALL, events).whole.sessions == 1
    assert split.whole.sessions == count
    assert split.whole.people == 1
    semantics = split.document()["semantics"]
    assert isinstance(semantics, dict)
    assert semantics["campaign_split"] is True


def test_the_people_of_several_small_groups_together_are_not_known() -> None:
    events = [page(1, 0, source="b"), page(1, 9000, source="c"), page(2, 0, source="a")]
    events += [page(3, 0, source="a")]

    answer = ask(replace(ALL, by="source", max_rows=1), events)

    document = answer.document()
    assert isinstance(document["rows"], list)
    others = document["rows"][1]
    assert (others["others"], others["sessions"], others["people"]) == (2, 2, None)
    assert answer.whole.people == 3


def test_groups_of_too_few_people_stand_with_the_others_and_sessions_add_up() -> None:
    events = [page(n, 0, source="a") for n in range(3)]
    events += [page(1, 9000 * n, source="b") for n in range(1, 6)]

    answer = ask(replace(ALL, by="source", smallest=2), events)

    assert [(row.values[0], row.others, row.tally.sessions) for row in answer.rows] == [
        ("a", 0, 3),
        (None, 1, 5),
    ]
    assert answer.whole.sessions == 8


def test_ten_thousand_values_are_counted_exactly_and_the_largest_shown() -> None:
    events = [page(n, 0, f"/{n % 5000}") for n in range(10_000)] + [page(1, 9000, "/1")]

    answer = ask(replace(ALL, by="entry_page", max_rows=2), events, buckets=3)

    assert [(row.values[0], row.others, row.tally.sessions) for row in answer.rows] == [
        ("/1", 0, 3),
        ("/0", 0, 2),
        (None, 4998, 9996),
    ]


def test_more_groups_than_fit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_tally, "MOST_GROUPS", 2)
    events = [page(n, 0, f"/{n}") for n in range(3)]

    with pytest.raises(TooManyGroups, match="3 groups; 2 are the most"):
        ask(replace(ALL, by="entry_page"), events, buckets=3)


def test_revenue_is_money() -> None:
    with pytest.raises(BadQuestion, match="revenue is not money"):
        replace(ALL, revenue=Counted(Events(("purchase",))))


rows = st.lists(
    st.builds(
        lambda person, minutes, name, device, money, origin: event(
            person,
            minutes * 60,
            name,
            device=device,
            path=f"/{minutes % 3}",
            value_minor=money,
            currency="EUR",
            **origin,
        ),
        st.integers(0, 4),
        st.integers(0, 300) | st.sampled_from([60, 90, 120]),
        st.sampled_from(["page_view", "scroll", "purchase"]),
        st.sampled_from(["phone", "desktop", None]),
        st.sampled_from([None, 0, 199, -50]),
        st.sampled_from([{}, DIRECT, AD, {**AD, "campaign": "a"}, {**AD, "campaign": "b"}]),
    ),
    max_size=40,
).map(lambda events: [{**row, "position": n} for n, row in enumerate(events)])


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    events=rows,
    buckets=st.integers(2, 4),
    by=st.sampled_from([None, "device", "entry_page", "exit_page", "day", "campaign"]),
    split=st.booleans(),
)
def test_any_partition_of_the_people_gives_the_same_answer(
    events: Sequence[dict[str, Any]], buckets: int, by: str | None, split: bool
) -> None:
    question = replace(
        ALL, by=by, since=at(1800), until=at(9000), campaign_split=split, revenue=EUROS, max_rows=2
    )

    assert ask(question, events, buckets=buckets) == ask(question, events)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    events=rows,
    by=st.sampled_from(["device", "entry_page", "exit_page", "campaign", "day"]),
    split=st.booleans(),
)
def test_random_sessions_agree_with_plain_python(
    events: Sequence[dict[str, Any]], by: str, split: bool
) -> None:
    question = replace(
        ALL, by=by, since=at(1800), until=at(9000), campaign_split=split, revenue=EUROS
    )

    found = ask(question, events)

    expected = [
        session
        for session in sessions_of(events, split=split)
        if at(1800) <= session.begins < at(9000)
    ]

    def group(session: HandSession) -> str | None:
        match by:
            case "entry_page":
                return session.entry_page
            case "exit_page":
                return session.exit_page
            case "day":
                return session.begins.date().isoformat()
            case column:
                return session.first(column)

    assert found.whole == added_up(expected)
    assert {row.values[0]: row.tally for row in found.rows} == {
        value: added_up([session for session in expected if group(session) == value])
        for value in {group(session) for session in expected}
    }
