"""Rows of surfaces: what each is made of, whose it is, and who comes there."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from typing_extensions import override

from truelift.lifecycle.surface import Surface


class SurfaceRecord(models.Model):
    """A page or another place that visitors meet, with the traffic that its data show.

    Attributes:
        name: As findings and ideas call it.
        path: What the path of its pages contains, for counting; empty for the whole site.
        version: Counts changes, so that two people's changes do not overwrite each other.
        patterns: Addresses as globs; empty while only `path` says which pages it is.
        routes: Screens of an app.
        funnel: The funnel that it is a step of; empty where it is none.
        step: Which step, from 1; 0 where it is none.
        team: Who owns it.
        owner: Who agrees for that team; None while nobody is named.
        cadence_days: Days between releases; None while nobody has said.
        incentive: The metric that the team is measured by.
        code: Files that make it, as globs.
        bundle: Code that it shares with other surfaces.
        weekly_units: People a week, of the last four weeks; None before it was measured.
        rate: Share of them who order within a week, or do what else the site counts.
        revenue_minor: Revenue per person, in minor units of the site's currency.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="surfaces")
    name = models.CharField(max_length=120)
    path = models.CharField(max_length=200, blank=True)
    version = models.PositiveIntegerField(default=1)
    patterns = models.JSONField(default=list, blank=True)
    routes = models.JSONField(default=list, blank=True)
    funnel = models.CharField(max_length=80, blank=True, default="")
    step = models.PositiveSmallIntegerField(default=0)
    team = models.CharField(max_length=80, blank=True, default="")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    cadence_days = models.PositiveSmallIntegerField(null=True, blank=True)
    incentive = models.CharField(max_length=80, blank=True, default="")
    code = models.JSONField(default=list, blank=True)
    bundle = models.CharField(max_length=80, blank=True, default="")
    weekly_units = models.FloatField(null=True, blank=True)
    rate = models.FloatField(null=True, blank=True)
    revenue_minor = models.FloatField(null=True, blank=True)
    measured_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "surface"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["site", "name"], name="surface_once_per_site")
        ]

    @override
    def __str__(self) -> str:
        return self.name

    def as_domain(self) -> Surface:
        """Give the value that the rules know."""
        return Surface(
            name=self.name,
            patterns=tuple(self.patterns) or self.usual_patterns,
            routes=tuple(self.routes),
            funnel=self.funnel,
            step=self.step,
            team=self.team,
            cadence_days=self.cadence_days,
            incentive=self.incentive,
            code=tuple(self.code),
            bundle=self.bundle,
        )

    @property
    def usual_patterns(self) -> tuple[str, ...]:
        """What its counted path stands for as a pattern; a whole site claims no address."""
        inner = self.path.strip("/")
        if not inner or "*" in inner:
            return ()
        open_end = "" if self.path.endswith("/") else "*"
        return (f"/**/{inner}{open_end}/**",)


class TrafficRecord(models.Model):
    """Which addresses the site's visits went to, for finding those that no surface claims.

    Attributes:
        pages: Path and views, the most viewed first.
        views: Of all pages together, also of those that are not listed.
    """

    site = models.OneToOneField("sites.Site", on_delete=models.CASCADE, related_name="+")
    pages = models.JSONField(default=list)
    views = models.PositiveBigIntegerField(default=0)
    counted_at = models.DateTimeField()

    class Meta:
        db_table = "surface_traffic"

    @override
    def __str__(self) -> str:
        return f"{self.site_id}: {self.views}"
