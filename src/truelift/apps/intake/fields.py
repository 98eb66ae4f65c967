"""What somebody may write when they pass something on, and how it came in."""

from __future__ import annotations

from dataclasses import dataclass

from truelift.apps.intake.models import Channel, Way
from truelift.apps.research.actor import Actor, Audited


@dataclass(frozen=True, slots=True)
class SignalFields:
    """What somebody noticed."""

    title: str = ""
    detail: str = ""
    surface: str = ""
    segment: str = ""
    url: str = ""
    team: str = ""
    contact: str = ""


@dataclass(frozen=True, slots=True)
class IdeaFields:
    """What somebody proposes.

    Attributes:
        insight: Key of the finding that it answers, `I-4`; empty for none.
        signal: Key of the signal that it answers, `S-4`; empty for none.
    """

    change: str = ""
    problem: str = ""
    detail: str = ""
    surface: str = ""
    segment: str = ""
    url: str = ""
    team: str = ""
    contact: str = ""
    insight: str = ""
    signal: str = ""


@dataclass(frozen=True, slots=True)
class Arrival:
    """How something came in.

    Attributes:
        way: Which way.
        by: The member who wrote it, or the operator; None for everyone without an account.
        channel: The open form or webhook.
        outside_id: What it is called where it comes from; taken in once.
    """

    way: Way
    by: Actor | None = None
    channel: Channel | None = None
    outside_id: str = ""

    @property
    def audited(self) -> Audited:
        """Who the audit says it was: strangers go by the way that they took."""
        if self.by is not None:
            return self.by.audited
        name = f"{self.way.value}:{self.channel.name}" if self.channel else self.way.value
        return {"actor": name, "on_behalf_of": ""}
