"""Rows of scorecards, one document a day, and of what people answered about their programme."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from typing_extensions import override


class ScorecardDayRecord(models.Model):
    """A programme's scorecard and maturity at the end of a day, as computed; never changed.

    The database refuses to change or delete a row (`append_only.py`).

    Attributes:
        day: The day that had ended, in the site's time zone.
        as_of: The instant up to which everything was read.
        text: The document as JSON text, so that its digest holds in every database.
        digest: SHA-256 of the text.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.PROTECT, related_name="+")
    day = models.DateField()
    as_of = models.DateTimeField()
    text = models.TextField()
    digest = models.CharField(max_length=64)
    made_at = models.DateTimeField()

    class Meta:
        db_table = "scorecard_day"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["site", "day"], name="scorecard_once_a_day")
        ]

    @override
    def __str__(self) -> str:
        return f"{self.site_id} {self.day}"

    @property
    def document(self) -> dict[str, Any]:
        """The document, read from its text."""
        parsed: dict[str, Any] = json.loads(self.text)
        return parsed


class AnswersRecord(models.Model):
    """A questionnaire that somebody filled in; the newest of a person counts, for half a year.

    The database refuses to change or delete a row (`append_only.py`).

    Attributes:
        answers: Key of a question (`lifecycle.maturity.QUESTIONS`) → 0 to 4.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.PROTECT, related_name="+")
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    answers = models.JSONField()
    made_at = models.DateTimeField()

    class Meta:
        db_table = "maturity_answers"
        indexes: ClassVar = [models.Index(fields=["site", "made_at"], name="maturity_answers_of")]

    @override
    def __str__(self) -> str:
        return f"{self.site_id} {self.made_at:%Y-%m-%d}"


class TargetsRecord(models.Model):
    """What a programme wants to reach, where it is not the usual.

    Attributes:
        version: Counts changes, so that two people's changes do not overwrite each other.
        targets: Word of `lifecycle.scorecard.Figure` → floor and target.
        tests_a_quarter: How many launches the teams have room for; None while nobody has said.
        revenue_minor: Revenue per session that is wanted, in minor units; None likewise.
        cost_minor: What the programme costs a month, in minor units; None likewise.
        half_life_days: After so many days half of a lift is left; None: it lasts.
    """

    site = models.OneToOneField("sites.Site", on_delete=models.CASCADE, related_name="+")
    version = models.PositiveIntegerField(default=1)
    targets = models.JSONField(default=dict, blank=True)
    tests_a_quarter = models.PositiveIntegerField(null=True, blank=True)
    revenue_minor = models.FloatField(null=True, blank=True)
    cost_minor = models.FloatField(null=True, blank=True)
    half_life_days = models.PositiveIntegerField(null=True, blank=True)

    class Meta:
        db_table = "scorecard_targets"

    @override
    def __str__(self) -> str:
        return f"targets of {self.site_id}"
