"""Rows of planning: proposals for a quarter, who has seen a release, who shares visitors."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from typing_extensions import override


LONGEST_KEY = 80


class QuarterPlanRecord(models.Model):
    """A proposal for a quarter: who asked for it, what came out, and what was taken of it.

    Attributes:
        number: Counted per site from 1.
        quarter: `2026-Q3`.
        since: The first day on which something may start.
        until: The first day behind the quarter.
        asked: `key`, `what`, `kind`, `days` and `value` of each candidate.
        text: The proposal as JSON text, so that every database gives the same back; empty
            until it is worked out.
        outcomes: Key → `moved`, or the reasons why not, of those whose days were taken.
        taken_by: Who took the days, the last time.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="+")
    number = models.PositiveIntegerField()
    quarter = models.CharField(max_length=7)
    since = models.DateField()
    until = models.DateField()
    asked = models.JSONField(default=list)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    asked_at = models.DateTimeField()
    text = models.TextField(blank=True, default="")
    finished_at = models.DateTimeField(null=True, blank=True)
    outcomes = models.JSONField(default=dict, blank=True)
    taken_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    taken_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "roadmap_quarter_plan"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["site", "number"], name="roadmap_quarter_plan_number_once_per_site"
            )
        ]

    @override
    def __str__(self) -> str:
        return f"{self.quarter}, proposal {self.number}"

    @property
    def document(self) -> dict[str, Any] | None:
        """The proposal; None until it is worked out."""
        if not self.text:
            return None
        parsed: dict[str, Any] = json.loads(self.text)
        return parsed


class AcknowledgementRecord(models.Model):
    """That somebody knows which tests a release touches; append-only.

    Attributes:
        item: Key of the release.
        tests: Keys of the tests that it touched then.
        starts_on: When it was to go out, as they saw it.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.PROTECT, related_name="+")
    item = models.CharField(max_length=LONGEST_KEY)
    tests = models.JSONField()
    starts_on = models.DateField()
    note = models.CharField(max_length=500, blank=True, default="")
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    at = models.DateTimeField()

    class Meta:
        db_table = "roadmap_acknowledgement"
        ordering: ClassVar = ["pk"]
        indexes: ClassVar = [
            models.Index(fields=["site", "item"], name="roadmap_acknowledgement_of")
        ]

    @override
    def __str__(self) -> str:
        return f"{self.item} seen"


class SharedVisitorsRecord(models.Model):
    """How many visitors two experiments share, as the events say.

    Attributes:
        first: Key of the one; `first` < `second`.
        both: Visitors who saw a variant of each.
        smaller: Visitors of the one that has fewer.
        audience: Of the users whom the smaller could have, those whom the other could have, too.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="+")
    first = models.CharField(max_length=LONGEST_KEY)
    second = models.CharField(max_length=LONGEST_KEY)
    both = models.PositiveBigIntegerField()
    smaller = models.PositiveBigIntegerField()
    audience = models.FloatField()
    counted_at = models.DateTimeField()

    class Meta:
        db_table = "roadmap_shared_visitors"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["site", "first", "second"], name="roadmap_shared_visitors_once"
            ),
            models.CheckConstraint(
                condition=models.Q(audience__gte=0) & models.Q(audience__lte=1),
                name="roadmap_shared_visitors_share_is_a_share",
            ),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.first} and {self.second}"
