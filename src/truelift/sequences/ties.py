"""Attempts of one unit whose simultaneous events could serve several steps of a funnel."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, product


NEVER = 1 << 63


@dataclass(frozen=True, slots=True)
class Tied:
    """What counts as an attempt.

    Attributes:
        required: The steps (from 0) in order.
        strict: Whether an instant between two steps must itself hold a step.
        between: The bit of excluded events, and the places among the required steps
            between which they must not lie.
    """

    required: tuple[int, ...]
    strict: bool
    between: tuple[tuple[int, int, int], ...] = ()


Limits = tuple[int, ...]
"""Per exclusion, the instant after which it lets no further step be."""


def deepest_attempt(
    *,
    at_ms: Sequence[int],
    mask: Sequence[int],
    starts: Sequence[int],
    deadlines: Sequence[int],
    rules: Tied,
) -> list[int]:
    """Find a unit's deepest attempt, trying every way to give its events to steps.

    Args:
        at_ms: Instants of the unit's events, ascending.
        mask: Bit k is set when the event may serve step k.
        starts: Positions of the events that may begin, in order, at least one.
        deadlines: The last instant of each of these attempts.
        rules: What counts as one.

    Returns:
        The positions of the events that serve its steps. On ties the start is the
        earliest, then the last step, the one before it, and so on.
    """
    unit = _Unit.of(at_ms, mask, rules)
    best: list[int] = []
    for start, deadline in zip(starts, deadlines, strict=True):
        found = unit.chain(start, deadline)
        if len(found) > len(best):
            best = found
    return best


@dataclass(frozen=True, slots=True)
class _Unit:
    at_ms: Sequence[int]
    mask: Sequence[int]
    rules: Tied
    instants: list[list[int]]
    excluded: list[list[int]]

    @classmethod
    def of(cls, at_ms: Sequence[int], mask: Sequence[int], rules: Tied) -> _Unit:
        return cls(
            at_ms,
            mask,
            rules,
            [list(rows) for _, rows in groupby(range(len(at_ms)), key=at_ms.__getitem__)],
            [
                [at for at, bits in zip(at_ms, mask, strict=True) if bits >> bit & 1]
                for bit, _, _ in rules.between
            ],
        )

    def chain(self, start: int, deadline: int) -> list[int]:
        """Give the positions of the deepest attempt from one start."""
        begin = next(nth for nth, rows in enumerate(self.instants) if start in rows)
        limits = self._limited((NEVER,) * len(self.excluded), 0, self.at_ms[start])
        # How many steps are done and what still limits the next ones; at which instants.
        states: dict[tuple[int, Limits], tuple[int, ...]] = {(1, limits): (begin,)}
        best: tuple[int, ...] = (begin,)
        for nth in range(begin, len(self.instants)):
            if self.at_ms[self.instants[nth][0]] > deadline:
                break
            states = self._onward(states, nth, start, may_stay=nth == begin)
            for path in states.values():
                if (-len(path), path[::-1]) < (-len(best), best[::-1]):
                    best = path
            if not states:
                break
        return self._dealt(start, best)

    def _onward(
        self,
        states: dict[tuple[int, Limits], tuple[int, ...]],
        nth: int,
        start: int,
        *,
        may_stay: bool,
    ) -> dict[tuple[int, Limits], tuple[int, ...]]:
        found: dict[tuple[int, Limits], tuple[int, ...]] = {}
        last = len(self.rules.required)
        for ((level, limits), path), to in product(states.items(), range(1, last + 1)):
            if to < level or (to == level and self.rules.strict and not may_stay):
                continue
            after = self._served(nth, start, level, to, limits)
            if after is None:
                continue
            longer = (*path, *[nth] * (to - level))
            known = found.get((to, after))
            if known is None or longer[::-1] < known[::-1]:
                found[to, after] = longer
        return found

    def _served(self, nth: int, start: int, level: int, to: int, limits: Limits) -> Limits | None:
        """Give what limits the attempt once an instant served these steps; None if it cannot."""
        at = self.at_ms[self.instants[nth][0]]
        for place in range(level, to):
            for limit, (_, first, final) in zip(limits, self.rules.between, strict=True):
                if first < place <= final and at > limit:
                    return None
            limits = self._limited(limits, place, at)
        masks = [self.mask[row] for row in self.instants[nth] if row != start]
        return limits if served(masks, self.rules.required[level:to]) else None

    def _limited(self, limits: Limits, place: int, at: int) -> Limits:
        return tuple(
            min((instant for instant in instants if instant > at), default=NEVER)
            if place == first
            else limit
            for limit, instants, (_, first, _) in zip(
                limits, self.excluded, self.rules.between, strict=True
            )
        )

    def _dealt(self, start: int, path: Sequence[int]) -> list[int]:
        """Give every step its event, of those at its instant."""
        found = [start]
        for nth, places in groupby(range(1, len(path)), key=path.__getitem__):
            rows = [row for row in self.instants[nth] if row != start]
            steps = [self.rules.required[place] for place in places]
            dealt = matched([self.mask[row] for row in rows], steps) or []
            found += [rows[position] for position in dealt]
        return found


def served(masks: Sequence[int], steps: Iterable[int]) -> bool:
    """Say whether distinct events can serve all of these steps."""
    return matched(masks, steps) is not None


def matched(masks: Sequence[int], steps: Iterable[int]) -> list[int] | None:
    """Give each of these steps an event of its own (a bipartite matching), or None."""
    taken: dict[int, int] = {}
    wanted = list(steps)

    def place(step: int, tried: set[int]) -> bool:
        for event, bits in enumerate(masks):
            if bits >> step & 1 and event not in tried:
                tried.add(event)
                if event not in taken or place(taken[event], tried):
                    taken[event] = step
                    return True
        return False

    if not all(place(step, set()) for step in wanted):
        return None
    event_of = {step: event for event, step in taken.items()}
    return [event_of[step] for step in wanted]
