"""Rows of the roadmap: items, what they hang on, what collides, who changed what, versions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from typing_extensions import override

from truelift.apps.roadmap.planning_models import (  # noqa: F401 - Django finds them here
    AcknowledgementRecord,
    QuarterPlanRecord,
    SharedVisitorsRecord,
)
from truelift.lifecycle.conflict_rules import Resolution, Rule, Severity
from truelift.lifecycle.functions import Function
from truelift.lifecycle.roadmap_change import Field
from truelift.lifecycle.roadmap_item import Audience, DependencyKind, ItemKind, ItemStage


LONGEST_KEY = 80
"""Letters of a key; those of experiments are the longest."""


class PriorityRegisterRecord(models.Model):
    """What the business has agreed to go for, one version; never changed, a change is the next.

    The database refuses to change or delete a row (`append_only.py`).

    Attributes:
        version: Counted per site from 1.
        quarter: `2026-Q2`.
        because: Why it is another one.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.PROTECT, related_name="+")
    version = models.PositiveIntegerField()
    quarter = models.CharField(max_length=7)
    because = models.CharField(max_length=500, blank=True, default="")
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    made_at = models.DateTimeField()

    class Meta:
        db_table = "priority_register"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["site", "version"], name="priority_register_version_once_per_site"
            )
        ]

    @override
    def __str__(self) -> str:
        return f"{self.quarter}, version {self.version}"


class CommercialPriorityRecord(models.Model):
    """One thing that the business goes for in a quarter; never changed.

    Attributes:
        number: Counted per site; shown as `CP-4`.
        position: From 1, the most important first.
    """

    register = models.ForeignKey(
        PriorityRegisterRecord, on_delete=models.PROTECT, related_name="priorities"
    )
    number = models.PositiveIntegerField()
    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=120)
    what = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        db_table = "commercial_priority"
        ordering: ClassVar = ["position", "pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["register", "position"], name="commercial_priority_one_at_a_place"
            )
        ]

    @override
    def __str__(self) -> str:
        return self.name

    @property
    def key(self) -> str:
        """How people and links call it."""
        return f"CP-{self.number}"


