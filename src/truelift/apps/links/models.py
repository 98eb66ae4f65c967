"""Rows of tools elsewhere, of tickets in them, and of pages that were shared by address."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from typing_extensions import override

from truelift.apps.links.ticket import TicketState


class ToolKind(models.TextChoices):
    """Where tickets are kept."""

    GITHUB = "github", "GitHub"
    LINEAR = "linear", "Linear"
    JIRA = "jira", "Jira"


class ToolRecord(models.Model):
    """A tool elsewhere that a site speaks with.

    Attributes:
        api: Where its interface for programs begins, without a slash at the end.
        account: With whose token, where the tool asks for it (Jira); or empty.
        token: Sealed; empty where nothing is asked of the tool.
        secret: Sealed, where the tool makes the secret of its webhooks (Linear); else empty,
            and the secret is derived from the server's key.
        public_id: In the address at which its webhooks arrive.
        nonce: With the server's key, what the secret is made of.
        heard_at: When its last webhook was believed.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="tools")
    kind = models.CharField(max_length=6, choices=ToolKind.choices)
    name = models.CharField(max_length=80)
    api = models.CharField(max_length=300)
    account = models.CharField(max_length=254, blank=True, default="")
    token = models.TextField(blank=True, default="")
    secret = models.TextField(blank=True, default="")
    public_id = models.CharField(max_length=40, unique=True)
    nonce = models.CharField(max_length=40)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    made_at = models.DateTimeField()
    heard_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "link_tool"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(kind__in=ToolKind.values), name="link_tool_kind_is_known"
            )
        ]

    @override
    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.name}"


class TicketRecord(models.Model):
    """A ticket elsewhere that belongs to an item here.

    Attributes:
        kind: A word of `threads.items.Kind`.
        key: How people call the item.
        outside: How the tool calls the ticket: `acme/shop#12`, `SHOP-5`.
        said: Its state in the tool's own word.
        changed_at: When the tool last changed it; what is older is not believed.
        told_stage: The stage of the item that the ticket was told last.
        linked_back_at: When the tool was told where the item is.
        problem: What went wrong the last time that the tool was asked.
    """

    tool = models.ForeignKey(ToolRecord, on_delete=models.CASCADE, related_name="tickets")
    kind = models.CharField(max_length=20)
    key = models.CharField(max_length=80)
    outside = models.CharField(max_length=200)
    url = models.CharField(max_length=500)
    title = models.CharField(max_length=300, blank=True, default="")
    state = models.CharField(max_length=7, default=TicketState.UNKNOWN.value)
    said = models.CharField(max_length=80, blank=True, default="")
    changed_at = models.DateTimeField(null=True, blank=True)
    told_stage = models.CharField(max_length=20, blank=True, default="")
    linked_back_at = models.DateTimeField(null=True, blank=True)
    problem = models.CharField(max_length=300, blank=True, default="")
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    made_at = models.DateTimeField()

    class Meta:
        db_table = "link_ticket"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tool", "kind", "key", "outside"], name="ticket_linked_once_per_item"
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=[each.value for each in TicketState]),
                name="ticket_state_is_known",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["kind", "key"], name="tickets_of_item")]

    @override
    def __str__(self) -> str:
        return f"{self.outside} {self.state}"


class HeardRecord(models.Model):
    """A webhook that was believed; the same one is not believed twice."""

    tool = models.ForeignKey(ToolRecord, on_delete=models.CASCADE, related_name="heard")
    message_id = models.CharField(max_length=120)
    heard_at = models.DateTimeField()

    class Meta:
        db_table = "link_heard"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tool", "message_id"], name="webhook_heard_once")
        ]

    @override
    def __str__(self) -> str:
        return self.message_id


class ShareKind(models.TextChoices):
    """What can be shown to somebody without an account."""

    RESULT = "result", "Result"
    BRIEF = "brief", "Brief"
    PRINCIPLE = "principle", "Principle"
    PROGRAMME = "programme", "Programme"


class ShareRecord(models.Model):
    """One page of one thing, shown to whoever has its address.

    Attributes:
        key: Of the experiment or principle; the day, for a programme.
        number: Of the snapshot, for a result; 0 otherwise.
        token_sha256: The token itself is not kept.
        seen: How often it was opened.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="shares")
    kind = models.CharField(max_length=9, choices=ShareKind.choices)
    key = models.CharField(max_length=80)
    number = models.PositiveIntegerField(default=0)
    title = models.CharField(max_length=300)
    token_sha256 = models.CharField(max_length=64, unique=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    seen = models.PositiveIntegerField(default=0)
    seen_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "share"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(kind__in=ShareKind.values), name="share_kind_is_known"
            )
        ]

    @override
    def __str__(self) -> str:
        return f"{self.kind} {self.key}"


class PrintRecord(models.Model):
    """A PDF that somebody asked for.

    Attributes:
        content: Empty until it is made.
        problem: Why it could not be made.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=9, choices=ShareKind.choices)
    key = models.CharField(max_length=80)
    number = models.PositiveIntegerField(default=0)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    asked_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    problem = models.CharField(max_length=500, blank=True, default="")
    content = models.BinaryField(default=b"")

    class Meta:
        db_table = "print"

    @override
    def __str__(self) -> str:
        return f"{self.kind} {self.key}"
