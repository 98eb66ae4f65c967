"""What may be asked of the library: full-text search and facets over every experiment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final

from django.db.models import Prefetch, Q, QuerySet

from truelift.apps.experiments.models import LearningRecord
from truelift.apps.explorers.table import Row
from truelift.apps.memory.index import catch_up
from truelift.apps.memory.models import EntryRecord, Outcome, Season, TrialRecord
from truelift.apps.qa.models import QaVerdictRecord, QaVisitRecord
from truelift.apps.sites.models import Site
from truelift.lifecycle.similarity import terms_of


PER_PAGE: Final = 25

FACETS: Final = (
    "outcome",
    "surface",
    "element",
    "audience",
    "metric",
    "principle",
    "season",
    "year",
)
"""By what the library is narrowed, in the order of the page."""

MOST_CHOICES: Final = 12
"""Choices of a facet that are offered; the rarer ones are found by words."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody looks for; an empty word does not narrow.

    Attributes:
        text: Words that all must be there, in any form and order.
        principle: `P-7`.
        year: Four digits.
        page: From 1.
    """

    text: str = ""
    outcome: str = ""
    surface: str = ""
    element: str = ""
    audience: str = ""
    metric: str = ""
    principle: str = ""
    season: str = ""
    year: str = ""
    page: int = 1

    @classmethod
    def of(cls, given: Mapping[str, str]) -> Wanted:
        """Read it from an address; what cannot be meant is nothing."""
        page = given.get("page", "")
        return cls(
            text=given.get("q", "")[:200].replace("\0", ""),
            page=max(1, int(page)) if page.isascii() and page.isdigit() and len(page) < 6 else 1,
            **{name: given.get(name, "")[:300].replace("\0", "") for name in FACETS},
        )

    @property
    def narrowed(self) -> bool:
        """Whether anything is looked for."""
        return self.text.strip() != "" or any(getattr(self, name) for name in FACETS)

    def query(self, **other: str | int) -> dict[str, str]:
        """Give it as an address has it, some of it changed."""
        given = {each.name: str(getattr(self, each.name)) for each in fields(self)}
        given = {("q" if name == "text" else name): value for name, value in given.items()}
        given["page"] = "" if self.page == 1 else given["page"]
        given |= {name: str(value) for name, value in other.items()}
        return {name: value for name, value in given.items() if value}


@dataclass(frozen=True, slots=True)
class Choice:
    """A value of a facet, and how many experiments of what is found have it."""

    value: str
    label: str
    count: int
    chosen: bool


@dataclass(frozen=True, slots=True)
class Shelf:
    """What was found.

    Attributes:
        entries: Those of the page, the newest first.
        total: How many there are in all.
        invalid: How many of them are invalid and count as no finding.
        facets: Facet → its choices, the most frequent first.
        learnings: Experiment → its learnings.
        principles: Experiment → keys of the principles that it tried.
        pictures: Experiment → variant → digest of a picture of it.
        left: Experiments that the index has not seen yet.
    """

    entries: tuple[EntryRecord, ...]
    total: int
    invalid: int
    pages: int
    facets: Mapping[str, tuple[Choice, ...]]
    learnings: Mapping[int, tuple[LearningRecord, ...]] = field(default_factory=dict)
    principles: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    pictures: Mapping[int, Mapping[str, str]] = field(default_factory=dict)
    left: int = 0


def look_for(site: Site, wanted: Wanted, *, whole: bool = False) -> Shelf:
    """Search the library; everything about a page is asked in a fixed number of questions.

    Args:
        site: Whose.
        wanted: What somebody looks for.
        whole: Whether to give everything that fits instead of one page of it.
    """
    left = catch_up(site)
    tried = _tried(site)
    rows = list(
        _with_words(EntryRecord.objects.filter(site=site), wanted.text)
        .order_by("-began_on", "-experiment_id")
        .values_list(
            "experiment_id", "outcome", "surface", "element", "audience", "metric", "season", "year"
        )
    )
    told = [
        {
            "pk": pk,
            "outcome": outcome,
            "surface": surface,
            "element": element,
            "audience": audience,
            "metric": metric,
            "season": season,
            "year": str(year or ""),
            "principle": tried.get(pk, ()),
        }
        for pk, outcome, surface, element, audience, metric, season, year in rows
    ]
    found, counts = _narrowed(told, wanted)
    pages = max(1, -(-len(found) // PER_PAGE))
    first = (min(wanted.page, pages) - 1) * PER_PAGE
    shown = [row["pk"] for row in (found if whole else found[first : first + PER_PAGE])]
    entries = _entries(shown)
    return Shelf(
        entries=entries,
        total=len(found),
        invalid=sum(row["outcome"] == Outcome.INVALID for row in found),
        pages=pages,
        facets={name: _choices(name, counts[name], getattr(wanted, name)) for name in FACETS},
        learnings={each.experiment_id: tuple(each.experiment.learnings.all()) for each in entries},
        principles={pk: tried[pk] for pk in shown if pk in tried},
        pictures=pictures_of(shown),
        left=left,
    )


def _with_words(rows: QuerySet[EntryRecord], text: str) -> QuerySet[EntryRecord]:
    """Keep what has every word, or one that begins like it."""
    for term in dict.fromkeys(terms_of(text[:200])):
        # Each word stands between blanks; `_` and `%` are in no stem.
        rows = rows.filter(words__contains=f" {term}")
    return rows


def _narrowed(
    rows: list[dict[str, Any]], wanted: Wanted
) -> tuple[list[dict[str, Any]], dict[str, Counter[str]]]:
    """Keep what fits every facet, and count each facet over what fits all the others."""
    chosen = {name: value for name in FACETS if (value := getattr(wanted, name))}
    counts: dict[str, Counter[str]] = {name: Counter() for name in FACETS}
    found = []
    for row in rows:
        misses = [
            name
            for name, value in chosen.items()
            if (value not in row[name] if name == "principle" else row[name] != value)
        ]
        if not misses:
            found.append(row)
        if len(misses) <= 1:
            for name in misses or FACETS:
                values = row[name] if name == "principle" else (row[name],)
                counts[name].update(values)
    return found, counts


def _choices(name: str, counts: Counter[str], chosen: str) -> tuple[Choice, ...]:
    ranked = [(value, n) for value, n in counts.most_common() if value]
    if name in {"year", "principle"}:
        ranked.sort(key=lambda pair: pair[0], reverse=name == "year")
    offered = ranked[:MOST_CHOICES]
    if chosen and chosen not in {value for value, _ in offered}:
        offered.append((chosen, counts.get(chosen, 0)))
    labels = {"outcome": dict(Outcome.choices), "season": dict(Season.choices)}.get(name, {})
    return tuple(
        Choice(value, str(labels.get(value, value)), n, value == chosen) for value, n in offered
    )


def _tried(site: Site) -> dict[int, tuple[str, ...]]:
    """Say which principles each experiment tried."""
    found: dict[int, list[str]] = {}
    for pk, number in (
        TrialRecord.objects.filter(principle__site=site)
        .order_by("principle__number")
        .values_list("experiment_id", "principle__number")
    ):
        found.setdefault(pk, []).append(f"P-{number}")
    return {pk: tuple(keys) for pk, keys in found.items()}


def _entries(pks: Iterable[int]) -> tuple[EntryRecord, ...]:
    wanted = list(pks)
    rows = (
        EntryRecord.objects.filter(experiment__in=wanted)
        .select_related("experiment__hypothesis", "experiment__decision", "site")
        .prefetch_related(
            Prefetch("experiment__learnings", LearningRecord.objects.order_by("number"))
        )
        .defer("words")
    )
    by_experiment = {row.experiment_id: row for row in rows}
    return tuple(by_experiment[pk] for pk in wanted if pk in by_experiment)


def pictures_of(pks: Iterable[int]) -> dict[int, dict[str, str]]:
    """Give a picture of every variant that has one; what people took goes before the job's."""
    wanted = list(pks)
    found: dict[int, dict[str, str]] = {}
    for pk, variant, digest in (
        QaVisitRecord.objects.filter(run__plan__experiment__in=wanted, picture__isnull=False)
        .filter(~Q(picture__sha256=""))
        .order_by("-run__number", "size")
        .values_list("run__plan__experiment", "variant", "picture__sha256")
    ):
        found.setdefault(pk, {}).setdefault(variant, digest)
    for pk, variant, digest in (
        QaVerdictRecord.objects.filter(cell__plan__experiment__in=wanted, picture__isnull=False)
        .order_by("-pk")
        .values_list("cell__plan__experiment", "variant", "picture__sha256")
    ):
        found.setdefault(pk, {}).setdefault(variant, digest)
    return found


