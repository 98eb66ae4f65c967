"""A part of a list for programs: the same filters, a limit, and a cursor to go on from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from ninja import Field, Schema

from truelift.apps.lists.listing import MOST_LETTERS, Listing, Rows
from truelift.apps.sites.models import Site
from truelift.errors import Refusal


LIMIT: Final = 100
MOST: Final = 500


class BadCursor(Refusal):
    """A cursor was not given by this server."""

    code = "lists.bad_cursor"

    def __init__(self, *, cursor: str) -> None:
        super().__init__(
            "This cursor is none; give the `next` of the answer before, or none to begin.",
            cursor=cursor,
        )


class Wanted(Schema):
    """Which part of a list a program wants.

    Attributes:
        text: Words, each in any field that people read.
        surface: The page or place, or a part of its name.
        limit: Items at most.
        cursor: The `next` of the answer before; empty to begin.
    """

    text: str = Field(default="", max_length=MOST_LETTERS)
    surface: str = Field(default="", max_length=MOST_LETTERS)
    limit: int = Field(default=LIMIT, ge=1, le=MOST)
    cursor: str = Field(default="", max_length=20)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a list, the newest first.

    Attributes:
        next: Cursor of the part after; None where it ends.
    """

    records: tuple[Any, ...]
    next: str | None


def part_of(
    listing: Listing, site: Site, wanted: Wanted, *, now: datetime, rows: Rows | None = None
) -> Part:
    """Read a part of a list, the newest first; what comes in meanwhile shifts nothing.

    Args:
        listing: The list.
        site: Whose.
        wanted: Which part; fields beside those of `Wanted` are filters.
        now: The present moment.
        rows: The items with what their documents need; the list's own where left out.

    Raises:
        BadFilter: A filter makes no sense.
        BadCursor: The cursor is none.
    """
    given: Mapping[str, str] = {
        name: str(value)
        for name, value in wanted.dict(exclude={"limit", "cursor"}).items()
        if value
    }
    narrowed = listing.narrowed(site, given, now=now, strict=True)
    if rows is not None:
        narrowed = rows.filter(pk__in=narrowed.values("pk"))
    return newest_after(narrowed, wanted.cursor, wanted.limit)


def newest_after(rows: Rows, cursor: str, limit: int, *, ordered: bool = False) -> Part:
    """Cut a part out of rows, from a cursor on.

    Args:
        rows: The rows.
        cursor: Where the part before ended; empty to begin.
        limit: Rows at most.
        ordered: Keep the order of the rows; then there is no cursor to go on from.

    Raises:
        BadCursor: The cursor is none.
    """
    if ordered:
        return Part(tuple(rows[:limit]), None)
    if cursor:
        rows = rows.filter(pk__lt=_number(cursor))
    found = tuple(rows.order_by("-pk")[: limit + 1])
    more = len(found) > limit
    found = found[:limit]
    return Part(found, f"{found[-1].pk:x}" if more else None)


def _number(cursor: str) -> int:
    try:
        number = int(cursor, 16)
    except ValueError:
        raise BadCursor(cursor=cursor) from None
    if not 0 < number < 2**63:
        raise BadCursor(cursor=cursor)
    return number
