"""The panel in which something is done to an experiment: who, what is possible, what refuses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from types import MappingProxyType
from typing import Final, TypedDict

from truelift.apps.accounts.reads import people_of
from truelift.apps.accounts.roles import Role
from truelift.apps.drawing.wording import day
from truelift.apps.experiments.advising import advice_of
from truelift.apps.experiments.models import DecisionRecord, ExperimentRecord
from truelift.apps.experiments.wording import ADVICE, CHOICES, counted, moment
from truelift.lifecycle.experiment import (
    PREPARING,
    Action,
    Asked,
    Choice,
    Experiment,
    Stage,
)
from truelift.lifecycle.gate import Gate
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
class Fold:
    """A move that is possible but not what the page suggests; behind a fold, with its reason.

    Attributes:
        action: Value of the form's `action`.
        summary: What stands on the fold, and on the button.
        reason_label: Label of the field for the reason.
        refused: Why it cannot be made; empty when it can.
        open: Whether the fold is open from the start.
    """

    action: str
    summary: str
    reason_label: str
    refused: tuple[Reason, ...] = ()
    open: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """What the person who looks can do next.

    Attributes:
        title: What this is about.
        facts: Term and description, in order.
        buttons: The moves of this stage, the expected one first.
        folds: Moves that are possible but not expected.
        reason_label: Label of the field for the reason; empty when none is asked.
        reviewers: Who may agree with a decision against the recommendation: address and name;
            empty where nobody has to.
        conflict: Why shipping needs the decision-owner's written word; empty when it does not.
        follow_ups: Key and page of what the experiment led to.
        asks_follow_up: Whether something that follows can be named.
        refusal: Heading of the reasons.
        reasons: All of them, each once.
        note: A sentence below.
        link: Where the next step is done when it is a page of its own.
        link_label: What stands on that link.
        link_needs: The role that the page behind it asks for.
        advice: What the plan had better say; stops nothing.
    """

    title: str
    facts: tuple[tuple[str, str], ...]
    buttons: tuple[Button, ...] = ()
    folds: tuple[Fold, ...] = ()
    reason_label: str = ""
    reviewers: tuple[tuple[str, str], ...] = ()
    conflict: str = ""
    follow_ups: tuple[tuple[str, str], ...] = ()
    asks_follow_up: bool = False
    refusal: str = ""
    reasons: tuple[Reason, ...] = ()
    note: str = ""
    link: str = ""
    link_label: str = ""
    link_needs: Role = Role.VIEWER
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
        Action.BUILD: "Cannot be built",
        Action.CLOSE: "Cannot be closed",
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
        Stage.INVALID: (Action.CLOSE,),
    }
)

_FOLDED: Final[Mapping[Action, tuple[str, str]]] = MappingProxyType(
    {
        Action.PAUSE: ("Pause it", "Why it is paused"),
        Action.INVALIDATE: ("Mark it invalid", "Why its result cannot be used"),
    }
)
"""Moves that are possible but not expected, with their summary and what they ask."""

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
    if stage is Stage.BRIEFED and (domain.gates or asked.standing.in_use):
        # With gates, or steps of different people, the way to a launch is walked step by step.
        expected = (Action.DESIGN,)
    stands: dict[tuple[str, str], Obstacle] = {}
    for obstacle in refused:
        stands.setdefault((obstacle.code, obstacle.sentence), obstacle)
    buttons: list[Button] = []
    for action in expected:
        for choice in tuple(Choice) if action is Action.DECIDE else (None,):
            found = _standing(domain, action, asked=asked, choice=choice, may_edit=may_edit)
            for obstacle in found:
                stands.setdefault((obstacle.code, obstacle.sentence), obstacle)
            buttons.append(_button(action, choice, domain, refused=bool(found)))
    broken = bool(domain.evidence and domain.evidence.broken)
    folds = tuple(
        Fold(
            action.value,
            *_FOLDED[action],
            refused=tuple(
                Reason(
                    each.sentence,
                    each.remedy,
                    href_of(each.code, record, home=home, may_edit=may_edit),
                )
                for each in _standing(domain, action, asked=asked, choice=None, may_edit=may_edit)
            ),
            open=action is Action.INVALIDATE and broken,
        )
        for action in actions_from(stage)
        if action in _FOLDED
    )
    # Stopping before the planned end is possible, but it is not what the page suggests.
    early = domain.ends_on is not None and asked.today < domain.ends_on
    suggested = stage is not Stage.ANALYSED and not (stage is Stage.RUNNING and early)
    if buttons and suggested and not any(button.main for button in buttons):
        buttons[0] = _mainly(buttons[0])
    reasons = tuple(
        Reason(each.sentence, each.remedy, href_of(each.code, record, home=home, may_edit=may_edit))
        for each in stands.values()
    )
    action = expected[0] if expected else Action.INVALIDATE
    return Panel(
        title=_TITLES[stage],
        facts=tuple(_facts(record, domain, decision)),
        buttons=tuple(buttons),
        folds=folds,
        reason_label=_reason_label(domain, asked),
        reviewers=_reviewers(record, domain, asked),
        conflict=domain.evidence.conflict if domain.evidence and stage is Stage.ANALYSED else "",
        follow_ups=tuple(
            (key, f"{home}{_FOLLOWED[key.partition('-')[0]]}/{key}/") for key in domain.follow_ups
        ),
        asks_follow_up=stage is Stage.LEARNED and may_edit,
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
    found = obstacles(domain, action, asked=replace(asked, choice=choice, reason=None))
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
        if decision.reviewer:
            yield "Reviewed", f"by {decision.reviewer}"
        if decision.override_reason:
            yield "All the same", decision.override_reason
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


_FOLLOWED: Final = MappingProxyType({"S": "signals", "ID": "ideas", "H": "hypotheses"})


def _reviewers(
    record: ExperimentRecord, domain: Experiment, asked: Asked
) -> tuple[tuple[str, str], ...]:
    if domain.stage is not Stage.ANALYSED or Gate.SECOND_OPINION not in domain.gates:
        return ()
    if not domain.randomised:
        # A study recommends nothing that a decision could go against.
        return ()
    return tuple(
        (each.email, str(each)) for each in people_of(record.site) if str(each.pk) != asked.by.key
    )


def _reason_label(domain: Experiment, asked: Asked) -> str:
    if domain.stage is Stage.ANALYSED:
        return "Why"
    if domain.stage is Stage.LEARNED and not domain.follow_ups:
        return "Why nothing follows"
    if domain.stage is Stage.INVALID:
        return "What happens to its question"
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


class _Link(TypedDict, total=False):
    link: str
    link_label: str
    link_needs: Role


def _link(record: ExperimentRecord, stage: Stage, *, home: str) -> _Link:
    here = f"{home}experiments/{record.key}/"
    if stage is Stage.BRIEFED:
        return {"link": f"{here}edit/", "link_label": "Edit the plan", "link_needs": Role.EDITOR}
    if stage in PREPARING:
        return {"link": f"{here}brief/", "link_label": "Open the brief"}
    if stage is Stage.INVALID:
        again = f"{home}experiments/new/"
        return {"link": again, "link_label": "Plan it again", "link_needs": Role.EDITOR}
    if stage is Stage.DECIDED:
        return {
            "link": f"{home}learnings/new/?experiment={record.key}",
            "link_label": "Write the learning",
            "link_needs": Role.ANALYST,
        }
    return {}


_BRIEF_FIELDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "brief.no_decision": "decisions",
        "brief.decides_nothing": "decisions",
        "brief.guardrail_missing": "guardrails",
        "brief.pressure_unguarded": "guardrails",
        "brief.not_measured": "events",
        "brief.measurement_unsound": "events",
        "brief.no_implementer": "implementer",
        "brief.no_slot": "implementer",
        "brief.not_acknowledged": "approvals",
        "brief.goals_not_approved": "approval-goals",
        "brief.guardrails_not_approved": "approval-guardrails",
        "brief.not_reviewed": "approvals",
        "brief.risk_unanswered": "risks",
        "brief.undocumented": "documentation",
    }
)
"""Obstacle → the part of the brief's page that removes it."""

