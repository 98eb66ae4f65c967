"""Where people go from an event or a page, or come from, node by node, and where in circles.

Method: docs/methods/paths.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from truelift.questions.counts import (
    MOST_DIFFERENT,
    Counts,
    TooManyDifferent,
    counted,
    ranked,
    united,
    used_names,
)
from truelift.questions.dimensions import Placeholders, text_of
from truelift.questions.document import Json, epoch_ms
from truelift.questions.forms import (
    Context,
    Field,
    Form,
    duration,
    either,
    made,
    one_of,
    record,
    text,
    whole,
    yes_or_no,
)
from truelift.questions.matching import BadQuestion, Comparison, Condition, Events
from truelift.questions.members import (
    AS_OF,
    NAMES,
    SINCE,
    UNTIL,
    WHERE,
    Members,
    events_of,
)
from truelift.questions.path_rows import FullPath, Link, Loop, NodeCount, Reached, StepRow
from truelift.questions.period import (
    AT_MS,
    SESSION_MARGIN,
    between,
    earlier,
    later,
    period_obstacles,
)
from truelift.questions.question import Scan
from truelift.questions.sessions import PAGES
from truelift.questions.table import codes, integers, small_integers
from truelift.sequences.paths import NOTHING, End, PathRules, walks
from truelift.sequences.sessions import LONGEST_MS


FEWEST_STEPS: Final = 2
MOST_STEPS: Final = 10
LONGEST_WINDOW_S: Final = 2 * 366 * 86_400
LEAST_DIFFERENT: Final = 1000

_ANCHOR: Final = 1
_GOAL: Final = 2
_CIRCLING: Final = 4

_ADVICE: Final = (
    "Narrow what is asked: a shorter period, fewer steps, a condition on the start or the end,"
    " or `page_depth` 1 or 2, which takes pages together by the first parts of their paths."
)


class Direction(StrEnum):
    """Which way a path leads from its anchor."""

    FORWARD = "forward"
    BACKWARD = "backward"


class Nodes(StrEnum):
    """What a path is made of.

    `PAGES`: the paths of pages and screens seen. `EVENTS`: names of events. `BOTH`:
    pages by their path, all other events by their name.
    """

    PAGES = "pages"
    EVENTS = "events"
    BOTH = "both"


class Unit(StrEnum):
    """Whose paths: one path a session, or one a person."""

    SESSION = "session"
    PERSON = "person"


class Occurrence(StrEnum):
    """Which of a unit's anchors counts when it has several."""

    FIRST = "first"
    LAST = "last"


@dataclass(frozen=True, slots=True)
class PathsAnswer:
    """Paths: what is at each step, how steps hang together, whole paths, and loops.

    Attributes:
        question: What was asked.
        steps: From the anchor.
        links: Between steps, the widest first within a step.
        paths: The most frequent; None when there are too many different ones to count.
        loops: The ones of the most units first.
        goal: Of all units.
        looping: Units with any loop.
    """

    question: Paths
    steps: tuple[StepRow, ...]
    links: tuple[Link, ...]
    paths: tuple[FullPath, ...] | None
    loops: tuple[Loop, ...]
    goal: Reached
    looping: int

    @property
    def units(self) -> int:
        """Whose paths these are: everybody at step 1."""
        return self.goal.units

    def document(self) -> dict[str, Json]:
        """Write it in the shape of `ask paths --json`."""
        question, units = self.question, self.units
        found: dict[str, Json] = {
            "question": question.name,
            "semantics": question.semantics(),
            "units": units,
            "immature": sum(step.whole.immature for step in self.steps),
        }
        if question.goal is not None:
            found["goal"] = self.goal.document()
        found["rows"] = [step.document(units) for step in self.steps]
        found["links"] = [link.document() for link in self.links]
        found["paths"] = None if self.paths is None else [self._path(path) for path in self.paths]
        if self.paths is None:
            found["paths_left_out"] = (
                f"There are more than {question.max_different:,} different paths. {_ADVICE}"
            )
        found["looping"] = {"units": self.looping, "share": self.looping / units if units else None}
        found["loops"] = [loop.document(units) for loop in self.loops]
        return found

    def _path(self, path: FullPath) -> dict[str, Json]:
        entry: dict[str, Json] = {"nodes": None if path.others else list(path.nodes)}
        if path.others:
            entry["others"] = path.others
        entry |= {
            "units": path.units,
            "share": path.units / self.units,
            "immature": path.immature,
        }
        return entry if self.question.goal is None else {**entry, **path.goal.document()}


