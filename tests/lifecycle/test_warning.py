from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from truelift.lifecycle.functions import Function, Part, Standing
from truelift.lifecycle.obstacle import MoveRefused
from truelift.lifecycle.warning import (
    Asked,
    Change,
    Kind,
    Look,
    Severity,
    Warned,
    WarningStage,
    changes,
    first_lead,
    led,
    move_warning,
    warning_obstacles,
)


TODAY = date(2026, 5, 4)
LATE = Kind.WINNERS
OPEN = Warned(LATE, "", WarningStage.OPEN, Severity.WARNING, TODAY - timedelta(days=20))
FOUND = Look(LATE, "One winner waits for 40 days.", Severity.WARNING)
WORSE = replace(FOUND, severity=Severity.CRITICAL)
QUIET = Look(LATE, "None waits.")
UNKNOWN = Look(LATE, "Nobody knows.", told=False)
RISK = replace(OPEN, stage=WarningStage.ACCEPTED_RISK, by_person=True, until=TODAY)
SETTLED = replace(OPEN, stage=WarningStage.RESOLVED, by_person=True)
JUST_SETTLED = replace(SETTLED, since=TODAY - timedelta(days=14))
OVER = replace(OPEN, stage=WarningStage.RESOLVED, since=TODAY - timedelta(days=1))


@pytest.mark.parametrize(
    ("known", "look", "expected"),
    [
        (None, FOUND, Change.OPENED),
        (None, QUIET, None),
        (OPEN, FOUND, Change.SAME),
        (OPEN, WORSE, Change.WORSE),
        (OPEN, QUIET, Change.OVER),
        (OPEN, UNKNOWN, None),
        (JUST_SETTLED, FOUND, Change.SAME),
        (JUST_SETTLED, WORSE, Change.CAME_BACK),
        (SETTLED, FOUND, Change.CAME_BACK),
        (SETTLED, QUIET, None),
        (OVER, FOUND, Change.CAME_BACK),
        (RISK, FOUND, Change.SAME),
        (RISK, WORSE, Change.CAME_BACK),
        (RISK, QUIET, Change.OVER),
        (replace(RISK, until=TODAY - timedelta(days=1)), FOUND, Change.CAME_BACK),
    ],
)
def test_a_cause_has_one_warning_that_opens_ends_and_comes_back(
    known: Warned | None, look: Look, expected: Change | None
) -> None:
    found = changes([known] if known else [], [look], today=TODAY)

    assert found.get((LATE, "")) is expected


ADA = Standing(key="1", name="Ada", functions=frozenset({Function.MARKETING}), in_use=True)
LEAD = Standing(key="2", name="Lea", functions=frozenset({Function.CRO_LEAD}), in_use=True)
SOON = TODAY + timedelta(days=10)


def asked(**given: object) -> Asked:
    usual: dict[str, object] = {"by": LEAD, "parts": {}, "today": TODAY}
    return Asked(**{**usual, **given})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_whoever_takes_it_on_has_a_name_and_a_day() -> None:
    taken = move_warning(OPEN, WarningStage.ACKNOWLEDGED, asked=asked(by=ADA, owner=True, day=SOON))

    assert (taken.stage, taken.since, taken.by_person) == (WarningStage.ACKNOWLEDGED, TODAY, True)
    with pytest.raises(MoveRefused) as refused:
        move_warning(OPEN, WarningStage.ACKNOWLEDGED, asked=asked())
    assert {each.code for each in refused.value.obstacles} == {
        "warning.no_owner",
        "warning.no_due",
    }


@pytest.mark.parametrize(
    ("warned", "to", "given", "codes"),
    [
        (OPEN, "resolved", {"note": "Both are live."}, set()),
        (OPEN, "resolved", {}, {"warning.no_reason"}),
        (OPEN, "resolved", {"by": ADA, "note": "x"}, {"people.function"}),
        (OPEN, "resolved", {"by": ADA, "note": "x", "parts": {Part.OWNER: {"1"}}}, set()),
        (OPEN, "accepted_risk", {"note": "x", "day": SOON}, set()),
        (OPEN, "accepted_risk", {"note": "x"}, {"warning.no_until"}),
        (
            OPEN,
            "accepted_risk",
            {"note": "x", "day": TODAY - timedelta(days=1)},
            {"warning.bad_until"},
        ),
        (OPEN, "accepted_risk", {"by": ADA, "note": "x", "day": SOON}, {"people.function"}),
        (
            OPEN,
            "acknowledged",
            {"owner": True, "day": TODAY + timedelta(days=121)},
            {"warning.bad_due"},
        ),
        (SETTLED, "acknowledged", {"owner": True, "day": SOON}, {"warning.wrong_stage"}),
        (OPEN, "open", {}, {"warning.wrong_stage"}),
        (RISK, "acknowledged", {"owner": True, "day": SOON}, set()),
    ],
)
def test_a_warning_moves_by_whom_and_with_what_its_stage_asks_for(
    warned: Warned, to: str, given: dict[str, object], codes: set[str]
) -> None:
    found = warning_obstacles(warned, WarningStage(to), asked=asked(**given))

    assert {each.code for each in found} == codes


def test_the_lead_is_from_the_first_day_of_the_half_year_before_a_fall() -> None:
    fell = date(2026, 7, 1)
    fired = [date(2025, 6, 1), date(2026, 5, 11), date(2026, 5, 18), date(2026, 7, 6)]

    assert first_lead(fired, fell) == 51
    assert first_lead([date(2025, 6, 1), fell], fell) is None


def test_people_hear_once_of_what_two_see_of_one_root() -> None:
    gap = Look(Kind.TRAFFIC_GAP, "Rises.", Severity.WARNING, root="mix of google / broad")
    first = Look(Kind.METRIC_CONFLICT, "1", Severity.CRITICAL, "TM-1", root=gap.root)
    second = Look(Kind.METRIC_CONFLICT, "2", Severity.WARNING, "TM-2", root=gap.root)
    other = Look(Kind.METRIC_CONFLICT, "3", Severity.WARNING, "TM-3", root="figures of product")
    alone = Look(Kind.RHYTHM, "4", Severity.WARNING, "review")

    found = led([other, second, first, alone, gap])
    assert found == {first.key: gap.key, second.key: gap.key}
    # Without the gap the first of them is told of; what is quiet leads nothing.
    assert led([replace(gap, severity=None), first, second]) == {second.key: first.key}
