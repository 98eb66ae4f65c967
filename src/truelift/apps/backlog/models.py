"""Rows of the backlog: what each item scores, who said what, and which ranks people gave."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from typing_extensions import override

from truelift.apps.intake.models import IdeaRecord
from truelift.apps.research.models import HypothesisRecord
from truelift.lifecycle.scoring_route import Route


class PriorityRecord(models.Model):
    """What the active framework says of one hypothesis or idea; worked out anew, never edited.

    Attributes:
        version: Of the programme's scoring; another one has no common order with this.
        score: None while an input is missing.
        low: Lower end of what it could be.
        high: Upper end.
        missing: Names of the missing inputs.
        inputs: What went in: name, value, origin, words, low, high.
        surface: Where, taken from the idea or the finding.
        leak_minor: What the linked findings cost a week; None where nobody knows.
        mde: Smallest lift that a test of the longest time would see; None while not known.
        route: What is done with it, a `Route`.
        reasons: Why, as sentences.
        defect: Somebody says that it is plainly broken.
        if_wins: What would be done if a test won.
        if_loses: What would be done if it lost.
        risk: Concern → class, as people answered.
        solution_only: No problem is linked; ranked last.
        discuss: Scorers are so far apart that they should talk.
        scorers: How many have answered.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="priorities")
    hypothesis = models.OneToOneField(
        HypothesisRecord, on_delete=models.CASCADE, null=True, related_name="priority"
    )
    idea = models.OneToOneField(
        IdeaRecord, on_delete=models.CASCADE, null=True, related_name="priority"
    )
    version = models.PositiveIntegerField(default=0)
    framework = models.CharField(max_length=12, blank=True)
    score = models.FloatField(null=True, blank=True)
    low = models.FloatField(null=True, blank=True)
    high = models.FloatField(null=True, blank=True)
    missing = models.JSONField(default=list)
    inputs = models.JSONField(default=list)
    surface = models.CharField(max_length=120, blank=True)
    weekly_units = models.FloatField(null=True, blank=True)
    leak_minor = models.FloatField(null=True, blank=True)
    mde = models.FloatField(null=True, blank=True)
    lift = models.FloatField(null=True, blank=True)
    route = models.CharField(max_length=10, default=Route.UNKNOWN.value)
    reasons = models.JSONField(default=list)
    defect = models.BooleanField(default=False)
    if_wins = models.CharField(max_length=300, blank=True)
    if_loses = models.CharField(max_length=300, blank=True)
    risk = models.JSONField(default=dict)
    solution_only = models.BooleanField(default=False)
    discuss = models.BooleanField(default=False)
    scorers = models.PositiveIntegerField(default=0)
    made_at = models.DateTimeField()
    worked_out_at = models.DateTimeField()

    class Meta:
        db_table = "priority"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(hypothesis__isnull=False) ^ Q(idea__isnull=False),
                name="priority_of_one_thing",
            ),
            models.CheckConstraint(
                condition=Q(route__in=[each.value for each in Route]),
                name="priority_route_is_known",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["site", "version", "solution_only", "-score", "id"],
                name="priority_by_rank",
            ),
            models.Index(fields=["site", "route"], name="priority_by_route"),
        ]

    @override
    def __str__(self) -> str:
        return self.key

    @property
    def key(self) -> str:
        """The key of the hypothesis or idea."""
        if self.hypothesis is not None:
            return self.hypothesis.key
        return "" if self.idea is None else self.idea.key

    @property
    def title(self) -> str:
        """What would be changed, as the beginning of a line."""
        found = self.hypothesis or self.idea
        change = (found.change if found else "") or "No change stated yet"
        return f"{change[:1].upper()}{change[1:]}"


class ScoreRecord(models.Model):
    """What one person answered about one item, for one framework."""

    priority = models.ForeignKey(PriorityRecord, on_delete=models.CASCADE, related_name="scores")
    framework = models.CharField(max_length=12)
    version = models.PositiveIntegerField()
    scorer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    values = models.JSONField()
    note = models.CharField(max_length=500, blank=True)
    submitted_at = models.DateTimeField()

    class Meta:
        db_table = "score"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["priority", "framework", "scorer"], name="score_once_per_person"
            )
        ]

    @override
    def __str__(self) -> str:
        return f"{self.scorer_id} on {self.priority_id}"


class OverrideRecord(models.Model):
    """A rank that a person gave against the score, and why; kept also after it was taken back.

    Attributes:
        rank: From 1.
        score_then: What the framework said when the rank was given.
        rank_then: Where it stood then.
    """

    priority = models.ForeignKey(PriorityRecord, on_delete=models.CASCADE, related_name="overrides")
    rank = models.PositiveIntegerField()
    reason = models.CharField(max_length=500)
    score_then = models.FloatField(null=True, blank=True)
    rank_then = models.PositiveIntegerField(null=True, blank=True)
    framework = models.CharField(max_length=12)
    version = models.PositiveIntegerField()
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    made_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "rank_override"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["priority"], condition=Q(withdrawn_at=None), name="one_rank_at_a_time"
            )
        ]

    @override
    def __str__(self) -> str:
        return f"{self.priority_id} at {self.rank}"