@dataclass(frozen=True, slots=True, eq=False)
class PathCounts:
    """What one bucket adds: every count there is, so that the largest stay the largest.

    Attributes:
        names: Of nodes, ascending; codes in keys stand for them.
        cells: Step and node → units by `End`.
        links: Step, node and next node → units.
        loops: Node and the one between → times, units, units with more than one.
        paths: A code a step → units, open ends, converted, open, converted and open;
            None once there are too many.
        looping: Units with any loop.
        goal: The totals of `Reached`.
    """

    names: tuple[str, ...]
    cells: Counts
    links: Counts
    loops: Counts
    paths: Counts | None
    looping: int
    goal: Reached


@dataclass(frozen=True, slots=True)
class Paths:
    """The paths away from some events, or up to them.

    A unit's path begins at its first such event in the period (backwards: ends at its
    last one), or at the other of these when `occurrence` says so.

    Attributes:
        anchor: Where paths start, or end.
        as_of: Sessions and windows that end at or after this instant are still open.
        direction: Whether the anchor is the start or the end.
        nodes: What a path is made of; the anchor is always one.
        unit: Whose paths. A session's path never leaves it.
        window_s: How far from the anchor a path reaches, its end included; None: to the
            end (backwards: the beginning) of the session.
        max_steps: Nodes of a path at most, the anchor included.
        collapse: Whether the same node several times in a row is one.
        occurrence: Which anchor of a unit counts; None: the first of a start, the last
            of an end.
        goal: What is looked for along the whole path; or None.
        hide: Events that are never nodes but for the anchor; or None.
        where: Conditions that hold of anchor, nodes and goal.
        page_depth: Pages are taken together by so many first parts of their paths; None:
            each path is a node.
        since: The anchor happened at or after this.
        until: The anchor happened before this; the path may go on after it.
        max_nodes: Nodes shown a step; the others are put together.
        max_paths: Whole paths and loops shown.
        max_different: More different nodes, links or loops than this are refused, and
            more different whole paths left out.
    """

    anchor: Events
    as_of: datetime
    direction: Direction = Direction.FORWARD
    nodes: Nodes = Nodes.PAGES
    unit: Unit = Unit.SESSION
    window_s: int | None = None
    max_steps: int = 5
    collapse: bool = True
    occurrence: Occurrence | None = None
    goal: Events | None = None
    hide: Events | None = None
    where: tuple[Condition, ...] = ()
    page_depth: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    max_nodes: int = 10
    max_paths: int = 20
    max_different: int = MOST_DIFFERENT

    def __post_init__(self) -> None:
        reasons = self._obstacles()
        if reasons:
            raise BadQuestion(question="question about paths", reasons=reasons)

    @property
    def name(self) -> str:
        """The word after `truelift ask`."""
        return "paths"

    @property
    def is_backward(self) -> bool:
        """Whether the paths lead up to the anchor."""
        return self.direction is Direction.BACKWARD

    @property
    def counts_last(self) -> bool:
        """Whether a unit's last anchor counts."""
        if self.occurrence is None:
            return self.is_backward
        return self.occurrence is Occurrence.LAST

    def semantics(self) -> dict[str, Json]:
        """Say what was counted."""
        return {
            "direction": self.direction.value,
            "end" if self.is_backward else "start": place_title(self.anchor),
            "occurrence": "last" if self.counts_last else "first",
            "nodes": self.nodes.value,
            "unit": self.unit.value,
            "within": "session" if self.window_s is None else "window",
            "window_s": self.window_s,
            "max_steps": self.max_steps,
            "collapse": self.collapse,
            "goal": None if self.goal is None else place_title(self.goal),
            "max_different": self.max_different,
        }

    def scan(self) -> Scan:
        """Read every event: any of them keeps a session alive."""
        values = Placeholders()
        held = " AND ".join(f"({condition.sql(values)})" for condition in self.where) or "true"
        anchor = f"({held} AND {self.anchor.sql(values)})"
        goal = f"({held} AND {self.goal.sql(values)})" if self.goal else "false"
        node, title, page = "true", "coalesce(event, '')", "true"
        if self.nodes is not Nodes.EVENTS:
            page = PAGES.sql(values)
            node = page if self.nodes is Nodes.PAGES else node
            named = text_of("properties.name", values)
            title = (
                f"CASE WHEN {page} THEN coalesce({self._page()}, {named}, event) ELSE {title} END"
            )
        if self.hide is not None:
            node = f"{node} AND NOT {self.hide.sql(values)}"
        since, until = self._bounds()
        return Scan(
            sql=f"""
            SELECT person, at_ms, kind, node
            FROM (
                SELECT
                    person,
                    {AT_MS} AS at_ms,
                    position,
                    (
                        {_ANCHOR} * {anchor}::TINYINT + {_GOAL} * {goal}::TINYINT
                        + {_CIRCLING} * {page}::TINYINT
                    )::TINYINT AS kind,
                    CASE WHEN {anchor} OR ({held} AND {node}) THEN {title} END AS node
                FROM events
                WHERE {between(since, until, values)}
            )
            ORDER BY person, at_ms, position, kind DESC, node
            """,
            parameters=values.values,
            since=since,
            until=until,
        )

    def partial(self, rows: pa.Table) -> PathCounts:
        """Follow the units of one bucket.

        Raises:
            TooManyDifferent: Too many different nodes, links or loops.
        """
        node, titles = codes(rows, "node")
        node = np.where(node == titles.index(None), NOTHING, node)
        kind = small_integers(rows, "kind")
        found = walks(
            person=integers(rows, "person"),
            at_ms=integers(rows, "at_ms"),
            node=node,
            anchor=(kind & _ANCHOR) > 0,
            goal=(kind & _GOAL) > 0,
            circling=(kind & _CIRCLING) > 0,
            rules=PathRules(
                steps=self.max_steps,
                as_of_ms=epoch_ms(self.as_of),
                backward=self.is_backward,
                per_session=self.unit is Unit.SESSION,
                last=self.counts_last,
                window_ms=None if self.window_s is None else self.window_s * 1000,
                collapse=self.collapse,
                since_ms=None if self.since is None else epoch_ms(self.since),
                until_ms=None if self.until is None else epoch_ms(self.until),
            ),
        )
        loops = found.loops
        names, new = used_names(titles, found.nodes, loops.there, loops.back)
        is_open, converted = _ones(found.is_open), _ones(found.converted)
        reached = [converted, is_open, converted * is_open]
        walked = counted(
            np.where(found.nodes >= 0, new[found.nodes], NOTHING),
            [*(_ones(found.end == end) for end in End), *reached],
        )
        cells, links = _steps(walked)
        units = walked.counts[:, : len(End)].sum(axis=1)
        return self._checked(
            PathCounts(
                names=names,
                cells=cells,
                links=links,
                loops=counted(
                    np.stack([new[loops.there], new[loops.back]], axis=1),
                    [loops.count, loops.units, loops.repeated],
                ),
                paths=Counts(walked.keys, np.column_stack([units, walked.counts[:, End.OPEN :]])),
                looping=loops.anybody,
                goal=_reached([len(found.end), *(int(column.sum()) for column in reached)]),
            )
        )

    def merge(self, left: PathCounts, right: PathCounts) -> PathCounts:
        """Add the counts of two buckets.

        Raises:
            TooManyDifferent: Too many different nodes, links or loops.
        """
        names, of_left, of_right = united(left.names, right.names)

        def both(mine: Counts, theirs: Counts, *parts: int) -> Counts:
            return mine.renamed(of_left, parts) + theirs.renamed(of_right, parts)

        paths = None
        if left.paths is not None and right.paths is not None:
            paths = both(left.paths, right.paths, *range(self.max_steps))
        return self._checked(
            PathCounts(
                names=names,
                cells=both(left.cells, right.cells, 1),
                links=both(left.links, right.links, 1, 2),
                loops=both(left.loops, right.loops, 0, 1),
                paths=paths,
                looping=left.looping + right.looping,
                goal=_reached(
                    [
                        left.goal.units + right.goal.units,
                        left.goal.converted + right.goal.converted,
                        left.goal.is_open + right.goal.is_open,
                        left.goal.converted_open + right.goal.converted_open,
                    ]
                ),
            )
        )

    def answer(self, partial: PathCounts) -> PathsAnswer:
        """Show the largest and put the others together."""
        steps: list[StepRow] = []
        shown = np.zeros((self.max_steps, len(partial.names) + 1), dtype=bool)
        for step in range(self.max_steps):
            there = partial.cells.keys[:, 0] == step
            cells = Counts(partial.cells.keys[there, 1:], partial.cells.counts[there])
            order = np.argsort(-cells.counts.sum(axis=1), kind="stable")
            top, rest = order[: self.max_nodes], order[self.max_nodes :]
            shown[step, cells.keys[top, 0]] = True
            nodes = [
                _node(partial.names[int(cells.keys[row, 0])], cells.counts[row]) for row in top
            ]
            if len(rest):
                nodes.append(_node(None, cells.counts[rest].sum(axis=0), others=len(rest)))
            whole = _node(None, cells.counts.sum(axis=0))
            steps.append(StepRow(step=step + 1, whole=whole, nodes=tuple(nodes)))
        return PathsAnswer(
            question=self,
            steps=tuple(steps),
            links=self._links(partial, shown),
            paths=self._paths(partial),
            loops=self._loops(partial),
            goal=partial.goal,
            looping=partial.looping,
        )

    def _links(self, partial: PathCounts, shown: NDArray[np.bool_]) -> tuple[Link, ...]:
        """Put together the links of nodes that are not shown."""
        keys = partial.links.keys.copy()
        step = keys[:, 0]
        keys[~shown[step, keys[:, 1]], 1] = NOTHING
        keys[~shown[np.minimum(step + 1, self.max_steps - 1), keys[:, 2]], 2] = NOTHING
        links = counted(keys, [partial.links.counts[:, 0]])
        order = np.lexsort((-links.counts[:, 0], links.keys[:, 0]))

        def name(code: int) -> str | None:
            return None if code == NOTHING else partial.names[code]

        found = []
        for key, units in zip(
            links.keys[order].tolist(), links.counts[order, 0].tolist(), strict=True
        ):
            step, near, far = key
            ends = (name(far), name(near)) if self.is_backward else (name(near), name(far))
            found.append(Link(step + 1, *ends, units))
        return tuple(found)

    def _paths(self, partial: PathCounts) -> tuple[FullPath, ...] | None:
        if partial.paths is None:
            return None
        order = ranked(partial.paths)
        top, rest = order[: self.max_paths], order[self.max_paths :]
        found = []
        for row in top:
            nodes = [partial.names[code] for code in partial.paths.keys[row].tolist() if code >= 0]
            units, standing, *reached = partial.paths.counts[row].tolist()
            in_time = tuple(reversed(nodes)) if self.is_backward else tuple(nodes)
            found.append(FullPath(in_time, units, standing, _reached([units, *reached])))
        if len(rest):
            units, standing, *reached = partial.paths.counts[rest].sum(axis=0).tolist()
            found.append(
                FullPath((), units, standing, _reached([units, *reached]), others=len(rest))
            )
        return tuple(found)

    def _loops(self, partial: PathCounts) -> tuple[Loop, ...]:
        loops = partial.loops
        order = np.lexsort((-loops.counts[:, 0], -loops.counts[:, 1]))
        top, rest = order[: self.max_paths], order[self.max_paths :]
        found = [
            Loop(partial.names[there], partial.names[back], *counts)
            for (there, back), counts in zip(
                loops.keys[top].tolist(), loops.counts[top].tolist(), strict=True
            )
        ]
        if len(rest):
            count = int(loops.counts[rest, 0].sum())
            found.append(Loop(None, None, count, None, None, others=len(rest)))
        return tuple(found)

    def _checked(self, found: PathCounts) -> PathCounts:
        """Refuse what is too much to count exactly.

        What was met by some people was met by all of them together: however people are
        spread over buckets, the same questions are refused.
        """
        if max(len(found.cells), len(found.links), len(found.loops)) > self.max_different:
            raise TooManyDifferent(
                what="nodes or links between them", most=self.max_different, advice=_ADVICE
            )
        if found.paths is None or len(found.paths) <= self.max_different:
            return found
        return PathCounts(
            names=found.names,
            cells=found.cells,
            links=found.links,
            loops=found.loops,
            paths=None,
            looping=found.looping,
            goal=found.goal,
        )

    def _page(self) -> str:
        if self.page_depth is None:
            return "path"
        parts = f"list_slice(string_split(path, '/'), 1, {self.page_depth + 1})"
        return f"array_to_string({parts}, '/')"

    def _bounds(self) -> tuple[datetime | None, datetime | None]:
        """Say between which instants events matter."""
        window = timedelta(seconds=self.window_s or 0)
        if self.is_backward:
            return earlier(self.since, window + SESSION_MARGIN), self.until
        # Whether a session goes on is asked of the end of the window, too.
        after = window + timedelta(milliseconds=LONGEST_MS + 1)
        return earlier(self.since, SESSION_MARGIN), later(self.until, after)

    def _obstacles(self) -> list[str]:
        found = []
        if not self.anchor.names and not self.anchor.where:
            found.append("its start or end names no event")
        for events in (self.anchor, self.goal, self.hide):
            found += events.obstacles() if events else ()
        if self.goal is not None and not self.goal.names and not self.goal.where:
            found.append("its goal names no event")
        if self.hide is not None and not self.hide.names and not self.hide.where:
            found.append("it hides every event")
        found += [reason for condition in self.where for reason in condition.obstacles()]
        if not FEWEST_STEPS <= self.max_steps <= MOST_STEPS:
            found.append(f"it has {self.max_steps} steps, not {FEWEST_STEPS} to {MOST_STEPS}")
        if self.window_s is not None and not 1 <= self.window_s <= LONGEST_WINDOW_S:
            found.append(f"its window is {self.window_s} s, not 1 s to 2 years")
        if self.page_depth is not None and self.page_depth < 1:
            found.append("`page_depth` is below 1")
        if self.max_nodes < 1 or self.max_paths < 1:
            found.append("it shows no node or no path")
        if self.max_different < 1:
            found.append("it counts nothing")
        return found + period_obstacles(self.since, self.until)


