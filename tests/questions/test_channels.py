"""Channels: whose sessions, conversions and money they bring, by three ways to attribute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.questions.asking import ask, at, event
from tests.questions.cut_by_hand import LEVELS, HandSession, added_up, sessions_of
from truelift.events.channels import Channel
from truelift.questions.channels import (
    DIRECT,
    Attribution,
    Channels,
    ChannelsAnswer,
    Level,
    Origin,
)
from truelift.questions.forms import Context
from truelift.questions.matching import BadQuestion, Events
from truelift.questions.metric import Amount, AmountKind, Counted
from truelift.questions.parse import parse_question


HOUR = 3600
DAY = 24 * HOUR
EUROS = Counted(Events(("purchase",)), Amount(AmountKind.MONEY, currency="EUR"))
CHANNELS = Channels(revenue=EUROS)


def landing(person: int, seconds: float, origin: str) -> dict[str, Any]:
    """Land from `channel/source/medium/campaign`, as much of it as is given."""
    columns = dict(zip(LEVELS, origin.split("/"), strict=False))
    return event(person, seconds, "page_view", path="/", **columns)


def buy(person: int, seconds: float, cents: int) -> dict[str, Any]:
    return event(person, seconds, "purchase", value_minor=cents, currency="EUR")


def sessions(answer: ChannelsAnswer) -> dict[tuple[str | None, ...], int]:
    return {row.values: row.tally.sessions for row in answer.rows}


def test_direct_is_called_as_the_rules_of_channels_call_it() -> None:
    assert Channel.DIRECT.value == DIRECT


def test_sessions_people_conversions_and_money_are_counted_by_channel() -> None:
    events = [
        landing(1, 0, "Email/news/email/may"),
        buy(1, 60, 2500),
        buy(1, 61, 500),
        landing(1, 2 * HOUR, "Email/news/email/june"),
        landing(2, 0, "Direct/(direct)/(none)"),
        event(3, 0, "scroll"),
    ]

    document = ask(CHANNELS, events).document()

    assert document["question"] == "channels"
    assert document["currency"] == "EUR"
    rows = document["rows"]
    assert isinstance(rows, list)
    assert [row["by"] for row in rows] == [
        {"channel": "Email"},
        {"channel": "Direct"},
        {"channel": None},
    ]
    email = rows[0]
    assert (email["sessions"], email["people"], email["engaged"]) == (2, 1, 1)
    assert (email["conversions"], email["key_sessions"], email["key_rate"]) == (2, 1, 0.5)
    assert (email["revenue"], email["revenue_per_session"]) == (3000, 1500.0)


def test_rows_go_as_deep_as_they_are_asked_to() -> None:
    events = [
        landing(1, 0, "Email/news/email/may"),
        landing(2, 0, "Email/news/email/june"),
        landing(3, 0, "Email/other/email/june"),
        landing(4, 0, "Direct/(direct)/(none)"),
    ]

    def deep(level: Level) -> dict[tuple[str | None, ...], int]:
        return sessions(ask(replace(CHANNELS, level=level), events))

    assert deep(Level.CHANNEL) == {("Email",): 3, ("Direct",): 1}
    assert deep(Level.SOURCE) == {
        ("Email", "news"): 2,
        ("Direct", "(direct)"): 1,
        ("Email", "other"): 1,
    }
    assert deep(Level.CAMPAIGN) == {
        ("Direct", "(direct)", "(none)", None): 1,
        ("Email", "news", "email", "june"): 1,
        ("Email", "news", "email", "may"): 1,
        ("Email", "other", "email", "june"): 1,
    }


def test_rows_may_be_of_one_channel_source_medium_or_campaign_only() -> None:
    events = [
        landing(1, 0, "Email/news/email/may"),
        landing(2, 0, "Email/other/email/may"),
        landing(3, 0, "Paid Search/google/cpc/may"),
        event(4, 0, "scroll"),
    ]

    of_email = ask(replace(CHANNELS, level=Level.SOURCE, only=Origin(channel="Email")), events)
    of_may = ask(replace(CHANNELS, only=Origin(campaign="may", medium="email")), events)
    of_nothing = ask(replace(CHANNELS, only=Origin(source="nobody")), events)

    assert sessions(of_email) == {("Email", "news"): 1, ("Email", "other"): 1}
    assert of_email.whole.sessions == 2
    assert of_email.document()["only"] == {"channel": "Email"}
    assert sessions(of_may) == {("Email",): 2}
    assert of_nothing.rows == ()


def test_an_event_that_does_not_say_where_it_came_from_is_passed_over() -> None:
    events = [
        event(1, 0, "scroll", source="stray"),
        landing(1, 1, "Email/news/email"),
        landing(1, 2, "Direct/(direct)/(none)"),
    ]

    assert sessions(ask(replace(CHANNELS, level=Level.SOURCE), events)) == {("Email", "news"): 1}


JOURNEY = [
    landing(1, 0, "Email/news/email"),
    landing(1, 1 * DAY, "Paid Search/google/cpc"),
    landing(1, 2 * DAY, "Direct/(direct)/(none)"),
    event(1, 3 * DAY, "scroll"),
    landing(2, 0, "Direct/(direct)/(none)"),
    landing(2, 1 * DAY, "Email/news/email"),
]


@pytest.mark.parametrize(
    ("attribution", "expected"),
    [
        (Attribution.SESSION, {"Email": 2, "Direct": 2, "Paid Search": 1, None: 1}),
        (Attribution.FIRST_TOUCH, {"Email": 4, "Direct": 2}),
        (Attribution.LAST_NON_DIRECT, {"Paid Search": 3, "Email": 2, "Direct": 1}),
    ],
)
def test_a_session_belongs_to_what_the_attribution_says(
    attribution: Attribution, expected: dict[str | None, int]
) -> None:
    answer = ask(replace(CHANNELS, attribution=attribution), JOURNEY)

    assert {channel: count for (channel,), count in sessions(answer).items()} == expected
    semantics = answer.document()["semantics"]
    assert isinstance(semantics, dict)
    assert semantics["attribution"] == attribution.value


def test_first_touch_is_the_first_session_of_the_period() -> None:
    question = replace(CHANNELS, attribution=Attribution.FIRST_TOUCH, since=at(DAY))

    assert sessions(ask(question, JOURNEY)) == {("Paid Search",): 3, ("Email",): 1}


def test_the_last_channel_that_was_not_direct_may_lie_before_the_period() -> None:
    question = replace(CHANNELS, attribution=Attribution.LAST_NON_DIRECT, since=at(2 * DAY))

    assert sessions(ask(question, JOURNEY)) == {("Paid Search",): 2}


def test_the_look_back_includes_its_end() -> None:
    question = replace(
        CHANNELS, attribution=Attribution.LAST_NON_DIRECT, since=at(2 * DAY), lookback_s=DAY
    )

    answer = ask(question, JOURNEY)

    assert sessions(answer) == {("Paid Search",): 1, (None,): 1}
    semantics = answer.document()["semantics"]
    assert isinstance(semantics, dict)
    assert semantics["lookback_s"] == DAY


def test_a_session_of_several_campaigns_is_one_or_several_as_it_is_switched() -> None:
    events = [
        landing(1, 0, "Email/news/email/may"),
        landing(1, 60, "Paid Search/google/cpc/brand"),
        buy(1, 90, 100),
    ]

    together = ask(CHANNELS, events)
    apart = ask(replace(CHANNELS, campaign_split=True), events)

    assert {row.values[0]: row.tally.revenue for row in together.rows} == {"Email": 100}
    assert {row.values[0]: row.tally.revenue for row in apart.rows} == {
        "Email": 0,
        "Paid Search": 100,
    }


def test_small_rows_stand_together_and_sessions_add_up() -> None:
    events = [landing(n, 0, f"Referral/{name}/referral") for n, name in enumerate("aaabbc")]
    question = replace(CHANNELS, level=Level.SOURCE, max_rows=1)

    answer = ask(question, events)

    assert [(row.values, row.others, row.tally.sessions) for row in answer.rows] == [
        (("Referral", "a"), 0, 3),
        ((None, None), 2, 3),
    ]
    assert answer.whole.sessions == 6


def test_nobody_came_from_nowhere() -> None:
    for attribution in Attribution:
        answer = ask(replace(CHANNELS, attribution=attribution), [], buckets=2)

        assert answer.rows == ()


def test_a_document_may_say_everything_and_leaves_the_rest_to_the_site() -> None:
    context = Context(now=at(0), time_zone="Europe/Berlin", currency="SEK", trusted=True)

    short = parse_question({"question": "channels"}, context)
    full = parse_question(
        {
            "question": "channels",
            "level": "medium",
            "only": {"channel": "Email", "source": "news"},
            "attribution": "last_non_direct",
            "lookback": "7d",
            "key_events": "sign_up",
            "revenue": {"event": {"names": ["order", "refund"]}, "amount": {"kind": "money"}},
            "campaign_split": True,
            "as_of": "2026-05-01T00:00:00Z",
            "max_rows": 7,
            "smallest": 3,
        },
        context,
    )

    kronor = Amount(AmountKind.MONEY, currency="SEK", trusted=True)
    assert short == Channels(
        time_zone="Europe/Berlin", revenue=Counted(Events(("purchase",)), kronor), as_of=at(0)
    )
    assert full == Channels(
        time_zone="Europe/Berlin",
        level=Level.MEDIUM,
        only=Origin(channel="Email", source="news"),
        attribution=Attribution.LAST_NON_DIRECT,
        lookback_s=7 * DAY,
        key_events=Events(("sign_up",)),
        revenue=Counted(Events(("order", "refund")), kronor),
        campaign_split=True,
        as_of=datetime(2026, 5, 1, tzinfo=UTC),
        max_rows=7,
        smallest=3,
    )


def test_every_reason_is_given_at_once() -> None:
    with pytest.raises(BadQuestion) as refused:
        replace(CHANNELS, only=Origin(source="\ud800"), lookback_s=-1, max_rows=0)

    assert refused.value.facts["reasons"] == (
        "source '\\ud800' is not text",
        "its look-back is negative",
        "it shows no row",
    )


origins = st.sampled_from(
    [
        None,
        "Direct/(direct)/(none)",
        "Email/news/email/may",
        "Email/news/email/june",
        "Paid Search/google/cpc/may",
        "Organic Search/google/organic",
    ]
)
rows = st.lists(
    st.builds(
        lambda person, hours, origin, buys: (
            buy(person, hours * HOUR, 7)
            if buys
            else landing(person, hours * HOUR, origin)
            if origin
            else event(person, hours * HOUR, "scroll")
        ),
        st.integers(0, 4),
        st.sampled_from([n / 5 for n in range(200)]),
        origins,
        st.integers(0, 5).map(lambda n: n == 0),
    ),
    max_size=40,
).map(lambda events: [{**row, "position": n} for n, row in enumerate(events)])


def deciding(
    session: HandSession,
    theirs: Sequence[HandSession],
    asked: Sequence[HandSession],
    attribution: Attribution,
    lookback: timedelta,
) -> HandSession:
    match attribution:
        case Attribution.SESSION:
            return session
        case Attribution.FIRST_TOUCH:
            return next(one for one in asked if one.person == session.person)
        case Attribution.LAST_NON_DIRECT:
            until_now = theirs[: theirs.index(session) + 1]
            known = [one for one in until_now if one.origin()[0] not in {None, DIRECT}]
            recent = bool(known) and session.begins - known[-1].begins <= lookback
            return known[-1] if recent else session


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    events=rows,
    buckets=st.integers(1, 3),
    attribution=st.sampled_from(Attribution),
    level=st.sampled_from(Level),
    split=st.booleans(),
)
def test_any_partition_of_the_people_gives_the_answer_of_plain_python(
    events: Sequence[dict[str, Any]],
    buckets: int,
    attribution: Attribution,
    level: Level,
    split: bool,
) -> None:
    question = replace(
        CHANNELS,
        attribution=attribution,
        level=level,
        campaign_split=split,
        since=at(10 * HOUR),
        until=at(35 * HOUR),
        lookback_s=8 * HOUR,
    )

    found = ask(question, events, buckets=buckets)

    every = sessions_of(events, split=split)
    asked = [one for one in every if at(10 * HOUR) <= one.begins < at(35 * HOUR)]
    groups: dict[tuple[str | None, ...], list[HandSession]] = {}
    for one in asked:
        theirs = [other for other in every if other.person == one.person]
        by = deciding(one, theirs, asked, attribution, timedelta(hours=8))
        groups.setdefault(by.origin(len(question.levels)), []).append(one)
    assert {row.values: row.tally for row in found.rows} == {
        values: added_up(group) for values, group in groups.items()
    }
    assert found.whole == added_up(asked)
