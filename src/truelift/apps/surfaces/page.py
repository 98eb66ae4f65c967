"""The pages of surfaces as values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from truelift.apps.drawing.wording import count, day, percent
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.freezes.figures import figures_of
from truelift.apps.sites.models import Site
from truelift.apps.surfaces.models import SurfaceRecord
from truelift.apps.surfaces.reads import (
    Unclaimed,
    records_of,
    unclaimed_files_of,
    unclaimed_of,
)
from truelift.apps.voice.reads import Claimed, claims_on
from truelift.lifecycle.freeze_figures import Frozen
from truelift.lifecycle.surface import Surface, surfaces_at, surfaces_of_files


MOST_SHOWN: Final = 25


@dataclass(frozen=True, slots=True)
class SurfacesPage:
    """The list of surfaces.

    Attributes:
        answer: What the page says.
        unclaimed: Addresses that no surface claims, those with the most views.
        unclaimed_said: How much of the traffic that is.
        ownerless: How many surfaces nobody owns.
        files: Files of recent changes that no surface claims, with how many changes had them.
        frozen: How long each surface that is frozen at all is so this quarter.
    """

    records: tuple[SurfaceRecord, ...]
    answer: str
    unclaimed: tuple[tuple[str, int], ...]
    unclaimed_said: str
    ownerless: int
    files: tuple[tuple[str, int], ...]
    frozen: tuple[Frozen, ...]


def surfaces_page(site: Site, *, now: datetime) -> SurfacesPage:
    """Say which places there are, whose they are, and what nobody claims."""
    records = records_of(site)
    surfaces = [each.as_domain() for each in records]
    found = unclaimed_of(site, surfaces)
    ownerless = sum(not each.team and each.owner_id is None for each in records)
    return SurfacesPage(
        records=records,
        answer=_answer(records, found, ownerless),
        unclaimed=found.pages[:MOST_SHOWN],
        unclaimed_said=_unclaimed_said(found),
        ownerless=ownerless,
        files=unclaimed_files_of(site, surfaces, now=now)[:MOST_SHOWN],
        frozen=tuple(each for each in figures_of(site, now=now).frozen if each.days > 0),
    )


def _answer(records: Sequence[SurfaceRecord], found: Unclaimed, ownerless: int) -> str:
    if not records:
        return "No surface is known by its traffic yet."
    many = f"{count(len(records))} surface{'' if len(records) == 1 else 's'}"
    if ownerless:
        said = "nobody owns it" if ownerless == len(records) == 1 else f"nobody owns {ownerless}"
        return f"{many}; {said}."
    if found.share is not None and found.share > 0:
        return f"{many}; {percent(found.share)} of page views belong to none of them."
    return f"{many}, each with a team."


def _unclaimed_said(found: Unclaimed) -> str:
    if found.counted_at is None:
        return "Addresses are counted every night; nobody has counted them yet."
    if found.share is None:
        return "No page was viewed in the last four weeks."
    left = len(found.pages) - MOST_SHOWN
    more = f"; {count(left)} more are not shown" if left > 0 else ""
    return (
        f"{count(found.views)} of {count(found.total)} page views in four weeks,"
        f" {percent(found.share)}{more}"
    )


@dataclass(frozen=True, slots=True)
class SurfacePage:
    """One surface.

    Attributes:
        facts: Term and text, in the order of the page.
        experiments: Key, name and stage of what was tested there, the newest first.
        shares: Other surfaces that are released with it.
        claims: What it promises, with the notes that say it was not kept.
    """

    record: SurfaceRecord
    facts: tuple[tuple[str, str], ...]
    experiments: tuple[ExperimentRecord, ...]
    shares: tuple[str, ...]
    claims: tuple[Claimed, ...]


def surface_page(record: SurfaceRecord) -> SurfacePage:
    """Say what a surface is, whose it is, and what was tested there."""
    patterns = ", ".join(record.patterns)
    facts = (
        ("Team", record.team or "nobody has said"),
        ("Agrees for it", str(record.owner) if record.owner else "nobody is named"),
        (
            "Releases",
            f"every {record.cadence_days} days" if record.cadence_days else "nobody has said",
        ),
        ("Measured by", record.incentive or "nobody has said"),
        ("Addresses", patterns or (f"path contains {record.path}" if record.path else "all")),
        ("Screens", ", ".join(record.routes) or "none"),
        ("Files", ", ".join(record.code) or "none: releases are not matched to it"),
        ("Shares code", record.bundle or "with nobody"),
        (
            "Funnel",
            f"step {record.step} of {record.funnel}" if record.funnel else "in none",
        ),
        (
            "Counted",
            _day(record) if record.measured_at else "waits for the worker",
        ),
    )
    tested = ExperimentRecord.objects.filter(site=record.site, surface__iexact=record.name)
    shares = (
        SurfaceRecord.objects.filter(site=record.site, bundle=record.bundle)
        .exclude(pk=record.pk)
        .order_by("name")
        .values_list("name", flat=True)
        if record.bundle
        else ()
    )
    return SurfacePage(
        record=record,
        facts=facts,
        experiments=tuple(tested.order_by("-pk")[:MOST_SHOWN]),
        shares=tuple(shares),
        claims=claims_on(record.site, record.name),
    )


def _day(record: SurfaceRecord) -> str:
    at = record.measured_at
    return "" if at is None else day(at.astimezone(ZoneInfo(record.site.time_zone)))


@dataclass(frozen=True, slots=True)
class FoundPage:
    """Whose an address or files are.

    Attributes:
        asked: Whether anything was asked.
        surfaces: Names.
        unmapped: Files that no surface claims.
        of_files: Whether files were asked about.
    """

    asked: bool = False
    surfaces: tuple[str, ...] = ()
    unmapped: tuple[str, ...] = ()
    of_files: bool = False

    @property
    def answer(self) -> str:
        """What the page says."""
        if not self.asked:
            return "Whose is an address, or a file?"
        if not self.surfaces:
            return (
                "No surface claims it." if not self.of_files else "No surface claims any of them."
            )
        return f"{', '.join(self.surfaces)}."


def found_page(url: str, paths: Sequence[str], surfaces: Sequence[Surface]) -> FoundPage:
    """Look for the surfaces of an address, or of files."""
    if paths:
        found = surfaces_of_files(paths, surfaces)
        return FoundPage(
            asked=True, surfaces=found.surfaces, unmapped=found.unmapped, of_files=True
        )
    if url:
        return FoundPage(asked=True, surfaces=at_address(url, surfaces))
    return FoundPage()


def at_address(url: str, surfaces: Sequence[Surface]) -> tuple[str, ...]:
    """Name the surfaces of an address that somebody typed; what is no address is nobody's."""
    try:
        return surfaces_at(url, surfaces)
    except ValueError:
        return ()
