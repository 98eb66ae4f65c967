"""Rows of watched pages: where they are, what they were like, and when they changed."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from typing_extensions import override


class WatchedPageRecord(models.Model):
    """A page that is looked at again and again.

    Attributes:
        experiment: The test whose control is seen there; None for one that a person named.
        surface: Where it belongs; empty where no surface claims it.
        without: Selectors of parts that are left out: advertisements, clocks.
        ignored: Lines, elements and addresses that somebody has called noise.
        every_hours: How often.
        seen: What it was like, as `reads.look_from` reads it; empty before the first look.
        picture: How it looked then.
        steady_since: Since when it has been like that.
        looked_at: When it was last looked at.
        problem: Why the last look saw nothing; empty otherwise.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="watched_pages")
    experiment = models.ForeignKey(
        "experiments.ExperimentRecord",
        on_delete=models.CASCADE,
        null=True,
        related_name="watched_pages",
    )
    surface = models.CharField(max_length=120, blank=True)
    url = models.CharField(max_length=2000)
    without = models.JSONField(default=list, blank=True)
    ignored = models.JSONField(default=list, blank=True)
    every_hours = models.PositiveSmallIntegerField(default=6)
    seen = models.JSONField(default=dict, blank=True)
    picture = models.ForeignKey(
        "qa.PictureRecord", on_delete=models.PROTECT, null=True, related_name="+"
    )
    steady_since = models.DateTimeField(null=True, blank=True)
    looked_at = models.DateTimeField(null=True, blank=True)
    problem = models.CharField(max_length=500, blank=True, default="")
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    made_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "watched_page"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["site", "url"],
                condition=models.Q(ended_at=None),
                name="page_watched_once",
            )
        ]

    @override
    def __str__(self) -> str:
        return self.url


class PageChangeRecord(models.Model):
    """That a watched page was another page than before.

    Attributes:
        since: When it was last seen as before: it changed after that.
        at: When it was seen changed.
        difference: What was other, part by part.
        sentence: The same in a line.
        before: How it looked before.
        after: How it looked then.
        change: Key of the change that explains it, or that was opened for it: `C-4`.
        explained: Whether somebody had told of that change.
        noise_note: Why somebody called it noise; empty while nobody has.
    """

    page = models.ForeignKey(WatchedPageRecord, on_delete=models.CASCADE, related_name="changes")
    since = models.DateTimeField()
    at = models.DateTimeField()
    difference = models.JSONField()
    sentence = models.CharField(max_length=300)
    before = models.ForeignKey(
        "qa.PictureRecord", on_delete=models.PROTECT, null=True, related_name="+"
    )
    after = models.ForeignKey(
        "qa.PictureRecord", on_delete=models.PROTECT, null=True, related_name="+"
    )
    change = models.CharField(max_length=20, blank=True, default="")
    explained = models.BooleanField(default=False)
    noise_note = models.CharField(max_length=300, blank=True, default="")
    noise_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    noise_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "page_change"
        ordering: ClassVar = ["-at", "-pk"]

    @override
    def __str__(self) -> str:
        return f"{self.page_id} {self.at:%Y-%m-%d}"
