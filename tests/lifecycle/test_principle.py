"""Where a principle stands follows from its tests."""

from __future__ import annotations

import pytest

from truelift.lifecycle.obstacle import MoveRefused
from truelift.lifecycle.principle import (
    Principle,
    PrincipleAction,
    PrincipleStatus,
    Reading,
    Trial,
    move_principle,
    principle_obstacles,
    status_of,
)


YES, NO, SILENT, VOID = (
    Reading.SUPPORTS,
    Reading.CONTRADICTS,
    Reading.CANNOT_SAY,
    Reading.INVALID,
)


@pytest.mark.parametrize(
    ("readings", "status"),
    [
        ([], PrincipleStatus.PROPOSED),
        ([YES], PrincipleStatus.PROPOSED),
        ([YES, SILENT], PrincipleStatus.PROPOSED),
        ([YES, YES], PrincipleStatus.SUPPORTED),
        ([YES, YES, SILENT], PrincipleStatus.SUPPORTED),
        ([YES, YES, NO], PrincipleStatus.CONTESTED),
        ([NO], PrincipleStatus.CONTESTED),
        ([YES, VOID], PrincipleStatus.PROPOSED),
        ([YES, YES, VOID], PrincipleStatus.SUPPORTED),
    ],
)
def test_two_tests_support_a_principle_and_one_contests_it(
    readings: list[Reading], status: PrincipleStatus
) -> None:
    assert status_of(readings) is status


def test_a_retired_principle_is_retired_whatever_its_tests_say() -> None:
    assert status_of([YES, YES], retired=True) is PrincipleStatus.RETIRED


@pytest.mark.parametrize(
    ("low", "high", "applied", "valid", "reading"),
    [
        (0.01, 0.05, True, True, YES),
        (-0.05, -0.01, True, True, NO),
        (-0.01, 0.05, True, True, SILENT),
        (None, None, True, True, SILENT),
        (-0.05, -0.01, False, True, YES),
        (0.01, 0.05, False, True, NO),
        (0.01, 0.05, True, False, VOID),
    ],
)
def test_a_test_of_the_opposite_speaks_the_other_way_and_an_invalid_one_not_at_all(
    low: float | None, high: float | None, applied: bool, valid: bool, reading: Reading
) -> None:
    trial = Trial("x", low, high, applied=applied, valid=valid)

    assert trial.reading is reading


@pytest.mark.parametrize(
    ("principle", "action", "person", "reason", "codes"),
    [
        (Principle("P-1", machine=True), PrincipleAction.ACCEPT, True, "", []),
        (
            Principle("P-1", machine=True),
            PrincipleAction.ACCEPT,
            False,
            "",
            ["principle.no_person"],
        ),
        (Principle("P-1"), PrincipleAction.ACCEPT, True, "", ["principle.no_draft"]),
        (Principle("P-1"), PrincipleAction.RETIRE, True, "It no longer holds", []),
        (
            Principle("P-1", retired=True),
            PrincipleAction.RETIRE,
            False,
            " ",
            [
                "principle.no_person",
                "principle.retired",
                "principle.retired_without_reason",
            ],
        ),
        (Principle("P-1"), PrincipleAction.RETIRE, True, None, []),
        (Principle("P-1", retired=True), PrincipleAction.RESTORE, True, "", []),
        (Principle("P-1"), PrincipleAction.RESTORE, True, "", ["principle.not_retired"]),
    ],
)
def test_a_step_is_refused_with_every_reason_at_once(
    principle: Principle,
    action: PrincipleAction,
    person: bool,
    reason: str | None,
    codes: list[str],
) -> None:
    found = principle_obstacles(principle, action, person=person, reason=reason)

    assert [each.code for each in found] == codes


def test_a_machine_cannot_accept_its_own_draft() -> None:
    with pytest.raises(MoveRefused) as refused:
        move_principle(Principle("P-1", machine=True), PrincipleAction.ACCEPT, person=False)

    assert refused.value.facts["codes"] == ("principle.no_person",)
