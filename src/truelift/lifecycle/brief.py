"""What a brief settles around an experiment, and what each gate still misses of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from truelift.lifecycle.experiment import Choice, Person
from truelift.lifecycle.functions import Function
from truelift.lifecycle.gate import Gate
from truelift.lifecycle.obstacle import Obstacle
from truelift.lifecycle.qa import QaEvidence, qa_obstacles


class Situation(StrEnum):
    """How an experiment can end; a decision table names what is done after each."""

    WIN = "win"
    NULL = "null"
    LOSS = "loss"
    INCONCLUSIVE = "inconclusive"
    HARM = "harm"

    @property
    def called(self) -> str:
        """The situation as it stands in a sentence: "after …"."""
        return _SITUATIONS[self]


_SITUATIONS: Final[Mapping[Situation, str]] = MappingProxyType(
    {
        Situation.WIN: "a win",
        Situation.NULL: "no difference that matters",
        Situation.LOSS: "a loss",
        Situation.INCONCLUSIVE: "an unclear result",
        Situation.HARM: "a harmed guardrail",
    }
)


class MetricClass(StrEnum):
    """What a metric is worth as the one that decides (R023)."""

    MACRO = "macro"
    MICRO = "micro"
    DIAGNOSTIC = "diagnostic"
    VANITY = "vanity"


class Guards(StrEnum):
    """What a guardrail watches over (R068, R135)."""

    TECHNICAL = "technical"
    COMMERCIAL = "commercial"
    EXPERIENCE = "experience"


class Risk(StrEnum):
    """A question of risk that a brief answers; a yes needs somebody's signature (R060)."""

    BRAND = "brand"
    REVENUE = "revenue"
    PARTNER = "partner"
    LEGAL = "legal"
    PRIVACY = "privacy"
    ACCESSIBILITY = "accessibility"

    @property
    def question(self) -> str:
        """The question, answered with yes or no."""
        return _QUESTIONS[self]

    @property
    def signed_by(self) -> frozenset[Function]:
        """The functions of which one has to sign after a yes."""
        return _SIGNERS[self]


_QUESTIONS: Final[Mapping[Risk, str]] = MappingProxyType(
    {
        Risk.BRAND: "Could it hurt how people see the brand?",
        Risk.REVENUE: "Could it cost noticeable revenue while it runs?",
        Risk.PARTNER: "Does it touch what was agreed with a partner?",
        Risk.LEGAL: "Does it change a price, a promise, a contract or its wording?",
        Risk.PRIVACY: "Does it collect or show personal data in a new way?",
        Risk.ACCESSIBILITY: "Could it be harder to use with a keyboard or a screen reader?",
    }
)

_SIGNERS: Final[Mapping[Risk, frozenset[Function]]] = MappingProxyType(
    {
        Risk.BRAND: frozenset({Function.MARKETING, Function.CREATIVE}),
        Risk.REVENUE: frozenset({Function.FINANCE}),
        Risk.PARTNER: frozenset({Function.SALES, Function.SPONSOR}),
        Risk.LEGAL: frozenset({Function.SPONSOR}),
        Risk.PRIVACY: frozenset({Function.SPONSOR}),
        Risk.ACCESSIBILITY: frozenset({Function.PRODUCT_UX}),
    }
)


class Approved(StrEnum):
    """What a stakeholder approves of."""

    GOALS = "goals"
    GUARDRAILS = "guardrails"


class Review(StrEnum):
    """A look at a change that a programme asks for by what it begins with (R008)."""

    MESSAGE_MATCH = "message_match"
    TIME_TO_VALUE = "time_to_value"

    @property
    def called(self) -> str:
        """The review as it stands on a page."""
        return self.replace("_", " ").capitalize()

    @property
    def question(self) -> str:
        """What whoever reviews it answers with yes."""
        return _REVIEWED[self]

    @property
    def given_by(self) -> frozenset[Function]:
        """The functions of which one reviews it."""
        return _REVIEWERS[self]


_REVIEWED: Final[Mapping[Review, str]] = MappingProxyType(
    {
        Review.MESSAGE_MATCH: "Does the page keep what the advertisement or the link promised?",
        Review.TIME_TO_VALUE: "Do people reach their first success no later than before?",
    }
)

_REVIEWERS: Final[Mapping[Review, frozenset[Function]]] = MappingProxyType(
    {
        Review.MESSAGE_MATCH: frozenset({Function.MARKETING, Function.CREATIVE}),
        Review.TIME_TO_VALUE: frozenset({Function.PRODUCT_UX}),
    }
)


@dataclass(frozen=True, slots=True)
class Approval:
    """Somebody agreed with one thing, as the plan stood then.

    Attributes:
        what: `Approved`, `Review` or `Risk`.
        by: Who.
        plan: Digest of the plan that they agreed with.
    """

    what: Approved | Review | Risk
    by: Person
    plan: str


