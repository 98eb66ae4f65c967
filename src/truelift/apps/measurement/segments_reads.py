"""What may be asked about a site's saved segments."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast

from django.conf import settings
from django.db.models import OuterRef, QuerySet, Subquery

from truelift.apps.measurement import reads
from truelift.apps.measurement.models import SegmentRecord
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import event_names_of
from truelift.lake.home import Home
from truelift.lake.metrics import saved_metrics
from truelift.questions.forms import Context, SavedSegment
from truelift.questions.matching import Events
from truelift.questions.question import Question
from truelift.questions.segment import Segment
from truelift.questions.segment_form import parse_segment
from truelift.questions.trend import Interval, Trend
from truelift.questions.within import within


_ANYTHING: Final = Trend(events=Events(), interval=Interval.WEEK)
"""Asks, among other things, how many people there are with any event at all."""


@dataclass(frozen=True, slots=True)
class Held:
    """How many people a segment holds.

    Attributes:
        people: Of the segment.
        everybody: Of the site, with any event.
        is_whole: Whether every file of the lake could be read.
    """

    people: int
    everybody: int
    is_whole: bool


def segments_of(site: Site) -> tuple[SegmentRecord, ...]:
    """List the newest version of every segment that was not put away, by name."""
    newest = (
        SegmentRecord.objects.filter(site=site, name=OuterRef("name"))
        .order_by("-version")
        .values("pk")[:1]
    )
    found = SegmentRecord.objects.filter(site=site, pk=Subquery(newest), archived=False)
    return tuple(found.select_related("owner").order_by("name"))


def versions_of(site: Site, name: str) -> QuerySet[SegmentRecord]:
    """Give every version of a segment, the newest first."""
    return (
        SegmentRecord.objects.filter(site=site, name=name)
        .select_related("owner", "made_by")
        .order_by("-version")
    )


@dataclass(frozen=True, slots=True)
class Whose:
    """The segment that a page asks about, in one of its versions.

    Attributes:
        name: Of the segment.
        version: That is asked about.
        newest: The newest one of it.
        archived: Whether it was put away meanwhile.
    """

    name: str
    version: int
    newest: int
    archived: bool

    @property
    def is_older(self) -> bool:
        """Whether the segment was changed since."""
        return self.version < self.newest


def whose_of(site: Site, wanted: str) -> Whose | None:
    """Say which version of a segment an address means; None for everybody and for none."""
    found = segment_of(site, wanted) if wanted else None
    newest = None if found is None else versions_of(site, found.name).first()
    if found is None or newest is None:
        return None
    return Whose(found.name, found.version, newest.version, newest.archived)


def older_of(site: Site) -> tuple[SegmentRecord, ...]:
    """List the versions before the newest of every segment that was not put away."""
    newest = {each.name: each.version for each in segments_of(site)}
    found = SegmentRecord.objects.filter(site=site, name__in=newest).order_by("name", "-version")
    return tuple(each for each in found if each.version < newest[each.name])


def segment_of(site: Site, wanted: str) -> SegmentRecord | None:
    """Find a segment by `name` (its newest version, unless put away) or `name@version`."""
    name, at, version = wanted.partition("@")
    if "\0" in wanted:
        return None
    if not at:
        newest = versions_of(site, name).first()
        return None if newest is None or newest.archived else newest
    if not (version.isascii() and version.isdigit() and len(version) < 10):
        return None
    return versions_of(site, name).filter(version=int(version)).first()


def context_of(site: Site, *, now: datetime) -> Context:
    """Give what a question's document leaves to the site, its saved segments included."""

    def find(name: str) -> SavedSegment | None:
        found = segment_of(site, name)
        return None if found is None else SavedSegment(found.name, found.version, found.definition)

    deducted = {"tax": site.revenue_tax, "shipping": site.revenue_shipping}
    return Context(
        now=now,
        time_zone=site.time_zone,
        currency=site.currency,
        trusted=site.server_orders_only,
        deducted=tuple(name for name, stays in deducted.items() if stays != "in"),
        segments=find,
        metrics=saved_metrics(Home.of(settings.TRUELIFT), site.name),
        event_names=event_names_of(site),
    )


def saved_segment(site: Site, name: str, *, now: datetime) -> Segment:
    """Give a saved segment as questions take it.

    Raises:
        NoSuchSegment: The site has none of this name.
    """
    return parse_segment(name, context_of(site, now=now))


def segment_document(record: SegmentRecord) -> dict[str, object]:
    """Give a version of a segment as JSON."""
    return {
        "name": record.name,
        "version": record.version,
        "description": record.description,
        "definition": record.definition,
        "archived": record.archived,
        "owner": record.owner.email if record.owner else None,
        "made_at": record.made_at,
    }


def people_in(site: Site, segment: Segment, *, now: datetime, waits: bool = True) -> Held | None:
    """Count the people whom a segment holds now.

    Without a question there is no asked period: it is all time.

    Args:
        site: Whose people.
        segment: Which of them.
        now: The moment.
        waits: Whether an answer that takes long is waited for; else it is None.
    """
    question = cast("Question[Any, Any]", within(_ANYTHING, segment, now=now))
    if not waits and reads.is_large(site.name) and not reads.is_remembered(site.name, question):
        return None
    asked, everybody = reads.ask(site.name, question), reads.ask(site.name, _ANYTHING)
    return Held(
        people=asked.answer.answer.whole.people,
        everybody=everybody.answer.whole.people,
        is_whole=not (asked.unread or everybody.unread),
    )
