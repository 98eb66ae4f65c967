from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from truelift.lifecycle.functions import MACHINE, NO_PARTS, Function, Part, Standing
from truelift.lifecycle.monitoring import (
    LASTING,
    MOVES,
    Alert,
    AlertStage,
    Concern,
    Finding,
    Harm,
    Level,
    Reaction,
    Verdict,
    alert_obstacles,
    harm_of,
    move_alert,
    overrun,
    reaction_to,
    reconcile,
    turned,
)
from truelift.lifecycle.obstacle import MoveRefused
from truelift.lifecycle.policy import HarmResponse


NOW = datetime(2026, 5, 6, 10, tzinfo=UTC)
ADA = Standing(key="1", name="Ada")


def finding(cause: str = "errors", *, level: Level = Level.WATCH) -> Finding:
    return Finding(Concern.GUARDRAIL, cause, level, "Errors rose.", "Look at the log.")


@pytest.mark.parametrize(
    ("low", "high", "margin", "harm"),
    [
        (-0.2, 0.09, 0.1, Harm.CLEARED),
        (0.02, 0.09, 0.1, Harm.CLEARED),
        (-0.2, 0.3, 0.1, Harm.UNCLEAR),
        (0.02, 0.3, 0.1, Harm.HARM),
        (0.12, 0.3, 0.1, Harm.TOO_MUCH),
        (0.12, 0.3, None, Harm.HARM),
        (-0.3, -0.1, None, Harm.CLEARED),
    ],
)
def test_harm_is_read_off_the_interval_beside_the_margin(
    low: float, high: float, margin: float | None, harm: Harm
) -> None:
    assert harm_of(low, high, margin=margin) is harm


@given(low=st.floats(-1, 1), width=st.floats(0, 1), more=st.floats(0, 1), margin=st.floats(0.01, 1))
def test_more_harm_is_never_read_as_less(
    low: float, width: float, more: float, margin: float
) -> None:
    order = list(Harm)
    there = harm_of(low, low + width, margin=margin)
    worse = harm_of(low + more, low + more + width, margin=margin)

    assert order.index(worse) >= order.index(there)


@pytest.mark.parametrize("policy", HarmResponse)
@pytest.mark.parametrize("harm", Harm)
def test_a_test_is_paused_only_for_too_much_harm_where_the_policy_says_so(
    harm: Harm, policy: HarmResponse
) -> None:
    pauses = harm is Harm.TOO_MUCH and policy is HarmResponse.PAUSE

    assert (reaction_to(harm, policy=policy) is Reaction.PAUSE) is pauses


def test_clear_harm_is_told_whatever_the_policy() -> None:
    said = {reaction_to(Harm.HARM, policy=each) for each in HarmResponse}

    assert said == {Reaction.NOTIFY}


@pytest.mark.parametrize(("day", "alarms"), [(24, False), (25, False), (29, False), (31, True)])
def test_running_over_by_more_than_a_quarter_of_the_plan_is_an_alarm(
    day: int, *, alarms: bool
) -> None:
    ran = overrun(date(2026, 5, 4), date(2026, 5, 25), today=date(2026, 5, day))

    assert ran.alarms is alarms


def test_one_cause_is_one_alert_however_often_it_is_found() -> None:
    first = reconcile([], [finding()], looked_at=frozenset(Concern))
    again = reconcile([Alert("guardrail:errors")], [finding()], looked_at=frozenset(Concern))

    assert [each.key for each in first.opened] == ["guardrail:errors"]
    assert not again.opened
    assert not again.worse
    assert not again.over


def test_a_cause_that_became_worse_is_told_again() -> None:
    found = reconcile(
        [Alert("guardrail:errors", stage=AlertStage.ACKNOWLEDGED)],
        [finding(level=Level.STOP)],
        looked_at=frozenset(Concern),
    )

    assert [each.level for each in found.worse] == [Level.STOP]


def test_what_could_not_be_looked_at_is_not_over() -> None:
    alerts = [Alert("guardrail:errors"), Alert("no_exposures")]

    found = reconcile(alerts, [], looked_at=frozenset({Concern.NO_EXPOSURES}))

    assert found.over == ("no_exposures",)


def test_what_a_person_settled_begins_again_only_when_it_gets_worse() -> None:
    settled = Alert("guardrail:errors", stage=AlertStage.RESOLVED)
    worse = finding(level=Level.STOP)

    still = reconcile([settled], [finding()], looked_at=frozenset(Concern))
    again = reconcile([settled], [worse], looked_at=frozenset(Concern))

    assert still.opened == ()
    assert again.opened == (worse,)


@pytest.mark.parametrize("concern", sorted(LASTING))
def test_evidence_does_not_go_away_by_looking_again(concern: Concern) -> None:
    found = reconcile([Alert(concern.value)], [], looked_at=frozenset(Concern))

    assert found.over == ()


@pytest.mark.parametrize("stage", AlertStage)
@pytest.mark.parametrize("to", AlertStage)
def test_an_alert_goes_only_where_the_table_says(stage: AlertStage, to: AlertStage) -> None:
    alert = Alert("split", stage=stage)
    refused = alert_obstacles(alert, to, by=ADA, parts=NO_PARTS, note="Fixed.")

    assert (not refused) is (to in MOVES[stage])


def test_a_person_says_what_settled_an_alert_and_a_job_need_not() -> None:
    alert = Alert("split")

    with pytest.raises(MoveRefused, match="what settled it"):
        move_alert(alert, AlertStage.RESOLVED, by=ADA, parts=NO_PARTS, note=" ", now=NOW)
    after = move_alert(alert, AlertStage.RESOLVED, by=MACHINE, parts=NO_PARTS, note="", now=NOW)

    assert after.resolved_at == NOW


def test_an_alert_is_settled_by_who_runs_the_programme_or_owns_it() -> None:
    service = Standing(key="7", functions=frozenset({Function.SERVICE}), in_use=True)
    owner = {Part.OWNER: frozenset({"7"})}

    refused = alert_obstacles(
        Alert("split"), AlertStage.RESOLVED, by=service, parts=NO_PARTS, note="Fixed."
    )

    assert [each.code for each in refused] == ["people.function"]
    assert not alert_obstacles(
        Alert("split"), AlertStage.RESOLVED, by=service, parts=owner, note="Fixed."
    )


@pytest.mark.parametrize(
    ("before", "after", "turns"),
    [
        (Verdict(True, True), Verdict(False, False), True),
        (Verdict(True, False), Verdict(False, True), True),
        (Verdict(True, False), Verdict(False, False), False),
        (Verdict(True, True), Verdict(True, False), False),
        (Verdict(True, False, held=True), Verdict(True, False, held=False), True),
        (Verdict(True, False, held=False), Verdict(True, False, held=True), True),
        (Verdict(True, False, held=None), Verdict(True, False, held=True), False),
    ],
)
def test_a_question_opens_again_when_a_clear_sign_or_the_margin_turns(
    before: Verdict, after: Verdict, *, turns: bool
) -> None:
    assert bool(turned(before, after)) is turns
