"""Rows of warnings: one a cause, its moves, what every night saw of it, and the last looks."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from typing_extensions import override

from truelift.lifecycle.warning import Kind, Severity, Warned, WarningStage


class WarningRecord(models.Model):
    """One cause. Comes it back, its row opens again, so that its history stays together.

    Attributes:
        number: Counts within the site; `W-3`.
        cause: What tells causes of one kind apart; empty where there is one.
        sentence: What is the matter, with its numbers, as it was seen last.
        short: The same in a few words.
        advice: What to do.
        stage: Where it stands.
        severity: The worst since it was opened.
        since: The day on which it came to this stage.
        first_seen: The first day since it was opened last.
        last_seen: The last day on which it was found.
        times: How often it was opened.
        by_person: Whether a person brought it where it stands.
        owner: Who deals with it; None while nobody does.
        due: Until when, as the owner has said.
        until: Of an accepted risk: its last day.
        version: Counts moves, so that two people do not overwrite each other.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.PROTECT, related_name="warnings")
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=20)
    cause = models.CharField(max_length=120, blank=True, default="")
    sentence = models.CharField(max_length=1000)
    short = models.CharField(max_length=300)
    advice = models.CharField(max_length=500, blank=True, default="")
    stage = models.CharField(max_length=14, default=WarningStage.OPEN.value)
    severity = models.CharField(max_length=8)
    since = models.DateField()
    first_seen = models.DateField()
    last_seen = models.DateField()
    times = models.PositiveSmallIntegerField(default=1)
    by_person = models.BooleanField(default=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    due = models.DateField(null=True, blank=True)
    until = models.DateField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        db_table = "early_warning"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["site", "number"], name="warning_number_once"),
            models.UniqueConstraint(fields=["site", "kind", "cause"], name="one_warning_a_cause"),
            models.CheckConstraint(
                condition=models.Q(stage__in=[each.value for each in WarningStage])
                & models.Q(severity__in=[each.value for each in Severity])
                & models.Q(kind__in=[each.value for each in Kind]),
                name="warning_words_are_known",
            ),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.key}: {self.kind} {self.stage}"

    @property
    def key(self) -> str:
        """The number as people say it."""
        return f"W-{self.number}"

    def as_domain(self) -> Warned:
        """Give the value that the rules take."""
        return Warned(
            kind=Kind(self.kind),
            cause=self.cause,
            stage=WarningStage(self.stage),
            severity=Severity(self.severity),
            since=self.since,
            until=self.until,
            by_person=self.by_person,
        )


class WarningMoveRecord(models.Model):
    """What happened to a warning, once; never changed (`append_only.py`).

    Attributes:
        action: A word of `Change`, or the stage to which a person brought it.
        before: Where it stood; empty when it was opened first.
        after: Where it stood then.
        by: None for the detector.
        day: Until when it was promised, or accepted.
        sentence: What was the matter then.
        note: What the person says.
    """

    warning = models.ForeignKey(WarningRecord, on_delete=models.PROTECT, related_name="moves")
    action = models.CharField(max_length=14)
    before = models.CharField(max_length=14, blank=True, default="")
    after = models.CharField(max_length=14)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    day = models.DateField(null=True)
    severity = models.CharField(max_length=8)
    sentence = models.CharField(max_length=1000)
    note = models.CharField(max_length=1000, blank=True, default="")
    moved_at = models.DateTimeField()

    class Meta:
        db_table = "warning_move"
        ordering: ClassVar = ["pk"]

    @override
    def __str__(self) -> str:
        return f"{self.warning_id}: {self.action}"


class SightingRecord(models.Model):
    """What a night saw of a warning, with the numbers behind it; never changed.

    Attributes:
        day: At the site; the first look of a day is kept.
        text: The evidence as JSON text.
    """

    warning = models.ForeignKey(WarningRecord, on_delete=models.PROTECT, related_name="sightings")
    day = models.DateField()
    severity = models.CharField(max_length=8)
    sentence = models.CharField(max_length=1000)
    text = models.TextField()
    seen_at = models.DateTimeField()

    class Meta:
        db_table = "warning_sighting"
        ordering: ClassVar = ["day"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["warning", "day"], name="one_sighting_a_day")
        ]

    @override
    def __str__(self) -> str:
        return f"{self.warning_id} {self.day}"

    @property
    def evidence(self) -> dict[str, Any]:
        """The evidence, read from its text."""
        parsed: dict[str, Any] = json.loads(self.text)
        return parsed


class ReadingRecord(models.Model):
    """What the last night says of a kind, quiet or not; the next one replaces it.

    Attributes:
        told: Whether it could be judged.
        severity: Empty when it is quiet.
        warning: The worst that stands of this kind; None when it is quiet.
        standing: How many stand.
        evidence: Behind the worst look of the kind.
        replayed: The back-test, as a document; empty where there is none.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=20)
    day = models.DateField()
    looked_at = models.DateTimeField()
    told = models.BooleanField()
    severity = models.CharField(max_length=8, blank=True, default="")
    short = models.CharField(max_length=300)
    sentence = models.CharField(max_length=1000)
    warning = models.ForeignKey(
        WarningRecord, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    standing = models.PositiveSmallIntegerField(default=0)
    evidence = models.JSONField(default=dict)
    replayed = models.JSONField(default=dict)

    class Meta:
        db_table = "warning_reading"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["site", "kind"], name="one_warning_reading_a_kind")
        ]

    @override
    def __str__(self) -> str:
        return f"{self.site_id} {self.kind}"
