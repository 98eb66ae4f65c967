"""What a company's nights said of its revenue, and whom its people expect on a page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from truelift.apps.commerce.reads import latest
from truelift.apps.commerce.reviews import review, sign, signs_for, sources_of, surface_named
from truelift.apps.commerce.services import explain
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.worlds.calendar import Calendar


NIGHTS: Final = (28, 14, 7)
"""Days before the last one whose nights are lived through; the last one is as well."""

REVIEWED: Final = 9
"""When the review was written; it is signed on the day after."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a company's people wrote of a surface's visitors.

    Attributes:
        by: First name of who wrote it.
        signed_by: Of those who signed it.
    """

    surface: str
    terms: str
    read_before: str
    expectation: str
    by: str
    signed_by: tuple[str, ...]


class Explained:
    """The nights that explain revenue, and a review of what visitors expect."""

    def __init__(
        self,
        site: Site,
        *,
        calendar: Calendar,
        who: Mapping[str, Actor],
        expected: Expected,
    ) -> None:
        """Put it on the calendar.

        Args:
            site: The company's.
            calendar: Its days.
            who: First name → person.
            expected: What they wrote.
        """
        self.site, self.days, self.who, self.expected = site, calendar, who, expected
        for days_ago in NIGHTS:
            self.days.at(self.days.ago(days_ago, hour=4), self._night)
        self.days.at(self.days.ago(REVIEWED, hour=14), self._reviews)
        self.days.at(self.days.ends, self._night)

    def _night(self) -> None:
        explain(self.site, now=self.days.moment())

    def _reviews(self) -> None:
        """Review a surface whose visitors are known, and sign it by those who may."""
        said, row = self.expected, latest(self.site)
        surface = surface_named(self.site, said.surface)
        if row is None or surface is None or sources_of(row.document, surface.name) is None:
            return
        record = review(
            surface,
            terms=said.terms,
            read_before=said.read_before,
            expectation=said.expectation,
            by=self.who[said.by],
            now=self.days.moment(),
        )
        for name in said.signed_by:
            for function in signs_for(self.who[name], self.site):
                sign(record, function.value, by=self.who[name], now=self.days.moment())
