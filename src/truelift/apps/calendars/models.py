"""Rows of calendar feeds: who may read what, and what calendars have been told."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from typing_extensions import override


class CalendarRecord(models.Model):
    """A feed of the roadmap that a calendar program reads.

    Attributes:
        name: As the calendar program shows it.
        team: Only this team's items; empty for all.
        surface: Only items on this surface; empty for all.
        kind: Only items of this kind, or `meetings`; empty for all of the roadmap.
        token_sha256: The token itself is not kept.
        read_at: When a program last asked; None before the first time.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="calendars")
    name = models.CharField(max_length=160)
    team = models.CharField(max_length=80, blank=True)
    surface = models.CharField(max_length=120, blank=True)
    kind = models.CharField(max_length=10, blank=True)
    token_sha256 = models.CharField(max_length=64, unique=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    made_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    read_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "calendar"

    @override
    def __str__(self) -> str:
        return self.name


class EntryRecord(models.Model):
    """What calendars have been told of one item, so that they hear of every change once.

    Attributes:
        item: The item's key.
        sequence: How often what was told has changed.
        told: What was told, as `entries.Entry` writes it.
        changed_at: When that last changed.
        cancelled_at: Since when it does not take place; None while it does.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="+")
    item = models.CharField(max_length=80)
    sequence = models.PositiveIntegerField(default=0)
    told = models.JSONField()
    changed_at = models.DateTimeField()
    cancelled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "calendar_entry"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["site", "item"], name="calendar_entry_once_per_item")
        ]

    @override
    def __str__(self) -> str:
        return self.item
