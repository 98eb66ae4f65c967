"""Page engagement: how long page views hold people, how far they scroll, and where they leave.

Method:
    docs/methods/page-engagement.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from truelift.questions.dimensions import Placeholders, measured, number_of, text_of
from truelift.questions.document import Json, epoch_ms
from truelift.questions.forms import Context, Field, list_of, record, text, whole
from truelift.questions.matching import BadQuestion, Events, is_text
from truelift.questions.members import AS_OF, EVENTS, ROWS, SINCE, UNTIL, ZONE, Members
from truelift.questions.period import (
    AT_MS,
    SESSION_MARGIN,
    between,
    earlier,
    later,
    period_obstacles,
)
from truelift.questions.question import Scan
from truelift.questions.readings import Readings, Spread
from truelift.questions.session_tally import Coded
from truelift.questions.sessions import PAGES, Part, days_of
from truelift.questions.table import integers, numbers, small_integers
from truelift.questions.zone import is_zone
from truelift.sequences.sessions import INACTIVITY_MS, LONGEST_MS, session_starts


BEATS: Final = Events(("page_ping",))
"""Events that say, at regular intervals, that somebody is still busy with the page."""

EVERY_S: Final = 10
FIRST_S: Final = 5
PAGE_VIEW_ID: Final = "page_view_id"
ENGAGED_MS: Final = "engagement_time_msec"
SCROLLED: Final = "percent_scrolled"
"""Properties as GA4 and Snowplow name them."""

REACHED: Final = (25, 50, 75, 90, 100)
"""Percent of a page's height of which it is said how many page views got there."""

SMALLEST: Final = 1
MOST_KEYS: Final = 2

_PAGE: Final = 1
_BEAT: Final = 2
"""Bits of the column `kind`."""

_TENTH_MS: Final = 100
_VIEWS, _EXITS, _IMMATURE, _BEATS, _ENGAGED, _SCROLLED = range(6)

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PageRow:
    """The page views of one group.

    Attributes:
        values: What the group is called, one per key; None for several together.
        others: How many groups this row holds together; 0 for one.
        views: Page views.
        immature: Those among them whose session may still go on; they have no exit, no
            time and no scrolling yet.
        exits: Last page views of sessions that are over.
        engaged: Tenths of a second per page view; None where the site sends no time.
        scrolled: The largest percent per page view that says any.
    """

    values: tuple[str | None, ...]
    others: int
    views: int
    immature: int
    exits: int
    engaged: Spread | None
    scrolled: Spread

    def document(self) -> dict[str, Json]:
        """Write its numbers; what is not known is null, not 0."""
        over = self.views - self.immature
        return {
            "views": self.views,
            "immature": self.immature,
            "exits": self.exits,
            "exit_rate": self.exits / over if over else None,
            "engaged": None if self.engaged is None else _times(self.engaged),
            "scrolled": _depths(self.scrolled),
        }


def _times(spread: Spread) -> dict[str, Json]:
    n = spread.n
    return {
        "n": n,
        "mean_s": spread.total / n / 10 if n else None,
        **{f"p{percent}_s": _over(spread.quantile(percent), 10) for percent in (50, 75, 90)},
        "none": spread.at_most(0) / n if n else None,
    }


def _depths(spread: Spread) -> dict[str, Json]:
    n = spread.n
    reached: dict[str, Json] = {
        str(percent): (n - spread.at_most(percent - 1)) / n if n else None for percent in REACHED
    }
    return {
        "n": n,
        "mean": spread.total / n / 100 if n else None,
        **{f"p{percent}": _over(spread.quantile(percent), 100) for percent in (50, 90)},
        "reached": reached,
    }


def _over(steps: float | None, by: int) -> float | None:
    return None if steps is None else steps / by


@dataclass(frozen=True, slots=True)
class PageEngagementAnswer:
    """Page views by group; every page view is in one row.

    Attributes:
        question: What was asked.
        rows: The groups with most page views first, small ones together at the end; days
            in their order.
        whole: Everything together.
    """

    question: PageEngagement
    rows: tuple[PageRow, ...]
    whole: PageRow

    def document(self) -> dict[str, Json]:
        """Write it in the shape of `ask page-engagement --json`."""
        question = self.question
        rows: list[Json] = []
        for row in self.rows:
            entry: dict[str, Json] = {"by": dict(zip(question.by, row.values, strict=True))}
            if row.others:
                entry["others"] = row.others
            rows.append({**entry, **row.document()})
        return {
            "question": question.name,
            "semantics": {
                "views": question.views.title,
                "beats": question.heartbeats.title,
                "every_s": question.every_s,
                "first_s": question.first_s,
                "page_view": question.page_view,
                "time": question.time,
                "scroll": question.scroll,
                "quantile": "interpolated between readings (Hyndman and Fan, definition 7)",
                "resolution": "0.1 s and 1 percent",
                "inactivity_s": INACTIVITY_MS // 1000,
                "smallest": question.smallest,
            },
            "rows": rows,
            "whole": self.whole.document(),
        }


