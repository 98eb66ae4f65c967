"""Rows of what was found and what is proposed: insights, their evidence, hypotheses."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from typing_extensions import override

from truelift.lifecycle import hypothesis as rules
from truelift.lifecycle import insight as insight_rules
from truelift.lifecycle.hypothesis import Direction, Finding, HypothesisStage, WhyAgain
from truelift.lifecycle.insight import Cause, Evidence, Grade, InsightStage, Tag


class EvidenceKind(models.TextChoices):
    """Where a piece of evidence comes from."""

    ANALYTICS = "analytics", "Analytics"
    BEHAVIOUR = "behaviour", "Replay or heatmap"
    SURVEY = "survey", "Survey or poll"
    VOICE = "voice", "Customer’s words"
    USER_TEST = "user_test", "User test"
    PAST_TEST = "past_test", "Past experiment"
    REVIEW = "review", "Expert review"
    OPINION = "opinion", "Opinion"


class InsightRecord(models.Model):
    """What goes wrong, where, for whom and how large it is.

    Attributes:
        number: Counted per site; shown as `I-4`.
        size: How many people or how much money, in words with a number.
        people_per_week: How many people it concerns a week, where somebody knows.
        weekly_value_minor: What it costs a week, in minor units of the site's currency.
        tags: Words of `lifecycle.insight.Tag`.
        cause: How surely the cause is known, a word of `lifecycle.insight.Cause`; or empty.
        drafted_by: The model and version that wrote the draft; empty for a person.
        drafted_from: What the model was given: references that a reader can follow.
        edited_at: When it was last rewritten.
        held_since: When it was accepted, or last confirmed.
        because: What last confirmed it, or why it was retired.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.PROTECT, related_name="insights")
    number = models.PositiveIntegerField()
    problem = models.CharField(max_length=300, blank=True)
    surface = models.CharField(max_length=120, blank=True)
    segment = models.CharField(max_length=120, blank=True)
    size = models.CharField(max_length=200, blank=True)
    people_per_week = models.PositiveIntegerField(null=True, blank=True)
    weekly_value_minor = models.BigIntegerField(null=True, blank=True)
    tags = models.JSONField(default=list, blank=True)
    cause = models.CharField(max_length=10, blank=True)
    drafted_by = models.CharField(max_length=120, blank=True)
    drafted_from = models.JSONField(default=list, blank=True)
    stage = models.CharField(max_length=10, default=InsightStage.DRAFT.value)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    made_at = models.DateTimeField()
    edited_at = models.DateTimeField(null=True, blank=True)
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    accepted_at = models.DateTimeField(null=True, blank=True)
    held_since = models.DateTimeField(null=True, blank=True)
    because = models.CharField(max_length=500, blank=True)

    class Meta:
        db_table = "insight"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["site", "number"], name="insight_number_once_per_site"),
            models.CheckConstraint(
                condition=models.Q(stage__in=[stage.value for stage in InsightStage]),
                name="insight_stage_is_known",
            ),
            models.CheckConstraint(
                condition=models.Q(cause__in=["", *(each.value for each in Cause)]),
                name="insight_cause_is_known",
            ),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.key} {self.problem}"

    @property
    def key(self) -> str:
        """How people and links call it."""
        return f"I-{self.number}"

    @property
    def machine(self) -> bool:
        """Whether a machine wrote it and no person has accepted it yet."""
        return bool(self.drafted_by) and self.stage == InsightStage.DRAFT

    def pieces(self) -> tuple[Evidence, ...]:
        """Give its evidence as the rules know it."""
        return tuple(each.as_domain() for each in self.evidence.all())

    def as_domain(self) -> insight_rules.Insight:
        """Give the value that the rules judge."""
        return insight_rules.Insight(
            key=self.key,
            problem=self.problem,
            surface=self.surface,
            segment=self.segment,
            size=self.size,
            evidence=self.pieces(),
            tags=frozenset(Tag(each) for each in self.tags),
            cause=Cause(self.cause) if self.cause else None,
            machine=self.machine,
            held_since=self.held_since,
            stage=InsightStage(self.stage),
        )


class EvidenceRecord(models.Model):
    """One thing that supports an insight.

    Attributes:
        grade: What a person made of it, where they found it weaker than its kind; or empty.
    """

    insight = models.ForeignKey(InsightRecord, on_delete=models.CASCADE, related_name="evidence")
    kind = models.CharField(max_length=10, choices=EvidenceKind.choices)
    text = models.CharField(max_length=300)
    url = models.CharField(max_length=500, blank=True)
    grade = models.CharField(max_length=1, blank=True)

    class Meta:
        db_table = "evidence"
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(kind__in=EvidenceKind.values), name="evidence_kind_is_known"
            ),
            models.CheckConstraint(
                condition=models.Q(grade__in=["", *(each.value for each in Grade)]),
                name="evidence_grade_is_known",
            ),
        ]

    @override
    def __str__(self) -> str:
        return self.text

    def as_domain(self) -> Evidence:
        """Give the piece as the rules know it."""
        return Evidence(
            kind=insight_rules.EvidenceKind(self.kind),
            text=self.text,
            given=Grade(self.grade) if self.grade else None,
        )