def entry_document(entry: EntryRecord, shelf: Shelf) -> dict[str, Any]:
    """Write an entry for programs."""
    record = entry.experiment
    decision = getattr(record, "decision", None)
    return {
        "experiment": record.key,
        "name": record.name,
        "stage": record.stage,
        "origin": record.origin,
        "hypothesis": record.hypothesis.key if record.hypothesis else None,
        "surface": entry.surface,
        "element": entry.element,
        "audience": entry.audience,
        "metric": entry.metric,
        "outcome": entry.outcome,
        "finding": entry.valid and entry.outcome not in {Outcome.NONE.value, Outcome.INVALID.value},
        "watermark": entry.watermark or None,
        "season": entry.season or None,
        "year": entry.year,
        "began_on": entry.began_on.isoformat() if entry.began_on else None,
        "effect": effect_document(entry),
        "expected": entry.expected,
        "surprise": entry.surprise,
        "decision": decision.choice if decision else None,
        "documented": entry.documented,
        "missing": entry.missing,
        "principles": list(shelf.principles.get(record.pk, ())),
        "learnings": [
            {"key": each.key, "text": each.text, "scope": each.scope}
            for each in shelf.learnings.get(record.pk, ())
        ],
        "pictures": [
            {"variant": variant, "sha256": digest}
            for variant, digest in sorted(shelf.pictures.get(record.pk, {}).items())
        ],
    }


