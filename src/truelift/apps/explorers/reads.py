"""What explorers read: a site's saved views and annotations, and answers to questions as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from types import MappingProxyType
from typing import Any, Final, cast
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Q, QuerySet

from truelift.apps.accounts.models import User
from truelift.apps.explorers.catalogue import PLACES
from truelift.apps.explorers.models import Annotation, SavedView
from truelift.apps.explorers.page import Happening
from truelift.apps.measurement import reads, segments_reads
from truelift.apps.sites.models import Site
from truelift.lake.home import Home
from truelift.lake.metrics import published_metrics
from truelift.questions.document import Json
from truelift.questions.forms import Context
from truelift.questions.metric_library import METRIC_LIBRARY, LibraryMetric
from truelift.questions.parse import parse_question
from truelift.questions.question import Question
from truelift.questions.remarks import Remark


@dataclass(frozen=True, slots=True)
class Kept:
    """A saved view as a list shows it.

    Attributes:
        view: The row.
        title: Of its explorer.
        href: Where it leads.
        own: Whether the reader saved it.
    """

    view: SavedView
    title: str
    href: str
    own: bool


def views_of(site: Site, user: User) -> tuple[Kept, ...]:
    """List the views that a person may open: their own and the shared ones, by name."""
    return tuple(
        Kept(
            view=view,
            title=PLACES[view.explorer].title,
            href=address_of(site, view),
            own=view.made_by_id == user.pk,
        )
        for view in _visible(site, user)
        if view.explorer in PLACES
    )


def view_of(site: Site, number: int, user: User) -> SavedView | None:
    """Find a view that a person may open."""
    return _visible(site, user).filter(pk=number, explorer__in=PLACES).first()


def address_of(site: Site, view: SavedView) -> str:
    """Say where a view leads."""
    return f"/s/{site.name}/{PLACES[view.explorer].folder}/?{view.query}"


def annotations_of(
    site: Site, since: datetime | None = None, until: datetime | None = None
) -> tuple[Annotation, ...]:
    """List what was noted at a site in a stretch of time, in order."""
    found = Annotation.objects.filter(site=site).select_related("by")
    found = found if since is None else found.filter(at__gte=since)
    found = found if until is None else found.filter(at__lt=until)
    return tuple(found.order_by("at", "pk"))


def happenings(annotations: tuple[Annotation, ...]) -> tuple[Happening, ...]:
    """Give annotations as a drawing takes them."""
    return tuple(Happening(each.at, each.kind, _said(each)) for each in annotations)


def decided(site: Site, since: datetime | None, until: datetime | None) -> tuple[Happening, ...]:
    """Give what people changed by decision in a stretch of time, as a drawing takes it."""
    # That room asks this one's neighbours; loading it at once would close a circle.
    from truelift.apps.observations.reads import interventions_of

    zone = ZoneInfo(site.time_zone)
    moments = (
        (datetime.combine(each.changed_on, time(), tzinfo=zone), each)
        for each in interventions_of(site)
    )
    return tuple(
        Happening(at, "decision", f"Decision: {each.name}")
        for at, each in moments
        if (since is None or at >= since) and (until is None or at < until)
    )


def _said(annotation: Annotation) -> str:
    """Put the kind before the words, unless they begin with it: Release 4.18."""
    kind = annotation.get_kind_display()
    return annotation.text if annotation.text.startswith(kind) else f"{kind}: {annotation.text}"


def metric_names(site: Site, explorer: str, events: Sequence[str]) -> tuple[str, ...]:
    """List what may be typed where a metric is asked for: the site's own ones first."""
    if explorer not in METRICS_OF:
        return ()
    own = published_metrics(Home.of(settings.TRUELIFT), site.name)
    built_in = (key for key, each in METRIC_LIBRARY.items() if METRICS_OF[explorer](each))
    return (*own, *built_in, *(events if explorer == "segments" else ()))


METRICS_OF: Final[Mapping[str, Callable[[LibraryMetric], bool]]] = MappingProxyType(
    {
        "metric_value": lambda metric: metric.definition is not None,
        "segments": lambda metric: metric.per_person is not None,
    }
)
"""Explorers of metrics, and which built-in ones each takes."""

MOST_OLDER: Final = 100
"""Versions before the newest that a form offers; every other is chosen on the segments' page."""


@dataclass(frozen=True, slots=True)
class Segments:
    """The segments that a form offers: what a question calls each, and words.

    Attributes:
        newest: Of every segment its newest version, which an address names without a number.
        older: The versions before those.
    """

    newest: tuple[tuple[str, str], ...] = ()
    older: tuple[tuple[str, str], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.newest)

    @property
    def values(self) -> frozenset[str]:
        """Everything that can be chosen; what an address names besides is added to it."""
        return frozenset(value for value, _ in (*self.newest, *self.older))


def segments_of(site: Site) -> Segments:
    """List the saved segments of a site, in all of their versions."""
    newest = tuple((each.name, each.name) for each in segments_reads.segments_of(site))
    older = segments_reads.older_of(site)[:MOST_OLDER] if newest else ()
    return Segments(
        newest,
        tuple(
            (f"{each.name}@{each.version}", f"{each.name}, version {each.version}")
            for each in older
        ),
    )


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer as JSON, what it is true of, what it took, what it lacks, what is said first."""

    document: Mapping[str, Json]
    lake_version: int
    took_ms: float
    unread: tuple[str, ...] = ()
    remarks: tuple[Remark, ...] = ()


def answer(site: Site, name: str, document: Mapping[str, Json], *, context: Context) -> Answered:
    """Ask the question that a JSON document is.

    Raises:
        BadQuestion: With everything that is wrong with it.
    """
    question = cast("Question[Any, Any]", parse_question({"question": name, **document}, context))
    asked = reads.ask(site.name, question)
    return Answered(
        asked.answer.document(), asked.lake_version, asked.took_ms, asked.unread, asked.remarks
    )


def _visible(site: Site, user: User) -> QuerySet[SavedView]:
    mine = Q(made_by=user) | Q(shared=True)
    return SavedView.objects.filter(mine, site=site).select_related("made_by")