def place(named: str) -> Events:
    """Take a page's path for the views of that page, and every other word for an event."""
    if not named.startswith("/"):
        return Events((named,))
    return Events(PAGES.names, (Condition("path", Comparison.IS, (named,)),))


def place_title(events: Events) -> str:
    """Say what a person calls it: a page by its path."""
    match events.where:
        case (Condition("path", Comparison.IS, values),) if events.names == PAGES.names:
            return " or ".join(values)
    return events.title


def _ones(flags: NDArray[np.bool_]) -> NDArray[np.int64]:
    return flags.astype(np.int64)


def _steps(walked: Counts) -> tuple[Counts, Counts]:
    """Count the nodes of every step and the links between steps, from different paths."""
    keys, ends = walked.keys, walked.counts[:, : len(End)]
    units = ends.sum(axis=1)
    steps = keys.shape[1]
    cells: list[NDArray[np.int64]] = []
    links: list[NDArray[np.int64]] = []
    cell_counts: list[NDArray[np.int64]] = []
    link_counts: list[NDArray[np.int64]] = []
    nowhere = np.full(len(keys), NOTHING, dtype=np.int64)
    for step in range(steps):
        here = keys[:, step]
        following = keys[:, step + 1] if step + 1 < steps else nowhere
        there = here >= 0
        goes_on = following >= 0
        # Whoever has a next node is onward; the others stand where their path ends.
        counts = ends.copy()
        counts[goes_on] = 0
        counts[goes_on, End.ONWARD] = units[goes_on]
        cells.append(np.column_stack([np.full(there.sum(), step), here[there]]))
        cell_counts.append(counts[there])
        links.append(
            np.column_stack([np.full(goes_on.sum(), step), here[goes_on], following[goes_on]])
        )
        link_counts.append(units[goes_on])
    return (
        counted(np.concatenate(cells), list(np.concatenate(cell_counts).T)),
        counted(np.concatenate(links), [np.concatenate(link_counts)]),
    )


