"""What a list is made of: its filters, its columns and orders, and what can be done to many."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import reduce
from operator import and_, or_
from types import MappingProxyType
from typing import Any, Final

from django.db.models import F, OrderBy, Q, QuerySet

from truelift.apps.accounts.roles import Role
from truelift.apps.lists.places import LISTS
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.errors import Refusal


PAGE: Final = 50
"""Rows of a page."""

MOST_LETTERS: Final = 200
"""Of what is typed into a filter."""

MOST_WORDS: Final = 8
"""Of a search; each is looked for by itself."""

Rows = QuerySet[Any]


class BadFilter(Refusal):
    """A program asked for something that the list cannot be narrowed by."""

    code = "lists.bad_filter"

    def __init__(self, *, name: str, value: str, known: tuple[str, ...]) -> None:
        said = ", ".join(each for each in known if each)
        super().__init__(f"{name} is one of {said}, not {value!r}.", name=name, value=value)


@dataclass(frozen=True, slots=True)
class Filter:
    """One input of the form above a list; its name stands in the address.

    Attributes:
        narrow: Gives the rows that it leaves, of rows, what was given, and the present moment.
        choices: What can be chosen, in words; none for free text.
        usual: What holds while nobody says anything.
        tick: Whether it is a box to tick.
    """

    name: str
    label: str
    narrow: Callable[[Rows, str, datetime], Rows]
    choices: tuple[tuple[str, str], ...] = ()
    usual: str = ""
    tick: bool = False

    def of(self, given: Mapping[str, str], *, strict: bool = False) -> str:
        """Read what was given; what makes no sense is left out.

        Raises:
            BadFilter: It makes no sense, and `strict` asks for a word about it.
        """
        value = given.get(self.name, self.usual).replace("\0", "").strip()[:MOST_LETTERS]
        if self.tick:
            return "on" if value in {"on", "true", "1"} else ""
        known = tuple(value for value, _ in self.choices)
        if known and value not in known:
            if strict:
                raise BadFilter(name=self.name, value=value, known=known)
            return self.usual
        return value


@dataclass(frozen=True, slots=True)
class Column:
    """The head of a column.

    Attributes:
        sort: Name of the order that a press on it gives; empty for none.
        style: Classes of its cell.
    """

    heading: str
    sort: str = ""
    style: str = ""


@dataclass(frozen=True, slots=True)
class Given:
    """What stands beside a step that is taken for many items: why, until when, who, where."""

    reason: str = ""
    until: date | None = None
    owner: str = ""
    surface: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """Something that can be done to several items, by the service that does it to one.

    Attributes:
        asks: Which parts of `Given` it takes.
        run: Does it to one item, or refuses with every reason.
        needs: The role that it takes on the site.
    """

    name: str
    label: str
    run: Callable[[Site, str, Given, Actor, datetime], object]
    asks: tuple[str, ...] = ()
    needs: Role = Role.ANALYST


@dataclass(frozen=True, slots=True)
class Listing:
    """A list of one kind of item.

    Attributes:
        name: Its folder under the site's, and its name in saved views.
        rows: Gives a site's items, with whatever its orders need.
        sorts: Orders by name: fields, as `order_by` takes them; the last one is unique.
        usual: The order while nobody says anything.
        record: Writes one item as a row of the CSV file.
        steps: What can be done to several at once.
    """

    name: str
    rows: Callable[[Site], Rows]
    filters: tuple[Filter, ...]
    columns: tuple[Column, ...]
    sorts: Mapping[str, tuple[str, ...]]
    usual: str
    record: Callable[[Any, datetime], Mapping[str, object]]
    labels: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    steps: tuple[Step, ...] = ()

    @property
    def title(self) -> str:
        """How people call it."""
        return LISTS[self.name].title

    def narrowed(
        self, site: Site, given: Mapping[str, str], *, now: datetime, strict: bool = False
    ) -> Rows:
        """Give the rows that the filters leave, in no order.

        Raises:
            BadFilter: A filter makes no sense, and `strict` asks for a word about it.
        """
        rows = self.rows(site).order_by()
        for each in self.filters:
            value = each.of(given, strict=strict)
            if value:
                rows = each.narrow(rows, value, now)
        return rows

    def ordered(self, rows: Rows, sort: str) -> Rows:
        """Put rows into an order; a minus before its name turns it round, empty values last."""
        back = sort.startswith("-")
        return rows.order_by(
            *(_order(each, back=back) for each in self.sorts[sort.removeprefix("-")])
        )

    def sort_of(self, given: Mapping[str, str]) -> str:
        """Read which order is wanted."""
        sort = given.get("sort", "")
        return sort if sort.removeprefix("-") in self.sorts else self.usual


def words_in(*fields: str, key: str = "") -> Callable[[Rows, str, datetime], Rows]:
    """Look for every word in any of the fields; `H-12` is also found by its number.

    Args:
        fields: Where.
        key: What stands before an item's number, as `H-`; empty where it has none.
    """

    def narrow(rows: Rows, text: str, now: datetime) -> Rows:
        del now
        number = text.upper().removeprefix(key) if key and text.upper().startswith(key) else ""
        if number.isascii() and number.isdigit() and len(number) < 10:
            return rows.filter(number=int(number))
        wanted = (
            reduce(or_, (Q(**{f"{name}__icontains": word}) for name in fields))
            for word in text.split()[:MOST_WORDS]
        )
        return rows.filter(reduce(and_, wanted, Q()))

    return narrow


def equal(name: str) -> Callable[[Rows, str, datetime], Rows]:
    """Keep rows in which a field is what was chosen."""
    return lambda rows, value, _now: rows.filter(**{name: value})


def holding(name: str) -> Callable[[Rows, str, datetime], Rows]:
    """Keep rows in which a field has what was typed, wherever it stands."""
    return lambda rows, value, _now: rows.filter(**{f"{name}__icontains": value})


def person(*fields: str) -> Callable[[Rows, str, datetime], Rows]:
    """Keep rows that are the work of a person: a part of their name or e-mail address."""
    return lambda rows, value, _now: rows.filter(
        reduce(
            or_,
            (
                Q(**{f"{name}__{part}__icontains": value})
                for name in fields
                for part in ("name", "email")
            ),
        )
    )


SURFACE: Final = Filter("surface", "Where", holding("surface"))
"""The page or place; most kinds of items have one."""


def _order(name: str, *, back: bool) -> OrderBy:
    down = name.startswith("-") != back
    of = F(name.removeprefix("-"))
    return of.desc(nulls_last=True) if down else of.asc(nulls_last=True)
