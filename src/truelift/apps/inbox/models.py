"""Rows of what people were told, how they want to be told, and what became of each message."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from typing_extensions import override

from truelift.lifecycle.notice import Severity, Topic, Wish


class HookForm(models.TextChoices):
    """What reads a webhook's messages."""

    JSON = "json", "A program (signed JSON)"
    SLACK = "slack", "Slack"
    TEAMS = "teams", "Microsoft Teams"


class NoticeRecord(models.Model):
    """Something that somebody has to know, as long as it is the case.

    Attributes:
        cause: What is the matter, in a stable form; one open notice of each per site.
        times: How often it was said since it began.
        settled_at: When it was over; None while it is not.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="notices")
    cause = models.CharField(max_length=200)
    topic = models.CharField(max_length=10)
    severity = models.CharField(max_length=6)
    sentence = models.CharField(max_length=500)
    remedy = models.CharField(max_length=500)
    href = models.CharField(max_length=500, blank=True, default="")
    times = models.PositiveIntegerField(default=1)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "notice"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["site", "cause"],
                condition=models.Q(settled_at__isnull=True),
                name="one_open_notice_per_cause",
            ),
            models.CheckConstraint(
                condition=models.Q(severity__in=[each.value for each in Severity]),
                name="notice_severity_is_known",
            ),
            models.CheckConstraint(
                condition=models.Q(topic__in=[each.value for each in Topic]),
                name="notice_topic_is_known",
            ),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.severity} {self.cause}"


class NoticeForRecord(models.Model):
    """A person whom a notice concerns.

    Attributes:
        done_at: When they put it aside; it comes back when it becomes worse.
    """

    notice = models.ForeignKey(NoticeRecord, on_delete=models.CASCADE, related_name="people")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "notice_for"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["notice", "user"], name="notice_once_per_person")
        ]

    @override
    def __str__(self) -> str:
        return f"{self.notice_id} for {self.user_id}"


class SnoozeRecord(models.Model):
    """A line of a person's inbox that they do not want to see before an instant."""

    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    cause = models.CharField(max_length=200)
    until = models.DateTimeField()

    class Meta:
        db_table = "inbox_snooze"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["site", "user", "cause"], name="inbox_line_snoozed_once"
            )
        ]

    @override
    def __str__(self) -> str:
        return f"{self.cause} until {self.until}"


class WishRecord(models.Model):
    """How a person wants to hear of a topic of a site."""

    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    topic = models.CharField(max_length=10)
    wish = models.CharField(max_length=6)

    class Meta:
        db_table = "notice_wish"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["site", "user", "topic"], name="one_wish_per_person_and_topic"
            ),
            models.CheckConstraint(
                condition=models.Q(wish__in=[each.value for each in Wish])
                & models.Q(topic__in=[each.value for each in Topic]),
                name="notice_wish_is_known",
            ),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.topic}: {self.wish}"


class MailRecord(models.Model):
    """An e-mail to one person, sent or not.

    Attributes:
        digest: `daily`, `weekly` or `week`; empty for a single notice.
        text: Until it has left, or never will; then empty.
        problem: Why it was not sent; empty while it waits, and once it was sent.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    topic = models.CharField(max_length=10, blank=True, default="")
    digest = models.CharField(max_length=6, blank=True, default="")
    subject = models.CharField(max_length=200)
    text = models.TextField()
    made_at = models.DateTimeField()
    attempts = models.PositiveIntegerField(default=0)
    sent_at = models.DateTimeField(null=True, blank=True)
    problem = models.CharField(max_length=300, blank=True, default="")

    class Meta:
        db_table = "notice_mail"
        indexes: ClassVar = [
            models.Index(fields=["site", "user", "digest", "made_at"], name="digests_of_person")
        ]

    @override
    def __str__(self) -> str:
        return self.subject


class HookRecord(models.Model):
    """An address elsewhere that hears of a site's notices.

    Attributes:
        address: Sealed; whoever knows it may write to that channel.
        host: What people see of it.
        nonce: With the server's key, what the secret of its signatures is made of.
        least: Notices below this severity are not sent.
        ended_at: When somebody ended it.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="hooks")
    name = models.CharField(max_length=80)
    form = models.CharField(max_length=5, choices=HookForm.choices)
    address = models.TextField()
    host = models.CharField(max_length=253)
    nonce = models.CharField(max_length=40)
    least = models.CharField(max_length=6, default=Severity.WATCH.value)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    made_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "notice_hook"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(form__in=HookForm.values), name="notice_hook_form_is_known"
            ),
            models.CheckConstraint(
                condition=models.Q(least__in=[each.value for each in Severity]),
                name="notice_hook_least_is_known",
            ),
        ]

    @override
    def __str__(self) -> str:
        return self.name


class DeliveryRecord(models.Model):
    """One message to a webhook, and how it went.

    Attributes:
        message_id: The same at every attempt, so that the receiver takes it once.
        body: What is sent, byte by byte, because it is signed.
        status: Of the last answer; None where there was none.
        problem: What went wrong the last time.
        next_at: When it is tried again; None when it is not.
    """

    hook = models.ForeignKey(HookRecord, on_delete=models.CASCADE, related_name="deliveries")
    notice = models.ForeignKey(NoticeRecord, on_delete=models.SET_NULL, null=True, related_name="+")
    message_id = models.CharField(max_length=40, unique=True)
    body = models.TextField()
    made_at = models.DateTimeField()
    attempts = models.PositiveIntegerField(default=0)
    status = models.PositiveIntegerField(null=True, blank=True)
    problem = models.CharField(max_length=300, blank=True, default="")
    next_at = models.DateTimeField(null=True, blank=True)
    arrived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "notice_delivery"
        ordering: ClassVar = ["-pk"]

    @override
    def __str__(self) -> str:
        return f"{self.message_id} to {self.hook_id}"


class CountRecord(models.Model):
    """How many lines a person's inbox had when it was looked at last, for the rail.

    Putting the lines together takes a dozen questions; no page asks them for a number.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    count = models.PositiveIntegerField()
    counted_at = models.DateTimeField()

    class Meta:
        db_table = "inbox_count"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["site", "user"], name="one_inbox_count_per_person")
        ]

    @override
    def __str__(self) -> str:
        return f"{self.count} for {self.user_id}"