def _node(name: str | None, counts: NDArray[np.int64], *, others: int = 0) -> NodeCount:
    onward, exits, cut, immature = (int(count) for count in counts)
    return NodeCount(name, onward, exits, cut, immature, others)


def _reached(counts: list[int]) -> Reached:
    units, converted, is_open, converted_open = (int(count) for count in counts)
    return Reached(units, converted, is_open, converted_open)


def _paths(given: Mapping[str, object], context: Context) -> Paths:
    members = Members(given)
    start, end = members.maybe("start", Events), members.maybe("end", Events)
    if (start is None) == (end is None):
        raise BadQuestion(
            question="question about paths", reasons=("it takes either `start` or `end`",)
        )
    return Paths(
        anchor=start or end or Events(),
        as_of=members.get("as_of", context.now),
        direction=Direction.FORWARD if start is not None else Direction.BACKWARD,
        nodes=members.get("nodes", Nodes.PAGES),
        unit=members.get("unit", Unit.SESSION),
        window_s=members.maybe("window", int),
        max_steps=members.get("max_steps", 5),
        collapse=members.get("collapse", True),
        occurrence=members.maybe("occurrence", Occurrence),
        goal=members.maybe("goal", Events),
        hide=members.maybe("hide", Events),
        where=members.get("where", ()),
        page_depth=members.maybe("page_depth", int),
        since=members.maybe("since", datetime),
        until=members.maybe("until", datetime),
        max_nodes=members.get("max_nodes", 10),
        max_paths=members.get("max_paths", 20),
        max_different=members.get("max_different", MOST_DIFFERENT),
    )


