"""How long units take from one step of a funnel to another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from truelift.questions.document import Json
from truelift.questions.forms import Context, Field, duration, list_of, record
from truelift.questions.funnel import MEMBERS, STEP_NUMBER, Funnel, funnel_of, pieces
from truelift.questions.funnel_tally import Group, Tally, check_size, largest
from truelift.questions.matching import BadQuestion
from truelift.questions.members import Members
from truelift.questions.question import Scan


_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY: Final = 86_400

EDGES_S: Final = (
    *(0, 1, 2, 5, 10, 20, 30),
    *(_MINUTE * n for n in (1, 2, 5, 10, 20, 30)),
    *(_HOUR * n for n in (1, 2, 4, 8, 12)),
    *(_DAY * n for n in (1, 2, 4, 7, 14, 30, 60, 90, 180, 365)),
)
"""Where the classes begin when nobody says: about each twice as long as the one before."""

MOST_EDGES: Final = 1000

QUARTILES: Final = (0.25, 0.5, 0.75, 0.9)

Integers = NDArray[np.int64]

_NOT_YET: Final = -1
"""The slot of units that did not get to the later step."""


@dataclass(frozen=True, slots=True)
class TimeClass:
    """Units that took from one time to another.

    Attributes:
        from_s: At least this.
        to_s: Less than this; None for no end.
        units: How many.
    """

    from_s: int
    to_s: int | None
    units: int


@dataclass(frozen=True, slots=True)
class TimesGroup:
    """The times of the units in one group.

    Attributes:
        value: Of what was grouped by; None where there was none.
        reached: Units that got to the earlier step.
        converted: Of those, the ones that got to the later step as well.
        immature: Of the others, the ones whose window is still open.
        quantiles_s: The whole second by which a share of the converted units was there;
            empty when nobody was.
        classes: How many took how long.
        others: How many more values this group holds together; 0 for one value.
    """

    value: str | None
    reached: int
    converted: int
    immature: int
    quantiles_s: Mapping[float, int]
    classes: tuple[TimeClass, ...]
    others: int = 0

    @property
    def median_s(self) -> int | None:
        """The second by which half of the converted units were there."""
        return self.quantiles_s.get(0.5)


@dataclass(frozen=True, slots=True)
class FunnelTimesAnswer:
    """Times between two steps, in groups when asked by something; the largest group first."""

    question: FunnelTimes
    groups: tuple[TimesGroup, ...]

    def document(self) -> dict[str, Json]:
        """Write it in the shape of `ask funnel --times`."""
        question = self.question
        steps = question.funnel.steps
        groups: list[Json] = []
        for group in self.groups:
            classes: list[Json] = [
                {"from_s": each.from_s, "to_s": each.to_s, "units": each.units}
                for each in group.classes
            ]
            groups.append(
                {
                    **question.funnel.group_document(group.value, group.others),
                    "reached": group.reached,
                    "converted": group.converted,
                    "immature": group.immature,
                    "median_s": group.median_s,
                    "quantiles_s": {
                        f"p{share * 100:.0f}": group.quantiles_s.get(share) for share in QUARTILES
                    },
                    "classes": classes,
                }
            )
        return {
            "question": question.name,
            "semantics": {**question.funnel.semantics(), "resolution_s": 1},
            "from": {"step": question.first, "event": steps[question.first - 1].events.title},
            "to": {"step": question.last, "event": steps[question.last - 1].events.title},
            "groups": groups,
            "immature": sum(group.immature for group in self.groups),
        }


@dataclass(frozen=True, slots=True)
class FunnelTimes:
    """Times between the events that served two steps of each unit's deepest attempt.

    They are counted by whole seconds, begun ones left out, so that quantiles are exact
    at that resolution however people are spread over buckets. In any order, the time
    between the two is meant, whichever came first.

    Attributes:
        funnel: Which.
        first: The earlier step, from 1.
        last: The later one.
        edges_s: Where the classes begin, ascending, the first 0.
    """

    funnel: Funnel
    first: int
    last: int
    edges_s: tuple[int, ...] = EDGES_S

    def __post_init__(self) -> None:
        found = self.funnel.one_group_obstacles()
        if not 1 <= self.first < self.last <= len(self.funnel.steps):
            found.append(
                f"there is no way from step {self.first} to step {self.last} of"
                f" {len(self.funnel.steps)}"
            )
        ascending = all(a < b for a, b in zip(self.edges_s, self.edges_s[1:], strict=False))
        if not self.edges_s or self.edges_s[0] != 0 or not ascending:
            found.append("its classes do not begin at 0 and ascend")
        if found:
            raise BadQuestion(question="funnel", reasons=found)

    @property
    def name(self) -> str:
        """The word that its document is asked by."""
        return "funnel_times"

    @property
    def since(self) -> datetime | None:
        """No attempt began before this."""
        return self.funnel.since

    @property
    def until(self) -> datetime | None:
        """No attempt began at or after this."""
        return self.funnel.until

    @property
    def as_of(self) -> datetime:
        """Windows that end at or after this instant are still open."""
        return self.funnel.as_of

    def scan(self) -> Scan:
        """Read what the funnel reads."""
        return self.funnel.scan()

    def partial(self, rows: pa.Table) -> Tally:
        """Count the units of one bucket by group and second."""
        return reduce(self.merge, map(self._piece, pieces(rows)))

    def _piece(self, rows: pa.Table) -> Tally:
        walked = self.funnel.walk(rows, chains=True)
        found, rules = walked.attempts, self.funnel.rules
        began = found.at_least(self.first - 1, rules)
        # Who took the later step without an optional earlier one took no time between.
        both = began & found.at_least(self.last - 1, rules)
        seconds = np.full(len(began), _NOT_YET, dtype=np.int64)
        took = walked.instants(self.last - 1, both) - walked.instants(self.first - 1, both)
        seconds[both] = np.abs(took) // 1000
        waiting = began & ~both & found.is_open
        place, places = walked.group.places(seconds)
        check_size(len(places.slots), 2, by=self.funnel.by)
        counts = np.zeros((len(places.slots), 2), dtype=np.int64)
        counts[:, 0] = np.bincount(place[began], minlength=len(places.slots))
        counts[:, 1] = np.bincount(place[waiting], minlength=len(places.slots))
        return Tally(places.titles, places.slots, counts).some()

    def merge(self, left: Tally, right: Tally) -> Tally:
        """Add the seconds of two buckets."""
        return left.plus(right, by=self.funnel.by)

    def answer(self, partial: Tally) -> FunnelTimesAnswer:
        """Find the quantiles, and put seconds into classes."""
        groups = tuple(map(self._named, largest(partial, self.funnel.max_groups)))
        if not self.funnel.by and not groups:
            nobody = np.zeros(0, dtype=np.int64)
            groups = (self._named(Group(None, nobody, np.zeros((0, 2), dtype=np.int64))),)
        return FunnelTimesAnswer(question=self, groups=groups)

    def _named(self, group: Group) -> TimesGroup:
        is_there = group.slots != _NOT_YET
        seconds, units = group.slots[is_there], group.counts[is_there, 0]
        return TimesGroup(
            value=group.title,
            reached=int(group.counts[:, 0].sum()),
            converted=int(units.sum()),
            immature=int(group.counts[:, 1].sum()),
            quantiles_s=quantiles(seconds, units),
            classes=self._classes(seconds, units),
            others=group.others,
        )

    def _classes(self, seconds: Integers, units: Integers) -> tuple[TimeClass, ...]:
        # A class that begins past the window has nobody.
        edges = [edge for edge in self.edges_s if edge <= self.funnel.window_s]
        place = np.searchsorted(np.array(edges), seconds, side="right") - 1
        counts = np.zeros(len(edges), dtype=np.int64)
        np.add.at(counts, place, units)
        ends: Sequence[int | None] = [*edges[1:], None]
        return tuple(map(TimeClass, edges, ends, counts.tolist()))


def quantiles(seconds: Integers, units: Integers) -> dict[float, int]:
    """Give, per share, the first second by which at least so many of the units were there.

    Args:
        seconds: Different ones, ascending.
        units: Of each second, at least 1.
    """
    if not len(seconds):
        return {}
    so_far = np.cumsum(units)
    found = {}
    for share in QUARTILES:
        # In whole units: of 4, a quarter is 1 and not a rounding error more.
        wanted = -(-int(so_far[-1]) * round(share * 100) // 100)
        found[share] = int(seconds[np.searchsorted(so_far, wanted)])
    return found


def _funnel_times(given: Mapping[str, object], context: Context) -> FunnelTimes:
    members = Members(given)
    funnel = funnel_of(given, context)
    return FunnelTimes(
        funnel=funnel,
        first=members.get("from_step", 1),
        last=members.get("to_step", len(funnel.steps)),
        edges_s=members.get("edges", EDGES_S),
    )


FORM: Final = record(
    _funnel_times,
    {
        **MEMBERS,
        "from_step": Field(STEP_NUMBER, "The earlier step; the first when left out."),
        "to_step": Field(STEP_NUMBER, "The later step; the last when left out."),
        "edges": Field(
            list_of(duration(), least=1, most=MOST_EDGES), "Where classes begin; the first is 0."
        ),
    },
)
"""How it stands in JSON."""
