"""Rows of what was tried: metrics, experiments, snapshots, decisions, learnings, jobs."""

from __future__ import annotations

import json
from typing import Any, ClassVar, Final

from django.conf import settings
from django.db import models
from typing_extensions import override

from truelift.apps.experiments.monitoring_models import (  # noqa: F401 - Django finds them here
    AlertRecord,
    DelayedOutcomeRecord,
    WatchRecord,
)
from truelift.lifecycle.experiment import Action, Advice, Choice, Method, Origin, Stage
from truelift.lifecycle.judging import Inference


class MetricKind(models.TextChoices):
    """How a unit's events become one number."""

    PROPORTION = "proportion", "Share of visitors who do it"
    COUNT = "count", "Times per visitor"
    SUM = "sum", "Total per visitor"
    MEAN = "mean", "Mean per event"
    RATIO = "ratio", "Ratio of two totals"
    QUANTILE = "quantile", "Quantile, such as a median"
    RESTRICTED_MEAN = "restricted_mean", "Time until the event, cut at the window"
    RETENTION = "retention", "Share of visitors who come back"
    FUNNEL_STEP = "funnel_step", "Share of visitors who reach a step"


SHARES: Final = frozenset({MetricKind.PROPORTION, MetricKind.RETENTION, MetricKind.FUNNEL_STEP})
"""Kinds that a visitor did or did not."""

OF_EXPERIMENTS: Final = frozenset(
    {
        MetricKind.QUANTILE,
        MetricKind.RESTRICTED_MEAN,
        MetricKind.RETENTION,
        MetricKind.FUNNEL_STEP,
    }
)
"""Kinds that are told from a first exposure on, and so of experiments alone."""


class Per(models.TextChoices):
    """Of what a quantile is taken."""

    EVENT = "event", "Of the events’ numbers"
    VISITOR = "visitor", "Of the visitors’ totals"


class Better(models.TextChoices):
    """Which way a metric gets better."""

    INCREASE = "increase", "Higher is better"
    DECREASE = "decrease", "Lower is better"


