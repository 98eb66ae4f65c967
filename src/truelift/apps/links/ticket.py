"""A ticket of another tool as far as Truelift understands it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from truelift.errors import Refusal


class TicketState(StrEnum):
    """How far a ticket has come, in words that all tools share."""

    UNKNOWN = "unknown"
    OPEN = "open"
    STARTED = "started"
    DONE = "done"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a tool says of a ticket.

    Attributes:
        outside: How the tool calls it.
        title: What it is about.
        state: How far it has come.
        said: The same in the tool's own word.
        changed_at: When it was last changed; None where the tool does not say.
    """

    outside: str
    title: str
    state: TicketState
    said: str
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A request to a tool's interface.

    Attributes:
        body: JSON; None for none.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """What a webhook says, once its signature is believed.

    Attributes:
        message_id: The tool's own name of this message.
        sent_at: When the tool says that it sent it; None where it does not.
        ticket: None for a message about something else, such as a trial.
    """

    message_id: str
    sent_at: datetime | None
    ticket: Ticket | None


class BadWebhook(Refusal):
    """A webhook that is not believed, or that makes no sense."""

    code = "links.bad_webhook"

    def __init__(self, *, why: str) -> None:
        super().__init__(
            f"The webhook is not taken: {why} Compare address and secret with the tool’s page.",
            why=why,
        )


class UnreadableAnswer(Refusal):
    """A tool answered something that is no ticket."""

    code = "links.unreadable_answer"

    def __init__(self) -> None:
        super().__init__("The tool answered something that is no ticket. Try again later.")


def text_of(value: object, *path: str) -> str:
    """Follow a path through JSON to a text; empty where it is not there."""
    found = at(value, *path)
    return found if isinstance(found, str) else ""


def at(value: object, *path: str) -> object:
    """Follow a path through JSON; None where it is not there."""
    for name in path:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def moment_of(text: str) -> datetime | None:
    """Read an instant as tools write it; None where it is none."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else None
