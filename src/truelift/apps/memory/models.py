"""Rows of what is remembered: the index of the library, principles, and where they are used."""

from __future__ import annotations

from typing import ClassVar, Final

from django.conf import settings
from django.db import models
from typing_extensions import override

from truelift.lifecycle.principle import Principle


class Outcome(models.TextChoices):
    """What came of an experiment, as the library sorts it."""

    WIN = "win", "Better"
    LOSS = "loss", "Worse"
    NULL = "null", "No difference"
    INCONCLUSIVE = "inconclusive", "Not conclusive"
    INVALID = "invalid", "Invalid"
    NONE = "none", "No result yet"


class Season(models.TextChoices):
    """When in the year an experiment began; months, because halves of the earth differ."""

    WINTER = "dec-feb", "December to February"
    SPRING = "mar-may", "March to May"
    SUMMER = "jun-aug", "June to August"
    AUTUMN = "sep-nov", "September to November"


WATERMARK: Final = "Invalid: not a finding"
"""What stands on everything that comes of an invalid experiment (R075)."""

CONTAMINATED: Final = "Contaminated after the fact: not a finding"
"""The same where it was decided before anybody told of the change that spoiled it."""


class EntryRecord(models.Model):
    """What the library finds an experiment by; worked out from it, never edited.

    Attributes:
        words: Stems of everything written about it, each between blanks.
        outcome: An `Outcome`.
        valid: Whether its result may count as a finding.
        mark: Why it may not, where it is not invalid; empty else.
        variant: Of which treatment the effect below is.
        value: Relative effect on the primary metric, more is better; None where there is none.
        se: Its standard error.
        expected: What its hypothesis expected of it, with the same sign.
        surprise: How far the two are apart; None for an invalid one.
        effects: The same numbers of every treatment.
        missing: What its documentation lacks.
        documented: Share of the documentation that is there.
    """

    experiment = models.OneToOneField(
        "experiments.ExperimentRecord", on_delete=models.CASCADE, related_name="entry"
    )
    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="+")
    words = models.TextField()
    surface = models.CharField(max_length=120, blank=True)
    element = models.CharField(max_length=120, blank=True)
    audience = models.CharField(max_length=300, blank=True)
    metric = models.CharField(max_length=80, blank=True)
    outcome = models.CharField(max_length=12, choices=Outcome.choices)
    season = models.CharField(max_length=7, blank=True)
    year = models.PositiveSmallIntegerField(null=True, blank=True)
    began_on = models.DateField(null=True, blank=True)
    valid = models.BooleanField(default=True)
    mark = models.CharField(max_length=60, blank=True, default="")
    variant = models.CharField(max_length=80, blank=True)
    value = models.FloatField(null=True, blank=True)
    se = models.FloatField(null=True, blank=True)
    low = models.FloatField(null=True, blank=True)
    high = models.FloatField(null=True, blank=True)
    expected = models.FloatField(null=True, blank=True)
    surprise = models.FloatField(null=True, blank=True)
    effects = models.JSONField(default=list)
    missing = models.JSONField(default=list)
    documented = models.FloatField(default=0)

    class Meta:
        db_table = "memory_entry"
        indexes: ClassVar = [
            models.Index(fields=["site", "-began_on"], name="memory_entry_by_date"),
            models.Index(fields=["site", "-surprise"], name="memory_entry_by_surprise"),
        ]

    @override
    def __str__(self) -> str:
        return f"entry of {self.experiment_id}"

    @property
    def watermark(self) -> str:
        """What stands on everything that comes of it; empty where it may count."""
        return "" if self.valid else self.mark or WATERMARK


class PositionRecord(models.Model):
    """Up to which row of the audit a site's index has seen what people changed."""

    site = models.OneToOneField("sites.Site", on_delete=models.CASCADE, related_name="+")
    audit_id = models.PositiveBigIntegerField(default=0)

    class Meta:
        db_table = "memory_position"

    @override
    def __str__(self) -> str:
        return f"{self.site_id} to {self.audit_id}"


