"""Rows of alignment: metrics of teams, their conflicts, the remit, the journey, the brief."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from typing_extensions import override

from truelift.lifecycle.commercial_brief import EIGHT
from truelift.lifecycle.functions import Function
from truelift.lifecycle.team_metric import Cadence, Formula, TeamMetric, Unit


class TeamMetricRecord(models.Model):
    """What a team is judged by, with what was last computed of it.

    Attributes:
        number: Counted per site; shown as `TM-4`.
        version: Counts changes, so that two people's changes do not overwrite each other.
        team: A `Function`.
        owner: Who answers for it.
        formula: A `Formula`: where its numbers come from.
        library: Key of the lake's metric; empty for other formulas.
        unit: A `Unit`.
        direction: +1 where more is better, −1 where less is.
        sources: The sources that it is about, `source` or `source / campaign`; empty for all.
        path: How it leads to the shared metric; empty: it is operational.
        path_href: Where that is shown or argued.
        reading: What was computed of it, as JSON text; empty until it was.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="team_metrics")
    number = models.PositiveIntegerField()
    version = models.PositiveIntegerField(default=1)
    name = models.CharField(max_length=80)
    team = models.CharField(max_length=20)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    formula = models.CharField(max_length=24)
    library = models.CharField(max_length=120, blank=True, default="")
    unit = models.CharField(max_length=8)
    direction = models.SmallIntegerField()
    sources = models.JSONField(default=list, blank=True)
    cadence = models.CharField(max_length=10)
    target = models.FloatField(null=True)
    path = models.CharField(max_length=300, blank=True, default="")
    path_href = models.CharField(max_length=300, blank=True, default="")
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    made_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    reading = models.TextField(blank=True, default="")
    computed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "team_metric"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["site", "number"], name="team_metric_number_once"),
            models.UniqueConstraint(
                fields=["site", "team", "name"],
                condition=models.Q(ended_at=None),
                name="team_metric_named_once",
            ),
            models.CheckConstraint(
                condition=models.Q(direction__in=[-1, 1]), name="team_metric_has_a_direction"
            ),
            models.CheckConstraint(
                condition=models.Q(team__in=[each.value for each in Function])
                & models.Q(formula__in=[each.value for each in Formula])
                & models.Q(unit__in=[each.value for each in Unit])
                & models.Q(cadence__in=[each.value for each in Cadence]),
                name="team_metric_words_are_known",
            ),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.key} {self.name}"

    @property
    def key(self) -> str:
        """How people and links call it."""
        return f"TM-{self.number}"

    @property
    def team_called(self) -> str:
        """Its team as it stands on a page."""
        return Function(self.team).called

    @property
    def document(self) -> dict[str, Any] | None:
        """What was computed, read from its text; None until it was."""
        if not self.reading:
            return None
        parsed: dict[str, Any] = json.loads(self.reading)
        return parsed

    def as_domain(self) -> TeamMetric:
        """Give it as the rules know it."""
        return TeamMetric(
            name=self.name,
            team=Function(self.team),
            formula=Formula(self.formula),
            direction=self.direction,
            unit=Unit(self.unit),
            library=self.library,
            sources=tuple(self.sources),
            cadence=Cadence(self.cadence),
            target=self.target,
            path=self.path,
        )


class TeamMetricValueRecord(models.Model):
    """A value that somebody brought in.

    Attributes:
        above: The value, or what is divided.
        below: By what; 1 for a plain value.
    """

    metric = models.ForeignKey(TeamMetricRecord, on_delete=models.CASCADE, related_name="values")
    day = models.DateField()
    above = models.FloatField()
    below = models.FloatField(default=1.0)

    class Meta:
        db_table = "team_metric_value"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["metric", "day"], name="team_metric_value_once")
        ]

    @override
    def __str__(self) -> str:
        return f"{self.day}: {self.above:g}"


