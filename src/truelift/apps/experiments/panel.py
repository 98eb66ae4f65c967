"""The panel in which something is done to an experiment: who, what is possible, what refuses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from truelift.apps.drawing.wording import day
from truelift.apps.experiments.advising import advice_of
from truelift.apps.experiments.models import DecisionRecord, ExperimentRecord
from truelift.apps.experiments.wording import ADVICE, CHOICES, counted, moment
from truelift.lifecycle.experiment import (
    Action,
    Asked,
    Choice,
    Experiment,
    Stage,
)
from truelift.lifecycle.moving import actions_from, obstacles
from truelift.lifecycle.obstacle import Obstacle


@dataclass(frozen=True, slots=True)
class Button:
    """Something that can be done, or not.

    Attributes:
        action: Value of the form's `action`.
        choice: Value of the form's `choice`; empty for moves that choose nothing.
        label: What stands on it.
        main: The one solid button of the page.
        refused: Whether an obstacle stands in its way.
    """

    action: str
    choice: str
    label: str
    main: bool
    refused: bool


@dataclass(frozen=True, slots=True)
class Reason:
    """An obstacle on the page.

    Attributes:
        sentence: What is the matter.
        remedy: What removes it.
        href: Where that is done; empty when it is not a page.
    """

    sentence: str
    remedy: str
    href: str


@dataclass(frozen=True, slots=True)
class Panel:
    """What the person who looks can do next.

    Attributes:
        title: What this is about.
        facts: Term and description, in order.
        buttons: The moves of this stage, the expected one first.
        quiet: Moves that are possible but not expected; behind a fold.
        reason_label: Label of the field for the reason; empty when none is asked.
        refusal: Heading of the reasons.
        reasons: All of them, each once.
        note: A sentence below.
        link: Where the next step is done when it is a page of its own.
        link_label: What stands on that link.
        advice: What the plan had better say; stops nothing.
    """

    title: str
    facts: tuple[tuple[str, str], ...]
    buttons: tuple[Button, ...] = ()
    quiet: tuple[Button, ...] = ()
    reason_label: str = ""
    refusal: str = ""
    reasons: tuple[Reason, ...] = ()
    note: str = ""
    link: str = ""
    link_label: str = ""
    advice: tuple[str, ...] = ()

    @property
    def deciding(self) -> bool:
        """Whether the buttons choose what is decided."""
        return any(button.choice for button in self.buttons)


LABELS: Final[Mapping[Action, str]] = MappingProxyType(
    {
        Action.DESIGN: "Agree the design",
        Action.BUILD: "Start building",
        Action.CHECK: "Hand over to QA",
        Action.SUBMIT: "Submit the plan",
        Action.SCHEDULE: "Schedule",
        Action.RETURN: "Return to the brief",
        Action.LAUNCH: "Launch",
        Action.PAUSE: "Pause it",
        Action.RESUME: "Resume",
        Action.STOP: "Stop it",
        Action.CLOSE: "Close",
        Action.INVALIDATE: "Mark invalid",
    }
)

_TITLES: Final[Mapping[Stage, str]] = MappingProxyType(
    {
        Stage.BRIEFED: "Plan",
        Stage.DESIGNED: "Build",
        Stage.BUILD: "QA",
        Stage.QA: "Review",
        Stage.READY: "Launch",
        Stage.SCHEDULED: "Launch",
        Stage.RUNNING: "Running",
        Stage.PAUSED: "Paused",
        Stage.STOPPED: "Analysis",
        Stage.ANALYSED: "Decision",
        Stage.DECIDED: "Learning",
        Stage.LEARNED: "Learned",
        Stage.CLOSED: "Closed",
        Stage.INVALID: "Invalid",
    }
)

_CANNOT: Final[Mapping[Action, str]] = MappingProxyType(
    {
        Action.DESIGN: "The design cannot be agreed",
        Action.CHECK: "Cannot be handed over to QA",
        Action.SUBMIT: "Cannot be submitted",
        Action.SCHEDULE: "Cannot be scheduled",
        Action.LAUNCH: "Cannot be launched",
        Action.PAUSE: "Cannot be paused",
        Action.RESUME: "Cannot be resumed",
        Action.STOP: "Cannot be stopped",
        Action.DECIDE: "Cannot be decided",
        Action.INVALIDATE: "Cannot be marked invalid",
    }
)

_EXPECTED: Final[Mapping[Stage, tuple[Action, ...]]] = MappingProxyType(
    {
        Stage.BRIEFED: (Action.SUBMIT,),
        Stage.DESIGNED: (Action.BUILD, Action.RETURN),
        Stage.BUILD: (Action.CHECK, Action.RETURN),
        Stage.QA: (Action.SUBMIT, Action.RETURN),
        Stage.READY: (Action.LAUNCH, Action.SCHEDULE, Action.RETURN),
        Stage.SCHEDULED: (Action.LAUNCH, Action.RETURN),
        Stage.RUNNING: (Action.STOP,),
        Stage.PAUSED: (Action.RESUME, Action.STOP),
        Stage.ANALYSED: (Action.DECIDE,),
        Stage.LEARNED: (Action.CLOSE,),
    }
)

_QUIET: Final = frozenset({Action.PAUSE, Action.INVALIDATE})
"""Moves that are possible but not expected."""

_PLAN_FIELDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "experiment.no_hypothesis": "id_hypothesis",
        "experiment.no_decision_owner": "id_decision_owner",
        "experiment.too_few_variants": "variants",
        "experiment.same_variant_twice": "variants",
        "experiment.no_control": "variants",
        "experiment.bad_weight": "variants",
        "experiment.no_primary_metric": "id_primary",
        "experiment.no_guardrail": "id_guardrails",
        "experiment.metric_in_two_roles": "id_guardrails",
        "experiment.no_dates": "id_start",
        "experiment.too_short": "id_weeks",
        "experiment.part_weeks": "id_weeks",
        "experiment.too_long": "id_weeks",
        "experiment.no_sample_size": "id_minimum_effect",
        "experiment.looks_of_nothing": "id_minimum_effect",
        "experiment.unknown_inference": "id_inference",
        "experiment.too_few_visitors": "id_weeks",
    }
)
"""Obstacle → the field of the plan that removes it."""


def panel_of(
    record: ExperimentRecord,
    domain: Experiment,
    decision: DecisionRecord | None,
    *,
    asked: Asked,
    home: str,
    may_edit: bool,
    refused: tuple[Obstacle, ...] = (),
) -> Panel:
    """Lay out what can be done to an experiment by the person who looks.

    Args:
        record: The experiment.
        domain: The same as the rules see it.
        decision: What was decided, if anything was.
        asked: Who looks, and when; without a reason, which comes with the move.
        home: Address of the site's pages, with its slash.
        may_edit: Whether the role of the person reaches to move experiments.
        refused: Obstacles of a move that was just refused; said beside the others.
    """
    stage = domain.stage
    expected = _EXPECTED.get(stage, ())
    if stage is Stage.BRIEFED and domain.gates:
        # With gates the way to a launch is walked step by step.
        expected = (Action.DESIGN,)
    stands: dict[str, Obstacle] = {}
    for obstacle in refused:
        stands.setdefault(obstacle.code, obstacle)
    buttons: list[Button] = []
    for action in expected:
        for choice in tuple(Choice) if action is Action.DECIDE else (None,):
            found = _standing(domain, action, asked=asked, choice=choice, may_edit=may_edit)
            for obstacle in found:
                stands.setdefault(obstacle.code, obstacle)
            buttons.append(_button(action, choice, domain, refused=bool(found)))
    quiet = tuple(
        _button(
            action,
            None,
            domain,
            refused=bool(_standing(domain, action, asked=asked, choice=None, may_edit=may_edit)),
        )
        for action in actions_from(stage)
        if action in _QUIET
    )
    # Stopping before the planned end is possible, but it is not what the page suggests.
    early = domain.ends_on is not None and asked.today < domain.ends_on
    suggested = stage is not Stage.ANALYSED and not (stage is Stage.RUNNING and early)
    if buttons and suggested and not any(button.main for button in buttons):
        buttons[0] = _mainly(buttons[0])
    reasons = tuple(
        Reason(each.sentence, each.remedy, _href(each.code, record, home=home))
        for each in stands.values()
    )
    action = expected[0] if expected else Action.INVALIDATE
    return Panel(
        title=_TITLES[stage],
        facts=tuple(_facts(record, domain, decision)),
        buttons=tuple(buttons),
        quiet=quiet,
        reason_label=_reason_label(domain, asked),
        refusal=f"{_CANNOT.get(action, 'Not yet')}, for {counted(len(reasons), 'reason')}"
        if reasons
        else "",
        reasons=reasons,
        note=_note(domain, decision),
        advice=advice_of(record),
        **_link(record, stage, home=home),
    )


def _standing(
    domain: Experiment, action: Action, *, asked: Asked, choice: Choice | None, may_edit: bool
) -> tuple[Obstacle, ...]:
    found = obstacles(
        domain,
        action,
        asked=Asked(by=asked.by, at=asked.at, today=asked.today, choice=choice, reason=None),
    )
    # A viewer who is the decision-owner decides; everything else takes the role.
    if may_edit or action is Action.DECIDE:
        return found
    role = Obstacle(
        "experiment.role_too_small",
        "Your role on this site does not move experiments.",
        "Ask an owner of the site for the role editor.",
    )
    return (role, *found)


def _button(action: Action, choice: Choice | None, domain: Experiment, *, refused: bool) -> Button:
    advised = domain.evidence.advice if domain.evidence else None
    main = choice is not None and advised is not None and choice.value == advised.value
    return Button(
        action=action.value,
        choice=choice.value if choice else "",
        label=CHOICES[choice] if choice else LABELS[action],
        main=main and not refused,
        refused=refused,
    )


def _mainly(button: Button) -> Button:
    return Button(
        action=button.action,
        choice=button.choice,
        label=button.label,
        main=not button.refused,
        refused=button.refused,
    )


def _facts(
    record: ExperimentRecord, domain: Experiment, decision: DecisionRecord | None
) -> Iterable[tuple[str, str]]:
    if decision is not None:
        zone = record.site.time_zone
        yield "Decided", CHOICES[decision.choice]
        by = str(decision.by) if decision.by else "The operator"
        yield "By", f"{by}, entered by the operator" if decision.operator and decision.by else by
        yield "When", moment(decision.decided_at, zone)
        if decision.reason:
            yield "Because", decision.reason
        if decision.against_advice:
            advice = ADVICE[decision.advice].rstrip(".").lower()
            yield "Against", f"the recommendation, which was: {advice}"
        return
    yield "Decides", domain.decision_owner.name if domain.decision_owner else "nobody named yet"
    if domain.deputy:
        yield "Deputy", domain.deputy.name
    if domain.ends_on and domain.starts_on:
        decided_from = domain.stage in {Stage.STOPPED, Stage.ANALYSED}
        named, at = (
            ("Due", domain.ends_on)
            if decided_from
            else ("Last day", domain.ends_on - timedelta(days=1))
        )
        yield named, day(at, year=domain.starts_on.year)
    if domain.n_per_variant:
        yield "Needs", f"{domain.n_per_variant:,} visitors per variant"
    if domain.waiver:
        yield "Waived", domain.waiver


def _reason_label(domain: Experiment, asked: Asked) -> str:
    if domain.stage is Stage.ANALYSED:
        return "Why"
    early = domain.ends_on is not None and asked.today < domain.ends_on
    if domain.stage in {Stage.RUNNING, Stage.PAUSED} and early:
        return "Why before its planned end"
    return ""


def _note(domain: Experiment, decision: DecisionRecord | None) -> str:
    if decision is not None or domain.stage is not Stage.ANALYSED or domain.evidence is None:
        return ""
    if domain.evidence.broken or domain.evidence.advice is None:
        return ""
    others = [CHOICES[choice] for choice in Choice if choice.value != domain.evidence.advice.value]
    if len(others) == len(Choice):
        return ""
    return (
        f"“{others[0]}” and “{others[1]}” go against the recommendation: possible with a reason,"
        " and marked in the log."
    )


def _link(record: ExperimentRecord, stage: Stage, *, home: str) -> dict[str, str]:
    here = f"{home}experiments/{record.key}/"
    if stage is Stage.BRIEFED:
        return {"link": f"{here}edit/", "link_label": "Edit the plan"}
    if stage in {Stage.DECIDED, Stage.INVALID}:
        return {
            "link": f"{home}learnings/new/?experiment={record.key}",
            "link_label": "Write the learning",
        }
    return {}


def _href(code: str, record: ExperimentRecord, *, home: str) -> str:
    here = f"{home}experiments/{record.key}/"
    if code in _PLAN_FIELDS and record.stage == Stage.BRIEFED:
        return f"{here}edit/#{_PLAN_FIELDS[code]}"
    if code == "experiment.hypothesis_not_accepted" and record.hypothesis:
        return f"{home}hypotheses/{record.hypothesis.key}/"
    if code == "experiment.no_learning":
        return f"{home}learnings/new/?experiment={record.key}"
    if code == "experiment.integrity_failed":
        return "#invalid"
    return ""