class PrincipleRecord(models.Model):
    """A rule of thumb that tests speak for or against.

    Attributes:
        number: Counted per site; shown as `P-7`.
        statement: The rule, as an order to whoever designs a page.
        detail: What happens where it is followed, in a sentence or two.
        holds_for: Where it holds, in words.
        not_for: Where it does not.
        unknown: Of what nobody knows yet.
        would_change: What would change our mind.
        types: Types of surfaces that it concerns.
        elements: Parts of pages that it concerns.
        retired_because: Why nobody builds on it any more; empty while somebody may.
        drafted_by: The model and version that wrote the draft; empty for a person.
        drafted_from: What the model was given.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.PROTECT, related_name="principles")
    number = models.PositiveIntegerField()
    statement = models.CharField(max_length=300)
    detail = models.CharField(max_length=1000, blank=True)
    holds_for = models.CharField(max_length=300, blank=True)
    not_for = models.CharField(max_length=300, blank=True)
    unknown = models.CharField(max_length=300, blank=True)
    would_change = models.CharField(max_length=500, blank=True)
    types = models.JSONField(default=list, blank=True)
    elements = models.JSONField(default=list, blank=True)
    retired_because = models.CharField(max_length=500, blank=True)
    drafted_by = models.CharField(max_length=120, blank=True)
    drafted_from = models.JSONField(default=list, blank=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    made_at = models.DateTimeField()
    edited_at = models.DateTimeField(null=True, blank=True)
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    accepted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "principle"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["site", "number"], name="principle_number_once_per_site"
            )
        ]

    @override
    def __str__(self) -> str:
        return f"{self.key} {self.statement}"

    @property
    def key(self) -> str:
        """How people and links call it."""
        return f"P-{self.number}"

    @property
    def machine(self) -> bool:
        """Whether a machine wrote it and no person has accepted it yet."""
        return bool(self.drafted_by) and self.accepted_at is None

    def as_domain(self) -> Principle:
        """Give the value that the rules judge."""
        return Principle(
            key=self.key,
            statement=self.statement,
            scope=self.holds_for,
            machine=self.machine,
            retired=bool(self.retired_because),
        )


class TrialRecord(models.Model):
    """A test that applied a principle, or did the opposite; while it did, the test stays.

    Attributes:
        variant: The treatment that did; needed where there are several.
        applied: False where the treatment did the opposite of the principle.
        outside: Whether the test lies outside of where the principle is said to hold.
    """

    principle = models.ForeignKey(PrincipleRecord, on_delete=models.CASCADE, related_name="trials")
    experiment = models.ForeignKey(
        "experiments.ExperimentRecord", on_delete=models.PROTECT, related_name="trials"
    )
    variant = models.CharField(max_length=80, blank=True)
    applied = models.BooleanField(default=True)
    outside = models.BooleanField(default=False)
    linked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    linked_at = models.DateTimeField()

    class Meta:
        db_table = "principle_trial"
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["principle", "experiment"], name="experiment_tries_principle_once"
            )
        ]

    @override
    def __str__(self) -> str:
        return f"{self.experiment_id} tried {self.principle_id}"


class GuidelineRecord(models.Model):
    """Something to change in guidelines, templates or the design system, so that a principle lasts.

    Attributes:
        link: The pull request, page or design asset.
    """

    principle = models.ForeignKey(
        PrincipleRecord, on_delete=models.CASCADE, related_name="guidelines"
    )
    text = models.CharField(max_length=300)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    due = models.DateField(null=True, blank=True)
    link = models.CharField(max_length=500, blank=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    made_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "guideline"
        ordering: ClassVar = ["pk"]

    @override
    def __str__(self) -> str:
        return self.text


class UseState(models.TextChoices):
    """Whether a surface follows a principle."""

    LIVE = "live", "Follows it"
    NOT_YET = "not_yet", "Not yet"
    UNFIT = "unfit", "Does not fit here"


class UseRecord(models.Model):
    """What a person said of a surface and a principle."""

    principle = models.ForeignKey(PrincipleRecord, on_delete=models.CASCADE, related_name="uses")
    surface = models.CharField(max_length=120)
    state = models.CharField(max_length=7, choices=UseState.choices)
    said_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    said_at = models.DateTimeField()

    class Meta:
        db_table = "principle_use"
        ordering: ClassVar = ["surface"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["principle", "surface"], name="surface_uses_principle_once"
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=UseState.values), name="principle_use_state_is_known"
            ),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.surface} {self.state}"


class PlaceRecord(models.Model):
    """What kind of page a surface is, and which parts it has.

    Attributes:
        surface: As findings and experiments call it.
        type: `product page`, `landing page`.
        elements: Its parts.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="places")
    surface = models.CharField(max_length=120)
    type = models.CharField(max_length=60, blank=True)
    elements = models.JSONField(default=list, blank=True)

    class Meta:
        db_table = "surface_type"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["site", "surface"], name="surface_type_once_per_site")
        ]

    @override
    def __str__(self) -> str:
        return self.surface
