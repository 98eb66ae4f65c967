"""Every move an experiment can make, and everything that refuses one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import product

import pytest

from truelift.lifecycle.experiment import (
    TRANSITIONS,
    Action,
    Advice,
    Asked,
    Choice,
    Evidence,
    Experiment,
    Method,
    Origin,
    Person,
    Stage,
    Variant,
    actions_from,
    move,
    obstacles,
    plan_digest,
)
from truelift.lifecycle.obstacle import MoveRefused


ADA = Person("1", "Ada")
BEN = Person("2", "Ben")
CLEO = Person("3", "Cleo")
MALLORY = Person("4", "Mallory")
STARTS = date(2026, 10, 26)
ENDS = date(2026, 11, 16)
ON_THE_FIRST_DAY = datetime(2026, 10, 26, 9, tzinfo=UTC)
AFTER_THE_END = datetime(2026, 11, 16, 9, tzinfo=UTC)


def complete(stage: Stage = Stage.DRAFT) -> Experiment:
    return Experiment(
        key="delivery-cost",
        stage=stage,
        hypothesis="H-1",
        hypothesis_accepted=True,
        decision_owner=ADA,
        deputy=BEN,
        variants=(Variant("late", control=True), Variant("early")),
        primary="order_rate@1",
        guardrails=("revenue@1",),
        starts_on=STARTS,
        ends_on=ENDS,
        n_per_variant=31_234,
        weeks_needed=3,
        evidence=Evidence(as_of=AFTER_THE_END, advice=Advice.SHIP),
        has_learning=True,
    )


def asked(
    at: datetime = AFTER_THE_END,
    *,
    by: Person = ADA,
    choice: Choice | None = Choice.SHIP,
    reason: str | None = "The orders rose.",
) -> Asked:
    return Asked(by=by, at=at, today=at.date(), choice=choice, reason=reason)


def moment_for(action: Action) -> datetime:
    return ON_THE_FIRST_DAY if action is Action.LAUNCH else AFTER_THE_END


def codes(experiment: Experiment, action: Action, ask: Asked | None = None) -> list[str]:
    given = ask or asked(moment_for(action))
    return [obstacle.code for obstacle in obstacles(experiment, action, asked=given)]


@pytest.mark.parametrize(("stage", "action"), list(product(Stage, Action)))
def test_every_pair_of_stage_and_action_does_what_the_table_says(
    stage: Stage, action: Action
) -> None:
    expected = TRANSITIONS.get((stage, action))
    ask = asked(moment_for(action))

    if expected is None:
        with pytest.raises(MoveRefused) as refused:
            move(complete(stage), action, asked=ask)
        assert [o.code for o in refused.value.obstacles] == ["experiment.wrong_stage"]
    else:
        assert move(complete(stage), action, asked=ask).after.stage is expected


@pytest.mark.parametrize(("stage", "action"), list(product(Stage, Action)))
def test_obstacles_are_said_exactly_when_the_move_is_refused(stage: Stage, action: Action) -> None:
    bare = Experiment(key="x", stage=stage)
    ask = asked(moment_for(action), by=MALLORY, choice=None, reason="")

    said = obstacles(bare, action, asked=ask)

    if said:
        with pytest.raises(MoveRefused) as refused:
            move(bare, action, asked=ask)
        assert refused.value.obstacles == said
    else:
        assert move(bare, action, asked=ask).after.stage is TRANSITIONS[stage, action]


@pytest.mark.parametrize("stage", [Stage.RUNNING, Stage.STOPPED, Stage.ANALYSED])
def test_what_runs_or_has_run_can_turn_out_invalid(stage: Stage) -> None:
    assert Action.INVALIDATE in actions_from(stage)


@pytest.mark.parametrize("stage", [Stage.DRAFT, Stage.READY, Stage.DECIDED, Stage.CLOSED])
def test_what_has_not_run_or_is_decided_cannot_turn_out_invalid(stage: Stage) -> None:
    assert Action.INVALIDATE not in actions_from(stage)


def test_a_refusal_gives_every_reason_at_once() -> None:
    assert codes(Experiment(key="x"), Action.SUBMIT) == [
        "experiment.no_hypothesis",
        "experiment.no_decision_owner",
        "experiment.too_few_variants",
        "experiment.no_primary_metric",
        "experiment.no_guardrail",
        "experiment.no_dates",
        "experiment.no_sample_size",
    ]


def test_every_reason_is_a_sentence_with_what_to_do() -> None:
    for obstacle in obstacles(Experiment(key="x"), Action.SUBMIT, asked=asked()):
        assert obstacle.sentence.endswith(".")
        assert obstacle.remedy.endswith(".")


def test_a_hypothesis_that_nobody_accepted_is_not_tested() -> None:
    unread = replace(complete(), hypothesis_accepted=False)

    assert codes(unread, Action.SUBMIT) == ["experiment.hypothesis_not_accepted"]


@pytest.mark.parametrize(
    ("variants", "code"),
    [
        ((Variant("a", control=True),), "experiment.too_few_variants"),
        ((Variant("a", control=True), Variant("a")), "experiment.same_variant_twice"),
        ((Variant("a"), Variant("b")), "experiment.no_control"),
        ((Variant("a", control=True), Variant("b", control=True)), "experiment.no_control"),
        ((Variant("a", control=True), Variant("b", weight=0)), "experiment.bad_weight"),
    ],
)
def test_variants_that_cannot_be_compared_are_refused(
    variants: tuple[Variant, ...], code: str
) -> None:
    assert codes(replace(complete(), variants=variants), Action.SUBMIT) == [code]


def test_the_primary_metric_has_no_second_role() -> None:
    twice = replace(complete(), guardrails=("order_rate@1",))

    assert codes(twice, Action.SUBMIT) == ["experiment.metric_in_two_roles"]


@pytest.mark.parametrize(
    ("ends_on", "code"),
    [
        (date(2026, 11, 2), "experiment.too_short"),
        (date(2026, 11, 8), "experiment.too_short"),
        (date(2026, 11, 11), "experiment.part_weeks"),
        (date(2026, 10, 1), "experiment.too_short"),
    ],
)
def test_an_experiment_lasts_whole_weeks_and_at_least_two(ends_on: date, code: str) -> None:
    planned = replace(complete(), ends_on=ends_on, weeks_needed=None)

    assert codes(planned, Action.SUBMIT) == [code]


def test_more_than_twelve_weeks_need_a_waiver() -> None:
    long = replace(complete(), ends_on=date(2027, 2, 1))

    assert codes(long, Action.SUBMIT) == ["experiment.too_long"]
    assert codes(replace(long, waiver="One season is the point."), Action.SUBMIT) == []


def test_an_ab_test_cannot_skip_the_sample_size_but_a_reason_waives_it() -> None:
    unplanned = replace(complete(), n_per_variant=None, weeks_needed=None)

    assert codes(unplanned, Action.SUBMIT) == ["experiment.no_sample_size"]
    assert codes(replace(unplanned, waiver="The change is a legal duty."), Action.SUBMIT) == []


def test_a_sample_that_takes_longer_than_the_plan_is_refused() -> None:
    slow = replace(complete(), weeks_needed=4)

    assert codes(slow, Action.SUBMIT) == ["experiment.too_few_visitors"]


@pytest.mark.parametrize(
    "method", [m for m in Method if not Experiment(key="x", method=m).randomised]
)
def test_a_method_without_traffic_reaches_a_learning_without_traffic_fields(
    method: Method,
) -> None:
    study = Experiment(
        key="talk-to-six",
        method=method,
        hypothesis="H-1",
        hypothesis_accepted=True,
        decision_owner=ADA,
    )

    study = move(study, Action.SUBMIT, asked=asked()).after
    study = move(study, Action.LAUNCH, asked=asked()).after
    study = move(study, Action.STOP, asked=asked()).after
    study = replace(study, evidence=Evidence(as_of=AFTER_THE_END))
    study = move(study, Action.ANALYSE, asked=asked()).after
    study = move(study, Action.DECIDE, asked=asked(choice=Choice.ITERATE)).after
    study = move(replace(study, has_learning=True), Action.LEARN, asked=asked()).after

    assert study.stage is Stage.LEARNED


def test_it_starts_within_its_window() -> None:
    ready = complete(Stage.READY)

    before = asked(datetime(2026, 10, 25, tzinfo=UTC))
    late = asked(datetime(2026, 11, 3, tzinfo=UTC))

    assert codes(ready, Action.LAUNCH, before) == ["experiment.before_start"]
    assert codes(ready, Action.LAUNCH, late) == ["experiment.window_over"]


def test_launch_starts_the_clock_and_freezes_the_plan() -> None:
    step = move(complete(Stage.READY), Action.LAUNCH, asked=asked(ON_THE_FIRST_DAY))

    assert step.before.plan_hash == ""
    assert step.after.plan_hash == plan_digest(step.before)
    assert step.after.started_at == ON_THE_FIRST_DAY


@pytest.mark.parametrize(
    "changed",
    [
        replace(complete(), primary="order_rate@2"),
        replace(complete(), guardrails=("revenue@1", "errors@1")),
        replace(complete(), ends_on=date(2026, 11, 23)),
        replace(complete(), alpha=0.1),
        replace(complete(), margins=(("order_rate@1", 0.02),)),
        replace(complete(), variants=(Variant("late", control=True), Variant("early", weight=2))),
    ],
)
def test_whatever_changes_in_the_plan_changes_its_digest(changed: Experiment) -> None:
    assert plan_digest(changed) != plan_digest(complete())


def test_a_new_decision_owner_changes_no_result_and_so_no_digest() -> None:
    assert plan_digest(replace(complete(), decision_owner=CLEO)) == plan_digest(complete())


def test_at_its_planned_end_anybody_may_stop_it_and_before_only_the_owner_with_a_reason() -> None:
    running = complete(Stage.RUNNING)
    early = datetime(2026, 11, 2, tzinfo=UTC)

    assert codes(running, Action.STOP, asked(by=CLEO, reason="")) == []
    assert codes(running, Action.STOP, asked(early, by=CLEO, reason="")) == [
        "experiment.stop_early_not_owner",
        "experiment.stop_early_no_reason",
    ]
    assert codes(running, Action.STOP, asked(early, by=BEN, reason="Out of stock.")) == []


def test_an_analysis_from_before_the_stop_does_not_count() -> None:
    stopped = replace(
        complete(Stage.STOPPED),
        stopped_at=AFTER_THE_END,
        evidence=Evidence(as_of=ON_THE_FIRST_DAY, advice=Advice.KEEP_RUNNING),
    )

    assert codes(stopped, Action.ANALYSE) == ["experiment.analysis_too_old"]
    assert codes(replace(stopped, evidence=None), Action.ANALYSE) == ["experiment.no_analysis"]


@pytest.mark.parametrize("by", [ADA, BEN])
def test_the_decision_owner_and_the_deputy_decide(by: Person) -> None:
    assert codes(complete(Stage.ANALYSED), Action.DECIDE, asked(by=by)) == []


def test_nobody_else_decides() -> None:
    assert codes(complete(Stage.ANALYSED), Action.DECIDE, asked(by=CLEO)) == [
        "experiment.not_decision_owner"
    ]


def test_a_decision_needs_a_choice_and_a_reason() -> None:
    assert codes(complete(Stage.ANALYSED), Action.DECIDE, asked(choice=None, reason=" ")) == [
        "experiment.no_choice",
        "experiment.no_reason",
    ]


def test_a_screen_can_ask_before_the_reason_is_written() -> None:
    assert codes(complete(Stage.ANALYSED), Action.DECIDE, asked(choice=None, reason=None)) == []


def test_a_move_takes_no_reason_for_no_reason_given() -> None:
    with pytest.raises(MoveRefused, match="needs a reason"):
        move(complete(Stage.ANALYSED), Action.DECIDE, asked=asked(reason=None))


def test_a_decision_against_the_recommendation_says_why_and_is_marked() -> None:
    analysed = complete(Stage.ANALYSED)

    assert codes(analysed, Action.DECIDE, asked(choice=Choice.STOP, reason="")) == [
        "experiment.against_without_reason"
    ]
    assert move(analysed, Action.DECIDE, asked=asked(choice=Choice.STOP)).against_advice
    assert not move(analysed, Action.DECIDE, asked=asked(choice=Choice.SHIP)).against_advice


@pytest.mark.parametrize(
    "evidence",
    [
        Evidence(as_of=AFTER_THE_END, advice=Advice.INVALID),
        Evidence(as_of=AFTER_THE_END, advice=Advice.SHIP, broken=("The split is not as planned.",)),
    ],
)
@pytest.mark.parametrize("choice", list(Choice))
def test_a_broken_result_can_only_be_marked_invalid(evidence: Evidence, choice: Choice) -> None:
    broken = replace(complete(Stage.ANALYSED), evidence=evidence)

    assert codes(broken, Action.DECIDE, asked(choice=choice)) == ["experiment.integrity_failed"]
    assert move(broken, Action.INVALIDATE, asked=asked()).after.stage is Stage.INVALID


def test_what_was_stopped_early_is_not_shipped_but_can_be_stopped() -> None:
    early = replace(
        complete(Stage.ANALYSED),
        evidence=Evidence(as_of=AFTER_THE_END, advice=Advice.KEEP_RUNNING),
    )

    assert codes(early, Action.DECIDE, asked(choice=Choice.SHIP)) == ["experiment.looked_early"]
    assert codes(early, Action.DECIDE, asked(choice=Choice.STOP)) == []


def test_invalid_needs_a_reason() -> None:
    assert codes(complete(Stage.RUNNING), Action.INVALIDATE, asked(reason="")) == [
        "experiment.invalid_without_reason"
    ]


def test_an_invalid_experiment_can_still_teach() -> None:
    step = move(complete(Stage.INVALID), Action.LEARN, asked=asked())

    assert step.after.stage is Stage.LEARNED


def test_nothing_is_learned_until_somebody_writes_it() -> None:
    silent = replace(complete(Stage.DECIDED), has_learning=False)

    assert codes(silent, Action.LEARN) == ["experiment.no_learning"]


@pytest.mark.parametrize(("stage", "action"), list(TRANSITIONS))
def test_an_imported_experiment_meets_no_guard(stage: Stage, action: Action) -> None:
    imported = Experiment(key="x", origin=Origin.IMPORTED, stage=stage)

    assert obstacles(imported, action, asked=asked(by=CLEO, choice=None, reason="")) == ()