def entry_row(entry: EntryRecord, shelf: Shelf) -> Row:
    """Write an entry as a line of a file: the same, with every part in a column of its own."""
    document = entry_document(entry, shelf)
    effect = document.pop("effect") or {}
    learnings = document.pop("learnings")
    del document["pictures"]
    return {
        **{
            name: ", ".join(map(str, value)) if isinstance(value, list) else value
            for name, value in document.items()
        },
        **{f"effect_{name}": effect.get(name) for name in ("variant", "value", "low", "high")},
        "learnings": " ".join(f"{each['key']}: {each['text']}" for each in learnings),
    }


def effect_document(entry: EntryRecord) -> dict[str, Any] | None:
    """Write an effect, or nothing; an invalid one is never given as a number."""
    if entry.value is None or not entry.valid:
        return None
    return {
        "variant": entry.variant,
        "value": entry.value,
        "se": entry.se,
        "low": entry.low,
        "high": entry.high,
    }


def shelf_document(shelf: Shelf) -> dict[str, Any]:
    """Write what was found for programs."""
    return {
        "total": shelf.total,
        "pages": shelf.pages,
        "invalid": shelf.invalid,
        "not_indexed_yet": shelf.left,
        "entries": [entry_document(each, shelf) for each in shelf.entries],
        "facets": {
            name: [{"value": each.value, "count": each.count} for each in choices]
            for name, choices in shelf.facets.items()
        },
    }
