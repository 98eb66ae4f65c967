"""What people tell a company, and what they propose."""

from __future__ import annotations

from dataclasses import dataclass

from truelift.apps.intake.fields import IdeaFields, SignalFields
from truelift.apps.intake.models import Way


@dataclass(frozen=True, slots=True)
class Heard:
    """Something that was noticed.

    Attributes:
        by: First name of the member who wrote it; empty for somebody without an account.
        days_ago: When.
        way: How it came in.
        about: Trial whose insight it became part of; empty for none.
        dismissed: Why it deserves no finding; empty while it does.
        looked_at: Days ago on which somebody did; None while nobody has.
        asleep: Days from today for which it sleeps; 0 for none.
    """

    fields: SignalFields
    by: str
    days_ago: int
    way: Way = Way.MEMBER
    about: str = ""
    dismissed: str = ""
    looked_at: int | None = None
    asleep: int = 0


@dataclass(frozen=True, slots=True)
class Proposed:
    """An idea, and what became of it.

    Attributes:
        key: By which the story calls it.
        by: First name of the member; empty for somebody without an account.
        days_ago: When.
        about: Trial or topic whose insight it answers; empty for a solution only.
        screened: Days ago; None while nobody has looked.
        scores: First name → impact, confidence and ease.
        parked: Why it waits.
        rejected: Why not.
    """

    key: str
    fields: IdeaFields
    by: str
    days_ago: int
    about: str = ""
    way: Way = Way.MEMBER
    screened: int | None = None
    scores: tuple[tuple[str, tuple[int, int, int]], ...] = ()
    parked: str = ""
    rejected: str = ""