class MetricRecord(models.Model):
    """One version of a metric's definition; written once, a change is the next version.

    Attributes:
        property: The number to add up or average; `value` is the event's money.
        window_days: From first exposure, its end included.
        from_days: Of a retention, the days after it before which nothing counts.
        steps: Of a funnel step, the events before it, in order.
        level: Of a quantile, which: 0.5 is the median.
        per: Of a quantile, of what it is taken.
        cap: The most that a visitor counts; money in whole units of the currency.
        denominator_cap: The same of what a ratio divides by.
        cap_percentile: In place of both: the cap is this percentile of all variants' visitors
            who have any, as it is when the experiment is analysed.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.PROTECT, related_name="metrics")
    key = models.CharField(max_length=80)
    version = models.PositiveIntegerField(default=1)
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=20, choices=MetricKind.choices)
    event = models.CharField(max_length=200)
    property = models.CharField(max_length=120, blank=True)
    denominator_event = models.CharField(max_length=200, blank=True)
    denominator_property = models.CharField(max_length=120, blank=True)
    window_days = models.FloatField(default=14)
    from_days = models.FloatField(default=0)
    steps = models.JSONField(default=list, blank=True)
    level = models.FloatField(null=True, blank=True)
    per = models.CharField(max_length=10, choices=Per.choices, blank=True)
    cap = models.FloatField(null=True, blank=True)
    denominator_cap = models.FloatField(null=True, blank=True)
    cap_percentile = models.FloatField(null=True, blank=True)
    better = models.CharField(max_length=8, choices=Better.choices, default=Better.INCREASE.value)
    unit_label = models.CharField(max_length=40, blank=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    made_at = models.DateTimeField()

    class Meta:
        db_table = "metric"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["site", "key", "version"], name="metric_version_once_per_site"
            ),
            models.CheckConstraint(
                condition=models.Q(kind__in=MetricKind.values), name="metric_kind_is_known"
            ),
            models.CheckConstraint(
                condition=models.Q(better__in=Better.values), name="metric_better_is_known"
            ),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.key}@{self.version}"


class ExperimentRecord(models.Model):
    """An experiment: its plan, and where it stands.

    Attributes:
        key: As the exposure events carry it; unique within the site.
        ends_on: The first day that no longer counts.
        n_given: Whether somebody gave the number per variant, so that it is not computed.
        tuning_n: As somebody gave it; None for what follows from the plan. So are the others
            below; `domain.judging_of` fills them in.
        covariate_days: Days before the first exposure that effects are adjusted by; 0: not.
        segments: Dimensions named beforehand.
        plan_hash: Frozen at launch.
        invalid_at: When it was marked invalid, which it stays when it is closed; None if never.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.PROTECT, related_name="experiments")
    key = models.CharField(max_length=80)
    name = models.CharField(max_length=200)
    surface = models.CharField(max_length=120, blank=True)
    method = models.CharField(max_length=14, default=Method.AB.value)
    inference = models.CharField(max_length=20, default=Inference.FIXED.value)
    tuning_n = models.PositiveBigIntegerField(null=True, blank=True)
    looks = models.PositiveSmallIntegerField(null=True, blank=True)
    spending = models.CharField(max_length=20, blank=True)
    prior_sd = models.FloatField(null=True, blank=True)
    correction = models.CharField(max_length=20, blank=True)
    covariate_days = models.PositiveSmallIntegerField(default=0)
    segments = models.JSONField(default=list, blank=True)
    unit = models.CharField(max_length=10, default="visitor")
    origin = models.CharField(max_length=10, default=Origin.TRUELIFT.value)
    stage = models.CharField(max_length=10, default=Stage.BRIEFED.value)
    hypothesis = models.ForeignKey(
        "research.HypothesisRecord",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="experiments",
    )
    decision_owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    deputy = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    starts_on = models.DateField(null=True, blank=True)
    ends_on = models.DateField(null=True, blank=True)
    alpha = models.FloatField(default=0.05)
    baseline = models.FloatField(null=True, blank=True)
    cv = models.FloatField(null=True, blank=True)
    minimum_effect = models.FloatField(null=True, blank=True)
    power = models.FloatField(default=0.8)
    visitors_per_week = models.FloatField(null=True, blank=True)
    allocation = models.FloatField(default=1.0)
    n_per_variant = models.PositiveBigIntegerField(null=True, blank=True)
    n_given = models.BooleanField(default=False)
    weeks_needed = models.PositiveIntegerField(null=True, blank=True)
    waiver = models.CharField(max_length=300, blank=True)
    plan_hash = models.CharField(max_length=64, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    stopped_at = models.DateTimeField(null=True, blank=True)
    invalid_at = models.DateTimeField(null=True, blank=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    made_at = models.DateTimeField()

    class Meta:
        db_table = "experiment"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["site", "key"], name="experiment_key_once_per_site"),
            models.CheckConstraint(
                condition=models.Q(stage__in=[each.value for each in Stage]),
                name="experiment_stage_is_known",
            ),
            models.CheckConstraint(
                condition=models.Q(method__in=[each.value for each in Method]),
                name="experiment_method_is_known",
            ),
            models.CheckConstraint(
                condition=models.Q(origin__in=[each.value for each in Origin]),
                name="experiment_origin_is_known",
            ),
            models.CheckConstraint(
                condition=models.Q(unit__in=["visitor"]), name="experiment_unit_is_known"
            ),
            models.CheckConstraint(
                condition=models.Q(inference__in=[each.value for each in Inference]),
                name="experiment_inference_is_known",
            ),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.key} {self.name}"

    @property
    def is_invalid(self) -> bool:
        """Whether it was marked invalid, closed or not: its result is no finding (R075)."""
        return self.stage == Stage.INVALID or self.invalid_at is not None


