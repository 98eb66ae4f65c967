"""What the pages of feeds show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Final

from django.db.models import Count, Max, Min, Sum

from truelift.apps.drawing.wording import amount, count, short_day
from truelift.apps.facts.columns import COLUMNS, Column, FeedKind, FeedSource
from truelift.apps.facts.models import ArrivalRecord, FeedRecord, RefusedRecord
from truelift.apps.facts.reads import feeds_of, lateness
from truelift.apps.facts.shelves import DAILY, SHELVES
from truelift.apps.sites.models import Site


MOST_REASONS: Final = 20
"""Reasons of one arrival that the page shows; the file has every row."""

LEAPS: Final = 10
LEAP: Final = 2.2
"""A day so many times as much, or as little, as the median of the seven before is told."""


@dataclass(frozen=True, slots=True)
class FeedRow:
    """A feed in the list.

    Attributes:
        record: Its row.
        called: What it tells of.
        door: Through which door it comes.
        promise: What is promised of it.
        word: Whether it keeps that, in words.
        glyph: The same, drawn.
        said: What is late since when; empty where nothing is.
        last: The last arrival; None before the first.
    """

    record: FeedRecord
    called: str
    door: str
    promise: str
    word: str
    glyph: str
    said: str
    last: ArrivalRecord | None


@dataclass(frozen=True, slots=True)
class FeedsPage:
    """The list.

    Attributes:
        answer: The finding in a line.
        rows: The feeds.
    """

    answer: str
    rows: tuple[FeedRow, ...]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why rows were refused.

    Attributes:
        words: The reason.
        rows: How many rows.
        line: On which line the first of them stands.
        row: What that one says.
    """

    words: str
    rows: int
    line: int
    row: str


@dataclass(frozen=True, slots=True)
class FeedPage:
    """One feed.

    Attributes:
        row: As in the list.
        arrivals: The newest, each with what became of it.
        refused: Why the newest arrival that refused any did so, the most rows first.
        refused_of: That arrival; None for none.
        gaps: Days from first to last of which it says nothing, in words.
        leaps: Days that are many times as much or as little as the week before, in words.
        columns: What its rows may have.
    """

    row: FeedRow
    arrivals: tuple[ArrivalRecord, ...]
    refused: tuple[Reason, ...]
    refused_of: ArrivalRecord | None
    gaps: tuple[str, ...]
    leaps: tuple[str, ...]
    columns: tuple[Column, ...]


def feeds_page(site: Site, *, now: datetime) -> FeedsPage:
    """Lay out the list of feeds."""
    newest = ArrivalRecord.objects.filter(feed__site=site).order_by()
    last = {
        each.feed_id: each
        for each in ArrivalRecord.objects.filter(
            pk__in=newest.values("feed").annotate(last=Max("pk")).values("last")
        )
    }
    feeds = feeds_of(site)
    behind = _behind(feeds)
    listed = tuple(
        _row(each, last.get(each.pk), now=now, behind=each.pk == behind) for each in feeds
    )
    late = [each for each in listed if each.said]
    if not listed:
        answer = "No facts come in yet"
    elif late:
        answer = (
            f"{len(late)} of {amount(len(listed), 'feed')} {'is' if len(late) == 1 else 'are'} late"
        )
    else:
        answer = (
            "The feed keeps its promise"
            if len(listed) == 1
            else "Both feeds are fresh"
            if len(listed) == 2
            else f"All {len(listed)} feeds are fresh"
        )
    return FeedsPage(answer, listed)


def feed_page(feed: FeedRecord, *, now: datetime) -> FeedPage:
    """Lay out one feed."""
    arrivals = tuple(feed.arrivals.select_related("by")[:20])
    with_refused = next((each for each in arrivals if each.refused), None)
    gaps, leaps = looked_over(feed)
    behind = not feed.counts and _behind(feeds_of(feed.site)) == feed.pk
    return FeedPage(
        row=_row(feed, arrivals[0] if arrivals else None, now=now, behind=behind),
        arrivals=arrivals,
        refused=_reasons(with_refused) if with_refused else (),
        refused_of=with_refused,
        gaps=gaps,
        leaps=leaps,
        columns=COLUMNS[FeedKind(feed.kind)],
    )