class RoadmapItemRecord(models.Model):
    """A release, a campaign or content; or, with an experiment, what its plan does not say.

    Dates, owners, metric and surface of an experiment come from the experiment alone.

    Attributes:
        number: Counted per site, shown as `RM-4`; None where it belongs to an experiment.
        stage: A word of `ItemStage`; of an experiment its own stage holds.
        version: Counts changes, so that two people's changes do not overwrite each other.
        surfaces: Names of surfaces.
        why: Keys of the evidence behind it.
        ends_on: The first day on which it is over.
        position: Where it stands among others of its start; 0 at first.
        audience: Dimension → `allow` and `deny`, lists of values.
        refers: Features that its words speak of.
        landing: Addresses to which a campaign leads people.
        benign: Keys of experiments for which it was judged harmless.
        effort: Role → working days.
        dropped_because: Why it was dropped; empty while it stands.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.PROTECT, related_name="roadmap_items")
    number = models.PositiveIntegerField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1)
    kind = models.CharField(max_length=10)
    experiment = models.OneToOneField(
        "experiments.ExperimentRecord",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="on_roadmap",
    )
    what = models.CharField(max_length=200, blank=True, default="")
    stage = models.CharField(max_length=9, default=ItemStage.PROPOSED.value)
    surfaces = models.JSONField(default=list, blank=True)
    elements = models.JSONField(default=list, blank=True)
    why = models.JSONField(default=list, blank=True)
    starts_on = models.DateField(null=True, blank=True)
    ends_on = models.DateField(null=True, blank=True)
    metric = models.CharField(max_length=120, blank=True, default="")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    deputy = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    team = models.CharField(max_length=80, blank=True, default="")
    squad = models.CharField(max_length=80, blank=True, default="")
    priority = models.ForeignKey(
        CommercialPriorityRecord,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="items",
    )
    position = models.IntegerField(default=0)
    audience = models.JSONField(default=dict, blank=True)
    allocation = models.FloatField(default=1.0)
    layer = models.CharField(max_length=80, blank=True, default="")
    low = models.FloatField(default=0.0)
    high = models.FloatField(default=1.0)
    shared_code = models.BooleanField(default=False)
    holdout = models.BooleanField(default=False)
    changes_reach = models.BooleanField(default=True)
    touches = models.JSONField(default=list, blank=True)
    traffic_change = models.FloatField(default=0.0)
    features = models.JSONField(default=list, blank=True)
    refers = models.JSONField(default=list, blank=True)
    events = models.JSONField(default=list, blank=True)
    landing = models.JSONField(default=list, blank=True)
    benign = models.JSONField(default=list, blank=True)
    effort = models.JSONField(default=dict, blank=True)
    notes = models.CharField(max_length=2000, blank=True, default="")
    dropped_because = models.CharField(max_length=500, blank=True, default="")
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    made_at = models.DateTimeField()

    class Meta:
        db_table = "roadmap_item"
        indexes: ClassVar = [models.Index(fields=["site", "stage", "starts_on"], name="roadmap_of")]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["site", "number"], name="roadmap_item_number_once_per_site"
            ),
            models.CheckConstraint(
                condition=models.Q(
                    experiment__isnull=True,
                    number__isnull=False,
                    kind__in=[
                        ItemKind.RELEASE.value,
                        ItemKind.CAMPAIGN.value,
                        ItemKind.CONTENT.value,
                    ],
                )
                | models.Q(
                    experiment__isnull=False, number__isnull=True, kind=ItemKind.EXPERIMENT.value
                ),
                name="roadmap_item_is_one_thing",
            ),
            models.CheckConstraint(
                condition=models.Q(stage__in=[each.value for each in ItemStage]),
                name="roadmap_item_stage_is_known",
            ),
            models.CheckConstraint(
                condition=models.Q(allocation__gt=0, allocation__lte=1)
                & models.Q(low__gte=0, high__lte=1)
                & models.Q(high__gt=models.F("low")),
                name="roadmap_item_shares_are_shares",
            ),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.key} {self.what}"

    @property
    def key(self) -> str:
        """How people and links call it."""
        if self.number is not None:
            return f"RM-{self.number}"
        return "" if self.experiment is None else self.experiment.key

    def shown_to(self) -> Mapping[str, Audience]:
        """Give its audience as the rules know it."""
        return MappingProxyType(
            {
                dimension: Audience(
                    frozenset(sets.get("allow", ())), frozenset(sets.get("deny", ()))
                )
                for dimension, sets in self.audience.items()
            }
        )


class DependencyRecord(models.Model):
    """That one item hangs on another; both by key, whatever keeps them."""

    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="+")
    item = models.CharField(max_length=LONGEST_KEY)
    on = models.CharField(max_length=LONGEST_KEY)
    kind = models.CharField(max_length=18)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    made_at = models.DateTimeField()

    class Meta:
        db_table = "roadmap_dependency"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["site", "item", "on", "kind"], name="roadmap_dependency_once"
            ),
            models.CheckConstraint(
                condition=models.Q(kind__in=[each.value for each in DependencyKind]),
                name="roadmap_dependency_kind_is_known",
            ),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.item} {self.kind} {self.on}"


class AssetRecord(models.Model):
    """Something that must be there before an item starts.

    Attributes:
        lead_days: Working days that making it takes.
        done_at: When it was there; None before.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="+")
    item = models.CharField(max_length=LONGEST_KEY)
    what = models.CharField(max_length=200)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    due = models.DateField(null=True, blank=True)
    lead_days = models.PositiveSmallIntegerField(default=0)
    done_at = models.DateTimeField(null=True, blank=True)
    made_at = models.DateTimeField()

    class Meta:
        db_table = "roadmap_asset"
        ordering: ClassVar = ["due", "pk"]
        indexes: ClassVar = [models.Index(fields=["site", "item"], name="roadmap_asset_of")]

    @override
    def __str__(self) -> str:
        return f"{self.what} for {self.item}"


class ConflictState(models.TextChoices):
    """Where a conflict stands."""

    OPEN = "open", "Open"
    RESOLVED = "resolved", "Settled"
    GONE = "gone", "Gone"