@dataclass(frozen=True, slots=True)
class ShownVariant:
    """A variant as far as people can look at it.

    Attributes:
        key: As the exposure events carry it.
        has_picture: Whether there is a screenshot.
        has_address: Whether it can be opened by an address.
    """

    key: str
    has_picture: bool = False
    has_address: bool = False


@dataclass(frozen=True, slots=True)
class Brief:
    """What was settled around the plan of an experiment.

    Attributes:
        plan: Digest of the plan as it stands; approvals of another one do not count.
        decisions: What is done after each way in which it can end.
        primary: Name and class of the metric that decides; None without one.
        primary_is_proxy: Whether a proven link leads from it to a business outcome.
        guarded: What the guardrails watch over.
        adds_pressure: Whether the change adds urgency, scarcity or another pressure.
        variants: The versions, and what is there to look at.
        qa: What is known of the quality of the variants.
        measurement: What is wrong with the events it uses, one sentence each.
        measured: Whether somebody has looked lately at how they arrive.
        implementer: The engineer who would build the winner; None when nobody is named.
        acknowledged: Whether that engineer has agreed.
        slot: When they would build it; empty without one.
        risks: The questions of risk and their answers; a missing one is not answered.
        review: The review that the programme asks for; None for none.
        approvals: Who agreed with what.
        conflicts: What collides on the roadmap, one obstacle each.
        expectation: What the review of its visitors lacks, one obstacle each.
        undocumented: Fields of the documentation that are empty.
    """

    plan: str = ""
    decisions: Mapping[Situation, Choice] = field(default_factory=dict)
    primary: tuple[str, MetricClass] | None = None
    primary_is_proxy: bool = False
    guarded: frozenset[Guards] = frozenset()
    adds_pressure: bool = False
    variants: tuple[ShownVariant, ...] = ()
    qa: QaEvidence = field(default_factory=QaEvidence)
    measurement: tuple[str, ...] = ()
    measured: bool = True
    implementer: Person | None = None
    acknowledged: bool = False
    slot: str = ""
    risks: Mapping[Risk, bool] = field(default_factory=dict)
    review: Review | None = None
    approvals: tuple[Approval, ...] = ()
    conflicts: tuple[Obstacle, ...] = ()
    expectation: tuple[Obstacle, ...] = ()
    undocumented: tuple[str, ...] = ()


def gate_obstacles(brief: Brief, gate: Gate) -> tuple[Obstacle, ...]:
    """Say what one gate still misses of a brief."""
    return tuple(_ASSESSORS[gate](brief)) if gate in _ASSESSORS else ()


def _undecided(brief: Brief) -> Iterable[Obstacle]:
    open_ends = [each.called for each in Situation if each not in brief.decisions]
    if open_ends:
        yield Obstacle(
            "brief.no_decision",
            f"The decision table does not say what will be done after {_list(open_ends)}.",
            "Choose ship, iterate or stop for each.",
        )
    elif len(set(brief.decisions.values())) == 1:
        yield Obstacle(
            "brief.decides_nothing",
            "The decision table says the same after every result, so the test can change nothing.",
            "Say what a win and a loss would change, or ship or drop it without a test.",
        )


def _primary(brief: Brief) -> Iterable[Obstacle]:
    if brief.primary is None:
        return
    name, worth = brief.primary
    if worth is MetricClass.MACRO or (worth is MetricClass.MICRO and brief.primary_is_proxy):
        return
    yield Obstacle(
        "brief.primary_is_no_outcome",
        f"{name} is a {worth} metric: it can rise while the business loses."
        if worth is not MetricClass.MICRO
        else f"{name} is a micro metric, and nothing shows that the business follows it.",
        "Choose a business outcome as the primary metric, or register its proven link to one.",
    )


def _guardrails(brief: Brief) -> Iterable[Obstacle]:
    missing = [
        each.value for each in (Guards.TECHNICAL, Guards.COMMERCIAL) if each not in brief.guarded
    ]
    if missing:
        yield Obstacle(
            "brief.guardrail_missing",
            f"No {' and no '.join(missing)} guardrail watches over it.",
            "Add one, for example the error rate or the revenue per visitor.",
        )


def _experience(brief: Brief) -> Iterable[Obstacle]:
    if brief.adds_pressure and Guards.EXPERIENCE not in brief.guarded:
        yield Obstacle(
            "brief.pressure_unguarded",
            "It adds pressure, and no guardrail watches over the customer’s experience.",
            "Add one, for example the rate of tickets or the satisfaction.",
        )


