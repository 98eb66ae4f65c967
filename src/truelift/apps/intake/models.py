"""Rows of what comes in: signals, ideas, and the ways in."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from typing_extensions import override

from truelift.lifecycle import idea as idea_rules
from truelift.lifecycle import signal as signal_rules
from truelift.lifecycle.idea import IdeaStage
from truelift.lifecycle.signal import SignalStage


class Way(models.TextChoices):
    """How something came in."""

    MEMBER = "member", "Written by a member"
    LINK = "link", "Open form"
    CSV = "csv", "CSV file"
    MAIL = "mail", "E-mail"
    WEBHOOK = "webhook", "Webhook"
    API = "api", "API"


def _stage_check(stages: type[SignalStage] | type[IdeaStage], name: str) -> models.CheckConstraint:
    return models.CheckConstraint(
        condition=models.Q(stage__in=[stage.value for stage in stages]), name=name
    )


class Channel(models.Model):
    """A way in that is no member: an open form or a webhook; each can be closed.

    Attributes:
        kind: `link`, a form behind a secret address; or `webhook`, signed requests.
        token_sha256: Of the form's secret; empty for webhooks.
        public_id: In a webhook's address; it is no secret, the signature is.
        nonce: What the webhook's secret is derived from, together with the server's own key;
            the secret itself is not kept.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="channels")
    kind = models.CharField(
        max_length=7, choices=[(Way.LINK.value, "Open form"), (Way.WEBHOOK.value, "Webhook")]
    )
    name = models.CharField(max_length=80)
    token_sha256 = models.CharField(max_length=64, blank=True, db_index=True)
    public_id = models.CharField(max_length=32, unique=True)
    nonce = models.CharField(max_length=32)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    made_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "intake_channel"

    @override
    def __str__(self) -> str:
        return self.name


class Delivery(models.Model):
    """A webhook request that was taken; its id is remembered, so that it is taken once."""

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="deliveries")
    message_id = models.CharField(max_length=120)
    received_at = models.DateTimeField()
    made = models.CharField(max_length=16)

    class Meta:
        db_table = "intake_delivery"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["channel", "message_id"], name="intake_delivery_once_per_channel"
            )
        ]

    @override
    def __str__(self) -> str:
        return self.message_id


class Received(models.Model):
    """What every thing that came in has: who it is from and how it came.

    Attributes:
        number: Counted per site.
        detail: Everything else that they wrote.
        team: Team of the person, in their own words.
        contact: How to reach them, if they want to hear what became of it.
        outside_id: What it is called where it comes from, so that it is taken in once.
        made_by: The member who wrote it; empty for everyone without an account.
    """

    number = models.PositiveIntegerField()
    detail = models.TextField(max_length=8000, blank=True)
    surface = models.CharField(max_length=120, blank=True)
    segment = models.CharField(max_length=120, blank=True)
    url = models.CharField(max_length=500, blank=True)
    team = models.CharField(max_length=80, blank=True)
    contact = models.CharField(max_length=254, blank=True)
    way = models.CharField(max_length=7, choices=Way.choices)
    outside_id = models.CharField(max_length=200, blank=True)
    made_at = models.DateTimeField()
    reason = models.CharField(max_length=500, blank=True)

    class Meta:
        abstract = True


