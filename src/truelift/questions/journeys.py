"""Journeys: the surfaces that people touch on the way to a last one, on the site and off it.

Method: docs/methods/journeys.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from truelift.questions.counts import (
    MOST_DIFFERENT,
    Counts,
    counted,
    ranked,
    united,
    used_names,
)
from truelift.questions.dimensions import Placeholders
from truelift.questions.document import Json, epoch_ms
from truelift.questions.forms import (
    Context,
    Field,
    duration,
    either,
    list_of,
    made,
    record,
    text,
    whole,
)
from truelift.questions.matching import BadQuestion, Condition, Events, is_text
from truelift.questions.members import AS_OF, SINCE, UNTIL, WHERE, Members
from truelift.questions.paths import DIFFERENT, PLACE, place, place_title
from truelift.questions.period import (
    AT_MS,
    SESSION_MARGIN,
    between,
    earlier,
    later,
    period_obstacles,
)
from truelift.questions.question import Scan
from truelift.questions.table import codes, integers
from truelift.sequences.funnels import Rules, funnel
from truelift.sequences.journeys import JourneyRules, SurfaceVisits, Tours, tours
from truelift.sequences.paths import NOTHING
from truelift.sequences.sessions import LONGEST_MS


FEWEST_SURFACES: Final = 2
MOST_SURFACES: Final = 20
MOST_CHANNELS: Final = 10
"""Channels of a journey that are told apart; later ones are left out."""

DEFAULT_WINDOW_S: Final = 30 * 86_400
LONGEST_WINDOW_S: Final = 2 * 366 * 86_400

_RESOLUTIONS_S: Final = (1, 10, 60, 600, 3600)
_MOST_SLOTS: Final = 300_000
"""Different gaps that are told apart at most; the resolution is the finest that keeps to it."""

_SUMMED: Final = (
    "people",
    "touchpoints",
    "sessions",
    "starts",
    "ends",
    "onward",
    "immature",
    "returns",
    "returned",
    "over",
)
"""What of a surface's visits is added up over buckets."""


@dataclass(frozen=True, slots=True)
class Surface:
    """A part of the journey: on the site, in an e-mail, on the telephone.

    Attributes:
        name: What a person calls it.
        events: Its touchpoints.
    """

    name: str
    events: Events


@dataclass(frozen=True, slots=True)
class SurfaceRow:
    """What happened at one surface.

    Attributes:
        surface: Its name.
        people: Who touched it.
        touchpoints: How often.
        sessions: In how many sessions.
        starts: Journeys that begin there.
        ends: Journeys whose last touchpoint is there; open ones left out.
        onward: People who touched a later surface after they first touched this one;
            None for the last surface.
        immature: People who did not yet, and whose journey is open.
        over: People who touched it and whose journey is no longer open.
        returns: Moves back to it from a later surface.
        returned: People who made one.
        gap_median_s: Half of the people onward took no longer; None when nobody went.
        gap_p90_s: Nine in ten of them took no longer.
        in_order: People who touched all surfaces up to this in order, as a funnel counts.
        in_order_immature: Of those, who stand here while their window is open.
    """

    surface: str
    people: int
    touchpoints: int
    sessions: int
    starts: int
    ends: int
    onward: int | None
    immature: int
    over: int
    returns: int
    returned: int
    gap_median_s: int | None
    gap_p90_s: int | None
    in_order: int
    in_order_immature: int

    @property
    def dropped(self) -> int | None:
        """People who never touched a later surface afterwards, and no longer can."""
        return None if self.onward is None else self.people - self.onward - self.immature

    def document(self) -> dict[str, Json]:
        """Write it as a row of the answer; a rate of nobody is null."""
        dropped = self.dropped
        return {
            "surface": self.surface,
            "people": self.people,
            "touchpoints": self.touchpoints,
            "sessions": self.sessions,
            "starts": self.starts,
            "ends": self.ends,
            "onward": self.onward,
            "dropped": dropped,
            "immature": self.immature,
            "over": self.over,
            # Of open journeys only those that went on are known, and they would make it too low.
            "drop_rate": None if dropped is None or not self.over else dropped / self.over,
            "returns": self.returns,
            "returned": self.returned,
            "gap": {"median_s": self.gap_median_s, "p90_s": self.gap_p90_s},
            "in_order": {"units": self.in_order, "immature": self.in_order_immature},
        }


