"""Retention by hand, where calendars are odd, and against a reference in plain Python."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.questions.asking import ask, event
from truelift.questions.forms import Context
from truelift.questions.matching import BadQuestion, Events
from truelift.questions.metric import Amount, AmountKind
from truelift.questions.parse import parse_question
from truelift.questions.retention import (
    Clock,
    Interval,
    Membership,
    Retention,
    RetentionAnswer,
    Returned,
)


MONEY = Amount(AmountKind.MONEY, currency="EUR")


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def on(person: int, text: str, name: str, **columns: object) -> dict[str, Any]:
    return event(person, moment(text), name, **columns)


def order(person: int, text: str, minor: int, currency: str = "EUR") -> dict[str, Any]:
    return on(person, text, "buy", value_minor=minor, currency=currency)


DAILY = Retention(
    cohort=Events(("join",)),
    returns=Events(("visit",)),
    as_of=moment("2026-03-05 00:00"),
    interval=Interval.DAY,
    intervals=3,
)
"""As of where the fifth day begins, so four days are over."""


def triangle(answer: RetentionAnswer) -> dict[str, tuple[int, list[int | None]]]:
    return {
        row.day.isoformat()[5:]: (row.people, [cell.returned for cell in row.cells])
        for row in answer.rows
    }


def document(question: Retention, events: Sequence[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = dict(ask(question, events).document())
    return found


def curve(answer: RetentionAnswer) -> list[tuple[int | None, int]]:
    return [(cell.returned, cell.people) for cell in answer.curves[0].cells]


JOINED = [
    on(1, "2026-03-01 10:00", "join"),
    on(2, "2026-03-01 11:00", "join"),
    on(3, "2026-03-02 12:00", "join"),
    on(1, "2026-03-02 00:00", "visit"),
    on(1, "2026-03-04 09:00", "visit"),
    on(2, "2026-03-02 23:59:59.999", "visit"),
    on(3, "2026-03-02 12:00", "visit"),
]


def test_an_interval_that_is_not_over_is_null_and_never_zero() -> None:
    answer = ask(DAILY, JOINED)

    assert triangle(answer) == {
        "03-01": (2, [0, 2, 0, 1]),
        "03-02": (1, [1, 0, 0, None]),
        "03-03": (0, [0, 0, None, None]),
        "03-04": (0, [0, None, None, None]),
    }
    assert [row.is_complete for row in answer.rows] == [True] * 4


def test_a_cohort_that_is_still_filling_is_immature_from_its_first_interval() -> None:
    answer = ask(replace(DAILY, as_of=moment("2026-03-02 18:00")), JOINED)

    assert triangle(answer) == {
        "03-01": (2, [0, None, None, None]),
        "03-02": (1, [None, None, None, None]),
    }
    assert [row.is_complete for row in answer.rows] == [True, False]


def test_the_curve_weighs_cohorts_by_their_people_and_takes_only_what_is_over() -> None:
    answer = ask(DAILY, JOINED)

    assert curve(answer) == [(1, 3), (2, 3), (0, 3), (1, 2)]
    assert [cell.rate for cell in answer.curves[0].cells] == [1 / 3, 2 / 3, 0.0, 0.5]
    assert [cell.cohorts for cell in answer.curves[0].cells] == [2, 2, 2, 1]


def test_in_or_later_counts_who_comes_back_at_any_time_after() -> None:
    answer = ask(replace(DAILY, returned=Returned.IN_OR_LATER), JOINED)

    assert triangle(answer)["03-01"] == (2, [2, 2, 1, 1])
    assert triangle(answer)["03-02"] == (1, [1, 0, 0, None])


def test_in_or_later_sees_returns_beyond_the_last_interval() -> None:
    question = replace(DAILY, returned=Returned.IN_OR_LATER, intervals=1)

    assert triangle(ask(question, JOINED))["03-01"] == (2, [2, 2])


def test_only_the_first_cohort_event_ever_counts() -> None:
    question = replace(DAILY, since=moment("2026-03-02"))
    events = [on(1, "2025-01-01 00:00", "join"), on(1, "2026-03-02 10:00", "join")]
    events += [on(2, "2026-03-02 10:00", "join"), on(2, "2026-03-03 10:00", "join")]

    answer = ask(question, events)

    assert [people for people, _ in triangle(answer).values()] == [1, 0, 0]


def test_recurring_cohorts_hold_everybody_who_did_it_in_them() -> None:
    question = replace(DAILY, membership=Membership.RECURRING, returns=Events(("join",)))
    events = [on(1, f"2026-03-0{day} 10:00", "join") for day in (1, 2, 4)]
    events += [on(2, "2026-03-02 08:00", "join"), on(2, "2026-03-02 09:00", "join")]

    answer = ask(question, events)

    assert triangle(answer) == {
        "03-01": (1, [1, 1, 0, 1]),
        "03-02": (2, [2, 0, 1, None]),
        "03-03": (0, [0, 0, None, None]),
        "03-04": (1, [1, None, None, None]),
    }


def test_coming_back_in_interval_0_is_not_before_the_cohorts_event() -> None:
    recurring = replace(DAILY, membership=Membership.RECURRING)
    events = [on(1, "2026-03-01 09:00", "visit"), on(1, "2026-03-01 10:00", "join")]
    events += [on(2, "2026-03-01 10:00", "visit"), on(2, "2026-03-01 10:00", "join")]

    assert triangle(ask(DAILY, events))["03-01"] == (2, [1, 0, 0, 0])
    assert triangle(ask(recurring, events))["03-01"] == (2, [1, 0, 0, 0])


def test_weeks_begin_on_monday() -> None:
    question = replace(DAILY, interval=Interval.WEEK, as_of=moment("2026-03-16"), intervals=1)
    events = [on(1, "2026-03-08 23:59", "join"), on(1, "2026-03-09 00:00", "visit")]

    assert triangle(ask(question, events)) == {"03-02": (1, [0, 1]), "03-09": (0, [0, None])}


def test_months_are_as_long_as_they_are() -> None:
    question = replace(DAILY, interval=Interval.MONTH, as_of=moment("2026-03-31 23:59"))
    events = [on(1, "2026-01-31 23:00", "join"), on(1, "2026-02-28 23:59", "visit")]
    events += [on(2, "2026-01-01 00:00", "join"), on(2, "2026-03-01 00:00", "visit")]

    answer = ask(question, events)
    later = ask(replace(question, as_of=moment("2026-04-01")), events)

    assert triangle(answer)["01-01"] == (2, [0, 1, None, None])
    assert triangle(later)["01-01"] == (2, [0, 1, 1, None])


def test_a_day_that_the_clock_change_shortens_is_a_day() -> None:
    berlin = replace(DAILY, time_zone="Europe/Berlin", as_of=moment("2026-03-30 22:00"))
    events = [
        on(1, "2026-03-28 22:59", "join"),
        on(1, "2026-03-28 23:00", "visit"),
        on(1, "2026-03-29 21:59", "visit"),
        on(1, "2026-03-29 22:00", "visit"),
        on(2, "2026-03-28 23:00", "join"),
        on(2, "2026-03-29 22:00", "visit"),
    ]

    assert triangle(ask(berlin, events)) == {
        "03-28": (1, [0, 1, 1, None]),
        "03-29": (1, [0, 1, None, None]),
        "03-30": (0, [0, None, None, None]),
    }


def test_a_day_that_a_time_zone_left_out_has_nobody() -> None:
    # Samoa went from Thursday the 29th straight to Saturday the 31st of December 2011.
    apia = replace(DAILY, time_zone="Pacific/Apia", as_of=moment("2012-01-03 10:00"))
    events = [on(1, "2011-12-30 09:59", "join"), on(1, "2011-12-30 10:00", "visit")]

    assert triangle(ask(apia, events))["12-29"] == (1, [0, 0, 1, 0])


def test_own_days_run_24_hours_from_the_persons_first_event() -> None:
    question = replace(DAILY, clock=Clock.OWN, time_zone="Europe/Berlin")
    question = replace(question, as_of=moment("2026-04-01"), since=moment("2026-03-27 23:00"))
    events = [
        on(1, "2026-03-28 20:00", "join"),
        on(1, "2026-03-28 19:59", "visit"),
        on(1, "2026-03-29 19:59:59.999", "visit"),
        on(1, "2026-03-30 20:00", "visit"),
    ]

    assert triangle(ask(question, events))["03-28"] == (1, [1, 0, 1, None])


def test_an_own_interval_is_immature_until_it_is_over_for_the_last_who_could_join() -> None:
    own = replace(DAILY, clock=Clock.OWN, as_of=moment("2026-03-03 00:00"))

    whole_day = ask(own, JOINED)
    till_noon = ask(
        replace(own, since=moment("2026-03-01"), until=moment("2026-03-01 12:00")), JOINED
    )

    assert triangle(whole_day)["03-01"] == (2, [1, None, None, None])
    assert triangle(till_noon)["03-01"] == (2, [1, None, None, None])
    longer = replace(own, until=moment("2026-03-01 12:00"), as_of=moment("2026-03-03 12:00"))
    assert triangle(ask(longer, JOINED))["03-01"] == (2, [1, 1, None, None])


def test_nothing_at_or_after_as_of_counts() -> None:
    question = replace(DAILY, returned=Returned.IN_OR_LATER, as_of=moment("2026-03-02 00:00"))
    events = [on(1, "2026-03-01 10:00", "join"), on(1, "2026-03-02 00:00", "visit")]

    assert triangle(ask(question, events)) == {"03-01": (1, [0, None, None, None])}


REVENUE = replace(DAILY, cohort=Events(("buy",)), returns=Events(("buy",)), amount=MONEY)

ORDERS = [
    order(1, "2026-03-01 10:00", 1000),
    order(1, "2026-03-01 11:00", 500),
    order(1, "2026-03-03 10:00", 250),
    order(2, "2026-03-01 12:00", 2000),
    order(2, "2026-03-02 12:00", 999, "USD"),
    order(2, "2026-03-04 12:00", -300),
    order(3, "2026-03-02 10:00", 700),
]


def test_revenue_per_person_adds_up_to_a_lifetime_value() -> None:
    rows = document(REVENUE, ORDERS)["rows"]

    first, second = rows[0]["cells"], rows[1]["cells"]
    assert [cell["amount"] for cell in first] == [3500, 0, 250, -300]
    assert [cell["amount_per_person"] for cell in first] == [1750, 0, 125, -150]
    assert [cell["cumulative_per_person"] for cell in first] == [1750, 1750, 1875, 1725]
    assert [cell["cumulative_per_person"] for cell in second] == [700, 700, 700, None]


def test_the_lifetime_curve_averages_over_the_cohorts_that_are_old_enough() -> None:
    cells = document(REVENUE, ORDERS)["curves"][0]["cells"]

    assert [cell["cumulative"] for cell in cells] == [4200, 4200, 4450, 3450]
    assert [cell["people"] for cell in cells] == [3, 3, 3, 2]
    assert [cell["cumulative_per_person"] for cell in cells] == [1400, 1400, 4450 / 3, 1725]


def test_in_or_later_leaves_amounts_in_their_interval() -> None:
    later = ask(replace(REVENUE, returned=Returned.IN_OR_LATER), ORDERS)

    assert later.rows[0].cells[0].amount == 3500
    assert triangle(later)["03-01"] == (2, [2, 2, 2, 1])


def test_a_recurring_cohort_earns_from_its_own_event_on() -> None:
    question = replace(REVENUE, cohort=Events(("join",)), membership=Membership.RECURRING)
    events = [
        order(1, "2026-03-01 09:00", 1),
        on(1, "2026-03-01 10:00", "join"),
        order(1, "2026-03-01 11:00", 20),
        order(1, "2026-03-02 08:00", 300),
        on(1, "2026-03-02 09:00", "join"),
        order(1, "2026-03-02 09:00", 4000),
    ]

    answer = ask(question, events)

    assert [cell.amount for cell in answer.rows[0].cells] == [20, 4300, 0, 0]
    assert [cell.amount for cell in answer.rows[1].cells] == [4000, 0, 0, None]


def test_people_are_grouped_by_the_event_that_put_them_into_the_cohort() -> None:
    question = replace(DAILY, by="device")
    events = [
        on(1, "2026-03-01 10:00", "join", device="phone"),
        on(1, "2026-03-02 10:00", "visit", device="desktop"),
        on(2, "2026-03-01 10:00", "join", device="phone"),
        on(3, "2026-03-01 10:00", "join"),
    ]

    told = document(question, events)

    found = [(row["by"], row["people"], row["cells"][1]["returned"]) for row in told["rows"]]
    assert found[0] == ({"device": "phone"}, 2, 1)
    assert found[4] == ({"device": None}, 1, 0)
    assert [curve["people"] for curve in told["curves"]] == [2, 1]


def test_groups_beyond_the_cap_are_put_together() -> None:
    question = replace(DAILY, by="plan", max_groups=1)
    plans = ["a", "a", "b", "c", "d"]
    events = [
        on(person, "2026-03-01 10:00", "join", properties={"plan": plan})
        for person, plan in enumerate(plans)
    ]
    events.append(on(4, "2026-03-02 10:00", "visit"))

    curves = ask(question, events, buckets=3).curves

    assert [(c.value, c.others, c.people) for c in curves] == [("a", 0, 2), (None, 3, 3)]
    assert [c.cells[1].returned for c in curves] == [0, 1]


def test_without_anybody_there_is_a_curve_of_nothing() -> None:
    answer = ask(DAILY, [])

    assert answer.rows == ()
    assert [(cell.returned, cell.rate) for cell in answer.curves[0].cells] == [(None, None)] * 4


def test_without_since_the_newest_thousand_cohorts_are_shown_and_the_answer_says_so() -> None:
    events = [on(1, "0001-01-01 00:00", "join"), on(2, "2026-03-01 10:00", "join")]

    answer = ask(DAILY, events)

    assert [row.people for row in answer.rows] == [1, 0, 0, 0]
    assert document(DAILY, events)["semantics"]["oldest_cohort"] == "2023-06-09"


@pytest.mark.parametrize("interval", Interval)
@pytest.mark.parametrize("as_of", ["0001-01-01", "0001-02-01", "9999-12-31 23:59:59.999"])
def test_the_ends_of_the_calendar_are_only_ends(interval: Interval, as_of: str) -> None:
    question = replace(DAILY, interval=interval, as_of=moment(as_of), time_zone="Asia/Tokyo")

    answer = ask(question, [on(1, "0001-01-01 00:00", "join"), *JOINED])

    assert len(answer.rows) <= 1000
    assert sum(row.people for row in answer.rows) <= 4


def test_a_period_that_has_not_begun_has_no_cohort() -> None:
    question = replace(DAILY, since=moment("2026-03-06"), returned=Returned.IN_OR_LATER)

    answer = ask(question, [*JOINED, on(9, "2026-03-07 00:00", "join")], buckets=2)

    assert answer.rows == ()
    assert answer.curves[0].people == 0


def test_the_numbers_say_what_they_mean() -> None:
    semantics = document(replace(REVENUE, clock=Clock.OWN), [])["semantics"]

    assert semantics == {
        "cohort": "buy",
        "return": "buy",
        "interval": "day",
        "cohorts": "first",
        "returned": "in",
        "clock": "own",
        "interval_s": 86_400,
        "time_zone": "UTC",
        "oldest_cohort": "2023-06-09",
        "as_of": "2026-03-05T00:00:00Z",
        "amount": "money",
        "currency": "EUR",
    }


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"cohort": Events()}, "cohort event has no name"),
        ({"returns": Events()}, "return event has no name"),
        ({"intervals": 0}, "0 intervals"),
        ({"clock": Clock.OWN, "interval": Interval.MONTH}, "no fixed length"),
        ({"clock": Clock.OWN, "membership": Membership.RECURRING}, "recurring"),
        ({"time_zone": "Mars"}, "not a time zone"),
        ({"since": moment("2020-01-01")}, "more than 1000 cohorts"),
        ({"amount": Amount(AmountKind.MONEY)}, "no currency"),
        ({"by": ""}, "not a name"),
        ({"max_groups": 0}, "no group"),
    ],
)
def test_a_question_that_cannot_be_answered_is_refused(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadQuestion, match=reason):
        replace(DAILY, **change)


def test_an_answer_that_nobody_could_read_is_refused() -> None:
    question = replace(DAILY, intervals=366, by="plan")
    events = [
        on(person, "2023-07-01 10:00", "join", properties={"plan": str(person)})
        for person in range(3)
    ]

    with pytest.raises(BadQuestion, match="too many cells"):
        ask(question, events)


def test_a_document_leaves_the_length_to_the_interval() -> None:
    context = Context(now=moment("2026-05-04"), time_zone="Europe/Berlin", currency="CHF")

    found = parse_question(
        {"question": "retention", "cohort": "a", "return": "b", "interval": "day"}, context
    )
    money = parse_question(
        {"question": "retention", "cohort": "a", "return": "b", "amount": {"kind": "money"}},
        context,
    )

    assert found == Retention(
        Events(("a",)),
        Events(("b",)),
        as_of=context.now,
        interval=Interval.DAY,
        intervals=30,
        time_zone="Europe/Berlin",
    )
    assert isinstance(money, Retention)
    assert (money.intervals, money.amount) == (12, Amount(AmountKind.MONEY, currency="CHF"))


NAMES = st.sampled_from([("join",), ("buy",), ("join", "buy")])

rows = st.lists(
    st.builds(
        lambda person, hours, name, device, minor: event(
            person,
            moment("2026-03-26") + timedelta(hours=hours),
            name,
            device=device,
            value_minor=minor,
            currency="EUR",
        ),
        st.integers(0, 4),
        st.integers(0, 12 * 24),
        st.sampled_from(["join", "buy", "noise"]),
        st.sampled_from(["phone", "desktop", None]),
        st.integers(-500, 2000) | st.none(),
    ),
    max_size=30,
)

questions = st.builds(
    Retention,
    cohort=st.builds(Events, NAMES),
    returns=st.builds(Events, NAMES),
    as_of=st.integers(0, 14 * 24).map(lambda hours: moment("2026-03-27") + timedelta(hours=hours)),
    interval=st.sampled_from([Interval.DAY, Interval.WEEK]),
    membership=st.just(Membership.FIRST),
    returned=st.sampled_from(Returned),
    clock=st.sampled_from(Clock),
    intervals=st.integers(1, 5),
    amount=st.just(MONEY),
    by=st.just("device"),
    since=st.none() | st.just(moment("2026-03-28 05:00")),
    until=st.none() | st.just(moment("2026-04-02 12:00")),
    time_zone=st.sampled_from(["Europe/Berlin", "UTC", "America/Sao_Paulo"]),
)
questions |= questions.filter(lambda q: q.clock is Clock.CALENDAR).map(
    lambda q: replace(q, membership=Membership.RECURRING)
)
questions |= questions.filter(lambda q: q.clock is Clock.CALENDAR).map(
    lambda q: replace(q, interval=Interval.MONTH)
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(events=rows, question=questions, buckets=st.integers(2, 4))
def test_any_partition_of_the_people_gives_the_same_answer(
    events: Sequence[dict[str, Any]], question: Retention, buckets: int
) -> None:
    whole = ask(question, events)

    assert ask(question, events, buckets=buckets).document() == whole.document()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(events=rows, question=questions)
def test_random_cohorts_agree_with_plain_python(
    events: Sequence[dict[str, Any]], question: Retention
) -> None:
    answer = ask(question, events)

    found = {
        (row.value, row.day): (
            row.people,
            [cell.returned for cell in row.cells],
            [cell.amount for cell in row.cells],
        )
        for row in answer.rows
        if row.people
    }
    assert found == reference(question, events)


Numbers = tuple[int, list[int | None], list[float | None]]


def reference(
    question: Retention, events: Sequence[dict[str, Any]]
) -> dict[tuple[str | None, date], Numbers]:
    """Do the same one person and one interval at a time."""
    zone = ZoneInfo(question.time_zone)
    known = [row for row in events if row["occurred_at"] < question.as_of]
    members: dict[tuple[str | None, date], list[tuple[datetime, list[dict[str, Any]]]]] = {}
    for person in {row["person"] for row in known}:
        own = [row for row in known if row["person"] == person]
        joins = sorted(
            (row for row in own if row["event"] in question.cohort.names),
            key=lambda row: (
                row["occurred_at"],
                row["event"] not in question.returns.names,
                row["device"] is None,
                row["device"],
            ),
        )
        if question.membership is Membership.FIRST:
            joins = joins[:1]
        joins = [
            row
            for row in joins
            if (question.since is None or row["occurred_at"] >= question.since)
            and (question.until is None or row["occurred_at"] < question.until)
        ]
        seen = set()
        for row in joins:
            cohort = first_day(row["occurred_at"].astimezone(zone).date(), question.interval)
            if cohort in seen:
                continue
            seen.add(cohort)
            back = [
                other
                for other in own
                if other["event"] in question.returns.names
                and other["occurred_at"] >= row["occurred_at"]
            ]
            members.setdefault((row["device"], cohort), []).append((row["occurred_at"], back))
    found: dict[tuple[str | None, date], Numbers] = {}
    for (device, cohort), people in members.items():
        returned: list[int | None] = []
        worth: list[float | None] = []
        for k in range(question.intervals + 1):
            if ends(question, cohort, k) > question.as_of:
                returned.append(None)
                worth.append(None)
                continue
            came = [[place(question, cohort, at, row) for row in back] for at, back in people]
            if question.returned is Returned.IN:
                returned.append(sum(k in places for places in came))
            else:
                returned.append(sum(max(places, default=-1) >= k for places in came))
            worth.append(
                sum(
                    row["value_minor"] or 0
                    for at, back in people
                    for row in back
                    if place(question, cohort, at, row) == k
                )
            )
        found[device, cohort] = (len(people), returned, worth)
    return found


def first_day(day: date, interval: Interval) -> date:
    if interval is Interval.WEEK:
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if interval is Interval.MONTH else day


def onward(day: date, interval: Interval, by: int) -> date:
    if interval is Interval.MONTH:
        months = day.year * 12 + day.month - 1 + by
        return date(months // 12, months % 12 + 1, 1)
    return day + timedelta(days=by * (7 if interval is Interval.WEEK else 1))


def place(question: Retention, cohort: date, joined: datetime, row: dict[str, Any]) -> int:
    """Say in which interval of a person an event lies."""
    if question.clock is Clock.OWN:
        length = timedelta(days=7 if question.interval is Interval.WEEK else 1)
        return int((row["occurred_at"] - joined) // length)
    local = row["occurred_at"].astimezone(ZoneInfo(question.time_zone)).date()
    k = 0
    while onward(cohort, question.interval, k + 1) <= local:
        k += 1
    return k


def ends(question: Retention, cohort: date, k: int) -> datetime:
    """Say when an interval is over for all of a cohort."""

    def midnight(day: date) -> datetime:
        local = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(question.time_zone))
        return local.astimezone(UTC)

    if question.clock is Clock.CALENDAR:
        return midnight(onward(cohort, question.interval, k + 1))
    closed = midnight(onward(cohort, question.interval, 1))
    closed = closed if question.until is None else min(closed, question.until)
    return closed + (k + 1) * timedelta(days=7 if question.interval is Interval.WEEK else 1)