class MetricConflictRecord(models.Model):
    """That a team's metric and the shared one were against each other, from when to when.

    Attributes:
        kinds: Words of `stats.metric_conflict.ConflictKind`.
        sentence: What it is, as it was last computed.
        at_stake_minor: What the fall costs in the later weeks; None where nothing fell.
        mix_share: Share of the fall that is mix of the team's sources; None where unknown.
        ended_at: When it was over; None while it is not.
    """

    metric = models.ForeignKey(TeamMetricRecord, on_delete=models.CASCADE, related_name="conflicts")
    kinds = models.JSONField(default=list)
    sentence = models.CharField(max_length=600)
    at_stake_minor = models.BigIntegerField(null=True)
    mix_share = models.FloatField(null=True)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "metric_conflict"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["metric"],
                condition=models.Q(ended_at=None),
                name="metric_conflict_open_once",
            )
        ]

    @override
    def __str__(self) -> str:
        return self.sentence


class RemitRecord(models.Model):
    """Whose surfaces the programme may change.

    Attributes:
        version: Counts changes, so that two people's changes do not overwrite each other.
        teams: Teams as surfaces name them.
    """

    site = models.OneToOneField("sites.Site", on_delete=models.CASCADE, related_name="+")
    version = models.PositiveIntegerField(default=1)
    teams = models.JSONField(default=list)
    changed_at = models.DateTimeField()

    class Meta:
        db_table = "remit"

    @override
    def __str__(self) -> str:
        return f"remit of {self.site_id}"


class JourneyRecord(models.Model):
    """What is lost where on the journey, as counted in the night.

    Attributes:
        text: As JSON text: losses by number of the surface, what is lost nowhere, which weeks.
    """

    site = models.OneToOneField("sites.Site", on_delete=models.CASCADE, related_name="+")
    text = models.TextField()
    computed_at = models.DateTimeField()

    class Meta:
        db_table = "journey"

    @override
    def __str__(self) -> str:
        return f"journey of {self.site_id}"

    @property
    def document(self) -> dict[str, Any]:
        """What was computed, read from its text."""
        parsed: dict[str, Any] = json.loads(self.text)
        return parsed


class CommercialBriefRecord(models.Model):
    """One version of what the company wants; never changed, a change is the next version.

    Attributes:
        goal: What the year is for.
        metric: The shared metric, in words.
        priorities: What comes first, in order.
        because: What is other than before, and why.
    """

    site = models.ForeignKey(
        "sites.Site", on_delete=models.CASCADE, related_name="commercial_briefs"
    )
    version = models.PositiveIntegerField()
    goal = models.CharField(max_length=1_000)
    metric = models.CharField(max_length=200)
    priorities = models.JSONField(default=list)
    because = models.CharField(max_length=500, blank=True, default="")
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    made_at = models.DateTimeField()

    class Meta:
        db_table = "commercial_brief"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["site", "version"], name="commercial_brief_once")
        ]

    @override
    def __str__(self) -> str:
        return f"version {self.version}"


class AcknowledgementRecord(models.Model):
    """That a team stands behind a version, said by somebody of it."""

    brief = models.ForeignKey(
        CommercialBriefRecord, on_delete=models.CASCADE, related_name="acknowledgements"
    )
    team = models.CharField(max_length=20)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        db_table = "brief_acknowledgement"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["brief", "team"], name="brief_acknowledged_once"),
            models.CheckConstraint(
                condition=models.Q(team__in=[each.value for each in EIGHT]),
                name="brief_team_is_known",
            ),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.team}: {self.brief_id}"


class EmptySeatRecord(models.Model):
    """Why a programme has nobody of a function."""

    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="empty_seats")
    function = models.CharField(max_length=20)
    because = models.CharField(max_length=300)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    at = models.DateTimeField()

    class Meta:
        db_table = "empty_seat"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["site", "function"], name="empty_seat_once"),
            models.CheckConstraint(
                condition=models.Q(function__in=[each.value for each in EIGHT]),
                name="empty_seat_function_is_known",
            ),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.function}: {self.because}"
