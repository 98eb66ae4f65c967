"""What a company wrote about a trial of its."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from truelift.apps.experiments.spec import JudgingSpec
from truelift.apps.research.fields import HypothesisFields, InsightFields
from truelift.lifecycle.experiment import Choice
from truelift.lifecycle.judging import Inference


USUAL_TABLE: Final = MappingProxyType(
    {"win": "ship", "null": "stop", "loss": "stop", "inconclusive": "iterate", "harm": "stop"}
)
"""What is done after each result, unless they agreed otherwise."""

NO_RISK: Final = MappingProxyType(
    dict.fromkeys(("brand", "revenue", "partner", "legal", "privacy", "accessibility"), False)
)


@dataclass(frozen=True, slots=True)
class Told:
    """What the team wrote about a trial.

    Attributes:
        goal: What the business gets when it works.
        audience: Who sees it.
        leak: Dimension, segment and step whose size the lake knows; None where the
            insight is sized in words.
        inference: How they agreed to judge it.
        judging: With which settings.
        secondary: Metrics that explain.
        table: What they agreed to do after each result.
        risks: What they answered to the questions of risk that are not all no.
        slot: When the winner would be built, in how many days.
        reasons: Why it was decided so.
        learning: What was learned, where it holds and what follows; empty before one.
        harm: Relative harm to a guardrail that would not matter. What an order is worth varies
            by a factor of thirty: there only great harm shows.
        harms: The same of single guardrails, where it is another.
        complete_after: Days after the end on which everything about everybody is known.
        impatient: What somebody says who wanted to decide before; empty for nobody.
    """

    name: str
    surface: str
    insight: InsightFields
    hypothesis: HypothesisFields
    primary: str
    guardrails: tuple[str, ...]
    variants: Mapping[str, str]
    minimum_effect: float
    goal: str
    audience: str
    leak: tuple[str, str, str] | None = None
    inference: Inference = Inference.FIXED
    judging: JudgingSpec = field(default_factory=JudgingSpec)
    secondary: tuple[str, ...] = ("order_rate", "revenue_per_visitor")
    table: Mapping[str, str] = field(default_factory=lambda: USUAL_TABLE)
    risks: tuple[str, ...] = ()
    adds_pressure: bool = False
    slot: tuple[str, float] = ("", 1.0)
    reasons: Mapping[Choice, str] = field(default_factory=dict)
    learning: tuple[str, str, str] = ("", "", "")
    complete_after: int = 3
    harm: float = 0.3
    harms: Mapping[str, float] = field(default_factory=dict)
    impatient: str = ""
