"""The page of the commercial brief as a value: what is wanted, and who stands behind it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from truelift.apps.alignment.models import CommercialBriefRecord
from truelift.apps.alignment.reads import Alignment, alignment_of, briefs_of
from truelift.apps.drawing.wording import day, percent
from truelift.apps.sites.models import Site
from truelift.lifecycle.commercial_brief import Seat
from truelift.lifecycle.functions import Function


@dataclass(frozen=True, slots=True)
class SeatRow:
    """One of the eight functions.

    Attributes:
        people: Who does it, or why nobody does.
        status: Mark of its acknowledgement.
        said: Who stands behind the brief, since when.
        may: Whether the reader can say it for this team now.
    """

    seat: Seat
    called: str
    people: str
    status: str
    said: str
    may: bool


@dataclass(frozen=True, slots=True)
class BriefPage:
    """The page.

    Attributes:
        open_seats: Whether some function has nobody.
    """

    brief: CommercialBriefRecord | None
    answer: str
    grounds: str
    rows: tuple[SeatRow, ...]
    versions: tuple[CommercialBriefRecord, ...]
    alignment: Alignment
    open_seats: bool


def brief_page(site: Site, functions: Collection[Function]) -> BriefPage:
    """Lay the newest brief out for somebody who has these functions."""
    found = alignment_of(site)
    zone = ZoneInfo(site.time_zone)
    rows = []
    for seat in found.seats:
        told = found.acknowledged.get(seat.function) if seat.acknowledged else None
        if told is not None:
            status, said = "passed", f"{told[0]}, {day(told[1].astimezone(zone))}"
        elif not seat.counted:
            status, said = "missing", "not needed"
        elif seat.unfilled:
            status, said = "watch", "nobody there to say it"
        else:
            status, said = "waiting", "not yet"
        rows.append(
            SeatRow(
                seat=seat,
                called=seat.function.called,
                people=", ".join(seat.people)
                or (f"None: {seat.none_because}" if seat.none_because else "Nobody, and no reason"),
                status=status,
                said=said,
                may=found.brief is not None and told is None and seat.function in functions,
            )
        )
    return BriefPage(
        brief=found.brief,
        answer=_answer(found),
        grounds=_grounds(found),
        rows=tuple(rows),
        versions=briefs_of(site),
        alignment=found,
        open_seats=any(not each.people for each in found.seats),
    )


def _answer(found: Alignment) -> str:
    cover = found.coverage
    if found.brief is None:
        return "There is no commercial brief yet."
    version = f"version {found.brief.version} of the commercial brief"
    if not cover.teams:
        return "Nobody has a function on this site yet, so no team can stand behind the brief."
    if not cover.missing:
        return f"Every team stands behind {version}."
    names = [each.called.lower() for each in cover.missing]
    if len(names) <= 2:
        who = " and ".join(names)
        verb = "does" if len(names) == 1 else "do"
        who = f"{who[:1].upper()}{who[1:]}"
        return f"{who} {verb} not stand behind {version} yet."
    return f"{cover.acknowledged} of {cover.teams} teams stand behind {version}."


def _grounds(found: Alignment) -> str:
    share = found.coverage.share
    if found.brief is None or share is None:
        return (
            "One page with the goal, the metric that all share and what comes first; each team"
            " says of each version that it stands behind it."
        )
    return (
        f"Alignment coverage {percent(share, digits=0)}: {found.coverage.acknowledged} of"
        f" {found.coverage.teams} teams. A new version asks everybody again."
    )
