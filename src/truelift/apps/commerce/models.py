"""Rows of what drove revenue: one document for each pair of periods, never changed."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from typing_extensions import override

from truelift.apps.commerce.periods import Against
from truelift.lifecycle.expectation import SIGNERS, ExpectationReview
from truelift.lifecycle.functions import Function


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


class ExpectationRecord(models.Model):
    """What visitors of a surface expect, as somebody found it; a new review is a new row.

    Attributes:
        sources: Source, sessions and share of the surface's sessions, the busiest first; of all
            sessions of the site where nobody lands on it.
        covered: Share of sessions that they cover together.
        terms: The search terms that bring people.
        read_before: What people read before they arrive.
        expectation: What they expect of the page after that.
        verdict: A word of `Verdict` from the snapshot; empty where there was none.
        snapshot: What sources and verdict were read from; None where sources are the site's.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.PROTECT, related_name="+")
    surface = models.ForeignKey(
        "surfaces.SurfaceRecord", on_delete=models.CASCADE, related_name="+"
    )
    sources = models.JSONField(default=list)
    covered = models.FloatField()
    terms = models.TextField(max_length=2_000, blank=True)
    read_before = models.TextField(max_length=2_000, blank=True)
    expectation = models.TextField(max_length=2_000)
    verdict = models.CharField(max_length=12, blank=True)
    snapshot = models.ForeignKey(
        SnapshotRecord, on_delete=models.PROTECT, null=True, related_name="+"
    )
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    made_at = models.DateTimeField()

    class Meta:
        db_table = "expectation_review"
        indexes: ClassVar = [models.Index(fields=["surface", "made_at"], name="expectation_of")]

    @override
    def __str__(self) -> str:
        return f"{self.surface_id} {self.made_at:%Y-%m-%d}"

    def as_domain(self) -> ExpectationReview:
        """Give the value that the rules know."""
        return ExpectationReview(
            surface=self.surface.name,
            made_at=self.made_at,
            signed=frozenset(Function(each.function) for each in self.signatures.all()),
        )


class ExpectationSignatureRecord(models.Model):
    """Somebody signed a review for their function."""

    review = models.ForeignKey(
        ExpectationRecord, on_delete=models.CASCADE, related_name="signatures"
    )
    function = models.CharField(max_length=12)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    at = models.DateTimeField()

    class Meta:
        db_table = "expectation_signature"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["review", "function"], name="expectation_signed_once"),
            models.CheckConstraint(
                condition=models.Q(function__in=[each.value for each in SIGNERS]),
                name="expectation_signed_by",
            ),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.review_id}: {self.function}"