@dataclass(frozen=True, slots=True)
class Move:
    """From one surface to another with none between."""

    source: str
    target: str
    moves: int
    people: int
    is_back: bool

    def document(self) -> dict[str, Json]:
        """Write it as a member of the answer."""
        return {
            "from": self.source,
            "to": self.target,
            "moves": self.moves,
            "people": self.people,
            "back": self.is_back,
        }


@dataclass(frozen=True, slots=True)
class JourneyGroup:
    """The journeys that took surfaces, or channels, in one order.

    Attributes:
        names: In that order; empty for all other orders together.
        people: Whose they are.
        completed: Who touched the last surface.
        immature: Who did not and still may.
        others: How many more orders this holds together; 0 for one.
    """

    names: tuple[str, ...]
    people: int
    completed: int
    immature: int
    others: int = 0

    def document(self, named: str, whole: int) -> dict[str, Json]:
        """Write it; the share is of all people."""
        entry: dict[str, Json] = {named: None if self.others else list(self.names)}
        if self.others:
            entry["others"] = self.others
        return {
            **entry,
            "people": self.people,
            "share": self.people / whole if whole else None,
            "completed": self.completed,
            "immature": self.immature,
        }


@dataclass(frozen=True, slots=True)
class JourneysAnswer:
    """Journeys: surface by surface, from one to another, and as a whole.

    Attributes:
        question: What was asked.
        people: Whose journeys these are.
        completed: Who touched the last surface.
        immature: Who did not and still may.
        rows: The surfaces, in the order of the question.
        moves: Between surfaces, the most frequent first.
        orders: In which order surfaces were first touched, the most frequent first; None
            when there are too many to count.
        channels: Channels of the sessions up to completion, likewise.
    """

    question: Journeys
    people: int
    completed: int
    immature: int
    rows: tuple[SurfaceRow, ...]
    moves: tuple[Move, ...]
    orders: tuple[JourneyGroup, ...] | None
    channels: tuple[JourneyGroup, ...] | None

    def document(self) -> dict[str, Json]:
        """Write it in the shape of `ask journeys --json`."""
        question = self.question

        def groups(found: Sequence[JourneyGroup] | None, named: str) -> Json:
            if found is None:
                return None
            return [group.document(named, self.people) for group in found]

        return {
            "question": question.name,
            "semantics": {
                "unit": "person",
                "window_s": question.window_s,
                "window_from": "first_touchpoint",
                "surfaces": {s.name: place_title(s.events) for s in question.surfaces},
                "gap_resolution_s": question.resolution_s,
                "max_channels": MOST_CHANNELS,
                "max_different": question.max_different,
            },
            "people": self.people,
            "completed": self.completed,
            "immature": self.immature,
            "rows": [row.document() for row in self.rows],
            "moves": [move.document() for move in self.moves],
            "orders": groups(self.orders, "surfaces"),
            "channels": groups(self.channels, "channels"),
        }


@dataclass(frozen=True, slots=True, eq=False)
class JourneyCounts:
    """What one bucket adds.

    Attributes:
        totals: People, completed, immature.
        visits: Shape `(surfaces, ...)`: what `_SUMMED` names.
        in_order: Shape `(2, surfaces)`: units and immature ones of the funnel.
        moves: From and to → moves, people.
        gaps: Surface and gap, in units of the resolution → people.
        orders: Surfaces in order → people, completed, immature; None when too many.
        names: Of channels, ascending.
        channels: Channels in order → the same; None when too many.
    """

    totals: tuple[int, int, int]
    visits: NDArray[np.int64]
    in_order: NDArray[np.int64]
    moves: Counts
    gaps: Counts
    orders: Counts | None
    names: tuple[str, ...]
    channels: Counts | None


