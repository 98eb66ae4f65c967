"""Rows of what people keep beside the answers: views under a name, and what happened when."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from typing_extensions import override


class AnnotationKind(models.TextChoices):
    """What an annotation on a time axis tells of."""

    RELEASE = "release", "Release"
    CAMPAIGN = "campaign", "Campaign"
    INCIDENT = "incident", "Incident"


class SavedView(models.Model):
    """An explorer's address under a name.

    Attributes:
        explorer: Name of the question.
        query: The address after the question mark.
        shared: Whether everybody of the site sees it; else only who saved it.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="saved_views")
    name = models.CharField(max_length=120)
    explorer = models.CharField(max_length=40)
    query = models.CharField(max_length=4000, blank=True)
    shared = models.BooleanField(default=False)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_views"
    )
    made_at = models.DateTimeField()

    class Meta:
        db_table = "saved_view"
        ordering: ClassVar = ["name", "pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["site", "made_by", "name"], name="saved_view_name_once_per_person"
            ),
            models.CheckConstraint(condition=~models.Q(name=""), name="saved_view_has_a_name"),
        ]

    @override
    def __str__(self) -> str:
        return self.name


class Annotation(models.Model):
    """Something that happened at a site and may explain a figure.

    Attributes:
        at: When, as an instant.
        by: Who wrote it down; None once the person is gone.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="annotations")
    at = models.DateTimeField()
    kind = models.CharField(max_length=10, choices=AnnotationKind.choices)
    text = models.CharField(max_length=120)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    made_at = models.DateTimeField()

    class Meta:
        db_table = "annotation"
        ordering: ClassVar = ["at", "pk"]
        indexes: ClassVar = [models.Index(fields=["site", "at"], name="annotation_by_time")]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(kind__in=AnnotationKind.values), name="annotation_kind_is_known"
            ),
            models.CheckConstraint(condition=~models.Q(text=""), name="annotation_says_something"),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.text}"