class SignalRecord(Received):
    """Something that somebody noticed.

    Attributes:
        title: What was noticed, in a line; number shown as `S-4`.
        due_at: By when somebody should have looked at it.
        triaged_at: When somebody did.
        asleep_until: When it comes back from being snoozed.
        insight: The finding that it became part of; while it did, the finding stays.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.PROTECT, related_name="signals")
    title = models.CharField(max_length=200)
    channel = models.ForeignKey(
        Channel, on_delete=models.SET_NULL, null=True, blank=True, related_name="signals"
    )
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    stage = models.CharField(max_length=9, default=SignalStage.NEW.value)
    due_at = models.DateTimeField()
    triaged_at = models.DateTimeField(null=True, blank=True)
    triaged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    asleep_until = models.DateTimeField(null=True, blank=True)
    insight = models.ForeignKey(
        "research.InsightRecord",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="signals",
    )

    class Meta:
        db_table = "signal"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["site", "number"], name="signal_number_once_per_site"),
            _stage_check(SignalStage, "signal_stage_is_known"),
            models.UniqueConstraint(
                fields=["site", "way", "outside_id"],
                condition=~models.Q(outside_id=""),
                name="signal_from_outside_once",
            ),
            models.CheckConstraint(
                condition=models.Q(insight__isnull=False)
                | ~models.Q(stage=SignalStage.LINKED.value),
                name="signal_linked_to_something",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["site", "stage", "due_at"], name="signal_by_stage_and_due"),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.key} {self.title}"

    @property
    def key(self) -> str:
        """How people and links call it."""
        return f"S-{self.number}"

    def as_domain(self) -> signal_rules.Signal:
        """Give the value that the rules judge."""
        return signal_rules.Signal(
            key=self.key,
            title=self.title,
            stage=SignalStage(self.stage),
            insight="" if self.insight is None else self.insight.key,
            reason=self.reason,
            until=self.asleep_until,
        )


class IdeaRecord(Received):
    """A change that somebody proposes; number shown as `ID-4`.

    Attributes:
        change: What would be changed.
        problem: The problem that it would solve, in the sender's words; a link counts, words
            do not.
        insight: The finding that it answers.
        signal: The signal that it answers.
        hypothesis: What it became.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.PROTECT, related_name="ideas")
    change = models.CharField(max_length=300)
    problem = models.CharField(max_length=300, blank=True)
    channel = models.ForeignKey(
        Channel, on_delete=models.SET_NULL, null=True, blank=True, related_name="ideas"
    )
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    stage = models.CharField(max_length=9, default=IdeaStage.SUBMITTED.value)
    insight = models.ForeignKey(
        "research.InsightRecord",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="ideas",
    )
    signal = models.ForeignKey(
        SignalRecord, on_delete=models.PROTECT, null=True, blank=True, related_name="ideas"
    )
    hypothesis = models.ForeignKey(
        "research.HypothesisRecord",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="ideas",
    )

    class Meta:
        db_table = "idea"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["site", "number"], name="idea_number_once_per_site"),
            _stage_check(IdeaStage, "idea_stage_is_known"),
            models.UniqueConstraint(
                fields=["site", "way", "outside_id"],
                condition=~models.Q(outside_id=""),
                name="idea_from_outside_once",
            ),
            models.CheckConstraint(
                condition=models.Q(hypothesis__isnull=False)
                | ~models.Q(stage=IdeaStage.PROMOTED.value),
                name="idea_promoted_to_something",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["site", "stage"], name="idea_by_stage")]

    @override
    def __str__(self) -> str:
        return f"{self.key} {self.change}"

    @property
    def key(self) -> str:
        """How people and links call it."""
        return f"ID-{self.number}"

    def as_domain(self) -> idea_rules.Idea:
        """Give the value that the rules judge."""
        linked = (self.insight, self.signal)
        return idea_rules.Idea(
            key=self.key,
            change=self.change,
            problems=tuple(each.key for each in linked if each is not None),
            stage=IdeaStage(self.stage),
            hypothesis="" if self.hypothesis is None else self.hypothesis.key,
            reason=self.reason,
        )


class ImportRecord(models.Model):
    """A CSV file that somebody brought: seen first, then taken in; what is refused is kept.

    Attributes:
        kind: `signals` or `ideas`.
        text: The file, as it came.
        refused: The rows that were not taken: line, why, and what stood there.
        taken: How many rows were taken in; None before.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="intake_imports")
    kind = models.CharField(max_length=7)
    name = models.CharField(max_length=120, blank=True)
    text = models.TextField()
    refused = models.JSONField(default=list)
    taken = models.PositiveIntegerField(null=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    made_at = models.DateTimeField()
    taken_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "intake_import"

    @override
    def __str__(self) -> str:
        return self.name or f"import {self.pk}"
