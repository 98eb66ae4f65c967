"""Finds any item of a site by its key, the beginning of its title, or words in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from operator import and_
from typing import Any, Final, TypedDict
from urllib.parse import quote

from django.db.models import Case, CharField, F, IntegerField, Q, QuerySet, Value, When
from django.db.models.functions import Cast

from truelift.apps.experiments.models import ExperimentRecord, LearningRecord
from truelift.apps.experiments.wording import sentence_case
from truelift.apps.intake.models import IdeaRecord, SignalRecord
from truelift.apps.lists.listing import MOST_LETTERS, MOST_WORDS
from truelift.apps.research.models import HypothesisRecord, InsightRecord
from truelift.apps.rollouts.models import RolloutRecord
from truelift.apps.sites.models import Site


FOUND: Final = 20
"""Items of one answer; who sees more types another word."""

LONGEST: Final = 100
"""Letters of a label; the search shows it in one line."""


class Item(TypedDict):
    """Somewhere to go, as `islands/hot-keys` reads it."""

    label: str
    href: str
    group: str


@dataclass(frozen=True, slots=True)
class Kind:
    """Items that have a page.

    Attributes:
        rows: Gives those of a site.
        folder: Where their pages are.
        prefix: Before their number; empty where they have a key of their own.
        key: The field with the number or the key.
        title: The field that says what each is about.
    """

    group: str
    rows: Callable[[Site], QuerySet[Any]]
    folder: str
    prefix: str
    key: str
    title: str


KINDS: Final = (
    Kind(
        "Experiments",
        lambda s: ExperimentRecord.objects.filter(site=s),
        "experiments",
        "",
        "key",
        "name",
    ),
    Kind(
        "Hypotheses",
        lambda s: HypothesisRecord.objects.filter(site=s),
        "hypotheses",
        "H-",
        "number",
        "change",
    ),
    Kind(
        "Insights",
        lambda s: InsightRecord.objects.filter(site=s),
        "insights",
        "I-",
        "number",
        "problem",
    ),
    Kind(
        "Signals", lambda s: SignalRecord.objects.filter(site=s), "signals", "S-", "number", "title"
    ),
    Kind("Ideas", lambda s: IdeaRecord.objects.filter(site=s), "ideas", "ID-", "number", "change"),
    Kind(
        "Learnings",
        lambda s: LearningRecord.objects.filter(site=s),
        "learnings",
        "L-",
        "number",
        "text",
    ),
    Kind(
        "Winners",
        lambda s: RolloutRecord.objects.filter(site=s),
        "winners",
        "R-",
        "number",
        "experiment__name",
    ),
)
"""What a search finds, in the order in which it is shown where nothing else decides."""


def find(site: Site, text: str) -> list[Item]:
    """Find items in one query: by key first, then by the beginning of a title, then by words.

    Args:
        site: Whose.
        text: What was typed; every word of it is in the title or the key.
    """
    text = " ".join(text.replace("\0", "").split())[:MOST_LETTERS]
    if not text:
        return []
    first, *others = (_matching(kind, site, text, place) for place, kind in enumerate(KINDS))
    rows = first.union(*others, all=True).order_by("rank", "kind", "-made")[:FOUND]
    return [_item(site, KINDS[kind], key, title) for kind, key, title, *_ in rows]


def _matching(kind: Kind, site: Site, text: str, place: int) -> QuerySet[Any, tuple[Any, ...]]:
    words = text.split()[:MOST_WORDS]
    has = reduce(and_, (Q(**{f"{kind.title}__icontains": word}) for word in words))
    named = Q(pk__in=())
    if kind.prefix:
        number = text.upper().removeprefix(kind.prefix)
        if text.upper() != number or number.isdigit():
            named = Q(number=int(number)) if _is_number(number) else named
    else:
        named = Q(key__iexact=text)
        has |= Q(key__icontains=text)
    rank = Case(
        When(named, then=Value(0)),
        When(**{f"{kind.title}__istartswith": text}, then=Value(1)),
        When(**{f"{kind.title}__icontains": f" {text}"}, then=Value(2)),
        default=Value(3),
        output_field=IntegerField(),
    )
    found: QuerySet[Any, tuple[Any, ...]] = (
        kind.rows(site)
        .filter(named | has)
        .order_by()
        .annotate(rank=rank, kind=Value(place, IntegerField()), made=F("pk"))
        .values_list(
            "kind", Cast(kind.key, CharField()), Cast(kind.title, CharField()), "rank", "made"
        )
    )
    return found


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10


def _item(site: Site, kind: Kind, key: str, title: str) -> Item:
    name = f"{kind.prefix}{key}"
    page = f"/s/{site.name}/{kind.folder}/"
    # Learnings stand on one page, each at its own mark.
    href = f"{page}?text={name}#{name}" if kind.prefix == "L-" else f"{page}{quote(name, safe='')}/"
    label = f"{name} {sentence_case(title)}" if kind.prefix else f"{title} · {name}"
    return Item(label=label.strip()[:LONGEST], href=href, group=kind.group)
