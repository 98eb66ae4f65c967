"""Every item in every stage, asked for every step, by everybody, in every kind of programme.

The tables are written out by hand from the agreed rules, not read from the code.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

from tests.lifecycle.test_functions import MAY
from truelift import lifecycle
from truelift.lifecycle.experiment import (
    Action,
    Advice,
    Asked,
    Choice,
    Evidence,
    Experiment,
    Origin,
    Person,
    Stage,
    Variant,
)
from truelift.lifecycle.functions import (
    ANYBODY,
    MACHINE,
    Function,
    Item,
    Part,
    Signature,
    Standing,
    people_obstacles,
)
from truelift.lifecycle.gate import Gate
from truelift.lifecycle.hypothesis import (
    Acceptance,
    Direction,
    Hypothesis,
    HypothesisAction,
    HypothesisStage,
    hypothesis_obstacles,
)
from truelift.lifecycle.idea import Idea, IdeaAction, IdeaStage, idea_obstacles
from truelift.lifecycle.insight import Evidence as Piece
from truelift.lifecycle.insight import (
    EvidenceKind,
    Insight,
    InsightAction,
    InsightStage,
    insight_obstacles,
)
from truelift.lifecycle.judging import Inference
from truelift.lifecycle.moving import move, obstacles
from truelift.lifecycle.obstacle import Obstacle
from truelift.lifecycle.policy import Lead, Organisation, Policy, Research
from truelift.lifecycle.rollout import (
    PageCheck,
    Rollout,
    RolloutAction,
    RolloutAsked,
    RolloutStage,
    VariantCode,
    rollout_obstacles,
)
from truelift.lifecycle.signal import Signal, SignalAction, SignalStage, signal_obstacles


NOW = datetime(2026, 5, 18, 12, tzinfo=UTC)
TODAY = NOW.date()
ADA = Person("ada", "Ada")
POLICIES = [
    Policy(research=research, lead=lead, organisation=organisation)
    for research, lead, organisation in product(Research, Lead, Organisation)
]
PEOPLE = [
    ANYBODY,
    MACHINE,
    *(
        Standing("p", functions=functions, in_use=True)
        for functions in (frozenset[Function](), *(frozenset({each}) for each in Function))
    ),
]
SIGNED = (
    Signature(Function.ANALYTICS, "a"),
    Signature(Function.ENGINEERING, "e"),
    Signature(Function.CRO_LEAD, "c"),
)
OF_MACHINES = {
    *((Item.INSIGHT, "draft"), (Item.INSIGHT, "stale"), (Item.HYPOTHESIS, "draft")),
    *((Item.HYPOTHESIS, "tested"), (Item.EXPERIMENT, "running"), (Item.EXPERIMENT, "paused")),
    *((Item.EXPERIMENT, "stopped"), (Item.EXPERIMENT, "analysed"), (Item.EXPERIMENT, "invalid")),
    (Item.ROLLOUT, "planned"),
    *((Item.ROLLOUT, "in_progress"), (Item.ROLLOUT, "live")),
}
"""What goes on without a person."""

WAYS = {
    Item.SIGNAL: """new triage triaged; triaged link linked; triaged dismiss dismissed;
        triaged snooze snoozed; snoozed wake triaged; linked unlink triaged;
        dismissed reopen triaged""",
    Item.IDEA: """submitted screen screened; submitted reject rejected; screened score scored;
        screened park parked; screened reject rejected; scored score scored;
        scored promote promoted; scored park parked; scored reject rejected;
        parked take_up screened; rejected take_up screened; promoted take_up screened""",
    Item.INSIGHT: """draft accept accepted; accepted confirm accepted; stale confirm accepted;
        accepted age stale; accepted retire retired; stale retire retired""",
    Item.HYPOTHESIS: """draft submit ready_for_review; ready_for_review return draft;
        ready_for_review accept accepted; accepted test tested; tested test tested""",
    Item.EXPERIMENT: """briefed design designed; designed build build; build check qa;
        qa submit ready; ready schedule scheduled; scheduled launch running;
        designed return briefed; build return briefed; qa return briefed; ready return briefed;
        scheduled return briefed; running pause paused; paused resume running;
        running stop stopped; paused stop stopped; stopped analyse analysed;
        analysed decide decided; decided learn learned; learned close closed;
        running invalidate invalid; paused invalidate invalid; stopped invalidate invalid;
        analysed invalidate invalid; invalid close closed""",
    Item.ROLLOUT: """planned start in_progress; in_progress go_live live; live verify verified;
        verified clean_up cleaned_up; planned abandon abandoned; in_progress abandon abandoned;
        live abandon abandoned""",
}
"""Stage, action, stage: every move there is."""

STEPS = {
    item: {
        (stage, action): to
        for stage, action, to in (way.split() for way in " ".join(ways.split()).split(";"))
    }
    for item, ways in WAYS.items()
}
ON_THE_WAY = {"submit": ("design", "build", "check"), "launch": ("schedule",)}

PIECES = (
    Piece(EvidenceKind.ANALYTICS, "Funnel of April"),
    Piece(EvidenceKind.VOICE, "“Where is the cost?”"),
)
SIGNAL = Signal(key="S-1", title="Many ask where their parcel is", until=NOW + timedelta(days=7))
IDEA = Idea(key="ID-1", change="Show the cost", problems=("S-1",))
INSIGHT = Insight(
    key="I-1",
    problem="Visitors meet the delivery cost only at checkout.",
    surface="checkout",
    segment="phones",
    size="41% of those who reach delivery leave",
    evidence=PIECES,
    held_since=NOW - timedelta(days=181),
)
HYPOTHESIS = Hypothesis(
    key="H-1",
    change="Show the delivery cost on the product page",
    audience="phone visitors",
    outcome="More of them will order",
    reason="41% of those who leave at delivery opened the cost and went back.",
    metric="order_rate",
    direction=Direction.INCREASE,
    expected_lift=0.05,
    evidence=("I-1",),
    pieces=PIECES,
)
EXPERIMENT = Experiment(
    key="delivery-cost",
    hypothesis="H-1",
    hypothesis_accepted=True,
    decision_owner=ADA,
    variants=(Variant("late", control=True), Variant("early")),
    primary="order_rate@1",
    guardrails=("revenue@1",),
    starts_on=date(2026, 5, 18),
    ends_on=date(2026, 6, 8),
    n_per_variant=31_234,
    weeks_needed=3,
    evidence=Evidence(as_of=NOW, advice=Advice.SHIP),
    has_learning=True,
    follow_ups=("H-2",),
    signed=SIGNED,
)
ROLLOUT = Rollout(
    key="R-1",
    owner="Ben",
    due=TODAY,
    exposure=1.0,
    variant_code=VariantCode.REMOVED,
    check=PageCheck(passed=True, at=NOW),
)


def experiment_codes(
    experiment: Experiment,
    action: Action,
    *,
    by: Standing = ANYBODY,
    policy: Policy = POLICIES[0],
    ask: dict[str, object] | None = None,
) -> list[str]:
    given: dict[str, object] = {"choice": Choice.SHIP, "reason": "It follows.", **(ask or {})}
    today = given.pop("today", TODAY)
    asked = Asked(ADA, NOW, today, standing=by, policy=policy, **given)  # type: ignore[arg-type]
    return codes(obstacles(experiment, action, asked=asked))


def signal_codes(stage: str, action: str, by: Standing, policy: Policy) -> list[str]:
    # Whoever may do what to signals and ideas is asked about by the app, beside these rules.
    signal = replace(SIGNAL, stage=SignalStage(stage))
    to = STEPS[Item.SIGNAL].get((stage, action))
    said = signal_obstacles(
        signal, SignalAction(action), now=NOW, insight="I-1", reason="Known", until=SIGNAL.until
    )
    return codes(said) + (_people(Item.SIGNAL, to, by, policy) if to else [])


def idea_codes(stage: str, action: str, by: Standing, policy: Policy) -> list[str]:
    idea = replace(IDEA, stage=IdeaStage(stage))
    to = STEPS[Item.IDEA].get((stage, action))
    said = idea_obstacles(idea, IdeaAction(action), hypothesis="H-1", reason="Later")
    return codes(said) + (_people(Item.IDEA, to, by, policy) if to else [])


def _people(item: Item, to: str, by: Standing, policy: Policy) -> list[str]:
    return codes(people_obstacles(item, to, by=by, central=policy.central))


def insight_codes(stage: str, action: str, by: Standing, policy: Policy) -> list[str]:
    insight = replace(INSIGHT, stage=InsightStage(stage))
    return codes(
        insight_obstacles(
            insight, InsightAction(action), by=by, policy=policy, now=NOW, reason="Seen."
        )
    )


def hypothesis_codes(stage: str, action: str, by: Standing, policy: Policy) -> list[str]:
    hypothesis = replace(HYPOTHESIS, stage=HypothesisStage(stage))
    return codes(
        hypothesis_obstacles(
            hypothesis, HypothesisAction(action), by=by, policy=policy, reason="Seen."
        )
    )


def rollout_codes(stage: str, action: str, by: Standing, policy: Policy) -> list[str]:
    rollout = replace(ROLLOUT, stage=RolloutStage(stage))
    asked = RolloutAsked(NOW, by, signed=SIGNED, reason="Replaced.", central=policy.central)
    return codes(rollout_obstacles(rollout, RolloutAction(action), asked=asked))


def codes(said: tuple[Obstacle, ...]) -> list[str]:
    return [each.code for each in said]


def steps_by_hand(item: Item, stage: str, action: str) -> list[str]:
    """List the stages that a move goes through; empty where there is no way."""
    through = []
    ways = STEPS[item]
    before = ON_THE_WAY.get(action, ()) if item is Item.EXPERIMENT else ()
    for step in (*before, action):
        if (stage, step) in ways:
            stage = ways[stage, step]
            through.append(stage)
        elif step == action:
            return []
    return through


def refusal_by_hand(item: Item, to: str, by: Standing, policy: Policy) -> list[str]:
    """Say what refuses one step of something that lacks nothing."""
    if by.machine:
        return [] if (item, to) in OF_MACHINES else ["people.machine"]
    table = dict(MAY)
    if not policy.central:
        table[Item.EXPERIMENT, "ready"] = MAY[Item.IDEA, "scored"]
    may = set(table.get((item, to), " ".join(Function)).split())
    anyone = not by.in_use or (item, to) not in table
    return [] if anyone or may & by.functions else ["people.function"]


CODES: dict[Item, Callable[[str, str, Standing, Policy], list[str]]] = {
    Item.SIGNAL: signal_codes,
    Item.IDEA: idea_codes,
    Item.INSIGHT: insight_codes,
    Item.HYPOTHESIS: hypothesis_codes,
    Item.ROLLOUT: rollout_codes,
}
KINDS: dict[
    Item,
    tuple[
        type[SignalStage | IdeaStage | InsightStage | HypothesisStage | RolloutStage],
        type[SignalAction | IdeaAction | InsightAction | HypothesisAction | RolloutAction],
    ],
] = {
    Item.SIGNAL: (SignalStage, SignalAction),
    Item.IDEA: (IdeaStage, IdeaAction),
    Item.INSIGHT: (InsightStage, InsightAction),
    Item.HYPOTHESIS: (HypothesisStage, HypothesisAction),
    Item.ROLLOUT: (RolloutStage, RolloutAction),
}


def test_every_stage_action_person_and_kind_of_programme_meets_exactly_its_rule() -> None:
    for item, said in CODES.items():
        stages, actions = KINDS[item]
        for stage, action, by, policy in product(stages, actions, PEOPLE, POLICIES):
            steps = steps_by_hand(item, stage.value, action.value)
            expected = (
                refusal_by_hand(item, steps[0], by, policy) if steps else [f"{item}.wrong_stage"]
            )

            found = said(stage.value, action.value, by, policy)

            assert found == expected, (item, stage, action, by, policy)


def test_so_does_an_experiment_that_was_run_here_and_an_imported_one_meets_none() -> None:
    for stage, action in product(Stage, Action):
        steps = steps_by_hand(Item.EXPERIMENT, stage.value, action.value)
        for origin, by, policy in product(Origin, PEOPLE, POLICIES):
            experiment = replace(EXPERIMENT, stage=stage, origin=origin)
            expected = list(
                dict.fromkeys(
                    code
                    for to in steps
                    for code in refusal_by_hand(Item.EXPERIMENT, to, by, policy)
                )
            )
            if origin is Origin.IMPORTED:
                expected = []
            if not steps:
                taught = (stage, action) == (Stage.INVALID, Action.LEARN)
                expected = ["learning.invalid_experiment" if taught else "experiment.wrong_stage"]

            found = experiment_codes(experiment, action, by=by, policy=policy)

            # One sentence per step on the way, each of which may lack another function.
            assert list(dict.fromkeys(found)) == expected, (stage, action, origin, by, policy)
            if not expected:
                asked = Asked(
                    *(ADA, NOW, TODAY, Choice.SHIP, "It follows."), standing=by, policy=policy
                )
                moved = move(experiment, action, asked=asked)
                assert [each.after.stage.value for each in moved] == steps


OPINION = (Piece(EvidenceKind.OPINION, "Ugly"),)
RESEARCHED = Policy(research=Research.RESEARCH_LED)
E, S, A = EXPERIMENT, Stage, Action
LEAD = Standing("p", functions=frozenset({Function.CRO_LEAD}), in_use=True)
MICRO = Evidence(as_of=NOW, advice=Advice.SHIP, conflict="More carts, fewer orders.")
ENDED = {"today": date(2026, 6, 8)}


def _of_signals() -> Iterator[tuple[str, tuple[Obstacle, ...]]]:
    at = Signal(key="S-1", title="Many ask", stage=SignalStage.TRIAGED)
    act = SignalAction
    yield "wrong_stage", signal_obstacles(at, act.TRIAGE, now=NOW)
    yield (
        "no_title",
        signal_obstacles(replace(at, title=""), act.LINK, now=NOW, insight="I-1"),
    )
    yield "no_insight", signal_obstacles(at, act.LINK, now=NOW)
    yield "no_reason", signal_obstacles(at, act.DISMISS, now=NOW)
    yield "no_day", signal_obstacles(at, act.SNOOZE, now=NOW)
    yield "day_gone", signal_obstacles(at, act.SNOOZE, now=NOW, until=NOW)


def _of_ideas() -> Iterator[tuple[str, tuple[Obstacle, ...]]]:
    at = replace(IDEA, stage=IdeaStage.SCORED)
    act = IdeaAction
    yield "wrong_stage", idea_obstacles(at, act.SCREEN)
    yield "no_change", idea_obstacles(replace(at, change=" "), act.SCORE)
    yield "solution_only", idea_obstacles(replace(at, problems=()), act.PROMOTE, hypothesis="H-1")
    yield "no_hypothesis", idea_obstacles(at, act.PROMOTE)
    yield "no_reason", idea_obstacles(at, act.PARK)
    yield "no_reason", idea_obstacles(at, act.REJECT)


def _of_insights() -> Iterator[tuple[str, tuple[Obstacle, ...]]]:
    act, accepted = InsightAction, replace(INSIGHT, stage=InsightStage.ACCEPTED)
    yield "wrong_stage", insight_obstacles(INSIGHT, act.CONFIRM)
    for part in ("problem", "surface", "segment", "size"):
        without: dict[str, Any] = {part: ""}
        yield f"no_{part}", insight_obstacles(replace(INSIGHT, **without), act.ACCEPT)
    yield "no_evidence", insight_obstacles(replace(INSIGHT, evidence=()), act.ACCEPT)
    yield "only_opinion", insight_obstacles(replace(INSIGHT, evidence=OPINION), act.ACCEPT)
    yield "nothing_confirms", insight_obstacles(accepted, act.CONFIRM, reason="")
    yield "retired_without_reason", insight_obstacles(accepted, act.RETIRE, reason=" ")
    yield "still_fresh", insight_obstacles(replace(accepted, held_since=NOW), act.AGE, now=NOW)


def _of_hypotheses() -> Iterator[tuple[str, tuple[Obstacle, ...]]]:
    at, act = replace(HYPOTHESIS, stage=HypothesisStage.READY_FOR_REVIEW), HypothesisAction
    draft = HYPOTHESIS
    yield "wrong_stage", hypothesis_obstacles(draft, act.ACCEPT)
    for part in ("change", "audience", "outcome", "reason", "metric"):
        without: dict[str, Any] = {part: " "}
        yield f"no_{part}", hypothesis_obstacles(replace(draft, **without), act.SUBMIT)
    yield "no_direction", hypothesis_obstacles(replace(draft, direction=None), act.SUBMIT)
    for lift in (None, 0.0, float("nan")):
        yield (
            "no_expected_lift",
            hypothesis_obstacles(replace(draft, expected_lift=lift), act.SUBMIT),
        )
    yield "no_evidence", hypothesis_obstacles(replace(draft, evidence=()), act.SUBMIT)
    yield (
        "little_evidence",
        hypothesis_obstacles(replace(at, pieces=PIECES[:1]), act.ACCEPT, policy=RESEARCHED),
    )
    yield (
        "one_sort_of_evidence",
        hypothesis_obstacles(replace(at, pieces=PIECES[:1] * 2), act.ACCEPT, policy=RESEARCHED),
    )
    yield "repeats", hypothesis_obstacles(replace(at, alike=("H-0",)), act.ACCEPT)
    yield (
        "own",
        hypothesis_obstacles(at, act.ACCEPT, acceptance=Acceptance(by_author=True, others=("B",))),
    )
    yield (
        "own_without_reason",
        hypothesis_obstacles(at, act.ACCEPT, acceptance=Acceptance(by_author=True, reason="")),
    )
    yield "returned_without_reason", hypothesis_obstacles(at, act.RETURN, reason="")


def _of_experiments() -> Iterator[tuple[str, list[str]]]:
    def lacking(**change: object) -> Experiment:
        return replace(E, **change)  # type: ignore[arg-type]

    late = date(2026, 8, 31)
    for code, experiment in {
        "no_hypothesis": lacking(hypothesis=""),
        "hypothesis_not_accepted": lacking(hypothesis_accepted=False),
        "no_decision_owner": lacking(decision_owner=None),
        "too_few_variants": lacking(variants=E.variants[:1]),
        "same_variant_twice": lacking(variants=(Variant("a", control=True), Variant("a"))),
        "no_control": lacking(variants=(Variant("a"), Variant("b"))),
        "bad_weight": lacking(variants=(E.variants[0], Variant("b", weight=0))),
        "no_primary_metric": lacking(primary=""),
        "no_guardrail": lacking(guardrails=()),
        "metric_in_two_roles": lacking(secondary=("order_rate@1",)),
        "no_dates": lacking(ends_on=None),
        "too_short": lacking(ends_on=date(2026, 5, 25), weeks_needed=None),
        "part_weeks": lacking(ends_on=date(2026, 6, 10)),
        "too_long": lacking(ends_on=late),
        "no_sample_size": lacking(n_per_variant=None),
        "too_few_visitors": lacking(weeks_needed=4),
        "unknown_inference": lacking(inference="guess"),
        "looks_of_nothing": lacking(
            inference=Inference.GROUP_SEQUENTIAL.value, n_per_variant=None, waiver="A duty."
        ),
    }.items():
        yield code, experiment_codes(experiment, A.DESIGN)
    yield "wrong_stage", experiment_codes(E, A.CLOSE)

    def at(stage: Stage, action: Action, change: Mapping[str, object], **ask: object) -> list[str]:
        return experiment_codes(lacking(stage=stage, **change), action, ask=ask)

    yield "before_start", at(S.SCHEDULED, A.LAUNCH, {}, today=date(2026, 5, 17))
    yield "window_over", at(S.SCHEDULED, A.LAUNCH, {}, today=date(2026, 5, 26))
    yield "pause_without_reason", at(S.RUNNING, A.PAUSE, {}, reason="")
    yield "over", at(S.PAUSED, A.RESUME, {}, **ENDED)
    yield "stop_early_not_owner", at(S.RUNNING, A.STOP, {"decision_owner": None})
    yield "stop_early_no_reason", at(S.RUNNING, A.STOP, {}, reason=" ")
    yield "no_analysis", at(S.STOPPED, A.ANALYSE, {"evidence": None})
    yield "analysis_too_old", at(S.STOPPED, A.ANALYSE, {"stopped_at": NOW + timedelta(hours=1)})
    yield "not_decision_owner", at(S.ANALYSED, A.DECIDE, {"decision_owner": Person("x", "X")})
    for broken in (Evidence(NOW, Advice.INVALID), Evidence(NOW, Advice.SHIP, ("Odd.",))):
        yield "integrity_failed", at(S.ANALYSED, A.DECIDE, {"evidence": broken})
    early = {"evidence": Evidence(NOW, Advice.KEEP_RUNNING)}
    yield "looked_early", at(S.ANALYSED, A.DECIDE, early)
    unripe = Evidence(NOW, Advice.SHIP, complete_at=NOW + timedelta(hours=1))
    matured: dict[str, object] = {"gates": {Gate.MATURED: ()}, "evidence": unripe}
    yield "not_matured", at(S.ANALYSED, A.DECIDE, matured)
    yield "no_choice", at(S.ANALYSED, A.DECIDE, {}, choice=None)
    yield "no_reason", at(S.ANALYSED, A.DECIDE, {}, reason="")
    against = {"choice": Choice.STOP}
    yield "against_without_reason", at(S.ANALYSED, A.DECIDE, {}, **against, reason="")
    reviewed: dict[str, object] = {"gates": {Gate.SECOND_OPINION: ()}}
    yield "against_without_reviewer", at(S.ANALYSED, A.DECIDE, reviewed, **against)
    yield "own_reviewer", at(S.ANALYSED, A.DECIDE, reviewed, **against, reviewer=ADA)
    yield "micro_hurts_macro", at(S.ANALYSED, A.DECIDE, {"evidence": MICRO})
    deputised = {"evidence": MICRO, "decision_owner": Person("x", "X"), "deputy": ADA}
    yield "override_not_owner", at(S.ANALYSED, A.DECIDE, deputised, override="We know.")
    yield "no_learning", at(S.DECIDED, A.LEARN, {"has_learning": False})
    yield "no_follow_up", at(S.LEARNED, A.CLOSE, {"follow_ups": ()}, reason="")
    yield "invalid_without_note", at(S.INVALID, A.CLOSE, {}, reason="")
    yield "invalid_without_reason", at(S.RUNNING, A.INVALIDATE, {}, reason="")


def _of_rollouts() -> Iterator[tuple[str, tuple[Obstacle, ...]]]:
    stage, act = RolloutStage, RolloutAction

    def at(where: RolloutStage, action: RolloutAction, **change: object) -> tuple[Obstacle, ...]:
        reason = change.pop("words", "Replaced.")
        asked = RolloutAsked(NOW, reason=str(reason))
        lacking = replace(ROLLOUT, stage=where, **change)  # type: ignore[arg-type]
        return rollout_obstacles(lacking, action, asked=asked)

    def verified(**change: object) -> tuple[Obstacle, ...]:
        return at(stage.LIVE, act.VERIFY, **change)

    yield "wrong_stage", at(stage.PLANNED, act.VERIFY)
    yield "no_owner", at(stage.PLANNED, act.START, owner="")
    yield "no_due_date", at(stage.PLANNED, act.START, due=None)
    yield "nobody_sees_it", at(stage.IN_PROGRESS, act.GO_LIVE, exposure=None)
    yield "no_owner", verified(owner="")
    yield "no_deploy_link", verified(permanent=True)
    yield "not_for_all", verified(exposure=0.5)
    yield "variant_code_present", verified(variant_code=VariantCode.PRESENT)
    yield "no_ticket", verified(variant_code=VariantCode.TICKETED)
    yield "no_page_check", verified(check=None)
    yield "page_check_failed", verified(check=PageCheck(passed=False, at=NOW))
    yield "page_check_too_old", verified(live_at=NOW + timedelta(hours=1))
    ticketed = {"variant_code": VariantCode.TICKETED, "ticket": "SHOP-1"}
    yield "variant_code_not_removed", at(stage.VERIFIED, act.CLEAN_UP, **ticketed)
    yield "abandoned_without_reason", at(stage.LIVE, act.ABANDON, words=" ")


def test_each_guard_alone_gives_exactly_its_reason_and_none_goes_untried() -> None:
    alone: dict[str, set[str]] = {}
    for item, cases in (
        ("signal", _of_signals()),
        ("idea", _of_ideas()),
        ("insight", _of_insights()),
        ("hypothesis", _of_hypotheses()),
        ("rollout", _of_rollouts()),
    ):
        for code, said in cases:
            assert codes(said) == [f"{item}.{code}"]
            alone.setdefault(item, set()).add(code)
    for code, found in _of_experiments():
        assert found == [f"experiment.{code}"]
        alone.setdefault("experiment", set()).add(code)

    # Every reason that the rules can give was given here by itself.
    written = "".join(
        (Path(lifecycle.__file__).parent / f"{name}.py").read_text(encoding="utf-8")
        for name in (*alone, "guards", "moving")
    )
    known = {(item, code) for item, found in alone.items() for code in found}
    unknown = {
        pair
        for pair in re.findall(r'Obstacle\(\s*f?"(\w+)\.([\w{}]+)"', written)
        if pair[0] in alone and "{" not in pair[1]
    } - known

    assert unknown == set()


def test_separation_of_duties_names_the_person_and_the_missing_signature_alone() -> None:
    qa = replace(E, stage=S.QA, parts={Part.AUTHOR: frozenset({"p"})})

    assert experiment_codes(qa, A.SUBMIT, by=LEAD) == ["people.same_person"]
    for missing in (Function.ANALYTICS, Function.ENGINEERING):
        signed = tuple(each for each in SIGNED if each.function is not missing)
        unsigned = replace(E, stage=S.QA, signed=signed)
        assert experiment_codes(unsigned, A.SUBMIT, by=LEAD) == [f"people.unsigned_{missing}"]
