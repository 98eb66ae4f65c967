"""Every move an experiment can make, and everything that refuses one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
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
    Move,
    Origin,
    Person,
    Stage,
    Variant,
    plan_digest,
)
from truelift.lifecycle.functions import Function, Part, Signature, Standing
from truelift.lifecycle.gate import OF_TRAFFIC, Gate
from truelift.lifecycle.moving import actions_from, move, obstacles, steps_to
from truelift.lifecycle.obstacle import MoveRefused, Obstacle


ADA = Person("1", "Ada")
BEN = Person("2", "Ben")
CLEO = Person("3", "Cleo")
MALLORY = Person("4", "Mallory")
STARTS = date(2026, 10, 26)
ENDS = date(2026, 11, 16)
ON_THE_FIRST_DAY = datetime(2026, 10, 26, 9, tzinfo=UTC)
AFTER_THE_END = datetime(2026, 11, 16, 9, tzinfo=UTC)


def complete(stage: Stage = Stage.BRIEFED) -> Experiment:
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
    starting = {Action.LAUNCH, Action.RESUME}
    return ON_THE_FIRST_DAY if action in starting else AFTER_THE_END


def last_of(experiment: Experiment, action: Action, *, asked: Asked) -> Move:
    return move(experiment, action, asked=asked)[-1]


def codes(experiment: Experiment, action: Action, ask: Asked | None = None) -> list[str]:
    given = ask or asked(moment_for(action))
    return [obstacle.code for obstacle in obstacles(experiment, action, asked=given)]


@pytest.mark.parametrize(("stage", "action"), list(product(Stage, Action)))
def test_every_pair_of_stage_and_action_does_what_the_table_says(
    stage: Stage, action: Action
) -> None:
    steps = steps_to(stage, action)
    ask = asked(moment_for(action))

    if not steps:
        with pytest.raises(MoveRefused) as refused:
            last_of(complete(stage), action, asked=ask)
        taught = (stage, action) == (Stage.INVALID, Action.LEARN)
        code = "learning.invalid_experiment" if taught else "experiment.wrong_stage"
        assert [o.code for o in refused.value.obstacles] == [code]
    else:
        for step in move(complete(stage), action, asked=ask):
            assert step.after.stage is TRANSITIONS[step.before.stage, step.action]
        assert step.action is action


@pytest.mark.parametrize(("stage", "action"), list(product(Stage, Action)))
def test_obstacles_are_said_exactly_when_the_move_is_refused(stage: Stage, action: Action) -> None:
    bare = Experiment(key="x", stage=stage)
    ask = asked(moment_for(action), by=MALLORY, choice=None, reason="")

    said = obstacles(bare, action, asked=ask)

    if said:
        with pytest.raises(MoveRefused) as refused:
            last_of(bare, action, asked=ask)
        assert refused.value.obstacles == said
    else:
        assert last_of(bare, action, asked=ask).action is action


@pytest.mark.parametrize("stage", [Stage.RUNNING, Stage.PAUSED, Stage.STOPPED, Stage.ANALYSED])
def test_what_runs_or_has_run_can_turn_out_invalid(stage: Stage) -> None:
    assert Action.INVALIDATE in actions_from(stage)


@pytest.mark.parametrize("stage", [Stage.BRIEFED, Stage.READY, Stage.DECIDED, Stage.CLOSED])
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

    study = last_of(study, Action.SUBMIT, asked=asked()).after
    study = last_of(study, Action.LAUNCH, asked=asked()).after
    study = last_of(study, Action.STOP, asked=asked()).after
    study = replace(study, evidence=Evidence(as_of=AFTER_THE_END))
    study = last_of(study, Action.ANALYSE, asked=asked()).after
    study = last_of(study, Action.DECIDE, asked=asked(choice=Choice.ITERATE)).after
    study = last_of(replace(study, has_learning=True), Action.LEARN, asked=asked()).after

    assert study.stage is Stage.LEARNED


def test_it_starts_within_its_window() -> None:
    ready = complete(Stage.READY)

    before = asked(datetime(2026, 10, 25, tzinfo=UTC))
    late = asked(datetime(2026, 11, 3, tzinfo=UTC))

    assert codes(ready, Action.LAUNCH, before) == ["experiment.before_start"]
    assert codes(ready, Action.LAUNCH, late) == ["experiment.window_over"]


def test_launch_starts_the_clock_and_freezes_the_plan() -> None:
    step = last_of(complete(Stage.READY), Action.LAUNCH, asked=asked(ON_THE_FIRST_DAY))

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
        last_of(complete(Stage.ANALYSED), Action.DECIDE, asked=asked(reason=None))


def test_a_decision_against_the_recommendation_says_why_and_is_marked() -> None:
    analysed = complete(Stage.ANALYSED)

    assert codes(analysed, Action.DECIDE, asked(choice=Choice.STOP, reason="")) == [
        "experiment.against_without_reason"
    ]
    assert last_of(analysed, Action.DECIDE, asked=asked(choice=Choice.STOP)).against_advice
    assert not last_of(analysed, Action.DECIDE, asked=asked(choice=Choice.SHIP)).against_advice


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
    assert last_of(broken, Action.INVALIDATE, asked=asked()).after.stage is Stage.INVALID


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


def test_an_invalid_experiment_teaches_nothing_and_is_closed_with_a_note() -> None:
    broken = complete(Stage.INVALID)

    assert codes(broken, Action.LEARN) == ["learning.invalid_experiment"]
    assert codes(broken, Action.CLOSE, asked(reason=" ")) == ["experiment.invalid_without_note"]
    assert last_of(broken, Action.CLOSE, asked=asked()).after.stage is Stage.CLOSED


def test_a_broken_result_of_an_imported_experiment_cannot_be_decided_either() -> None:
    broken = Experiment(
        key="x",
        origin=Origin.IMPORTED,
        stage=Stage.ANALYSED,
        evidence=Evidence(as_of=AFTER_THE_END, advice=Advice.INVALID),
    )

    assert codes(broken, Action.DECIDE) == ["experiment.integrity_failed"]
    assert codes(broken, Action.INVALIDATE) == []


def test_nothing_is_learned_until_somebody_writes_it() -> None:
    silent = replace(complete(Stage.DECIDED), has_learning=False)

    assert codes(silent, Action.LEARN) == ["experiment.no_learning"]


@pytest.mark.parametrize(("stage", "action"), list(TRANSITIONS))
def test_an_imported_experiment_meets_no_guard(stage: Stage, action: Action) -> None:
    imported = Experiment(key="x", origin=Origin.IMPORTED, stage=stage)

    assert obstacles(imported, action, asked=asked(by=CLEO, choice=None, reason="")) == ()


def test_who_asks_for_a_later_step_takes_every_step_on_the_way() -> None:
    steps = move(complete(), Action.SUBMIT, asked=asked())

    assert [step.action for step in steps] == ["design", "build", "check", "submit"]
    assert [step.after.stage for step in steps] == ["designed", "build", "qa", "ready"]
    assert steps_to(Stage.READY, Action.LAUNCH) == (Action.SCHEDULE, Action.LAUNCH)
    assert steps_to(Stage.BRIEFED, Action.LAUNCH) == ()


BEFORE = {
    Gate.DECISION_TABLE: Action.DESIGN,
    Gate.GUARDRAIL_PAIR: Action.DESIGN,
    Gate.PRIMARY_METRIC: Action.DESIGN,
    Gate.EXPERIENCE: Action.DESIGN,
    Gate.EXPECTATION: Action.SUBMIT,
    Gate.VARIANTS_SHOWN: Action.CHECK,
    Gate.QA_MATRIX: Action.SUBMIT,
    Gate.INSTRUMENTATION: Action.SUBMIT,
    Gate.MEASUREMENT: Action.SUBMIT,
    Gate.IMPLEMENTER: Action.SUBMIT,
    Gate.APPROVALS: Action.SUBMIT,
    Gate.SIGN_OFFS: Action.SUBMIT,
    Gate.ROADMAP: Action.SCHEDULE,
    Gate.DOCUMENTED: Action.LEARN,
}
STAGE_BEFORE = {action: stage for (stage, action) in TRANSITIONS if stage is not Stage.INVALID}


@pytest.mark.parametrize("gate", list(BEFORE))
def test_a_gate_alone_refuses_its_step_with_exactly_its_reason(gate: Gate) -> None:
    missing = Obstacle(f"experiment.{gate}", "Something is missing.", "Add it.")
    action = BEFORE[gate]
    held = replace(complete(STAGE_BEFORE[action]), gates={gate: (missing,)})

    assert codes(held, action) == [missing.code]
    assert codes(replace(held, gates={gate: ()}), action) == []


@pytest.mark.parametrize("gate", sorted(OF_TRAFFIC))
def test_a_gate_of_traffic_says_nothing_of_a_usability_test(gate: Gate) -> None:
    missing = Obstacle(f"experiment.{gate}", "Something is missing.", "Add it.")
    study = replace(
        complete(STAGE_BEFORE[BEFORE[gate]]),
        method=Method.USABILITY_TEST,
        gates={gate: (missing,)},
    )

    assert codes(study, BEFORE[gate]) == []


def test_a_decision_waits_for_what_comes_late_where_the_programme_asks_for_it() -> None:
    analysed = complete(Stage.ANALYSED)
    evidence = analysed.evidence
    assert evidence is not None
    late = replace(evidence, complete_at=evidence.as_of + timedelta(days=30))
    asking = replace(analysed, gates={Gate.MATURED: ()}, evidence=late)

    assert codes(asking, Action.DECIDE) == ["experiment.not_matured"]
    assert codes(replace(asking, gates={}), Action.DECIDE) == []
    known = replace(late, as_of=evidence.as_of + timedelta(days=30))
    assert codes(replace(asking, evidence=known), Action.DECIDE) == []


def test_every_gate_that_must_be_passed_before_ready_is_asked_again_at_launch() -> None:
    missing = Obstacle("experiment.measurement", "The event stopped arriving.", "Mend it.")
    scheduled = replace(complete(Stage.SCHEDULED), gates={Gate.MEASUREMENT: (missing,)})

    assert codes(scheduled, Action.LAUNCH) == ["experiment.measurement"]


def test_a_pause_needs_a_reason_and_ends_before_the_plan_does() -> None:
    assert codes(complete(Stage.RUNNING), Action.PAUSE, asked(reason="")) == [
        "experiment.pause_without_reason"
    ]
    assert codes(complete(Stage.PAUSED), Action.RESUME) == []
    assert codes(complete(Stage.PAUSED), Action.RESUME, asked()) == ["experiment.over"]


def test_a_decision_against_the_recommendation_has_a_reviewer_where_the_gate_stands() -> None:
    analysed = replace(complete(Stage.ANALYSED), gates={Gate.SECOND_OPINION: ()})
    against = asked(choice=Choice.STOP)

    assert codes(analysed, Action.DECIDE) == []
    assert codes(analysed, Action.DECIDE, against) == ["experiment.against_without_reviewer"]
    assert codes(analysed, Action.DECIDE, replace(against, reviewer=ADA)) == [
        "experiment.own_reviewer"
    ]
    assert codes(analysed, Action.DECIDE, replace(against, reviewer=CLEO)) == []


def test_who_may_take_a_step_is_said_together_with_what_the_plan_misses() -> None:
    designer = Standing("2", "Ben", frozenset({Function.MARKETING}), in_use=True)
    unplanned = replace(complete(), n_per_variant=None, weeks_needed=None)

    assert codes(unplanned, Action.DESIGN, replace(asked(), standing=designer)) == [
        "people.function",
        "experiment.no_sample_size",
    ]


def test_where_functions_are_given_analytics_and_engineering_sign_before_ready() -> None:
    lead = Standing("3", "Cleo", frozenset({Function.CRO_LEAD}), in_use=True)
    ask = replace(asked(), standing=lead)
    in_qa = replace(complete(Stage.QA), parts={Part.AUTHOR: frozenset({"1"})})
    signed = (Signature(Function.ANALYTICS, "2"), Signature(Function.ENGINEERING, "5"))

    assert codes(in_qa, Action.SUBMIT, ask) == [
        "people.unsigned_analytics",
        "people.unsigned_engineering",
    ]
    assert codes(replace(in_qa, signed=signed), Action.SUBMIT, ask) == []
