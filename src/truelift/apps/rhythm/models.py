"""Rows of meetings: when they stand, each one that was due, packs, minutes, additions, actions."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from typing_extensions import override

from truelift.lifecycle.rhythm import Meeting, Stage


LONGEST_NOTE = 4000
LONGEST_ACTION = 300


class RhythmRecord(models.Model):
    """When one kind of meeting is due on a site.

    Attributes:
        version: Counts changes, so that two people's changes do not overwrite each other.
        weekday: Monday is 0.
        nth: Which of these weekdays in its month.
        at: By the clocks of the site.
        since: The first day on which it can be due.
        owner: Who calls it.
        stands: Whether it is held at all.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=8)
    version = models.PositiveIntegerField(default=1)
    weekday = models.PositiveSmallIntegerField()
    nth = models.PositiveSmallIntegerField(default=1)
    at = models.TimeField()
    since = models.DateField()
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    stands = models.BooleanField(default=True)

    class Meta:
        db_table = "rhythm"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["site", "kind"], name="rhythm_once_per_kind")
        ]

    @override
    def __str__(self) -> str:
        return Meeting(self.kind).called


class MeetingRecord(models.Model):
    """One meeting that is or was due.

    Attributes:
        period: The week, month or quarter that it belongs to.
        day: Its day, by the clocks of the site.
        begun_at: When somebody began it; None before.
        quorate: Whether everybody was there who had to be; None until it is closed.
        present: Numbers of the people who are there.
        notes: Topic → what the minutes say.
        agenda: What there is to speak of, as JSON text; empty until it is put together.
        agenda_at: When that was read.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=8)
    period = models.CharField(max_length=8)
    day = models.DateField()
    starts_at = models.DateTimeField()
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    stage = models.CharField(max_length=7, default=Stage.PLANNED.value)
    begun_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    quorate = models.BooleanField(null=True, blank=True)
    present = models.JSONField(default=list, blank=True)
    notes = models.JSONField(default=dict, blank=True)
    agenda = models.TextField(blank=True, default="")
    agenda_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "meeting"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["site", "kind", "period"], name="meeting_once_per_period"
            )
        ]
        indexes: ClassVar = [models.Index(fields=["site", "day"], name="meeting_by_day")]

    @override
    def __str__(self) -> str:
        return f"{self.called}, {self.day:%-d %B %Y}"

    @property
    def called(self) -> str:
        """What kind of meeting it is, in words."""
        return Meeting(self.kind).called

    @property
    def meeting(self) -> Meeting:
        """Its kind as the rules know it."""
        return Meeting(self.kind)

    @property
    def href(self) -> str:
        """Its page; the site's name stands in its row, which is there already."""
        return f"/s/{self.site.name}/rhythm/{self.kind}/{self.period}/"

    @property
    def key(self) -> str:
        """How programs and the audit call it."""
        return f"{self.kind}:{self.period}"


class PackRecord(models.Model):
    """The figures of a meeting as they stood at one moment; never changed.

    The database refuses to change or delete a row (`append_only.py`).

    Attributes:
        version: Counted per meeting from 1.
        snapshot: How people call it: `2026-10-b`.
        text: The document as JSON text; its page is made from this alone.
        digest: SHA-256 of the text.
    """

    meeting = models.ForeignKey(MeetingRecord, on_delete=models.PROTECT, related_name="packs")
    version = models.PositiveIntegerField()
    snapshot = models.CharField(max_length=16)
    text = models.TextField()
    digest = models.CharField(max_length=64)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    made_at = models.DateTimeField()

    class Meta:
        db_table = "meeting_pack"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["meeting", "version"], name="meeting_pack_version_once")
        ]

    @override
    def __str__(self) -> str:
        return self.snapshot

    @property
    def document(self) -> dict[str, Any]:
        """The document, read from its text."""
        parsed: dict[str, Any] = json.loads(self.text)
        return parsed


class MinutesRecord(models.Model):
    """The minutes of a closed meeting; never changed, only added to.

    The database refuses to change or delete a row (`append_only.py`).

    Attributes:
        text: Who was there, for what, what was said, which actions: JSON text.
        digest: SHA-256 of the text.
    """

    meeting = models.OneToOneField(MeetingRecord, on_delete=models.PROTECT, related_name="minutes")
    text = models.TextField()
    digest = models.CharField(max_length=64)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    closed_at = models.DateTimeField()

    class Meta:
        db_table = "meeting_minutes"

    @override
    def __str__(self) -> str:
        return f"minutes of {self.meeting_id}"

    @property
    def document(self) -> dict[str, Any]:
        """The document, read from its text."""
        parsed: dict[str, Any] = json.loads(self.text)
        return parsed


class AdditionRecord(models.Model):
    """What somebody added to minutes after the meeting was closed; never changed.

    The database refuses to change or delete a row (`append_only.py`).
    """

    meeting = models.ForeignKey(MeetingRecord, on_delete=models.PROTECT, related_name="additions")
    text = models.CharField(max_length=LONGEST_NOTE)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    at = models.DateTimeField()

    class Meta:
        db_table = "meeting_addition"

    @override
    def __str__(self) -> str:
        return self.text[:60]


class ActionRecord(models.Model):
    """What somebody promised to do; it stands on every agenda until it is done.

    Attributes:
        number: Counted per site, shown as `AC-4`.
        topic: Under which topic it came up.
        due: By which day.
        done_at: When somebody said so; None while it is open.
        outcome: What came of it.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.PROTECT, related_name="+")
    number = models.PositiveIntegerField()
    meeting = models.ForeignKey(MeetingRecord, on_delete=models.PROTECT, related_name="actions")
    topic = models.CharField(max_length=16, blank=True, default="")
    what = models.CharField(max_length=LONGEST_ACTION)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    due = models.DateField()
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    made_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True, blank=True)
    done_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    outcome = models.CharField(max_length=LONGEST_ACTION, blank=True, default="")

    class Meta:
        db_table = "meeting_action"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["site", "number"], name="meeting_action_number_once")
        ]
        indexes: ClassVar = [
            models.Index(fields=["site", "done_at", "due"], name="meeting_action_open")
        ]

    @override
    def __str__(self) -> str:
        return self.key

    @property
    def key(self) -> str:
        """How people call it."""
        return f"AC-{self.number}"

    def is_late(self, today: date) -> bool:
        """Say whether its day is over."""
        return self.done_at is None and self.due < today

    def is_done(self, at: datetime) -> bool:
        """Say whether it was done at a moment."""
        return self.done_at is not None and self.done_at <= at