@dataclass(frozen=True, slots=True)
class PageEngagement:
    """The page views of a period: time, scrolling and exits.

    What happens in a session belongs to the page view whose id it carries; without an id,
    to the one before it. Nothing of another session does: a tab that is found again days
    later is not a page view that lasted days.

    Attributes:
        views: What is a page view.
        beats: Events that say that somebody is still busy with the page; None for `BEATS`,
            which a site need not have.
        every_s: How far apart these are sent; several within one such interval of the
            clock count as one.
        first_s: After how long on a page the first one is sent.
        page_view: Property with the id of a page view.
        time: Property with the milliseconds that somebody was busy since the event before;
            they add up, and those that a page view carries belong to the page view before
            it. Where a page view has any, its beats do not count.
        scroll: Property with the percent of the page's height that was seen so far.
        by: Dimensions or properties of the page view, or `day`; two at most.
        since: Page views before this are left out.
        until: And those at or after this.
        time_zone: Of the site, for days.
        as_of: Sessions that may still go on at this instant are not over; None: all are.
        max_rows: Smaller groups beyond this many are put together.
        smallest: And so are groups of fewer page views than this, days alone excepted.
    """

    views: Events = PAGES
    beats: Events | None = None
    every_s: int = EVERY_S
    first_s: int = FIRST_S
    page_view: str = PAGE_VIEW_ID
    time: str = ENGAGED_MS
    scroll: str = SCROLLED
    by: tuple[str, ...] = ("path",)
    since: datetime | None = None
    until: datetime | None = None
    time_zone: str = "UTC"
    as_of: datetime | None = None
    max_rows: int = 100
    smallest: int = SMALLEST

    def __post_init__(self) -> None:
        reasons = self._obstacles()
        if reasons:
            raise BadQuestion(question="question about page engagement", reasons=reasons)

    @property
    def name(self) -> str:
        """The word after `truelift ask`, with an underscore."""
        return "page_engagement"

    @property
    def heartbeats(self) -> Events:
        """The events that say that somebody is still busy."""
        return BEATS if self.beats is None else self.beats

    def scan(self) -> Scan:
        """Read every event: any of them keeps a session alive."""
        values = Placeholders()
        is_page, is_beat = self.views.sql(values), self.heartbeats.sql(values)
        columns = {"view": text_of(self.page_view, values)}
        for nth, name in enumerate(self.by):
            if name != Part.DAY:
                columns[f"key{nth}"] = f"CASE WHEN {is_page} THEN {text_of(name, values)} END"
        columns["spent"] = measured(number_of(self.time, values))
        columns["scrolled"] = measured(number_of(self.scroll, values))
        given = "".join(f", {sql} AS {name}" for name, sql in columns.items())
        since = earlier(self.since, SESSION_MARGIN)
        until = later(self.until, timedelta(milliseconds=LONGEST_MS + 1))
        return Scan(
            sql=f"""
            SELECT * EXCLUDE (position)
            FROM (
                SELECT person, {AT_MS} AS at_ms, position,
                    ({is_page}::TINYINT + {_BEAT} * {is_beat}::TINYINT)::TINYINT AS kind{given}
                FROM events
                WHERE {between(since, until, values)}
            )
            ORDER BY person, at_ms, position, kind DESC, {", ".join(columns)}
            """,
            parameters=values.values,
            since=since,
            until=until,
        )

    def partial(self, rows: pa.Table) -> Readings:
        """Cut one bucket's events into sessions and see what belongs to which page view."""
        person, at_ms = small_integers(rows, "person"), integers(rows, "at_ms")
        kind = small_integers(rows, "kind")
        first = session_starts(unit=person, at_ms=at_ms)
        session = np.zeros(len(at_ms), np.int64)
        session[first[1:]] = 1
        session = np.cumsum(session)
        pages = np.flatnonzero(kind & _PAGE)
        owner = _owner(pages, session, Coded.column(rows, "view"))
        is_over = self._over(at_ms, first)[session[pages]]
        is_last = np.append(session[pages][1:] != session[pages][:-1], True)[: len(pages)]
        asked = np.ones(len(pages), dtype=bool)
        if self.since is not None:
            asked &= at_ms[pages] >= epoch_ms(self.since)
        if self.until is not None:
            asked &= at_ms[pages] < epoch_ms(self.until)

        beats, beaten = self._beats(at_ms, kind, owner, len(pages))
        spent, timed = _summed(numbers(rows, "spent"), _left(pages, session, owner), len(pages))
        engaged_ms = np.where(timed, spent, np.where(beats > 0, beaten, 0))
        engaged = np.minimum(np.rint(engaged_ms / _TENTH_MS), LONGEST_MS // _TENTH_MS)
        depth = _deepest(numbers(rows, "scrolled"), owner, len(pages))

        def count(chosen: NDArray[np.bool_]) -> tuple[Integers, Integers]:
            found = np.flatnonzero(chosen & asked)
            return found, np.zeros(len(found), np.int64)

        final = np.flatnonzero(asked & is_over)
        scrolled = final[depth[final] >= 0]
        keys = [
            days_of(at_ms[pages], self.time_zone)
            if name == Part.DAY
            else Coded.column(rows, f"key{nth}").of(pages)
            for nth, name in enumerate(self.by)
        ]
        return Readings.of(
            keys,
            {
                _VIEWS: count(np.ones(len(pages), dtype=bool)),
                _EXITS: count(is_last & is_over),
                _IMMATURE: count(~is_over),
                _BEATS: count((beats > 0) | timed),
                _ENGAGED: (final, engaged[final].astype(np.int64)),
                _SCROLLED: (scrolled, depth[scrolled]),
            },
        )

    def merge(self, left: Readings, right: Readings) -> Readings:
        """Add the page views of two buckets."""
        return left + right

    def answer(self, partial: Readings) -> PageEngagementAnswer:
        """Put the groups with most page views first and the small ones together."""
        everything = partial.together()
        is_timed = everything.spread(_BEATS).n > 0
        whole = _row((), 0, everything, 0, is_timed=is_timed)
        if not self.by:
            return PageEngagementAnswer(self, (whole,), whole)
        is_daily = self.by == (Part.DAY,)
        shown, rest = partial.split(
            _VIEWS,
            least=1 if is_daily else self.smallest,
            most=None if is_daily else self.max_rows,
        )
        rows = [
            _row(partial.named(group), 0, partial, group, is_timed=is_timed)
            for group in shown.tolist()
        ]
        if self.by[0] == Part.DAY:
            rows.sort(key=lambda row: row.values[0] or "")
        if len(rest):
            together = partial.together(rest)
            nobody = (None,) * len(self.by)
            rows.append(_row(nobody, len(rest), together, 0, is_timed=is_timed))
        return PageEngagementAnswer(self, tuple(rows), whole)

    def _over(self, at_ms: Integers, first: Integers) -> NDArray[np.bool_]:
        """Say which sessions are over."""
        if self.as_of is None:
            return np.ones(len(first), dtype=bool)
        last = np.append(first[1:], len(at_ms)) - 1 if len(first) else first
        now = epoch_ms(self.as_of)
        over: NDArray[np.bool_] = (at_ms[last] + INACTIVITY_MS < now) | (
            at_ms[first] + LONGEST_MS < now
        )
        return over

    def _beats(
        self, at_ms: Integers, kind: NDArray[np.signedinteger], owner: Integers, pages: int
    ) -> tuple[Integers, Integers]:
        """Count each page view's beats, those in one interval once, and give their time."""
        found = np.flatnonzero(((kind & _BEAT) > 0) & (owner >= 0))
        interval = at_ms[found] // (self.every_s * 1000)
        pairs = np.unique(np.stack([owner[found], interval]), axis=1)
        beats = np.bincount(pairs[0], minlength=pages).astype(np.int64)
        return beats, (self.first_s + (beats - 1) * self.every_s) * 1000

    def _obstacles(self) -> list[str]:
        found = [*self.views.obstacles(), *self.heartbeats.obstacles()]
        properties = (*self.by, self.page_view, self.time, self.scroll)
        if not all(name and is_text(name) for name in properties):
            found.append("a dimension or property has no name")
        if len(self.by) > MOST_KEYS or len(set(self.by)) < len(self.by):
            found.append(f"it is grouped by more than {MOST_KEYS} different things")
        if not 1 <= self.every_s <= 3600 or not 0 <= self.first_s <= 3600:
            found.append("beats are 1 to 3600 seconds apart")
        if not is_zone(self.time_zone):
            found.append(f"{self.time_zone[:60]!r} is not a time zone")
        if self.as_of is not None and self.as_of.tzinfo is None:
            found.append("`as_of` has no time zone")
        if self.max_rows < 1 or self.smallest < 1:
            found.append("a group has at least one page view, and an answer one row")
        return found + period_obstacles(self.since, self.until)


def _owner(pages: Integers, session: Integers, view: Coded) -> Integers:
    """Give the page view, as a place in `pages`, to which every event belongs; -1 for none."""
    before = np.searchsorted(pages, np.arange(len(session)), side="right") - 1
    if not len(pages):
        return before
    is_same = (before >= 0) & (session[pages[np.maximum(before, 0)]] == session)
    owner: Integers = np.where(is_same, before, -1)
    marked = np.flatnonzero(view.code != view.nothing)
    if len(marked):
        key = session * len(view.titles) + view.code
        known = np.flatnonzero(view.code[pages] != view.nothing)
        # The first page view of a session that carries an id is the one that it names.
        ids, place = np.unique(key[pages[known]], return_index=True)
        at = np.minimum(np.searchsorted(ids, key[marked]), max(len(ids) - 1, 0))
        is_there = (ids[at] == key[marked]) if len(ids) else np.zeros(len(marked), dtype=bool)
        named = known[place[at]] if len(ids) else np.zeros(len(marked), np.int64)
        owner[marked] = np.where(is_there, named, -1)
    return owner


def _left(pages: Integers, session: Integers, owner: Integers) -> Integers:
    """Give the page view to which the time before each event belongs.

    The time before a page view was spent on the one before it.
    """
    left = owner.copy()
    is_next = np.append(False, session[pages][1:] == session[pages][:-1])[: len(pages)]
    left[pages] = np.where(is_next, np.arange(len(pages)) - 1, -1)
    return left


def _summed(
    column: NDArray[np.float64], owner: Integers, pages: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Add up a column's positive numbers per page view, and say which had any."""
    found = np.flatnonzero((column >= 0) & (owner >= 0))
    # Whole milliseconds: their sums do not depend on the order.
    spent = np.rint(np.minimum(column[found], LONGEST_MS))
    total = np.zeros(pages)
    np.add.at(total, owner[found], spent)
    timed = np.zeros(pages, dtype=bool)
    timed[owner[found]] = True
    return total, timed


def _deepest(column: NDArray[np.float64], owner: Integers, pages: int) -> Integers:
    """Give the largest percent of each page view, at most 100; -1 where none is said."""
    found = np.flatnonzero((column >= 0) & (owner >= 0))
    depth = np.full(pages, -1, np.int64)
    whole_percent = np.rint(np.minimum(column[found], 100)).astype(np.int64)
    np.maximum.at(depth, owner[found], whole_percent)
    return depth


def _row(
    values: tuple[str | None, ...],
    others: int,
    readings: Readings,
    group: int,
    *,
    is_timed: bool,
) -> PageRow:
    return PageRow(
        values=values,
        others=others,
        views=readings.spread(_VIEWS, group).n,
        immature=readings.spread(_IMMATURE, group).n,
        exits=readings.spread(_EXITS, group).n,
        engaged=readings.spread(_ENGAGED, group) if is_timed else None,
        scrolled=readings.spread(_SCROLLED, group),
    )


def _page_engagement(given: Mapping[str, object], context: Context) -> PageEngagement:
    members = Members(given)
    return PageEngagement(
        views=members.get("views", PAGES),
        beats=members.maybe("beats", Events),
        every_s=members.get("every_s", EVERY_S),
        first_s=members.get("first_s", FIRST_S),
        page_view=members.get("page_view", PAGE_VIEW_ID),
        time=members.get("time", ENGAGED_MS),
        scroll=members.get("scroll", SCROLLED),
        by=members.get("by", ("path",)),
        since=members.maybe("since", datetime),
        until=members.maybe("until", datetime),
        time_zone=members.get("time_zone", context.time_zone),
        as_of=members.get("as_of", context.now),
        max_rows=members.get("max_rows", 100),
        smallest=members.get("smallest", SMALLEST),
    )


FORM: Final = record(
    _page_engagement,
    {
        "by": Field(
            list_of(text(), most=MOST_KEYS),
            "Dimensions or properties of the page view, or day; `path` when left out.",
        ),
        "views": Field(EVENTS, "What is a page view; page_view or screen_view."),
        "beats": Field(EVENTS, "Events that say that somebody is still busy; page_ping."),
        "every_s": Field(whole(least=1, most=3600), "How far apart beats are sent; 10."),
        "first_s": Field(
            whole(least=0, most=3600), "After how long on a page the first one is sent; 5."
        ),
        "page_view": Field(text(), "Property with the id of a page view; page_view_id."),
        "time": Field(
            text(), "Property with the milliseconds somebody was busy; engagement_time_msec."
        ),
        "scroll": Field(
            text(), "Property with the percent of the page that was seen; percent_scrolled."
        ),
        "time_zone": ZONE,
        "since": SINCE,
        "until": UNTIL,
        "as_of": AS_OF,
        "max_rows": ROWS,
        "smallest": Field(
            whole(least=1, most=1_000_000), "Groups of fewer page views are put together; 1."
        ),
    },
)
"""How it stands in JSON."""
