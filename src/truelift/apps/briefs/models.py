"""Rows of what was settled around an experiment, and who agreed with it."""

from __future__ import annotations

from typing import ClassVar, Final

from django.conf import settings
from django.db import models
from typing_extensions import override

from truelift.lifecycle.brief import Approved, Guards, MetricClass, Review, Risk
from truelift.lifecycle.functions import Function


SIGNING: Final = (Function.ANALYTICS, Function.ENGINEERING)
"""Functions that review an experiment before it is ready."""


class BriefRecord(models.Model):
    """What was settled around an experiment's plan.

    Attributes:
        goal: What the business gets when the change works.
        audience: Who may see it, in words.
        adds_pressure: Whether the change adds urgency, scarcity or another pressure.
        builder: Who builds the variants.
        implementer: Who would build the winner for good.
        effort_days: How long that would take.
        slot: When it would be done.
        acknowledged_at: When the implementer agreed; empty again after a change of either.
        decisions: Word of `lifecycle.brief.Situation` → word of `Choice`.
        risks: Word of `lifecycle.brief.Risk` → whether there is one.
        qa_notes: What was seen while the variants were tried.
    """

    experiment = models.OneToOneField(
        "experiments.ExperimentRecord", on_delete=models.CASCADE, related_name="brief"
    )
    goal = models.CharField(max_length=500, blank=True)
    audience = models.CharField(max_length=300, blank=True)
    adds_pressure = models.BooleanField(default=False)
    builder = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    implementer = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    effort_days = models.FloatField(null=True, blank=True)
    slot = models.CharField(max_length=120, blank=True)
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    decisions = models.JSONField(default=dict, blank=True)
    risks = models.JSONField(default=dict, blank=True)
    qa_notes = models.CharField(max_length=2000, blank=True)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    changed_at = models.DateTimeField()

    class Meta:
        db_table = "brief"

    @override
    def __str__(self) -> str:
        return f"brief of {self.experiment_id}"


class ApprovalRecord(models.Model):
    """Somebody agreed with one thing of an experiment, as its plan stood; written once.

    Attributes:
        what: A word of `Approved`, `Review` or `Risk`, or a function that signed the review.
        plan: Digest of the plan that they agreed with.
    """

    experiment = models.ForeignKey(
        "experiments.ExperimentRecord", on_delete=models.CASCADE, related_name="approvals"
    )
    what = models.CharField(max_length=20)
    plan = models.CharField(max_length=64)
    note = models.CharField(max_length=500, blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    given_at = models.DateTimeField()

    class Meta:
        db_table = "approval"
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(
                    what__in=[each.value for each in (*Approved, *Review, *Risk, *SIGNING)]
                ),
                name="approval_what_is_known",
            )
        ]

    @override
    def __str__(self) -> str:
        return f"{self.what} of {self.experiment_id}"


class FollowUpRecord(models.Model):
    """What an experiment led to: a signal, an idea or a hypothesis (R002).

    Attributes:
        kind: `signal`, `idea` or `hypothesis`.
        key: As people call it: `H-7`.
    """

    experiment = models.ForeignKey(
        "experiments.ExperimentRecord", on_delete=models.CASCADE, related_name="follow_ups"
    )
    kind = models.CharField(max_length=12)
    key = models.CharField(max_length=20)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    made_at = models.DateTimeField()

    class Meta:
        db_table = "follow_up"
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["experiment", "key"], name="follow_up_once"),
            models.CheckConstraint(
                condition=models.Q(kind__in=["signal", "idea", "hypothesis"]),
                name="follow_up_kind_is_known",
            ),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.experiment_id} led to {self.key}"


class EventFigureRecord(models.Model):
    """How soundly one event of a site arrived lately; a job writes it anew.

    Attributes:
        event: Its name.
        count: How often it arrived in the days that were looked at.
        days: Days of them on which the site had anything.
        days_with: Days of those on which it arrived.
        looked_at: When.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="event_figures")
    event = models.CharField(max_length=200)
    count = models.PositiveBigIntegerField()
    days = models.PositiveSmallIntegerField()
    days_with = models.PositiveSmallIntegerField()
    looked_at = models.DateTimeField()

    class Meta:
        db_table = "event_figure"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["site", "event"], name="event_figure_once_per_site")
        ]

    @override
    def __str__(self) -> str:
        return f"{self.event}: {self.days_with} of {self.days} days"


class MetricClassRecord(models.Model):
    """What a metric is worth, and what it watches over; the newest row of a metric counts.

    Attributes:
        metric: Its key; every version of it.
        worth: As the metric that decides.
        guards: What it watches over as a guardrail; empty for nothing in particular.
        proxy_of: Key of the outcome that a micro metric is proven to lead to; or empty.
        because: What proves it.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.PROTECT, related_name="metric_classes")
    metric = models.CharField(max_length=80)
    worth = models.CharField(max_length=10)
    guards = models.CharField(max_length=10, blank=True)
    proxy_of = models.CharField(max_length=80, blank=True)
    because = models.CharField(max_length=500, blank=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    made_at = models.DateTimeField()

    class Meta:
        db_table = "metric_class"
        indexes: ClassVar = [models.Index(fields=["site", "metric"], name="metric_class_of")]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(worth__in=[each.value for each in MetricClass]),
                name="metric_class_is_known",
            ),
            models.CheckConstraint(
                condition=models.Q(guards__in=["", *(each.value for each in Guards)]),
                name="metric_guards_is_known",
            ),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.metric} is {self.worth}"