class VariantRecord(models.Model):
    """One of the versions that units are split between."""

    experiment = models.ForeignKey(
        ExperimentRecord, on_delete=models.CASCADE, related_name="variants"
    )
    key = models.CharField(max_length=80)
    name = models.CharField(max_length=120, blank=True)
    weight = models.FloatField(default=1.0)
    is_control = models.BooleanField(default=False)

    class Meta:
        db_table = "experiment_variant"
        ordering: ClassVar = ["pk"]

    @override
    def __str__(self) -> str:
        return self.key


class PhaseRecord(models.Model):
    """A change of the shares in which new visitors are drawn, from a moment on.

    Attributes:
        since: The first moment at which these shares held.
        weights: Variant → weight; 0 for one that took no new visitors.
    """

    experiment = models.ForeignKey(
        ExperimentRecord, on_delete=models.CASCADE, related_name="phases"
    )
    since = models.DateTimeField()
    weights = models.JSONField()
    reason = models.CharField(max_length=300)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    operator = models.BooleanField(default=False)
    made_at = models.DateTimeField()

    class Meta:
        db_table = "experiment_phase"
        ordering: ClassVar = ["since"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["experiment", "since"], name="experiment_phase_begins_once"
            )
        ]

    @override
    def __str__(self) -> str:
        return f"{self.experiment_id} {self.since:%Y-%m-%d}"


class MetricRole(models.TextChoices):
    """What a metric does in the decision."""

    PRIMARY = "primary", "Decides"
    GUARDRAIL = "guardrail", "May veto"
    SECONDARY = "secondary", "Explains"


class PlannedMetricRecord(models.Model):
    """A metric's part in an experiment, on the version that was planned."""

    experiment = models.ForeignKey(
        ExperimentRecord, on_delete=models.CASCADE, related_name="metrics"
    )
    metric = models.ForeignKey(MetricRecord, on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=10, choices=MetricRole.choices)
    margin = models.FloatField(null=True, blank=True)

    class Meta:
        db_table = "experiment_metric"
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["experiment"],
                condition=models.Q(role="primary"),
                name="experiment_has_one_primary_metric",
            ),
            models.CheckConstraint(
                condition=models.Q(role__in=MetricRole.values),
                name="experiment_metric_role_is_known",
            ),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.metric} {self.role}"


class AnalysisRecord(models.Model):
    """What an analysis said, exactly as it was said; never changed afterwards.

    Attributes:
        number: Counted per experiment, from 1.
        text: The document as JSON text: kept as text, because a database that parses
            JSON writes numbers back in its own way and the digest would not hold.
        digest: SHA-256 of the text.
        plan_hash: The plan that it followed.
    """

    experiment = models.ForeignKey(
        ExperimentRecord, on_delete=models.PROTECT, related_name="analyses"
    )
    number = models.PositiveIntegerField()
    as_of = models.DateTimeField()
    advice = models.CharField(max_length=12, blank=True)
    text = models.TextField()
    digest = models.CharField(max_length=64)
    plan_hash = models.CharField(max_length=64, blank=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    made_at = models.DateTimeField()

    class Meta:
        db_table = "analysis"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["experiment", "number"], name="analysis_number_once_per_experiment"
            ),
            models.CheckConstraint(
                condition=models.Q(advice__in=["", *(each.value for each in Advice)]),
                name="analysis_advice_is_known",
            ),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.experiment_id} analysis {self.number}"

    @property
    def document(self) -> dict[str, Any]:
        """The document, read from its text."""
        parsed: dict[str, Any] = json.loads(self.text)
        return parsed


