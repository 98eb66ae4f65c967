"""When a call may be closed, and when a source is silent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from truelift.lifecycle.obstacle import MoveRefused
from truelift.lifecycle.voice import (
    Answer,
    Call,
    Question,
    call_obstacles,
    check_may_close,
    silent_for,
)


EVERY = tuple(Answer(each, "It costs too much") for each in Question)
NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


def test_a_call_asks_exactly_the_three_questions() -> None:
    assert [each.asked for each in Question] == [
        "What objections are you hearing most often?",
        "What questions do people ask before they commit?",
        "What do they say when they decide not to proceed?",
    ]


@pytest.mark.parametrize(
    ("call", "codes"),
    [
        (Call("VC-1", EVERY), []),
        (Call("VC-1", EVERY[:2], frozenset({Question.DECLINED})), []),
        (Call("VC-1", EVERY[:1]), ["voice.call_unanswered"] * 2),
        (Call("VC-1", (*EVERY[:2], Answer(Question.DECLINED, "  "))), ["voice.call_unanswered"]),
        (Call("VC-1", EVERY, frozenset({Question.BEFORE})), ["voice.call_contradicts"]),
        (Call("VC-1", EVERY, minutes=61), ["voice.call_too_long"]),
        (Call("VC-1", EVERY, closed=True), ["voice.call_closed"]),
    ],
)
def test_a_call_is_closed_only_when_every_question_has_its_answer(
    call: Call, codes: list[str]
) -> None:
    assert [each.code for each in call_obstacles(call)] == codes
    if codes:
        with pytest.raises(MoveRefused):
            check_may_close(call)


def test_a_source_is_silent_from_the_thirty_sixth_day() -> None:
    named = NOW - timedelta(days=400)
    at = NOW - timedelta(days=35)

    assert silent_for(last=at, since=named, now=NOW) is None
    assert silent_for(last=at, since=named, now=NOW + timedelta(seconds=1)) == 35
    assert silent_for(last=None, since=named, now=NOW) == 400
    assert silent_for(last=at, since=NOW, now=NOW + timedelta(days=20)) is None
