"""A conflict as a value, and what every rule looks at to find one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from types import MappingProxyType
from typing import Final, NamedTuple

from truelift.lifecycle.conflict_rules import Resolution, Rule, Severity
from truelift.lifecycle.overlap import Stay, audience_overlap, days_together, exposure_overlap
from truelift.lifecycle.roadmap_item import ItemKind, RoadmapItem
from truelift.lifecycle.surface import Surface


@dataclass(frozen=True, slots=True)
class Season:
    """A time that is unlike others: a season, a holiday, stock that runs out.

    Attributes:
        name: What it is.
        start: Its first day.
        end: The first day on which it is over.
        surfaces: Where; empty for everywhere.
    """

    name: str
    start: date
    end: date
    surfaces: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ConflictContext:
    """What is known beside the items.

    Attributes:
        measured: Two keys, in either order → the users of both, of the users of the smaller,
            0 to 1; of pairs for which it was counted. It is taken before what the rules say.
        seasons: Times that are unlike others.
        capacity: Role → days of work in a week; a role that is not named has no limit.
        washout_days: For how long a test is felt by the next one after its end.
        severities: What the policy says otherwise than the table.
        free: Days besides weekends on which nobody works.
    """

    measured: Mapping[tuple[str, str], float] = field(default_factory=lambda: MappingProxyType({}))
    seasons: tuple[Season, ...] = ()
    capacity: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    washout_days: int = 0
    severities: Mapping[Rule, Severity] = field(default_factory=lambda: MappingProxyType({}))
    free: frozenset[date] = frozenset()

    def severity(self, rule: Rule) -> Severity:
        """Say how bad a rule is here."""
        return self.severities.get(rule, rule.severity)

    def shared_audience(self, first: RoadmapItem, second: RoadmapItem) -> float:
        """Give what two audiences share, as it was measured, else the most by their rules."""
        measured = self.measured
        if measured:
            for keys in ((first.key, second.key), (second.key, first.key)):
                if keys in measured:
                    return measured[keys]
        if not first.audience or not second.audience:
            return 1.0
        return audience_overlap(first.audience, second.audience)


NOTHING_KNOWN: Final = ConflictContext()


@dataclass(frozen=True, slots=True)
class Conflict:
    """That two items are in each other's way, or one stands badly by itself.

    Attributes:
        rule: Which of the fourteen.
        first: Key of the item that it is about: the test, or what refers to something.
        second: Key of the item that is in its way; empty where it stands badly by itself.
        severity: How bad.
        surface: Where; empty where it has no place.
        starts: The first day on which it holds.
        days: How many days it holds.
        audience: What their audiences share, 0 to 1.
        exposure: Share of visitors who meet both, 0 to 1.
        sentence: What is the matter, for people.
        resolutions: What can be done, what is usually best first.
        owners: Who decides about the items, each once; a deputy where the owner has left.
    """

    rule: Rule
    first: str
    second: str
    severity: Severity
    surface: str
    starts: date
    days: int
    audience: float
    exposure: float
    sentence: str
    resolutions: tuple[Resolution, ...]
    owners: tuple[str, ...]

    @property
    def identity(self) -> tuple[Rule, str, str]:
        """What makes it the same conflict when it is looked for again."""
        return self.rule, self.first, self.second

    @property
    def stops(self) -> bool:
        """Whether its items cannot be scheduled while it is unresolved."""
        return self.severity.stops

    def is_about(self, key: str) -> bool:
        """Say whether it is about an item."""
        return key in (self.first, self.second)


@dataclass(frozen=True, slots=True)
class Place:
    """Where an item stands in what visitors pass through.

    Attributes:
        surfaces: Where it is.
        elements: What of it, in small letters.
        steps: Funnel and step → surfaces of it at that step.
        begins: Funnel → its first step there.
    """

    surfaces: frozenset[str]
    elements: frozenset[str]
    steps: Mapping[tuple[str, int], frozenset[str]]
    begins: Mapping[str, int]


class Measure(NamedTuple):
    """How much two items have of each other.

    Attributes:
        audience: What their audiences share, 0 to 1.
        exposure: Share of visitors who meet both.
        days: How many days they share, with the wash-out.
    """

    audience: float
    exposure: float
    days: int


@dataclass(frozen=True, slots=True)
class Look:
    """What all rules look at.

    Attributes:
        placed: The items that have their time, ordered by start and key.
        known: The surfaces by name.
        today: The day that it is at the site.
        context: What is known beside the items.
        table: Rule → how bad it is here, and what can be done.
        about: Key of the item that is asked about; empty for all.
    """

    placed: list[Stay]
    known: Mapping[str, Surface]
    today: date
    context: ConflictContext
    table: Mapping[Rule, tuple[Severity, tuple[Resolution, ...]]]
    about: str = ""

    def measure(self, first: Stay, second: Stay, *, washout_days: int = 0) -> Measure:
        """Say how much two items have of each other."""
        audience = self.context.shared_audience(first.item, second.item)
        return Measure(
            audience,
            exposure_overlap(first.item, second.item, audience=audience),
            days_together(first, second, washout_days=washout_days),
        )

    def place(self, item: RoadmapItem) -> Place:
        """Say where an item stands in the funnels of the site."""
        steps: dict[tuple[str, int], set[str]] = defaultdict(set)
        begins: dict[str, int] = {}
        for name in item.surfaces:
            surface = self.known.get(name)
            if surface is not None and surface.funnel and surface.step > 0:
                steps[surface.funnel, surface.step].add(name)
                begins[surface.funnel] = min(surface.step, begins.get(surface.funnel, surface.step))
        return Place(
            surfaces=frozenset(item.surfaces),
            elements=frozenset(map(folded, item.elements)),
            steps={step: frozenset(names) for step, names in steps.items()},
            begins=begins,
        )

    def bundles(self, item: RoadmapItem) -> dict[str, str]:
        """Give the shared code of an item's surfaces, with the first surface that has it."""
        names = sorted(set(item.surfaces) & self.known.keys(), reverse=True)
        return {self.known[name].bundle: name for name in names if self.known[name].bundle}

    def between(
        self,
        rule: Rule,
        first: Stay,
        second: Stay,
        said: str,
        *further: str,
        surface: str = "",
        measure: Measure | None = None,
    ) -> tuple[Conflict, ...]:
        """Give the conflict of two, none if it is over; when it holds is said by itself.

        Args:
            rule: Which rule.
            first: The item that it is about.
            second: The item that is in its way.
            said: The sentence, up to the word that says when.
            further: Sentences after it.
            surface: Where.
            measure: How much they have of each other; None for all that they can.
        """
        one, other = first.item, second.item
        starts = max(first.start, second.start)
        if measure is None:
            measure = self.measure(first, second)
        days = measure.days
        if days <= 0 or starts + days <= self.today.toordinal():
            return ()
        severity, resolutions = self.table[rule]
        found = Conflict(
            rule,
            one.key,
            other.key,
            severity,
            surface,
            date.fromordinal(starts),
            days,
            measure.audience,
            measure.exposure,
            " ".join((said, f"{when(starts, days)}.", *further)),
            resolutions,
            _owners(one, other),
        )
        return (found,)

    def alone(
        self,
        rule: Rule,
        stay: Stay,
        sentence: str,
        *,
        starts: int,
        days: int,
        surface: str = "",
        severity: Severity | None = None,
        other: RoadmapItem | None = None,
    ) -> Conflict:
        """Give the conflict of an item that stands badly by itself, or for want of another."""
        return Conflict(
            rule=rule,
            first=stay.item.key,
            second="" if other is None else other.key,
            severity=severity or self.table[rule][0],
            surface=surface,
            starts=date.fromordinal(starts),
            days=days,
            audience=1.0,
            exposure=stay.item.allocation,
            sentence=sentence,
            resolutions=rule.resolutions,
            owners=_owners(stay.item, stay.item if other is None else other),
        )