@dataclass(frozen=True, slots=True)
class Journeys:
    """The journeys over some surfaces.

    A person's journey begins with the first touchpoint in the period and lasts as long
    as the window. An event that several surfaces name is a touchpoint of the first.

    Attributes:
        surfaces: In the order in which they are meant to be passed.
        as_of: Journeys whose window ends at or after this instant are still open.
        window_s: How long a journey lasts, its end included.
        where: Conditions that hold of every touchpoint.
        since: The first touchpoint happened at or after this.
        until: It happened before this; the journey may go on after it.
        max_rows: Orders shown; the others are put together.
        max_different: More different orders than this are left out.
    """

    surfaces: tuple[Surface, ...]
    as_of: datetime
    window_s: int = DEFAULT_WINDOW_S
    where: tuple[Condition, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    max_rows: int = 20
    max_different: int = MOST_DIFFERENT

    def __post_init__(self) -> None:
        reasons = self._obstacles()
        if reasons:
            raise BadQuestion(question="question about journeys", reasons=reasons)

    @property
    def name(self) -> str:
        """The word after `truelift ask`."""
        return "journeys"

    @property
    def resolution_s(self) -> int:
        """How finely gaps are told apart."""
        fitting = (r for r in _RESOLUTIONS_S if self.window_s <= r * _MOST_SLOTS)
        return next(fitting, _RESOLUTIONS_S[-1])

    def scan(self) -> Scan:
        """Read every event: any of them keeps a session alive."""
        values = Placeholders()
        held = " AND ".join(f"({condition.sql(values)})" for condition in self.where) or "true"
        bits = [
            f"({surface.events.sql(values)}::INTEGER << {n})"
            for n, surface in enumerate(self.surfaces)
        ]
        since = earlier(self.since, SESSION_MARGIN)
        # A session that outlives the window may say only then which channel it came from.
        after = timedelta(seconds=self.window_s, milliseconds=LONGEST_MS + 1)
        until = later(self.until, after)
        return Scan(
            sql=f"""
            SELECT person, at_ms, mask, channel
            FROM (
                SELECT
                    person,
                    {AT_MS} AS at_ms,
                    (CASE WHEN {held} THEN {" | ".join(bits)} ELSE 0 END)::INTEGER AS mask,
                    channel
                FROM events
                WHERE {between(since, until, values)}
            )
            ORDER BY person, at_ms, mask & -mask, mask, channel
            """,
            parameters=values.values,
            since=since,
            until=until,
        )

    def partial(self, rows: pa.Table) -> JourneyCounts:
        """Follow the people of one bucket."""
        person, at_ms = integers(rows, "person"), integers(rows, "at_ms")
        mask = integers(rows, "mask")
        channel, titles = codes(rows, "channel")
        channel = np.where(channel == titles.index(None), NOTHING, channel)
        since_ms = None if self.since is None else epoch_ms(self.since)
        until_ms = None if self.until is None else epoch_ms(self.until)
        surfaces, window_ms, as_of_ms = (
            len(self.surfaces),
            self.window_s * 1000,
            epoch_ms(self.as_of),
        )
        found = tours(
            person=person,
            at_ms=at_ms,
            surface=_lowest_bit(mask),
            channel=channel,
            rules=JourneyRules(
                surfaces=surfaces,
                window_ms=window_ms,
                as_of_ms=as_of_ms,
                channels=MOST_CHANNELS,
                since_ms=since_ms,
                until_ms=until_ms,
            ),
        )
        touching = mask != 0
        in_order = funnel(
            unit=person[touching],
            at_ms=at_ms[touching],
            mask=mask[touching],
            group=np.zeros(int(touching.sum()), dtype=np.int64),
            groups=1,
            rules=Rules(
                steps=surfaces,
                window_ms=window_ms,
                as_of_ms=as_of_ms,
                since_ms=since_ms,
                until_ms=until_ms,
            ),
        )
        immature = found.is_open & ~found.completed
        kinds = [np.ones(len(immature), dtype=np.int64), *_whole(found.completed, immature)]
        names, new = used_names(titles, found.channels)
        moves = found.moves
        return self._checked(
            JourneyCounts(
                totals=(len(immature), int(found.completed.sum()), int(immature.sum())),
                visits=np.array(
                    [
                        [*(getattr(visits, name) for name in _SUMMED[:-1]), over]
                        for visits, over in zip(
                            found.visits, _over(found, surfaces=surfaces), strict=True
                        )
                    ],
                    dtype=np.int64,
                ),
                in_order=np.stack([in_order.units[0], in_order.immature[0]]),
                moves=counted(
                    np.stack([moves.source, moves.target], axis=1), [moves.moves, moves.people]
                ),
                gaps=self._gaps(found.visits),
                orders=counted(found.orders, kinds),
                names=names,
                channels=counted(
                    np.where(found.channels >= 0, new[found.channels], NOTHING), kinds
                ),
            )
        )

    def merge(self, left: JourneyCounts, right: JourneyCounts) -> JourneyCounts:
        """Add the counts of two buckets."""
        names, of_left, of_right = united(left.names, right.names)
        orders = channels = None
        if left.orders is not None and right.orders is not None:
            orders = left.orders + right.orders
        if left.channels is not None and right.channels is not None:
            parts = range(MOST_CHANNELS)
            channels = left.channels.renamed(of_left, parts) + right.channels.renamed(
                of_right, parts
            )
        people, completed, immature = (
            mine + theirs for mine, theirs in zip(left.totals, right.totals, strict=True)
        )
        return self._checked(
            JourneyCounts(
                totals=(people, completed, immature),
                visits=left.visits + right.visits,
                in_order=left.in_order + right.in_order,
                moves=left.moves + right.moves,
                gaps=left.gaps + right.gaps,
                orders=orders,
                names=names,
                channels=channels,
            )
        )

    def answer(self, partial: JourneyCounts) -> JourneysAnswer:
        """Name the surfaces, and show the most frequent orders."""
        people, completed, immature = partial.totals
        named = [surface.name for surface in self.surfaces]
        moves = partial.moves
        order = np.argsort(-moves.counts[:, 0], kind="stable")
        return JourneysAnswer(
            question=self,
            people=people,
            completed=completed,
            immature=immature,
            rows=tuple(self._row(partial, nth) for nth in range(len(self.surfaces))),
            moves=tuple(
                Move(named[source], named[target], count, by, is_back=target < source)
                for (source, target), (count, by) in zip(
                    moves.keys[order].tolist(), moves.counts[order].tolist(), strict=True
                )
            ),
            orders=self._groups(partial.orders, named),
            channels=self._groups(partial.channels, partial.names),
        )

    def _row(self, partial: JourneyCounts, nth: int) -> SurfaceRow:
        visits = dict(zip(_SUMMED, partial.visits[nth].tolist(), strict=True))
        is_last = nth == len(self.surfaces) - 1
        there = partial.gaps.keys[:, 0] == nth
        slots, people = partial.gaps.keys[there, 1], partial.gaps.counts[there, 0]
        units, immature = partial.in_order[:, nth].tolist()
        return SurfaceRow(
            surface=self.surfaces[nth].name,
            people=visits["people"],
            touchpoints=visits["touchpoints"],
            sessions=visits["sessions"],
            starts=visits["starts"],
            ends=visits["ends"],
            onward=None if is_last else visits["onward"],
            # Whoever has touched the last surface waits for nothing more.
            immature=0 if is_last else visits["immature"],
            over=visits["over"],
            returns=visits["returns"],
            returned=visits["returned"],
            gap_median_s=self._quantile(slots, people, 50),
            gap_p90_s=self._quantile(slots, people, 90),
            in_order=units,
            in_order_immature=immature,
        )

    def _quantile(
        self, slots: NDArray[np.int64], people: NDArray[np.int64], percent: int
    ) -> int | None:
        """Give the smallest gap that so many in a hundred people did not exceed."""
        if not len(slots):
            return None
        upto = np.cumsum(people)
        needed = -(-int(upto[-1]) * percent // 100)
        return int(slots[np.searchsorted(upto, needed)]) * self.resolution_s

    def _gaps(self, visits: Sequence[SurfaceVisits]) -> Counts:
        slot_ms = self.resolution_s * 1000
        keys = [
            np.column_stack([np.full(len(one.gaps_ms), nth), one.gaps_ms // slot_ms])
            for nth, one in enumerate(visits)
        ]
        together = np.concatenate(keys).astype(np.int64)
        return counted(together, [np.ones(len(together), dtype=np.int64)])

    def _groups(
        self, found: Counts | None, names: Sequence[str]
    ) -> tuple[JourneyGroup, ...] | None:
        if found is None:
            return None
        order = ranked(found)
        top, rest = order[: self.max_rows], order[self.max_rows :]
        groups = [
            JourneyGroup(tuple(names[int(code)] for code in key if code >= 0), *counts)
            for key, counts in zip(
                found.keys[top].tolist(), found.counts[top].tolist(), strict=True
            )
        ]
        if len(rest):
            people, completed, immature = found.counts[rest].sum(axis=0).tolist()
            groups.append(JourneyGroup((), people, completed, immature, others=len(rest)))
        return tuple(groups)

    def _checked(self, found: JourneyCounts) -> JourneyCounts:
        """Leave out orders that are too many to count.

        What was met by some people was met by all of them together: however people are
        spread over buckets, the same is left out.
        """

        def kept(counts: Counts | None) -> Counts | None:
            return None if counts is None or len(counts) > self.max_different else counts

        return JourneyCounts(
            totals=found.totals,
            visits=found.visits,
            in_order=found.in_order,
            moves=found.moves,
            gaps=found.gaps,
            orders=kept(found.orders),
            names=found.names,
            channels=kept(found.channels),
        )

    def _obstacles(self) -> list[str]:
        found = []
        if not FEWEST_SURFACES <= len(self.surfaces) <= MOST_SURFACES:
            found.append(
                f"it has {len(self.surfaces)} surfaces, not {FEWEST_SURFACES} to {MOST_SURFACES}"
            )
        names = [surface.name for surface in self.surfaces]
        twice = sorted({name[:60] for name in names if names.count(name) > 1})
        found += [f"two surfaces are called {name!r}" for name in twice]
        for nth, surface in enumerate(self.surfaces, 1):
            if not surface.name.strip() or not is_text(surface.name):
                found.append(f"surface {nth} has no name")
            if not surface.events.names and not surface.events.where:
                found.append(f"surface {nth} names no event")
            found += [f"surface {nth}: {reason}" for reason in surface.events.obstacles()]
        found += [reason for condition in self.where for reason in condition.obstacles()]
        if not 1 <= self.window_s <= LONGEST_WINDOW_S:
            found.append(f"its window is {self.window_s} s, not 1 s to 2 years")
        if self.max_rows < 1 or self.max_different < 1:
            found.append("it shows no order")
        return found + period_obstacles(self.since, self.until)


def _lowest_bit(mask: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give the number of each mask's lowest bit, -1 where it has none."""
    exponents: NDArray[np.int64] = np.frexp((mask & -mask).astype(np.float64))[1].astype(np.int64)
    return exponents - 1


def _over(found: Tours, *, surfaces: int) -> list[int]:
    """Count who touched each surface and whose journey is no longer open."""
    of_closed = found.orders[~found.is_open]
    counts: list[int] = np.bincount(of_closed[of_closed >= 0], minlength=surfaces).tolist()
    return counts


def _whole(*flags: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
    return [flag.astype(np.int64) for flag in flags]


def _journeys(given: Mapping[str, object], context: Context) -> Journeys:
    members = Members(given)
    return Journeys(
        surfaces=members.get("surfaces", ()),
        as_of=members.get("as_of", context.now),
        window_s=members.get("window", DEFAULT_WINDOW_S),
        where=members.get("where", ()),
        since=members.maybe("since", datetime),
        until=members.maybe("until", datetime),
        max_rows=members.get("max_rows", 20),
        max_different=members.get("max_different", MOST_DIFFERENT),
    )


def _surface(given: Mapping[str, object], _context: Context) -> Surface:
    members = Members(given)
    return Surface(members.get("name", ""), members.get("events", Events()))


SURFACE: Final = either(
    made(text(), lambda named: Surface(named, place(named))),
    record(
        _surface,
        {
            "name": Field(text(), "What a person calls it.", required=True),
            "events": Field(PLACE, "An event, a page such as /cart, or a set.", required=True),
        },
    ),
)

FORM: Final = record(
    _journeys,
    {
        "surfaces": Field(
            list_of(SURFACE, least=FEWEST_SURFACES, most=MOST_SURFACES),
            "In the order in which they are meant to be passed.",
            required=True,
        ),
        "window": Field(duration(), "From the first touchpoint, its end included; 30 days."),
        "where": WHERE,
        "since": SINCE,
        "until": UNTIL,
        "as_of": AS_OF,
        "max_rows": Field(whole(least=1, most=10_000), "Orders shown; 20."),
        "max_different": DIFFERENT,
    },
)
"""How it stands in JSON."""
