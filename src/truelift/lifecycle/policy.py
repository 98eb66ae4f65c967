"""How a programme wants to work: the one value that rules take to know its modes and limits."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from truelift.lifecycle.functions import Function
from truelift.lifecycle.gate import Gate
from truelift.lifecycle.obstacle import Obstacle


class Research(StrEnum):
    """How much must be known before something is tested (R007)."""

    RESEARCH_LED = "research_led"
    EXPERIMENT_LED = "experiment_led"


class Lead(StrEnum):
    """What the programme begins with (R008)."""

    MARKETING_LED = "marketing_led"
    PRODUCT_LED = "product_led"


class Organisation(StrEnum):
    """Who lets an experiment go to ready (R009)."""

    CENTRAL = "central"
    DISTRIBUTED = "distributed"


class HarmResponse(StrEnum):
    """What happens when a guardrail says that a variant does harm."""

    NOTIFY = "notify"
    RECOMMEND = "recommend"
    PAUSE = "pause"


class Framework(StrEnum):
    """How ideas are ranked against each other."""

    ICE = "ice"
    PIE = "pie"
    RICE = "rice"
    PXL = "pxl"
    EV = "ev"
    RISK_REWARD = "risk_reward"


@dataclass(frozen=True, slots=True)
class Scoring:
    """Which framework ranks ideas, in which of its variants.

    Attributes:
        framework: Its name.
        variant: Which of its formulas, `product` or `mean` for ICE; empty for the usual one.
        weights: Points or weights that differ from the usual ones: key of the question, number.
    """

    framework: Framework = Framework.ICE
    variant: str = ""
    weights: tuple[tuple[str, float], ...] = ()

    def weight(self, key: str, usual: float) -> float:
        """Give the weight of a question, which is the usual one where nothing else is agreed."""
        return dict(self.weights).get(key, usual)


@dataclass(frozen=True, slots=True)
class Policy:
    """What a programme has agreed on; the defaults hold for a site that has agreed on nothing.

    Attributes:
        version: Counted per site from 1; 0 for the defaults.
        research: Whether evidence of two kinds comes first, or testing does.
        lead: Whether it begins with marketing's pages or with the product.
        organisation: Whether one team keeps the gate, or every squad its own.
        stale_after_days: Days after which an accepted insight has to be confirmed again.
        triage_days: Days within which a signal or an idea is to be looked at.
        decision_days: Working days from the analysis to the decision.
        early_hidden_from: Functions that do not see effects before the planned end; empty
            when everybody sees them.
        harm: What a guardrail does.
        max_weeks: The longest that an experiment may be planned for without a waiver: later too
            many visitors have lost the cookie that keeps their variant.
        gates: What every experiment has to settle besides its plan.
        shallow_share: Share of a quarter's tests with one kind of evidence from which an
            experiment-led programme is warned.
        scoring: How ideas are ranked.
    """

    version: int = 0
    research: Research = Research.EXPERIMENT_LED
    lead: Lead = Lead.MARKETING_LED
    organisation: Organisation = Organisation.CENTRAL
    stale_after_days: int = 180
    triage_days: int = 14
    decision_days: int = 5
    early_hidden_from: frozenset[Function] = frozenset()
    harm: HarmResponse = HarmResponse.RECOMMEND
    max_weeks: int = 12
    gates: frozenset[Gate] = frozenset()
    shallow_share: float = 0.5
    scoring: Scoring = Scoring()

    @property
    def central(self) -> bool:
        """Whether one team keeps the gate."""
        return self.organisation is Organisation.CENTRAL

    @property
    def stale_after(self) -> timedelta:
        """How long an accepted insight holds without being confirmed again."""
        return timedelta(days=self.stale_after_days)

    @property
    def pieces_needed(self) -> int:
        """How many pieces of evidence a hypothesis needs."""
        return 2 if self.research is Research.RESEARCH_LED else 1

    @property
    def both_sorts_needed(self) -> bool:
        """Whether there must be something counted and something said among the evidence."""
        return self.research is Research.RESEARCH_LED

    def hides_early_results(
        self, functions: Collection[Function], *, may_write: bool = True
    ) -> bool:
        """Say whether a person sees no effect before the planned end.

        One function that may see them is enough. Who has none is judged by their
        access: those who only look do not see them.

        Args:
            functions: The person's functions on the site.
            may_write: Whether their access role reaches further than looking.
        """
        if not self.early_hidden_from:
            return False
        if not functions:
            return not may_write
        return set(functions) <= self.early_hidden_from

    @property
    def default_surfaces(self) -> tuple[str, ...]:
        """Where the programme looks first, by what it begins with (R008)."""
        return _SURFACES[self.lead]

    @property
    def default_metrics(self) -> tuple[str, ...]:
        """Keys of the metric templates that it begins with (R008)."""
        return _METRICS[self.lead]

    @property
    def required_review(self) -> str:
        """The review that its briefs call for beside all others (R008)."""
        return _REVIEWS[self.lead]


_SURFACES: Final[Mapping[Lead, tuple[str, ...]]] = MappingProxyType(
    {
        Lead.MARKETING_LED: ("Landing page", "Lead form", "Campaign page"),
        Lead.PRODUCT_LED: ("Onboarding", "Activation", "Pricing", "Account"),
    }
)

_METRICS: Final[Mapping[Lead, tuple[str, ...]]] = MappingProxyType(
    {
        Lead.MARKETING_LED: ("lead_rate", "qualified_lead_rate", "cost_per_lead"),
        Lead.PRODUCT_LED: ("activation_rate", "retention_rate", "revenue_per_user"),
    }
)

_REVIEWS: Final[Mapping[Lead, str]] = MappingProxyType(
    {
        Lead.MARKETING_LED: "message_match",
        Lead.PRODUCT_LED: "time_to_value",
    }
)

USUAL_POLICY: Final = Policy()
"""What holds where a site has agreed on nothing; rules take it when they are given none."""

_LIMITS: Final[Mapping[str, tuple[int, int]]] = MappingProxyType(
    {
        "stale_after_days": (7, 1825),
        "triage_days": (1, 365),
        "decision_days": (1, 60),
        "max_weeks": (2, 52),
    }
)
"""The least and the most that each number may be."""


MOST_WEIGHTS: Final = 60


def policy_obstacles(policy: Policy) -> tuple[Obstacle, ...]:
    """Say what is wrong with a policy before it is kept."""
    found = [
        Obstacle(
            f"policy.{name}",
            f"{name} is {getattr(policy, name)}, which is not from {least} to {most}.",
            f"Choose a whole number from {least} to {most}.",
        )
        for name, (least, most) in _LIMITS.items()
        if not least <= getattr(policy, name) <= most
    ]
    if not (math.isfinite(policy.shallow_share) and 0 < policy.shallow_share <= 1):
        found.append(
            Obstacle(
                "policy.shallow_share",
                "shallow_share is a share above 0 and at most 1.",
                "Choose 0.5, for example: half of a quarter's tests.",
            )
        )
    if len(policy.scoring.weights) > MOST_WEIGHTS:
        found.append(
            Obstacle(
                "policy.too_many_weights",
                f"It has {len(policy.scoring.weights)} weights; no framework has so many.",
                f"Keep {MOST_WEIGHTS} at most.",
            )
        )
    bad = [key for key, weight in policy.scoring.weights if not _is_weight(key, weight)]
    if bad:
        found.append(
            Obstacle(
                "policy.weights",
                f"The weights of {', '.join(sorted(bad))} are no numbers from 0 to 1,000, or their"
                " names are not words of small letters.",
                "Write each as name=number.",
            )
        )
    return tuple(found)


def _is_weight(key: str, weight: float) -> bool:
    return (
        key.isascii()
        and key.isidentifier()
        and len(key) <= 40
        and math.isfinite(weight)
        and 0 <= weight <= 1000
    )