class ConflictRecord(models.Model):
    """That two items are in each other's way, from the day on which it was found.

    Attributes:
        number: Counted per site; shown as `CF-4`.
        rule: A word of `Rule`; with both keys it says which conflict it is.
        second: Empty where an item stands badly by itself.
        owners: E-mail addresses of who decides about both.
        detected_at: When it was found first, or again after it was gone.
        detected_start: The first day on which it held, as it was then.
        due: By when both owners have to settle it.
        resolution: What people chose, a word of `Resolution`; empty while nothing.
        plan: How both are analysed together, or why it is harmless.
        agreed: Who agrees with a resolution that needs several: `user` and `function` each.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="+")
    number = models.PositiveIntegerField()
    rule = models.CharField(max_length=3)
    first = models.CharField(max_length=LONGEST_KEY)
    second = models.CharField(max_length=LONGEST_KEY, blank=True, default="")
    severity = models.CharField(max_length=11)
    surface = models.CharField(max_length=120, blank=True, default="")
    starts_on = models.DateField()
    days = models.PositiveIntegerField()
    audience = models.FloatField()
    exposure = models.FloatField()
    sentence = models.CharField(max_length=1000)
    owners = models.JSONField(default=list)
    state = models.CharField(max_length=8, default=ConflictState.OPEN)
    detected_at = models.DateTimeField()
    detected_start = models.DateField()
    due = models.DateField()
    seen_at = models.DateTimeField()
    gone_at = models.DateTimeField(null=True, blank=True)
    resolution = models.CharField(max_length=8, blank=True, default="")
    plan = models.CharField(max_length=2000, blank=True, default="")
    agreed = models.JSONField(default=list, blank=True)
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    resolved_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "roadmap_conflict"
        ordering: ClassVar = ["starts_on", "pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["site", "rule", "first", "second"], name="roadmap_conflict_once"
            ),
            models.UniqueConstraint(
                fields=["site", "number"], name="roadmap_conflict_number_once_per_site"
            ),
            models.CheckConstraint(
                condition=models.Q(rule__in=[each.value for each in Rule])
                & models.Q(severity__in=[each.value for each in Severity])
                & models.Q(state__in=ConflictState.values)
                & models.Q(resolution__in=["", *(each.value for each in Resolution)]),
                name="roadmap_conflict_words_are_known",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["site", "state"], name="roadmap_conflict_state")]

    @override
    def __str__(self) -> str:
        return f"{self.key} {self.rule}"

    @property
    def key(self) -> str:
        """How people and links call it."""
        return f"CF-{self.number}"

    @property
    def identity(self) -> tuple[Rule, str, str]:
        """What makes it the same conflict when it is looked for again."""
        return Rule(self.rule), self.first, self.second


class ItemChangeRecord(models.Model):
    """One change of one item; append-only, the database refuses to rewrite it.

    Attributes:
        field: A word of `roadmap_change.Field`.
        by: Who; None for the operator and for jobs.
        human: Whether a person did it.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.PROTECT, related_name="+")
    item = models.CharField(max_length=LONGEST_KEY)
    field = models.CharField(max_length=12)
    before = models.CharField(max_length=1000, blank=True, default="")
    after = models.CharField(max_length=1000, blank=True, default="")
    reason = models.CharField(max_length=500, blank=True, default="")
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    human = models.BooleanField(default=True)
    at = models.DateTimeField()

    class Meta:
        db_table = "roadmap_change"
        ordering: ClassVar = ["pk"]
        indexes: ClassVar = [
            models.Index(fields=["site", "item"], name="roadmap_change_of"),
            models.Index(fields=["site", "at"], name="roadmap_change_at"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(field__in=[each.value for each in Field]),
                name="roadmap_change_field_is_known",
            )
        ]

    @override
    def __str__(self) -> str:
        return f"{self.item} {self.field}"


