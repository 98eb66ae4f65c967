"""Rows of what drove revenue: one document for each pair of periods, never changed."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from django.db import models
from typing_extensions import override

from truelift.apps.commerce.periods import Against


class SnapshotRecord(models.Model):
    """What drove revenue from one period to the next, exactly as it was computed.

    The database refuses to change or delete a row (`append_only.py`). Facts that arrive late
    make another snapshot; the newest counts, and whoever froze a number names the one it is of.

    Attributes:
        weeks: Whole business weeks of each period.
        against: An `Against`: which period the later one is held against.
        since: The first day of the later period.
        until: The day after its last.
        text: The document as JSON text, so that its digest holds in every database.
        digest: SHA-256 of the text.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.PROTECT, related_name="+")
    weeks = models.PositiveSmallIntegerField()
    against = models.CharField(max_length=8)
    since = models.DateField()
    until = models.DateField()
    text = models.TextField()
    digest = models.CharField(max_length=64)
    made_at = models.DateTimeField()

    class Meta:
        db_table = "commerce_snapshot"
        indexes: ClassVar = [
            models.Index(fields=["site", "weeks", "against"], name="commerce_snapshot_of")
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(against__in=[each.value for each in Against]),
                name="commerce_snapshot_against",
            )
        ]

    @override
    def __str__(self) -> str:
        return f"{self.site_id} {self.since} {self.weeks} weeks"

    @property
    def document(self) -> dict[str, Any]:
        """The document, read from its text."""
        parsed: dict[str, Any] = json.loads(self.text)
        return parsed
