"""What a brief begins with, by how the programme works: prompts, a review, guardrails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from truelift.apps.experiments.spec import MetricSpec
from truelift.lifecycle.brief import Guards, MetricClass, Review, Situation
from truelift.lifecycle.experiment import Choice
from truelift.lifecycle.policy import Lead, Organisation, Policy, Research


@dataclass(frozen=True, slots=True)
class GuardrailTemplate:
    """A guardrail with its usual margin (R069).

    Attributes:
        metric: Its definition, taken when the site has no metric of that key yet.
        margin: The relative difference that would not matter.
        guards: What it watches over.
        worth: What it is worth as a metric that decides.
        words: The margin as a person says it, and how long it has to mature.
    """

    metric: MetricSpec
    margin: float
    guards: Guards
    worth: MetricClass
    words: str


GUARDRAILS: Final[Mapping[str, GuardrailTemplate]] = MappingProxyType(
    {
        "performance": GuardrailTemplate(
            MetricSpec(
                "lcp_p75",
                "quantile",
                "web_vitals",
                "Time until the main content shows",
                property="lcp",
                level=0.75,
                per="event",
                better="decrease",
                unit_label="ms",
                window_days=7,
            ),
            0.08,
            Guards.TECHNICAL,
            MetricClass.DIAGNOSTIC,
            "75th percentile, at most 8% slower: 200 ms of 2.5 s",
        ),
        "errors": GuardrailTemplate(
            MetricSpec(
                "js_error_rate",
                "proportion",
                "js_error",
                "Visitors with a script error",
                better="decrease",
                window_days=7,
            ),
            0.10,
            Guards.TECHNICAL,
            MetricClass.DIAGNOSTIC,
            "at most 10% more of them",
        ),
        "refunds": GuardrailTemplate(
            MetricSpec(
                "refund_rate",
                "ratio",
                "refund",
                "Refunds per order",
                denominator_event="purchase",
                better="decrease",
                window_days=30,
            ),
            0.05,
            Guards.COMMERCIAL,
            MetricClass.MACRO,
            "at most 5% more; known 30 days after the visit",
        ),
        "lead_quality": GuardrailTemplate(
            MetricSpec(
                "qualified_lead_share",
                "ratio",
                "qualified_lead",
                "Qualified leads per lead",
                denominator_event="generate_lead",
                window_days=45,
            ),
            0.05,
            Guards.COMMERCIAL,
            MetricClass.MACRO,
            "at most 5% less; known 45 days after the visit",
        ),
        "tickets": GuardrailTemplate(
            MetricSpec(
                "ticket_rate",
                "proportion",
                "support_ticket",
                "Visitors who write to support",
                better="decrease",
                window_days=14,
            ),
            0.05,
            Guards.EXPERIENCE,
            MetricClass.DIAGNOSTIC,
            "at most 5% more of them",
        ),
    }
)
"""Guardrails to start from; event names as this product and GA4 use them."""


@dataclass(frozen=True, slots=True)
class BriefTemplate:
    """What a brief begins with in one mode of work.

    Attributes:
        goal: The question that its goal answers.
        audience: The question that its audience answers.
        review: The review that it calls for.
        guardrails: Keys of `GUARDRAILS`, those that suit it best first.
        decisions: What most agree on; offered, never taken without a person.
        prompts: What else whoever writes it asks themselves.
    """

    goal: str
    audience: str
    review: Review
    guardrails: tuple[str, ...]
    decisions: Mapping[Situation, Choice]
    prompts: tuple[str, ...]


_USUAL: Final[Mapping[Situation, Choice]] = MappingProxyType(
    {
        Situation.WIN: Choice.SHIP,
        Situation.NULL: Choice.STOP,
        Situation.LOSS: Choice.STOP,
        Situation.INCONCLUSIVE: Choice.ITERATE,
        Situation.HARM: Choice.STOP,
    }
)

_OF_LEAD: Final = MappingProxyType(
    {
        Lead.MARKETING_LED: (
            "Which leads or orders does the business get more of, from which campaign?",
            "Whom does the advertisement or the link bring to this page?",
            ("errors", "performance", "lead_quality", "refunds", "tickets"),
        ),
        Lead.PRODUCT_LED: (
            "What do more people reach, stay for or pay for, and how soon?",
            "Who is it for: new people, those who come back, those who pay?",
            ("errors", "performance", "refunds", "tickets", "lead_quality"),
        ),
    }
)
_OF_RESEARCH: Final = MappingProxyType(
    {
        Research.RESEARCH_LED: "Which words of customers make it likely, besides the numbers?",
        Research.EXPERIMENT_LED: "What would you learn from it if it changed nothing?",
    }
)
_OF_ORGANISATION: Final = MappingProxyType(
    {
        Organisation.CENTRAL: "Which team has to know of it before it starts?",
        Organisation.DISTRIBUTED: "Whose pages and metrics does it touch outside your squad?",
    }
)


def template_of(policy: Policy) -> BriefTemplate:
    """Give what a brief begins with where a programme works this way (R007 to R009)."""
    goal, audience, guardrails = _OF_LEAD[policy.lead]
    return BriefTemplate(
        goal=goal,
        audience=audience,
        review=Review(policy.required_review),
        guardrails=guardrails,
        decisions=_USUAL,
        prompts=(_OF_RESEARCH[policy.research], _OF_ORGANISATION[policy.organisation]),
    )