class RoadmapVersionRecord(models.Model):
    """The roadmap as it was published for a quarter; append-only.

    Attributes:
        number: Counted per site from 1.
        text: The items as JSON text, so that every database gives the same back.
        candidates: How many items stood on the list from which it was built.
        unchanged: How many of them were carried over as they were.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.PROTECT, related_name="+")
    number = models.PositiveIntegerField()
    quarter = models.CharField(max_length=7)
    register = models.ForeignKey(PriorityRegisterRecord, on_delete=models.PROTECT, related_name="+")
    text = models.TextField()
    candidates = models.PositiveIntegerField()
    unchanged = models.PositiveIntegerField()
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    published_at = models.DateTimeField()

    class Meta:
        db_table = "roadmap_version"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["site", "number"], name="roadmap_version_number_once_per_site"
            )
        ]

    @override
    def __str__(self) -> str:
        return f"{self.quarter}, version {self.number}"

    @property
    def snapshot(self) -> list[dict[str, Any]]:
        """The items as they were."""
        parsed: list[dict[str, Any]] = json.loads(self.text)
        return parsed


class RebuildRecord(models.Model):
    """A quarter's roadmap being built from nothing; one at a time.

    Attributes:
        register: The priorities that it is built on.
        version: What was published; None while it is being built.
        given_up_at: When it was given up; None otherwise.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="+")
    quarter = models.CharField(max_length=7)
    register = models.ForeignKey(PriorityRegisterRecord, on_delete=models.PROTECT, related_name="+")
    begun_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    begun_at = models.DateTimeField()
    version = models.OneToOneField(
        RoadmapVersionRecord, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    given_up_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "roadmap_rebuild"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["site"],
                condition=models.Q(version=None, given_up_at=None),
                name="one_rebuild_at_a_time",
            )
        ]

    @override
    def __str__(self) -> str:
        return f"rebuild of {self.quarter}"


class Verdict(models.TextChoices):
    """What was decided about an item in a rebuild."""

    KEPT = "kept", "Kept"
    CHANGED = "changed", "Changed"
    DROPPED = "dropped", "Dropped"


class CandidateRecord(models.Model):
    """One item in a rebuild, and what was decided about it; empty while nothing was.

    Attributes:
        before: The item as it stood when the rebuild began.
        priority: What it serves in the new quarter.
    """

    rebuild = models.ForeignKey(RebuildRecord, on_delete=models.CASCADE, related_name="candidates")
    item = models.CharField(max_length=LONGEST_KEY)
    before = models.JSONField()
    verdict = models.CharField(max_length=7, blank=True, default="")
    reason = models.CharField(max_length=500, blank=True, default="")
    priority = models.ForeignKey(
        CommercialPriorityRecord, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "roadmap_candidate"
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["rebuild", "item"], name="roadmap_candidate_once"),
            models.CheckConstraint(
                condition=models.Q(verdict__in=["", *Verdict.values]),
                name="roadmap_candidate_verdict_is_known",
            ),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.item} {self.verdict}"


class PresenceRecord(models.Model):
    """How many people of a team were here last on a day; never who.

    When somebody comes again, the day on which they were here before loses one: the days of
    a month then add up to different people. Their own browser remembers that day.

    Attributes:
        team: A word of `Function`; empty for people without one.
        viewers: People whose last visit was on this day.
        editors: People whose last change was on this day.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="+")
    team = models.CharField(max_length=20, blank=True)
    day = models.DateField()
    viewers = models.IntegerField(default=0)
    editors = models.IntegerField(default=0)

    class Meta:
        db_table = "roadmap_presence"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["site", "team", "day"], name="roadmap_presence_once"),
            models.CheckConstraint(
                condition=models.Q(team__in=["", *(each.value for each in Function)]),
                name="roadmap_presence_team_is_known",
            ),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.team} {self.day}"


class RoadmapSettingsRecord(models.Model):
    """What a site's rules of the roadmap go by beside the items, and up to where they have read.

    Attributes:
        capacity: Role → days of work in a week.
        washout_days: For how long a test is felt by the next after its end.
        severities: Rule → severity, where it is not the usual one.
        free: Days on which nobody works, ISO.
        audit_seen: The last audit event whose change of an experiment stands in the log.
        recomputed_at: When conflicts were looked for last; None before.
    """

    site = models.OneToOneField("sites.Site", on_delete=models.CASCADE, related_name="+")
    version = models.PositiveIntegerField(default=1)
    capacity = models.JSONField(default=dict, blank=True)
    washout_days = models.PositiveSmallIntegerField(default=0)
    severities = models.JSONField(default=dict, blank=True)
    free = models.JSONField(default=list, blank=True)
    audit_seen = models.PositiveBigIntegerField(default=0)
    recomputed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "roadmap_settings"

    @override
    def __str__(self) -> str:
        return f"roadmap of {self.site_id}"
