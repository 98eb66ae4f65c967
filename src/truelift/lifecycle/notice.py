"""What a person is told without having asked, and by which way it reaches them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Severity(StrEnum):
    """How bad it is to read it late."""

    NOTE = "note"
    WATCH = "watch"
    URGENT = "urgent"

    @property
    def rank(self) -> int:
        """Position in the order, for comparing."""
        return tuple(Severity).index(self)


class Topic(StrEnum):
    """What a notice is about; a person chooses a way for each."""

    ALERT = "alert"
    DECISION = "decision"
    MENTION = "mention"
    WORK = "work"
    WEEK = "week"

    @property
    def called(self) -> str:
        """The topic as it stands on a page."""
        return _CALLED[self]


class Wish(StrEnum):
    """How a person wants to hear of a topic."""

    MAIL = "mail"
    DAILY = "daily"
    WEEKLY = "weekly"
    INBOX = "inbox"
    OFF = "off"

    @property
    def called(self) -> str:
        """The wish as it stands on a page."""
        return _WISHES[self]


_CALLED: Final[Mapping[Topic, str]] = MappingProxyType(
    {
        Topic.ALERT: "Alerts of running experiments and of the measurement",
        Topic.DECISION: "Decisions that wait for me",
        Topic.MENTION: "Comments that call me",
        Topic.WORK: "Everything else that waits for me",
        Topic.WEEK: "How the week went, by what I do: an e-mail on Monday",
    }
)

_WISHES: Final[Mapping[Wish, str]] = MappingProxyType(
    {
        Wish.MAIL: "In the inbox and by e-mail at once",
        Wish.DAILY: "In the inbox and in a daily e-mail",
        Wish.WEEKLY: "In the inbox and in a weekly e-mail",
        Wish.INBOX: "In the inbox only",
        Wish.OFF: "Not at all",
    }
)

USUAL: Final[Mapping[Topic, Wish]] = MappingProxyType(
    {
        Topic.ALERT: Wish.MAIL,
        Topic.DECISION: Wish.MAIL,
        Topic.MENTION: Wish.MAIL,
        Topic.WORK: Wish.WEEKLY,
        Topic.WEEK: Wish.WEEKLY,
    }
)
"""What holds for a person who has not chosen."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that somebody has to know.

    Attributes:
        cause: What is the matter, in a stable form such as `srm:experiment:checkout`. While a
            notice with this cause is open, another one changes its words and tells nobody
            again, unless it has become worse.
        severity: How bad it is.
        sentence: What is the matter, as a full sentence without a link.
        remedy: What to do about it, as an order to the reader.
        href: Where to do it, a path of this server.
        topic: What it is about.
    """

    cause: str
    severity: Severity
    sentence: str
    remedy: str
    href: str = ""
    topic: Topic = Topic.ALERT


def tells_again(before: Severity | None, after: Severity) -> bool:
    """Say whether people hear of a cause: when it is new, and when it has become worse.

    Args:
        before: As it was told last; None where it was not.
        after: As it is now.
    """
    return before is None or after.rank > before.rank


def worst(*, of: tuple[Severity, ...]) -> Severity | None:
    """Give the worst of several; None of none."""
    return max(of, key=lambda each: each.rank, default=None)
