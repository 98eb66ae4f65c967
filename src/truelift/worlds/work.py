"""What the teams of a company plan beside its tests, in days from the last one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Work:
    """A release, a campaign or content.

    Attributes:
        key: How this story calls it.
        kind: `release`, `campaign` or `content`.
        what: What is done.
        surfaces: Where.
        start: Its first day, from today.
        days: For how long.
        known_ago: Days ago on which it came onto the roadmap.
        owner: First name of who decides.
        team: Whose work it is.
        why: What speaks for it.
        metric: What defines its success.
        priority: Which of the priorities, from 1; 0 for none.
        touches: What it changes for visitors.
        elements: Which parts.
        traffic_change: By how much it changes the traffic of its surfaces.
        firm: Whether it was scheduled.
        over_after: Days after its end on which it was truly over.
        moved_to: The first day, from today, to which it was moved because of a conflict; None
            where it stayed.
        needs: The work that has to be over before.
        late: What it needs and who brings it, and has not.
        effort: Role and days of work.
        landing: Addresses to which a campaign leads.
        checked_ago: Days ago on which its pages were checked; None where nobody has.
    """

    key: str
    kind: str
    what: str
    surfaces: tuple[str, ...]
    start: int
    days: int
    known_ago: int
    owner: str
    team: str
    why: str
    metric: str
    priority: int = 0
    touches: tuple[str, ...] = ()
    elements: tuple[str, ...] = ()
    traffic_change: float = 0.0
    firm: bool = True
    over_after: int = 0
    moved_to: int | None = None
    needs: str = ""
    late: tuple[str, str] = ("", "")
    effort: tuple[tuple[str, float], ...] = ()
    landing: tuple[str, ...] = ()
    checked_ago: int | None = None
