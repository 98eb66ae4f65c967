"""Which changes of a roadmap are material, and how long ago the last one was (R117)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import Final


INFO_AFTER_DAYS: Final = 60
"""From this age on people are told that nothing has changed."""

WARN_AFTER_DAYS: Final = 90
"""Beyond this age a roadmap is decoration."""

SMALL_MOVE_DAYS: Final = 3
"""A date that moves no further than this is the same plan."""


class Field(StrEnum):
    """What of a roadmap's item a change is about."""

    ITEM = "item"
    START = "start"
    END = "end"
    ORDER = "order"
    PRIORITY = "priority"
    OWNER = "owner"
    STAGE = "stage"
    WHAT = "what"
    WHY = "why"
    METRIC = "metric"
    DEPUTY = "deputy"
    WHERE = "where"
    TEAM = "team"
    ASSET = "asset"
    DEPENDENCY = "dependency"
    DETAIL = "detail"
    COMMENT = "comment"

    @property
    def called(self) -> str:
        """The field as it stands on a page."""
        return _CALLED.get(self, self.value.capitalize())


_CALLED: Final[Mapping[Field, str]] = MappingProxyType(
    {
        Field.START: "First day",
        Field.END: "End",
        Field.OWNER: "Decision-owner",
        Field.DETAIL: "Details",
        Field.WHERE: "Surfaces",
    }
)


class Age(StrEnum):
    """How bad it is that nothing has changed."""

    INFO = "info"
    WARN = "warn"


@dataclass(frozen=True, slots=True)
class ItemChange:
    """One change of one item.

    Attributes:
        item: Key of the item.
        field: What was changed. `ITEM` for the item itself: it was added where `before` is
            empty, dropped where `after` is.
        before: What stood there; days as ISO, people as addresses.
        after: What stands there now.
        on: The day, at the site.
        by: Who; empty for a job.
    """

    item: str
    field: Field
    before: str
    after: str
    on: date
    by: str = ""


_ALWAYS: Final = frozenset({Field.ITEM, Field.ORDER, Field.PRIORITY, Field.OWNER})


def is_material(change: ItemChange) -> bool:
    """Say whether a change shows that people rethought the roadmap.

    Adding, dropping and re-ordering do, a date that moves by more than three days, another
    priority and another decision-owner. Progress, comments, wording and whatever a job does
    do not.
    """
    if not change.by or change.before == change.after:
        return False
    if change.field in _ALWAYS:
        return True
    if change.field in {Field.START, Field.END}:
        before, after = _day(change.before), _day(change.after)
        if before is None or after is None:
            return before is not after
        return abs((after - before).days) > SMALL_MOVE_DAYS
    return False


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Freshness:
    """How old a roadmap is.

    Attributes:
        days: Since the last material change; None where there was none yet.
        last: That change.
        age: How bad that is; None while it is not.
        items: Key → days since the item's own last material change.
    """

    days: int | None = None
    last: ItemChange | None = None
    age: Age | None = None
    items: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def median(self) -> float | None:
        """The middle age of the items; None without any."""
        ages = sorted(self.items.values())
        if not ages:
            return None
        middle = len(ages) // 2
        return float(ages[middle]) if len(ages) % 2 else (ages[middle - 1] + ages[middle]) / 2


def freshness(
    changes: Iterable[ItemChange], *, today: date, active: Iterable[str] = ()
) -> Freshness:
    """Say how long ago people last rethought a roadmap, and each of its items.

    Args:
        changes: All that are known, in any order.
        today: The day that it is at the site.
        active: Keys of the items whose own age is wanted.
    """
    last: ItemChange | None = None
    newest: dict[str, date] = {}
    for change in changes:
        if not is_material(change):
            continue
        newest[change.item] = max(change.on, newest.get(change.item, change.on))
        if last is None or change.on >= last.on:
            last = change
    days = None if last is None else (today - last.on).days
    return Freshness(
        days=days,
        last=last,
        age=age_of(days),
        items={key: (today - newest[key]).days for key in active if key in newest},
    )


def age_of(days: int | None) -> Age | None:
    """Say how bad it is that nothing has changed for so many days."""
    if days is None or days < INFO_AFTER_DAYS:
        return None
    return Age.WARN if days > WARN_AFTER_DAYS else Age.INFO
