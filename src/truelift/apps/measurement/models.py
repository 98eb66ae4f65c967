"""Rows of what is kept about measuring: the versions of saved segments."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from typing_extensions import override


class SegmentRecord(models.Model):
    """One version of a segment; written once, a change is the next version.

    Attributes:
        name: Under which questions find it.
        definition: Its condition as JSON, in full and with instants in UTC.
        archived: With this version it was put away: a question finds it by its version
            alone, and lists leave it out.
        owner: Who answers for it.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.PROTECT, related_name="segments")
    name = models.CharField(max_length=60)
    version = models.PositiveIntegerField(default=1)
    description = models.CharField(max_length=500, blank=True)
    definition = models.JSONField()
    archived = models.BooleanField(default=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    made_at = models.DateTimeField()

    class Meta:
        db_table = "segment"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["site", "name", "version"], name="segment_version_once_per_site"
            ),
            models.CheckConstraint(
                condition=models.Q(version__gte=1), name="segment_version_from_one"
            ),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.name}@{self.version}"