def grouped(
    stays: Iterable[Stay], keys: Callable[[RoadmapItem], Iterable[Hashable]]
) -> dict[Hashable, list[Stay]]:
    """Put items under each of their keys, in the order given."""
    groups: dict[Hashable, list[Stay]] = defaultdict(list)
    for stay in stays:
        for key in dict.fromkeys(keys(stay.item)):
            groups[key].append(stay)
    return groups


def is_test(item: RoadmapItem) -> bool:
    """Say whether it is a test."""
    return item.kind is ItemKind.EXPERIMENT


def _owners(first: RoadmapItem, second: RoadmapItem) -> tuple[str, ...]:
    one = first.owner if first.owner_active else first.deputy
    other = second.owner if second.owner_active else second.deputy
    if one and other and one != other:
        return one, other
    return (one or other,) if one or other else ()


def one_shared(first: RoadmapItem, second: RoadmapItem) -> str:
    """Name a surface of both; empty where they share none."""
    return min(set(first.surfaces) & set(second.surfaces), default="")


@lru_cache(maxsize=8192)
def folded(word: str) -> str:
    """Write a word so that capitals and blanks make no difference."""
    return " ".join(word.split()).casefold()


_LONGEST_NAME: Final = 60


def named(item: RoadmapItem) -> str:
    """Call an item by its key and what it is, shortened."""
    return _named(item.key, item.what)


@lru_cache(maxsize=8192)
def _named(key: str, what: str) -> str:
    words = " ".join(what.split())
    if not words:
        return key
    short = words if len(words) <= _LONGEST_NAME else f"{words[: _LONGEST_NAME - 1]}…"
    return f"{key} “{short}”"


@lru_cache(maxsize=4096)
def when(starts: int, days: int) -> str:
    """Say from when, as `date.toordinal` counts, and for how long."""
    day = date.fromordinal(starts)
    return f"from {day:%-d %B %Y} for {days} {'day' if days == 1 else 'days'}"


@lru_cache(maxsize=1024)
def exposed(exposure: float) -> str:
    """Say how many visitors meet both."""
    return f"Up to {percent(exposure)} of the visitors meet both."


def percent(share: float) -> str:
    """Write a share in percent."""
    return f"{100 * share:.3g} %"


def listed(names: Collection[str]) -> str:
    """Write names one after the other, the last after an `and`."""
    if not names:
        return ""
    *before, last = names
    return f"{', '.join(before)} and {last}" if before else last
