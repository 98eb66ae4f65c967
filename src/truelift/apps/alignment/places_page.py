"""The page of touchpoints as a value: who owns what on the journey, and what is outside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from truelift.apps.alignment.reads import Places, conflicts_of, metrics_of, places_of
from truelift.apps.drawing.wording import percent, rough_money
from truelift.apps.sites.models import Site
from truelift.lifecycle.touchpoint import Touchpoint


WHOLE: Final = 0.995
"""From this share on it is all."""


@dataclass(frozen=True, slots=True)
class PlaceRow:
    """A surface on the journey.

    Attributes:
        loss: Money a week, or why there is no number.
        inside: Whether the programme may change it; None while nobody has said what it may.
        incentive: Mark and word about the metric that its team is measured by.
    """

    point: Touchpoint
    number: int
    loss: str
    inside: bool | None
    status: str
    incentive: str


@dataclass(frozen=True, slots=True)
class PlacesPage:
    """The page."""

    places: Places
    answer: str
    grounds: str
    rows: tuple[PlaceRow, ...]
    teams: tuple[str, ...]
    unowned: int


def places_page(site: Site) -> PlacesPage:
    """Lay the journey out with its owners."""
    places = places_of(site)
    against = {each.metric.name.casefold() for each in conflicts_of(site)}
    known = {each.name.casefold(): each for each in metrics_of(site)}
    inside = {each.casefold() for each in places.remit}
    rows = []
    for point in places.points:
        name = point.incentive.casefold()
        if not name:
            status, incentive = "missing", "nobody has said"
        elif name in against:
            status, incentive = "loss", "works against the shared metric"
        elif name not in known:
            status, incentive = "waiting", "not among the team metrics"
        elif known[name].as_domain().operational:
            status, incentive = "watch", "operational: no path to the shared metric"
        else:
            status, incentive = "passed", "in conflict with nothing"
        rows.append(
            PlaceRow(
                point=point,
                number=places.numbers[point.surface],
                loss=""
                if point.loss_minor is None
                else rough_money(point.loss_minor, site.currency)
                if point.loss_minor
                else "none known",
                inside=point.team.casefold() in inside if inside else None,
                status=status,
                incentive=incentive,
            )
        )
    return PlacesPage(
        places=places,
        answer=_answer(site, places),
        grounds=_grounds(places),
        rows=tuple(rows),
        teams=tuple(sorted({each.team for each in places.points if each.team})),
        unowned=sum(not each.team for each in places.points),
    )


def _answer(site: Site, places: Places) -> str:
    if not places.points:
        return "No place on the journey is known yet."
    gap = places.gap
    if gap is None:
        if not places.remit:
            return "Nobody has said yet whose surfaces the programme may change."
        return "What is lost where on the journey is not counted yet."
    if gap.share is None:
        return "No avoidable loss is known on the journey."
    lost = rough_money(gap.total_minor, site.currency)
    if not gap.outside:
        return f"Everything that is lost on the journey, {lost} a week, is within the remit."
    names = " and ".join(each.surface for each in gap.outside[:2])
    part = "All" if gap.share >= WHOLE else percent(gap.share, digits=0)
    where = "at" if len(gap.outside) == 1 else "most of it at"
    return (
        f"{part} of what is lost on the journey, {lost} a week, is outside the programme’s remit,"
        f" {where} {names}."
    )


def _grounds(places: Places) -> str:
    if places.counted_at is None:
        return (
            "Losses are counted in the night for surfaces that are steps of a funnel: people who"
            " do not go on, beside the segment that loses fewest."
        )
    return (
        f"Money a week over the last {places.weeks:.0f} weeks: people who do not go on from a"
        " step, beside the segment that loses fewest. It shows where, not why."
    )