class HypothesisRecord(models.Model):
    """A change, for whom, what it should do and why.

    Attributes:
        number: Counted per site; shown as `H-4`.
        metric: Key of the metric that should move.
        expected_lift: Relative, 0.05 for 5%.
        surface: The page or place that is changed.
        element: The part of the page.
        adds_pressure: Whether it presses people.
        learnings: What earlier experiments taught, as far as it builds on it.
        again: Why it is tried though earlier work is much the same: `WhyAgain`; or empty.
        answered: Keys of the earlier work that the answer is about.
        returned_because: What the reviewer wanted changed, the last time.
        drafted_by: The model and version that wrote the draft; empty for a person.
        drafted_from: What the model was given.
        edited_at: When it was last rewritten.
        own_because: Why its author accepted it, where nobody else could.
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
    surface = models.CharField(max_length=120, blank=True)
    element = models.CharField(max_length=120, blank=True)
    adds_pressure = models.BooleanField(default=False)
    learnings = models.ManyToManyField(
        "experiments.LearningRecord", through="CitationRecord", related_name="cited_by"
    )
    again = models.CharField(max_length=20, blank=True)
    again_because = models.CharField(max_length=500, blank=True)
    answered = models.JSONField(default=list, blank=True)
    returned_because = models.CharField(max_length=500, blank=True)
    drafted_by = models.CharField(max_length=120, blank=True)
    drafted_from = models.JSONField(default=list, blank=True)
    stage = models.CharField(max_length=20, default=HypothesisStage.DRAFT.value)
    finding = models.CharField(max_length=12, blank=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    made_at = models.DateTimeField()
    edited_at = models.DateTimeField(null=True, blank=True)
    submitted_at = models.DateTimeField(null=True, blank=True)
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    accepted_at = models.DateTimeField(null=True, blank=True)
    own_because = models.CharField(max_length=1000, blank=True)

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
            models.CheckConstraint(
                condition=models.Q(again__in=["", *(each.value for each in WhyAgain)]),
                name="hypothesis_again_is_known",
            ),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.key} {self.change}"

    @property
    def key(self) -> str:
        """How people and links call it."""
        return f"H-{self.number}"

    @property
    def machine(self) -> bool:
        """Whether a machine wrote it and no person has accepted it yet."""
        return bool(self.drafted_by) and self.stage in {
            HypothesisStage.DRAFT,
            HypothesisStage.READY_FOR_REVIEW,
        }

    def cites(self) -> tuple[str, ...]:
        """Give the keys of the learnings that it builds on."""
        return tuple(
            each.key for each in sorted(self.learnings.all(), key=lambda each: each.number)
        )

    def as_domain(
        self, *, alike: tuple[str, ...] = (), cited: tuple[str, ...] | None = None
    ) -> rules.Hypothesis:
        """Give the value that the rules judge.

        Args:
            alike: Keys of earlier work that is much the same, where somebody has looked.
            cited: Keys of the learnings that it cites; None: they are looked up.
        """
        insights = sorted(self.insights.all(), key=lambda each: each.number)
        return rules.Hypothesis(
            key=self.key,
            change=self.change,
            audience=self.audience,
            outcome=self.outcome,
            reason=self.reason,
            metric=self.metric,
            direction=Direction(self.direction) if self.direction else None,
            expected_lift=self.expected_lift,
            evidence=tuple(each.key for each in insights),
            # What only a machine has said supports nothing.
            pieces=tuple(piece for each in insights if not each.machine for piece in each.pieces()),
            surface=self.surface,
            element=self.element,
            learnings=self.cites() if cited is None else cited,
            adds_pressure=self.adds_pressure,
            machine=self.machine,
            alike=alike,
            answered=frozenset(self.answered),
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


class CitationRecord(models.Model):
    """A learning that a hypothesis builds on; while it does, the learning stays."""

    hypothesis = models.ForeignKey(
        HypothesisRecord, on_delete=models.CASCADE, related_name="citations"
    )
    learning = models.ForeignKey(
        "experiments.LearningRecord", on_delete=models.PROTECT, related_name="citations"
    )

    class Meta:
        db_table = "hypothesis_citation"
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["hypothesis", "learning"], name="hypothesis_cites_learning_once"
            )
        ]

    @override
    def __str__(self) -> str:
        return f"{self.hypothesis_id} cites {self.learning_id}"