def _shown(brief: Brief) -> Iterable[Obstacle]:
    pictures = [each.key for each in brief.variants if not each.has_picture]
    addresses = [each.key for each in brief.variants if not each.has_address]
    if pictures:
        yield Obstacle(
            "brief.no_screenshot",
            f"There is no screenshot of {_list(pictures)}.",
            "Add one, or let the instrumentation check take it.",
        )
    if addresses:
        yield Obstacle(
            "brief.no_address",
            f"Nobody has said at which address {_list(addresses)} can be seen.",
            "Give the address with the parameter that forces the variant.",
        )


_OF_MATRIX: Final = ("qa.no_matrix", "qa.cells_")


def _matrix(brief: Brief) -> Iterable[Obstacle]:
    return (each for each in qa_obstacles(brief.qa) if each.code.startswith(_OF_MATRIX))


def _instrumentation(brief: Brief) -> Iterable[Obstacle]:
    return (each for each in qa_obstacles(brief.qa) if not each.code.startswith(_OF_MATRIX))


def _measured(brief: Brief) -> Iterable[Obstacle]:
    if not brief.measured:
        yield Obstacle(
            "brief.not_measured",
            "Nobody has looked lately at how the events that it uses arrive.",
            "Look at its events.",
        )
    for sentence in brief.measurement:
        yield Obstacle(
            "brief.measurement_unsound",
            sentence,
            "Mend the tracking, or plan with events that arrive soundly.",
        )


def _implementer(brief: Brief) -> Iterable[Obstacle]:
    if brief.implementer is None:
        yield Obstacle(
            "brief.no_implementer",
            "Nobody is named who would build the winner.",
            "Name the engineer.",
        )
    elif not brief.acknowledged:
        yield Obstacle(
            "brief.not_acknowledged",
            f"{brief.implementer.name} has not agreed to build the winner.",
            f"Ask {brief.implementer.name} to acknowledge the brief.",
        )
    if not brief.slot.strip():
        yield Obstacle(
            "brief.no_slot",
            "No sprint or week is reserved for building the winner.",
            "Reserve a slot.",
        )


def _approved(brief: Brief) -> Iterable[Obstacle]:
    for what in Approved:
        given = [each for each in brief.approvals if each.what is what]
        if any(each.plan == brief.plan for each in given):
            continue
        yield Obstacle(
            f"brief.{what}_not_approved",
            f"{given[-1].by.name} approved the {what} of an earlier plan."
            if given
            else f"No stakeholder has approved the {what}.",
            "Ask a stakeholder to approve them as they stand.",
        )
    review = brief.review
    if review is None:
        return
    if not any(each.what is review and each.plan == brief.plan for each in brief.approvals):
        who = " or ".join(sorted(each.called for each in review.given_by))
        yield Obstacle(
            "brief.not_reviewed",
            f"Nobody has reviewed its {review.called.lower()} as the plan stands.",
            f"Ask somebody of {who} to review it.",
        )


def _signed_off(brief: Brief) -> Iterable[Obstacle]:
    unanswered = [each.value for each in Risk if each not in brief.risks]
    if unanswered:
        yield Obstacle(
            "brief.risk_unanswered",
            f"Nobody has said whether there is a risk of {_list(unanswered)}.",
            "Answer each question with yes or no.",
        )
    for risk, is_there in brief.risks.items():
        signed = any(each.what is risk and each.plan == brief.plan for each in brief.approvals)
        if is_there and not signed:
            who = " or ".join(sorted(each.called for each in risk.signed_by))
            yield Obstacle(
                f"brief.{risk}_not_signed",
                f"There is a risk of {risk}, and nobody has signed it off as the plan stands.",
                f"Ask somebody of {who} to sign it off.",
            )


def _documented(brief: Brief) -> Iterable[Obstacle]:
    if brief.undocumented:
        yield Obstacle(
            "brief.undocumented",
            f"Its documentation lacks {_list(list(brief.undocumented))}.",
            "Fill in what is missing, so that others can learn from it.",
        )


def _free(brief: Brief) -> Iterable[Obstacle]:
    return brief.conflicts


def _expected(brief: Brief) -> Iterable[Obstacle]:
    return brief.expectation


_ASSESSORS: Final = MappingProxyType(
    {
        Gate.DECISION_TABLE: _undecided,
        Gate.PRIMARY_METRIC: _primary,
        Gate.GUARDRAIL_PAIR: _guardrails,
        Gate.EXPERIENCE: _experience,
        Gate.EXPECTATION: _expected,
        Gate.VARIANTS_SHOWN: _shown,
        Gate.QA_MATRIX: _matrix,
        Gate.INSTRUMENTATION: _instrumentation,
        Gate.MEASUREMENT: _measured,
        Gate.IMPLEMENTER: _implementer,
        Gate.APPROVALS: _approved,
        Gate.SIGN_OFFS: _signed_off,
        Gate.ROADMAP: _free,
        Gate.DOCUMENTED: _documented,
    }
)


def _list(names: list[str]) -> str:
    *before, last = names
    return f"{', '.join(before)} and {last}" if before else last
