"""What visitors expect of a page before a test changes it: a review that is signed and ages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from truelift.lifecycle.functions import Function
from truelift.lifecycle.obstacle import Obstacle


SIGNERS: Final = (Function.SEO_CONTENT, Function.CRO_LEAD)
"""Who both sign a review: those who know what was promised, and those who test."""

VALID_DAYS: Final = 90
"""Traffic changes: an older review says nothing of today's visitors."""

LEAST_EXPOSURE: Final = 0.05
"""Share of a surface's traffic from which a test needs one."""

WANTED_SHARE: Final = 0.80
"""Share of sessions that the top sources of a review cover."""


@dataclass(frozen=True, slots=True)
class ExpectationReview:
    """What somebody found out about a page's visitors.

    Attributes:
        surface: Of which page.
        made_at: When; it is valid for 90 days.
        signed: The functions that signed it.
    """

    surface: str
    made_at: datetime
    signed: frozenset[Function]

    def valid_until(self) -> datetime:
        """Give the moment from which it is too old."""
        return self.made_at + timedelta(days=VALID_DAYS)

    @property
    def missing(self) -> tuple[Function, ...]:
        """Who has not signed yet."""
        return tuple(each for each in SIGNERS if each not in self.signed)


def expectation_obstacles(
    review: ExpectationReview | None, *, surface: str, exposure: float, now: datetime
) -> tuple[Obstacle, ...]:
    """Say what an experiment still misses that takes a share of a surface's traffic (R043).

    Args:
        review: The newest of the surface; None where there is none.
        surface: Which the experiment changes; empty where it names none.
        exposure: Share of its traffic that is planned.
        now: When.
    """
    if exposure < LEAST_EXPOSURE:
        return ()
    if not surface:
        return (
            Obstacle(
                "expectation.no_surface",
                "It names no surface, so nobody can say what its visitors expect.",
                "Name the surface that it changes.",
            ),
        )
    if review is None:
        return (
            Obstacle(
                "expectation.no_review",
                f"Nobody has reviewed what visitors of {surface} expect.",
                "Review its top sources, search terms and what people read before.",
            ),
        )
    if now > review.valid_until():
        return (
            Obstacle(
                "expectation.too_old",
                f"The review of what visitors of {surface} expect is older than {VALID_DAYS} days.",
                "Review it anew.",
            ),
        )
    if review.missing:
        who = " and ".join(each.called for each in review.missing)
        return (
            Obstacle(
                "expectation.not_signed",
                f"The review of what visitors of {surface} expect is not signed by {who}.",
                f"Let {who} sign it.",
            ),
        )
    return ()
