"""The gates of a programme: what has to be settled around a plan before it may go on."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Gate(StrEnum):
    """Something that a programme can require of every experiment."""

    DECISION_TABLE = "decision_table"
    GUARDRAIL_PAIR = "guardrail_pair"
    PRIMARY_METRIC = "primary_metric"
    EXPERIENCE = "experience"
    EXPECTATION = "expectation"
    VARIANTS_SHOWN = "variants_shown"
    QA_MATRIX = "qa_matrix"
    INSTRUMENTATION = "instrumentation"
    MEASUREMENT = "measurement"
    IMPLEMENTER = "implementer"
    APPROVALS = "approvals"
    SIGN_OFFS = "sign_offs"
    ROADMAP = "roadmap"
    MATURED = "matured"
    SECOND_OPINION = "second_opinion"
    DOCUMENTED = "documented"

    @property
    def called(self) -> str:
        """The gate as it stands on a page."""
        return "QA matrix" if self is Gate.QA_MATRIX else self.replace("_", " ").capitalize()

    @property
    def meaning(self) -> str:
        """What it requires, as it stands beside its switch."""
        return _MEANINGS[self]


_MEANINGS: Final[Mapping[Gate, str]] = MappingProxyType(
    {
        Gate.DECISION_TABLE: "what will be done after a win, no difference, a loss, an unclear"
        " result and a harmed guardrail is written before the design is agreed",
        Gate.GUARDRAIL_PAIR: "one technical and one commercial guardrail",
        Gate.PRIMARY_METRIC: "a primary metric that is a business outcome, or one with a proven"
        " link to such an outcome",
        Gate.EXPERIENCE: "a guardrail of the customer’s experience where a change adds pressure",
        Gate.EXPECTATION: "a signed review, at most 90 days old, of what visitors expect of the"
        " page, where 5% of its traffic or more is exposed",
        Gate.VARIANTS_SHOWN: "a screenshot and an address of every variant",
        Gate.QA_MATRIX: "every variant tried on the devices and browsers of nine in ten sessions,"
        " by somebody who did not build it",
        Gate.INSTRUMENTATION: "exposure, primary and guardrail events seen from every variant",
        Gate.MEASUREMENT: "sound measurement of the events that the experiment uses",
        Gate.IMPLEMENTER: "an engineer who has agreed to build the winner, with a slot",
        Gate.APPROVALS: "stakeholders’ approval of goals and guardrails, and the review that the"
        " programme asks for",
        Gate.SIGN_OFFS: "sign-offs for the risks that the brief names",
        Gate.ROADMAP: "no unresolved conflict and an agreed freeze",
        Gate.MATURED: "a primary metric and guardrails that are complete: a decision waits for what"
        " comes late, such as refunds and the quality of leads",
        Gate.SECOND_OPINION: "a reviewer when a decision goes against the recommendation",
        Gate.DOCUMENTED: "complete documentation before a learning counts",
    }
)

OF_TRAFFIC: Final = frozenset(
    {
        Gate.GUARDRAIL_PAIR,
        Gate.PRIMARY_METRIC,
        Gate.EXPERIENCE,
        Gate.EXPECTATION,
        Gate.VARIANTS_SHOWN,
        Gate.QA_MATRIX,
        Gate.INSTRUMENTATION,
        Gate.MEASUREMENT,
    }
)
"""Gates that mean something only where units are split between variants."""
