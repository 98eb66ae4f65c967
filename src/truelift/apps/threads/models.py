"""Rows of what people said about items."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from typing_extensions import override


class CommentRecord(models.Model):
    """Something that somebody said about an item.

    Attributes:
        kind: A word of `items.Kind`.
        key: How people call the item.
        operator: Whether the operator wrote it on behalf of `by`.
        withdrawn_at: When its author took it back; the text goes, that it was said stays.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.PROTECT, related_name="comments")
    kind = models.CharField(max_length=20)
    key = models.CharField(max_length=80)
    text = models.CharField(max_length=4000, blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    operator = models.BooleanField(default=False)
    said_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "comment"
        indexes: ClassVar = [models.Index(fields=["site", "kind", "key"], name="comments_of_item")]

    @override
    def __str__(self) -> str:
        return f"{self.kind}:{self.key} {self.text[:40]}"


class MentionRecord(models.Model):
    """A member who was called in a comment.

    Attributes:
        read_at: When they saw it; None while it waits for them.
    """

    comment = models.ForeignKey(CommentRecord, on_delete=models.CASCADE, related_name="mentions")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="mentions"
    )
    read_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "mention"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["comment", "user"], name="mentioned_once_per_comment")
        ]

    @override
    def __str__(self) -> str:
        return f"{self.user_id} in {self.comment_id}"