def _reasons(arrival: ArrivalRecord) -> tuple[Reason, ...]:
    rows = RefusedRecord.objects.filter(arrival=arrival).order_by()
    found = list(
        rows.values_list("reason")
        .annotate(rows=Count("pk"), first=Min("pk"))
        .order_by("-rows", "reason")[:MOST_REASONS]
    )
    first = {each.pk: each for each in rows.filter(pk__in=[pk for _, _, pk in found])}
    return tuple(Reason(words, count, first[pk].line, first[pk].row) for words, count, pk in found)


def looked_over(feed: FeedRecord) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Name the days that are missing in a daily feed and those that leap; one query."""
    kind = FeedKind(feed.kind)
    if kind not in DAILY:
        return (), ()
    number = "sessions" if kind is FeedKind.TRAFFIC else "spend_minor"
    rows = SHELVES[kind].model._default_manager.filter(feed=feed)  # noqa: SLF001 - public in Django
    days = dict(rows.order_by("day").values_list("day").annotate(sum=Sum(number)))
    return gaps_in(list(days)), leaps_in(days)


def gaps_in(days: list[date]) -> tuple[str, ...]:
    """Name the spans between the first and the last day of which nothing is known."""
    found = []
    for before, after in pairwise(days):
        missing = (after - before).days - 1
        if missing:
            first, last = before + timedelta(days=1), after - timedelta(days=1)
            span = _day(first) if missing == 1 else f"{_day(first)} to {_day(last)}"
            found.append(f"{span} ({amount(missing, 'day')})")
    return tuple(found)


def leaps_in(days: dict[date, int]) -> tuple[str, ...]:
    """Name the days furthest from the median of the seven known days before them."""
    known = list(days.items())
    found = []
    for at in range(7, len(known)):
        day, value = known[at]
        usual = median(each for _, each in known[at - 7 : at])
        if usual > 0 and not usual / LEAP <= value <= usual * LEAP:
            times = value / usual
            found.append((max(times, 1 / times) if times else 1e9, day, value, times))
    found.sort(reverse=True)
    return tuple(
        f"{_day(day)}: {count(value)}, {times:.1f} times the usual of the week before"
        for _, day, value, times in sorted(found[:LEAPS], key=lambda each: each[1])
    )


def _day(day: date) -> str:
    return f"{short_day(day)} {day.year}"


def _behind(feeds: Sequence[FeedRecord]) -> int | None:
    """Give the feed of traffic that is read for the days before those of the one chosen."""
    others = [each.pk for each in feeds if not each.counts]
    chosen = any(each.counts and each.kind == FeedKind.TRAFFIC for each in feeds)
    return min(others) if others and chosen else None


def _row(feed: FeedRecord, last: ArrivalRecord | None, *, now: datetime, behind: bool) -> FeedRow:
    late = lateness(feed, now=now)
    if not feed.counts:
        glyph = "missing"
        word = "Read for the days before" if behind else "Kept, not read"
    elif late is not None:
        glyph, word = "watch", "Late"
    elif feed.arrived_at is None:
        glyph, word = "waiting", "Nothing yet"
    else:
        glyph, word = "passed", "Fresh"
    days = feed.promise_hours / 24
    promise = f"every {days:g} days" if days > 2 else f"every {feed.promise_hours} hours"
    if feed.lag_days:
        promise += f", {amount(feed.lag_days, 'day')} after"
    return FeedRow(
        record=feed,
        called=FeedKind(feed.kind).called,
        door=FeedSource(feed.source).called,
        promise=promise,
        word=word,
        glyph=glyph,
        said=late.sentence if late and feed.counts else "",
        last=last,
    )