_QA_PARTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "qa.no_matrix": "matrix",
        "qa.cells_missing": "matrix",
        "qa.cells_failed": "matrix",
        "brief.no_address": "addresses",
        "brief.no_screenshot": "run",
    }
)
"""Obstacle → the part of the page of its checks that removes it; others are of its run."""


def href_of(code: str, record: ExperimentRecord, *, home: str, may_edit: bool) -> str:
    """Give the page on which somebody can remove an obstacle; empty where there is none."""
    here = f"{home}experiments/{record.key}/"
    if code in _PLAN_FIELDS and record.stage == Stage.BRIEFED:
        return f"{here}edit/#{_PLAN_FIELDS[code]}" if may_edit else ""
    if code in _QA_PARTS or code.startswith("qa."):
        return f"{home}qa/{record.key}/#{_QA_PARTS.get(code, 'run')}"
    if code == "expectation.no_surface":
        return f"{here}edit/" if may_edit else ""
    if code.startswith("expectation."):
        return _review_of(record, home=home)
    if code == "brief.primary_is_no_outcome":
        return f"{home}metrics/"
    if code in _BRIEF_FIELDS:
        return f"{here}brief/#{_BRIEF_FIELDS[code]}"
    if code.startswith("brief.") and code.endswith("_not_signed"):
        return f"{here}brief/#approval-{code.removeprefix('brief.').removesuffix('_not_signed')}"
    if code.startswith("people.unsigned_"):
        return f"{here}brief/#approval-{code.removeprefix('people.unsigned_')}"
    if code.startswith("people."):
        return f"{home}members/"
    if code == "experiment.hypothesis_not_accepted" and record.hypothesis:
        return f"{home}hypotheses/{record.hypothesis.key}/"
    if code == "experiment.no_learning":
        return f"{home}learnings/new/?experiment={record.key}" if may_edit else ""
    if code == "experiment.no_follow_up":
        return "#follow-up"
    if code == "experiment.integrity_failed":
        return "#invalidate"
    return ""


def _review_of(record: ExperimentRecord, *, home: str) -> str:
    """Give the page of the review of a test's surface; that of surfaces where it is none yet."""
    # Surfaces know experiments; loading them at once would close a circle.
    from truelift.apps.surfaces.models import SurfaceRecord

    known = SurfaceRecord.objects.filter(site=record.site, name__iexact=record.surface.strip())
    number = known.values_list("pk", flat=True).first()
    return f"{home}surfaces/" if number is None else f"{home}page-or-traffic/{number}/"
