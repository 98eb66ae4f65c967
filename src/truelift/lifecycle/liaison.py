"""Says which releases touch what is being tested, and by when somebody has to have seen it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from truelift.lifecycle.overlap import Stay, meetings_between, stay_of
from truelift.lifecycle.roadmap_item import ItemKind, ItemStage, RoadmapItem


ESCALATED_BEFORE: Final = timedelta(days=2)
"""So long before it goes out, a release that nobody has acknowledged is taken further."""

LOOKS_AHEAD: Final = timedelta(days=14)
"""How far the weekly digest looks."""

_UPCOMING: Final = frozenset({ItemStage.PROPOSED, ItemStage.PLANNED, ItemStage.SCHEDULED})
_TESTED: Final = frozenset({ItemStage.SCHEDULED, ItemStage.RUNNING})


class Word(StrEnum):
    """Whether the liaison has said that they know of a release."""

    ACKNOWLEDGED = "acknowledged"
    OPEN = "open"
    ESCALATED = "escalated"


@dataclass(frozen=True, slots=True)
class Touching:
    """That an upcoming release touches surfaces on which something is tested.

    Attributes:
        release: Its key.
        what: What is released.
        starts: The day on which it goes out.
        tests: Keys of the tests, in order.
        surfaces: Names of the surfaces that they share with it, in order.
        unseen: Keys of the tests for which nobody has acknowledged it.
        due: By when somebody has to have.
        word: Whether somebody has.
    """

    release: str
    what: str
    starts: date
    tests: tuple[str, ...]
    surfaces: tuple[str, ...]
    unseen: tuple[str, ...]
    due: date
    word: Word

    @property
    def waits(self) -> bool:
        """Whether somebody still has to acknowledge it."""
        return self.word is not Word.ACKNOWLEDGED


@dataclass(frozen=True, slots=True)
class Owned:
    """A surface, as far as it says whether engineers change it.

    Attributes:
        name: How it is called.
        team: Who owns it; empty while nobody does.
        has_code: Whether files are known that make it.
        owner_is_engineering: Whether its owner does engineering on the site.
    """

    name: str
    team: str = ""
    has_code: bool = False
    owner_is_engineering: bool = False


def touching(
    items: Iterable[RoadmapItem],
    *,
    acknowledged: Mapping[str, Collection[str]],
    today: date,
) -> tuple[Touching, ...]:
    """Find the releases that have not begun and touch a surface of a running or scheduled test.

    Only days count on which both are there. A test for which the release was judged harmless
    is not counted. What was acknowledged for some tests is not for those that came later.

    Args:
        items: All of the site.
        acknowledged: Key of a release → keys of the tests for which somebody has seen it.
        today: The day that it is at the site.

    Returns:
        By the day on which they go out, then by key.
    """
    given = list(items)
    releases = _stays(
        (each for each in given if each.kind is ItemKind.RELEASE and each.stage in _UPCOMING),
        today,
    )
    tests = _stays(
        (each for each in given if each.kind is ItemKind.EXPERIMENT and each.stage in _TESTED),
        today,
    )
    met: dict[str, tuple[Stay, dict[str, set[str]]]] = {}
    for release, test in meetings_between(releases, tests):
        shared = set(release.item.surfaces) & set(test.item.surfaces)
        if shared and test.item.key not in release.item.benign:
            met.setdefault(release.item.key, (release, {}))[1][test.item.key] = shared
    found = [
        _told(stay, by_test, acknowledged.get(key, ()), today)
        for key, (stay, by_test) in met.items()
    ]
    return tuple(sorted(found, key=lambda each: (each.starts, each.release)))


def _stays(items: Iterable[RoadmapItem], today: date) -> list[Stay]:
    found = [stay for each in items if (stay := stay_of(each, today=today)) is not None]
    return sorted(found, key=lambda each: (each.start, each.item.key))


def _told(
    stay: Stay, by_test: Mapping[str, Collection[str]], seen: Collection[str], today: date
) -> Touching:
    starts = date.fromordinal(stay.start)
    due = starts - ESCALATED_BEFORE
    unseen = tuple(sorted(set(by_test) - set(seen)))
    word = Word.ACKNOWLEDGED
    if unseen:
        word = Word.ESCALATED if today >= due else Word.OPEN
    return Touching(
        release=stay.item.key,
        what=stay.item.what,
        starts=starts,
        tests=tuple(sorted(by_test)),
        surfaces=tuple(sorted({each for shared in by_test.values() for each in shared})),
        unseen=unseen,
        due=due,
        word=word,
    )


def in_the_digest(found: Iterable[Touching], *, today: date) -> tuple[Touching, ...]:
    """Give those that the digest of a week tells: what goes out within two weeks."""
    return tuple(each for each in found if each.starts < today + LOOKS_AHEAD)


def without_liaison(surfaces: Iterable[Owned], *, held: bool) -> tuple[str, ...]:
    """Name the surfaces that engineers own while nobody on the site is liaison.

    Engineers own a surface whose owner does engineering, or whose team ships its code.

    Args:
        surfaces: The surfaces of the site.
        held: Whether somebody on the site has the function liaison.
    """
    if held:
        return ()
    return tuple(
        each.name for each in surfaces if each.owner_is_engineering or (each.team and each.has_code)
    )