PLACE: Final[Form[Events]] = either(
    made(text(), place), record(events_of, {"names": NAMES, "where": WHERE})
)
"""An event by its name, a page by its path, or a set of events."""

DIFFERENT: Final = Field(
    whole(least=LEAST_DIFFERENT, most=5 * MOST_DIFFERENT), "Counted exactly; more is refused."
)

FORM: Final = record(
    _paths,
    {
        "start": Field(PLACE, "Where paths begin: an event, or a page such as /cart."),
        "end": Field(PLACE, "Where paths end. Either this or `start`."),
        "nodes": Field(one_of(Nodes), "What paths are made of; `pages` when left out."),
        "unit": Field(one_of(Unit), "`session` when left out."),
        "window": Field(duration(), "From the anchor, its end included; the session."),
        "max_steps": Field(whole(least=FEWEST_STEPS, most=MOST_STEPS), "Nodes of a path; 5."),
        "collapse": Field(yes_or_no(), "Whether repeats in a row are one node; true."),
        "occurrence": Field(one_of(Occurrence), "Which anchor of a unit: first start, last end."),
        "goal": Field(PLACE, "What is looked for along the path."),
        "hide": Field(PLACE, "Events that are no nodes."),
        "where": WHERE,
        "page_depth": Field(whole(least=1, most=20), "First parts of a page's path that count."),
        "since": SINCE,
        "until": UNTIL,
        "as_of": AS_OF,
        "max_nodes": Field(whole(least=1, most=1000), "Nodes shown a step; 10."),
        "max_paths": Field(whole(least=1, most=10_000), "Paths and loops shown; 20."),
        "max_different": DIFFERENT,
    },
)
"""How it stands in JSON."""
