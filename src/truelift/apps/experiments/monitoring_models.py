"""Rows of monitoring: alerts, what each day's last look saw, and outcomes that mature later."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from typing_extensions import override

from truelift.lifecycle.monitoring import Alert, AlertStage, Concern, Level


class AlertRecord(models.Model):
    """One cause of concern, from the look that found it until somebody or something settled it.

    Attributes:
        experiment: Which it is about; None for the whole site.
        key: What tells causes apart; one alert each that is not settled.
        sentence: What is the matter, with its number.
        quiet: The same for those who may not know an effect yet.
        seen_at: The last look that found it.
        note: What settled it, in a person's words; or a job's.
        resolved_by: None where a job saw that it was over.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="alerts")
    experiment = models.ForeignKey(
        "experiments.ExperimentRecord", on_delete=models.CASCADE, null=True, related_name="alerts"
    )
    key = models.CharField(max_length=200)
    concern = models.CharField(max_length=20)
    level = models.CharField(max_length=5)
    sentence = models.CharField(max_length=500)
    quiet = models.CharField(max_length=500)
    remedy = models.CharField(max_length=500)
    stage = models.CharField(max_length=12, default=AlertStage.OPEN.value)
    opened_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    resolved_at = models.DateTimeField(null=True, blank=True)
    note = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        db_table = "alert"
        ordering: ClassVar = ["-pk"]
        indexes: ClassVar = [models.Index(fields=["site", "stage"], name="alerts_that_stand")]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["experiment", "key"],
                condition=~models.Q(stage="resolved") & models.Q(experiment__isnull=False),
                name="one_alert_per_cause_of_experiment",
            ),
            models.UniqueConstraint(
                fields=["site", "key"],
                condition=~models.Q(stage="resolved") & models.Q(experiment__isnull=True),
                name="one_alert_per_cause_of_site",
            ),
            models.CheckConstraint(
                condition=models.Q(stage__in=[each.value for each in AlertStage])
                & models.Q(level__in=[each.value for each in Level])
                & models.Q(concern__in=[each.value for each in Concern]),
                name="alert_words_are_known",
            ),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.key} {self.stage}"

    def as_domain(self) -> Alert:
        """Give the value that the rules take."""
        return Alert(
            key=self.key,
            stage=AlertStage(self.stage),
            level=Level(self.level),
            acknowledged_by=str(self.acknowledged_by_id or ""),
            acknowledged_at=self.acknowledged_at,
            resolved_at=self.resolved_at,
        )


class WatchRecord(models.Model):
    """What the last look of a day saw of an experiment.

    Attributes:
        day: At the site; the looks of one day replace each other.
        at: When it was.
        document: Guardrails with their intervals, the split, how full it is; see
            `monitoring_look`.
    """

    experiment = models.ForeignKey(
        "experiments.ExperimentRecord", on_delete=models.CASCADE, related_name="watches"
    )
    day = models.DateField()
    at = models.DateTimeField()
    document = models.JSONField()

    class Meta:
        db_table = "experiment_watch"
        ordering: ClassVar = ["day"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["experiment", "day"], name="one_watch_a_day")
        ]

    @override
    def __str__(self) -> str:
        return f"{self.experiment_id} {self.day}"


class DelayedOutcomeRecord(models.Model):
    """A metric of a decided experiment that is not complete before its window is over.

    Attributes:
        metric: Its key in the plan.
        due_at: When the window of the last visitor is over.
        decided_on: Number of the snapshot that was decided on.
        read_at: When it was analysed again; None before.
        reading: Number of the snapshot that came of it.
        turned: How the verdict turned, in words; empty where it did not.
    """

    experiment = models.ForeignKey(
        "experiments.ExperimentRecord", on_delete=models.CASCADE, related_name="delayed"
    )
    metric = models.CharField(max_length=80)
    due_at = models.DateTimeField()
    decided_on = models.PositiveIntegerField(null=True)
    read_at = models.DateTimeField(null=True, blank=True)
    reading = models.PositiveIntegerField(null=True, blank=True)
    turned = models.CharField(max_length=300, blank=True, default="")

    class Meta:
        db_table = "delayed_outcome"
        ordering: ClassVar = ["due_at", "pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["experiment", "metric"], name="one_delayed_outcome_per_metric"
            )
        ]

    @override
    def __str__(self) -> str:
        return f"{self.experiment_id} {self.metric}"
