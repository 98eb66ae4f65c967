"""Rows of what was found and what is proposed: insights, their evidence, hypotheses."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from typing_extensions import override

from truelift.lifecycle import hypothesis as rules
from truelift.lifecycle import insight as insight_rules
from truelift.lifecycle.hypothesis import Direction, Finding, HypothesisStage
from truelift.lifecycle.insight import InsightStage


class EvidenceKind(models.TextChoices):
    """Where a piece of evidence comes from."""

    ANALYTICS = "analytics", "Analytics"
    BEHAVIOUR = "behaviour", "Replay or heatmap"
    VOICE = "voice", "Customer’s words"
    USER_TEST = "user_test", "User test"
    PAST_TEST = "past_test", "Past experiment"
    REVIEW = "review", "Expert review"


class InsightRecord(models.Model):
    """What goes wrong, where, for whom and how large it is.

    Attributes:
        number: Counted per site; shown as `I-4`.
        size: How many people or how much money, in words with a number.
        weekly_value_minor: What it costs a week, in minor units of the site's currency.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.PROTECT, related_name="insights")
    number = models.PositiveIntegerField()
    problem = models.CharField(max_length=300, blank=True)
    surface = models.CharField(max_length=120, blank=True)
    segment = models.CharField(max_length=120, blank=True)
    size = models.CharField(max_length=200, blank=True)
    weekly_value_minor = models.BigIntegerField(null=True, blank=True)
    stage = models.CharField(max_length=10, default=InsightStage.DRAFT.value)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    made_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "insight"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["site", "number"], name="insight_number_once_per_site"),
            models.CheckConstraint(
                condition=models.Q(stage__in=[stage.value for stage in InsightStage]),
                name="insight_stage_is_known",
            ),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.key} {self.problem}"

    @property
    def key(self) -> str:
        """How people and links call it."""
        return f"I-{self.number}"

    def as_domain(self) -> insight_rules.Insight:
        """Give the value that the rules judge."""
        return insight_rules.Insight(
            key=self.key,
            problem=self.problem,
            surface=self.surface,
            segment=self.segment,
            size=self.size,
            evidence=tuple(piece.text for piece in self.evidence.all()),
            stage=InsightStage(self.stage),
        )


class EvidenceRecord(models.Model):
    """One thing that supports an insight."""

    insight = models.ForeignKey(InsightRecord, on_delete=models.CASCADE, related_name="evidence")
    kind = models.CharField(max_length=10, choices=EvidenceKind.choices)
    text = models.CharField(max_length=300)
    url = models.CharField(max_length=500, blank=True)

    class Meta:
        db_table = "evidence"
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(kind__in=EvidenceKind.values), name="evidence_kind_is_known"
            )
        ]

    @override
    def __str__(self) -> str:
        return self.text


class HypothesisRecord(models.Model):
    """A change, for whom, what it should do and why.

    Attributes:
        number: Counted per site; shown as `H-4`.
        metric: Key of the metric that should move.
        expected_lift: Relative, 0.05 for 5%.
        finding: What its latest test said.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.PROTECT, related_name="hypotheses")
    number = models.PositiveIntegerField()
    change = models.CharField(max_length=300, blank=True)
    audience = models.CharField(max_length=200, blank=True)
    outcome = models.CharField(max_length=300, blank=True)
    reason = models.CharField(max_length=600, blank=True)
    metric = models.CharField(max_length=80, blank=True)
    direction = models.CharField(max_length=8, blank=True)
    expected_lift = models.FloatField(null=True, blank=True)
    insights = models.ManyToManyField(
        InsightRecord, through="SupportRecord", related_name="hypotheses"
    )
    stage = models.CharField(max_length=10, default=HypothesisStage.DRAFT.value)
    finding = models.CharField(max_length=12, blank=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    made_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "hypothesis"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["site", "number"], name="hypothesis_number_once_per_site"
            ),
            models.CheckConstraint(
                condition=models.Q(stage__in=[stage.value for stage in HypothesisStage]),
                name="hypothesis_stage_is_known",
            ),
            models.CheckConstraint(
                condition=models.Q(direction__in=["", *(each.value for each in Direction)]),
                name="hypothesis_direction_is_known",
            ),
            models.CheckConstraint(
                condition=models.Q(finding__in=["", *(each.value for each in Finding)]),
                name="hypothesis_finding_is_known",
            ),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.key} {self.change}"

    @property
    def key(self) -> str:
        """How people and links call it."""
        return f"H-{self.number}"

    def as_domain(self) -> rules.Hypothesis:
        """Give the value that the rules judge."""
        return rules.Hypothesis(
            key=self.key,
            change=self.change,
            audience=self.audience,
            outcome=self.outcome,
            reason=self.reason,
            metric=self.metric,
            direction=Direction(self.direction) if self.direction else None,
            expected_lift=self.expected_lift,
            evidence=tuple(
                insight.key for insight in sorted(self.insights.all(), key=lambda i: i.number)
            ),
            stage=HypothesisStage(self.stage),
            finding=Finding(self.finding) if self.finding else None,
        )


class SupportRecord(models.Model):
    """An insight that a hypothesis rests on; while it does, the insight stays."""

    hypothesis = models.ForeignKey(
        HypothesisRecord, on_delete=models.CASCADE, related_name="supports"
    )
    insight = models.ForeignKey(InsightRecord, on_delete=models.PROTECT, related_name="supports")

    class Meta:
        db_table = "hypothesis_support"
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["hypothesis", "insight"], name="insight_supports_hypothesis_once"
            )
        ]

    @override
    def __str__(self) -> str:
        return f"{self.insight_id} supports {self.hypothesis_id}"
