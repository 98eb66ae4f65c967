"""What else happened while a test ran: incidents, stock-outs, campaigns, prices, seasons."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from truelift.lifecycle.contamination import UnderTest
from truelift.lifecycle.obstacle import Obstacle


class IncidentKind(StrEnum):
    """What happened."""

    INCIDENT = "incident"
    STOCK_OUT = "stock_out"
    CAMPAIGN = "campaign"
    PRICE = "price"
    SEASON = "season"

    @property
    def called(self) -> str:
        """The kind as it stands on a page."""
        return _CALLED[self]


_CALLED: Final[Mapping[IncidentKind, str]] = MappingProxyType(
    {
        IncidentKind.INCIDENT: "Incident",
        IncidentKind.STOCK_OUT: "Stock-out",
        IncidentKind.CAMPAIGN: "Campaign",
        IncidentKind.PRICE: "Price change",
        IncidentKind.SEASON: "Season",
    }
)


class Weight(StrEnum):
    """What it means for a test."""

    GENERALISABILITY = "generalisability"
    UNEQUAL = "unequal"


@dataclass(frozen=True, slots=True)
class Incident:
    """Something outside of the test that may have moved its numbers.

    Attributes:
        kind: What it was.
        since: When it began.
        until: When it was over; None while it lasts.
        surfaces: Where; empty for the whole site.
        arms: Variants that it reached; empty for all alike.
        targeted: Whether it reached some kinds of visitors and not others.
    """

    kind: IncidentKind
    since: datetime
    until: datetime | None = None
    surfaces: tuple[str, ...] = ()
    arms: tuple[str, ...] = ()
    targeted: bool = False


def incident_obstacles(incident: Incident, *, what: str) -> tuple[Obstacle, ...]:
    """Say what keeps it from being written down; everything at once."""
    found = []
    if not what.strip():
        found.append(
            Obstacle("incident.no_words", "It does not say what happened.", "Say it in a line.")
        )
    if incident.until is not None and incident.until <= incident.since:
        found.append(
            Obstacle("incident.ends_before_start", "It ends before it begins.", "Move its end.")
        )
    return tuple(found)


def overlaps(incident: Incident, test: UnderTest, *, now: datetime) -> bool:
    """Whether it fell into the time of a test, and on its surface."""
    if test.since is None:
        return False
    wanted = {each.casefold() for each in incident.surfaces}
    if wanted and test.surface.casefold() not in wanted:
        return False
    over = incident.until or now + timedelta(seconds=1)
    return incident.since < (test.until or now + timedelta(seconds=1)) and test.since < over


def share_inside(
    units: Mapping[date, int], incidents: Iterable[Incident], *, zone: str, now: datetime
) -> float | None:
    """Give the share of a test's sample that came while any of these lasted; None without any.

    Units are known by day; a day of which a part lies inside counts for that part, as if
    visitors came evenly. Windows that lie on each other are counted once.

    Args:
        units: Day at the site → units first exposed on it.
        incidents: What happened.
        zone: Time zone of the site.
        now: Until when what lasts has lasted.
    """
    total = sum(units.values())
    if not total:
        return None
    spans = merged([(each.since, each.until or now) for each in incidents])
    inside = 0.0
    for day, came in units.items():
        begins = datetime.combine(day, time(), tzinfo=ZoneInfo(zone))
        ends = datetime.combine(day + timedelta(days=1), time(), tzinfo=ZoneInfo(zone))
        # Instants, not wall clocks: a day of a change of clocks has 23 or 25 hours.
        length = ends.timestamp() - begins.timestamp()
        covered = sum(
            max(
                0.0,
                min(ends.timestamp(), until.timestamp())
                - max(begins.timestamp(), since.timestamp()),
            )
            for since, until in spans
        )
        inside += came * covered / length
    return inside / total


def merged(
    spans: Sequence[tuple[datetime, datetime]],
) -> tuple[tuple[datetime, datetime], ...]:
    """Put spans that touch or lie on each other together, in the order of time."""
    found: list[tuple[datetime, datetime]] = []
    for since, until in sorted(spans):
        if until <= since:
            continue
        if found and since <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], until))
        else:
            found.append((since, until))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Judged:
    """What an incident means for a test.

    Attributes:
        weight: Whether it limits where the result holds, or spoils the comparison.
        sentence: That in words.
    """

    weight: Weight
    sentence: str


def judge(incident: Incident, *, share: float | None, variants: Sequence[str]) -> Judged:
    """Say what an incident means for a test (R071).

    What met both variants alike leaves the comparison fair, and asks whether it holds in other
    times; what met one variant more, or was aimed at some visitors, does not leave it fair.

    Args:
        incident: What happened.
        share: Of the sample that came while it lasted; None while nobody has counted.
        variants: Keys of the test's variants.
    """
    of = "" if share is None else f" It covers {share:.0%} of the sample."
    reached = set(incident.arms) & set(variants)
    if reached and reached != set(variants):
        names = ", ".join(each for each in variants if each in reached)
        return Judged(Weight.UNEQUAL, f"{incident.kind.called}: it reached {names} alone.{of}")
    if incident.targeted:
        return Judged(
            Weight.UNEQUAL,
            f"{incident.kind.called}: it was aimed at some visitors and not at others.{of}",
        )
    return Judged(
        Weight.GENERALISABILITY,
        f"{incident.kind.called}: it met all variants alike, so the comparison is fair; whether"
        f" the result holds in other times is not known.{of}",
    )