class DecisionRecord(models.Model):
    """Who decided what, on which snapshot, and why.

    Attributes:
        advice: What the snapshot recommended, kept beside the choice.
        override_reason: Why it is shipped though a micro metric may have won at the cost of the
            business; empty when that was no question.
        reviewer: Who agreed with a decision against the recommendation; None for nobody.
        operator: Whether the operator decided on behalf of `by`.
    """

    experiment = models.OneToOneField(
        ExperimentRecord, on_delete=models.PROTECT, related_name="decision"
    )
    analysis = models.ForeignKey(
        AnalysisRecord, on_delete=models.PROTECT, null=True, related_name="decisions"
    )
    choice = models.CharField(max_length=8)
    advice = models.CharField(max_length=12, blank=True)
    against_advice = models.BooleanField(default=False)
    reason = models.CharField(max_length=1000, blank=True)
    override_reason = models.CharField(max_length=1000, blank=True, default="")
    reviewer = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    operator = models.BooleanField(default=False)
    decided_at = models.DateTimeField()

    class Meta:
        db_table = "decision"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(choice__in=[each.value for each in Choice]),
                name="decision_choice_is_known",
            )
        ]

    @override
    def __str__(self) -> str:
        return f"{self.choice} {self.experiment_id}"


class LearningRecord(models.Model):
    """What an experiment taught, where it holds, and what follows.

    Attributes:
        number: Counted per site; shown as `L-4`.
        follow_up: What is done next; or why nothing is.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.PROTECT, related_name="learnings")
    number = models.PositiveIntegerField()
    experiment = models.ForeignKey(
        ExperimentRecord, on_delete=models.PROTECT, related_name="learnings"
    )
    text = models.CharField(max_length=1000)
    scope = models.CharField(max_length=300)
    follow_up = models.CharField(max_length=500)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    made_at = models.DateTimeField()

    class Meta:
        db_table = "learning"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["site", "number"], name="learning_number_once_per_site")
        ]

    @override
    def __str__(self) -> str:
        return f"{self.key} {self.text}"

    @property
    def key(self) -> str:
        """How people and links call it."""
        return f"L-{self.number}"


class MoveRecord(models.Model):
    """One step that an experiment took."""

    experiment = models.ForeignKey(ExperimentRecord, on_delete=models.PROTECT, related_name="moves")
    action = models.CharField(max_length=10)
    before = models.CharField(max_length=10)
    after = models.CharField(max_length=10)
    reason = models.CharField(max_length=1000, blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    operator = models.BooleanField(default=False)
    moved_at = models.DateTimeField()

    class Meta:
        db_table = "experiment_move"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(action__in=[each.value for each in Action]),
                name="experiment_move_action_is_known",
            )
        ]

    @override
    def __str__(self) -> str:
        return f"{self.experiment_id} {self.action}"


class JobKind(models.TextChoices):
    """What this app does outside of a web request; other apps name theirs in `job_kinds`."""

    ANALYSE = "analyse", "Analyse an experiment"


class Job(models.Model):
    """Work that waits for the worker, or was done by it.

    Attributes:
        kind: A key of `job_kinds`.
        experiment: For work on one experiment; None for any other, which has a subject.
        subject: What the work is about, in the words of the app that does it; may be empty.
        run_after: Not before this instant; moved on after a failure.
        claimed_at: When a worker took it; a claim that is too old is taken again.
        finished_at: When it was done or given up.
        error: What went wrong the last time, for the person who waits.
    """

    kind = models.CharField(max_length=40)
    experiment = models.ForeignKey(
        ExperimentRecord, on_delete=models.CASCADE, null=True, blank=True, related_name="jobs"
    )
    subject = models.CharField(max_length=120, blank=True, default="")
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    asked_at = models.DateTimeField()
    run_after = models.DateTimeField()
    claimed_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    finished_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=500, blank=True)
    error_code = models.CharField(max_length=80, blank=True)

    class Meta:
        db_table = "job"
        indexes: ClassVar = [
            models.Index(fields=["finished_at", "run_after"], name="job_that_is_due")
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(experiment__isnull=False) | ~models.Q(subject=""),
                name="job_is_about_something",
            ),
            models.UniqueConstraint(
                fields=["experiment", "kind"],
                condition=models.Q(finished_at__isnull=True),
                name="one_open_job_of_a_kind_per_experiment",
            ),
            models.UniqueConstraint(
                fields=["kind", "subject"],
                condition=models.Q(finished_at__isnull=True) & ~models.Q(subject=""),
                name="one_open_job_of_a_kind_per_subject",
            ),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.kind} {self.subject or self.experiment_id}"
