"""A page of a list as values: its rows, its inputs, its heads, and where one goes from there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse

from truelift.apps.accounts.models import User
from truelift.apps.accounts.reads import role_of
from truelift.apps.drawing.wording import count
from truelift.apps.explorers.export import file_of
from truelift.apps.explorers.reads import Kept, views_of
from truelift.apps.lists.listing import PAGE, Filter, Listing, Rows, Step
from truelift.apps.lists.places import LISTS
from truelift.apps.sites.models import Site


MOST_PAGES: Final = 100_000


@dataclass(frozen=True, slots=True)
class Input:
    """A filter as the form shows it, with what holds now."""

    name: str
    label: str
    value: str
    choices: tuple[tuple[str, str], ...]
    tick: bool


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a column as the table shows it.

    Attributes:
        href: What a press on it leads to; empty where it gives no order.
        turned: `ascending` or `descending` while the list is in its order; else empty.
    """

    heading: str
    style: str
    href: str
    turned: str


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a list.

    Attributes:
        records: Its rows.
        total: How many rows the filters leave.
        narrowed: Whether a filter holds that does not hold by itself.
        said: “51 to 100 of 1,204”.
        query: Its address after the question mark, without the page.
        before: Address of the page before; empty on the first.
        after: Address of the page after; empty on the last.
        file: Address of the CSV file of all rows that the filters leave.
        steps: What the reader may do to several rows at once.
        views: Saved views of this list that the reader may open.
        values: What holds of each filter.
    """

    name: str
    title: str
    folder: str
    records: tuple[Any, ...]
    total: int
    narrowed: bool
    said: str
    query: str
    before: str
    after: str
    file: str
    inputs: tuple[Input, ...]
    orders: tuple[tuple[str, str], ...]
    sort: str
    heads: tuple[Head, ...]
    steps: tuple[Step, ...]
    views: tuple[Kept, ...]
    values: Mapping[str, str]

    @property
    def asks(self) -> frozenset[str]:
        """What the steps for many take, all together."""
        return frozenset(part for step in self.steps for part in step.asks)

    def has(self, name: str, value: str) -> bool:
        """Say whether a filter holds with this value."""
        return self.values.get(name) == value


def page_of(
    listing: Listing,
    site: Site,
    given: Mapping[str, str],
    *,
    reader: User,
    now: datetime,
    leaders: Sequence[int] = (),
) -> Page:
    """Read the page of a list that an address asks for, in three queries.

    Args:
        listing: The list.
        site: Whose.
        given: The address after the question mark.
        reader: Who looks: they see their own saved views and the shared ones.
        now: The present moment.
        leaders: Rows that stand first in the usual order, where no field gives it.
    """
    rows = listing.narrowed(site, given, now=now)
    total = rows.count()
    sort = listing.sort_of(given)
    number = min(_number(given.get("page", "")), max(1, -(-total // PAGE)))
    first = (number - 1) * PAGE
    ordered = listing.ordered(rows, sort)
    if leaders and sort == listing.usual:
        records = _led(ordered, leaders, slice(first, first + PAGE))
    else:
        records = tuple(ordered[first : first + PAGE]) if total else ()
    values = {each.name: each.of(given) for each in listing.filters}
    held = said_otherwise(listing.filters, values)
    chosen = held | ({"sort": sort} if sort != listing.usual else {})

    def address(**more: str) -> str:
        return "?" + urlencode({**chosen, **more})

    return Page(
        name=listing.name,
        title=listing.title,
        folder=LISTS[listing.name].folder,
        records=records,
        total=total,
        narrowed=bool(held),
        said=f"{count(first + 1)} to {count(first + len(records))} of {count(total)}"
        if records
        else "None",
        query=urlencode(chosen),
        before=address(page=str(number - 1)) if number > 1 else "",
        after=address(page=str(number + 1)) if first + PAGE < total else "",
        file=address(format="csv"),
        inputs=inputs_of(listing.filters, values),
        orders=_orders(listing, sort),
        sort=sort,
        heads=tuple(
            Head(
                heading=each.heading,
                style=each.style,
                href="?" + urlencode({**held, "sort": _next(each.sort, sort)}) if each.sort else "",
                turned=_turned(listing, each.sort, sort),
            )
            for each in listing.columns
        ),
        steps=_steps_for(listing, site, reader),
        views=tuple(each for each in views_of(site, reader) if each.view.explorer == listing.name),
        values=values,
    )


def inputs_of(filters: tuple[Filter, ...], values: Mapping[str, str]) -> tuple[Input, ...]:
    """Give filters as a form shows them."""
    return tuple(
        Input(each.name, each.label, values[each.name], each.choices, each.tick) for each in filters
    )


def said_otherwise(filters: tuple[Filter, ...], values: Mapping[str, str]) -> dict[str, str]:
    """Give the values that do not hold by themselves, for an address."""
    return {each.name: values[each.name] for each in filters if values[each.name] != each.usual}


def file_wanted(request: HttpRequest) -> bool:
    """Say whether the address asks for the list as a file."""
    return request.GET.get("format") == "csv"


def file_response(
    listing: Listing, site: Site, given: Mapping[str, str], *, now: datetime
) -> HttpResponse:
    """Give all rows that the filters leave as CSV that a spreadsheet never runs."""
    found = listing.ordered(listing.narrowed(site, given, now=now), listing.sort_of(given))
    rows = [
        {name: _plain(value) for name, value in listing.record(each, now).items()} for each in found
    ]
    return file_of("csv", rows, name=f"{site.name}-{listing.name}")


def _steps_for(listing: Listing, site: Site, reader: User) -> tuple[Step, ...]:
    """Give the steps for many that a person's role covers; who has none chooses no rows."""
    role = role_of(reader, site) if listing.steps else None
    return tuple(step for step in listing.steps if role is not None and role.covers(step.needs))


def _led(rows: Rows, leaders: Sequence[int], part: slice) -> tuple[Any, ...]:
    """Cut a part out of rows of which some stand first."""
    keys = dict.fromkeys(rows.values_list("pk", flat=True))
    first = dict.fromkeys(each for each in leaders if each in keys)
    wanted = [*first, *(each for each in keys if each not in first)][part]
    found = {each.pk: each for each in rows.filter(pk__in=wanted)}
    return tuple(found[each] for each in wanted if each in found)


def _plain(value: object) -> str | int | float | bool | None:
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value)


def _number(text: str) -> int:
    whole = text.isascii() and text.isdigit() and len(text) < 7
    return min(max(1, int(text)), MOST_PAGES) if whole else 1


def _next(name: str, sort: str) -> str:
    """Press a head once for its order, again to turn it round."""
    return f"-{name}" if sort == name else name


def _turned(listing: Listing, name: str, sort: str) -> str:
    if not name or sort.removeprefix("-") != name:
        return ""
    down = listing.sorts[name][0].startswith("-") != sort.startswith("-")
    return "descending" if down else "ascending"


def _orders(listing: Listing, sort: str) -> tuple[tuple[str, str], ...]:
    heads = {each.sort: each.heading for each in listing.columns if each.sort}
    named = [(name, listing.labels.get(name) or heads.get(name, name)) for name in listing.sorts]
    turned = sort.removeprefix("-") if sort.startswith("-") else ""
    return (
        *named,
        *((f"-{name}", f"{label}, turned round") for name, label in named if name == turned),
    )
