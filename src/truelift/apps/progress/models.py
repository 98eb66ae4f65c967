"""Rows of the programme's figures, one document a day, and of the reasons that people confirm."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from typing_extensions import override

from truelift.lifecycle.programme_causes import Reason, Trouble


class FiguresRecord(models.Model):
    """How a programme stood at the end of a day, exactly as it was computed; never changed.

    The database refuses to change or delete a row (`append_only.py`).

    Attributes:
        day: The day that had ended, in the site's time zone.
        as_of: The instant up to which the log was read.
        text: The document as JSON text, so that its digest holds in every database.
        digest: SHA-256 of the text.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.PROTECT, related_name="figures")
    day = models.DateField()
    as_of = models.DateTimeField()
    text = models.TextField()
    digest = models.CharField(max_length=64)
    made_at = models.DateTimeField()

    class Meta:
        db_table = "programme_figures"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["site", "day"], name="programme_figures_once_a_day")
        ]

    @override
    def __str__(self) -> str:
        return f"{self.site_id} {self.day}"

    @property
    def document(self) -> dict[str, Any]:
        """The document, read from its text."""
        parsed: dict[str, Any] = json.loads(self.text)
        return parsed


class ReasonRecord(models.Model):
    """Somebody says why an item is in trouble; the newest row of an item's trouble counts.

    Attributes:
        trouble: A word of `Trouble`.
        kind: What the item is: `experiment`, `hypothesis` or `rollout`.
        key: The item's key.
        guessed: What the data made of it, at that moment.
        reason: What the person says.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.PROTECT, related_name="reasons")
    trouble = models.CharField(max_length=14)
    kind = models.CharField(max_length=12)
    key = models.CharField(max_length=80)
    guessed = models.CharField(max_length=16)
    reason = models.CharField(max_length=16)
    note = models.CharField(max_length=500, blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    made_at = models.DateTimeField()

    class Meta:
        db_table = "trouble_reason"
        indexes: ClassVar = [
            models.Index(fields=["site", "trouble", "key"], name="trouble_reason_of"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(trouble__in=[each.value for each in Trouble]),
                name="trouble_reason_trouble_is_known",
            ),
            models.CheckConstraint(
                condition=models.Q(reason__in=[each.value for each in Reason]),
                name="trouble_reason_is_known",
            ),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.key}: {self.reason}"
