"""Where a funnel loses people that it need not lose: by step and segment, with what it is worth."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from truelift.questions.document import Json
from truelift.questions.funnel import FunnelAnswer, FunnelGroup
from truelift.questions.shares import Span, difference, share_of


FEWEST_UNITS: Final = 100
"""A segment with fewer at a step says nothing about it, and is no standard for others."""

FEWEST_OF_ALL: Final = 30
"""With fewer people at a step altogether nobody can say which one is the hardest."""

ORIGINS: Final = frozenset(
    {"channel", "source", "medium", "campaign", "term", "content", "referrer", "referrer_host"}
)
"""Dimensions that say where people came from, and with it why."""


class Against(StrEnum):
    """What a step's rate was compared with."""

    SEGMENT = "segment"
    EARLIER = "earlier"


@dataclass(frozen=True, slots=True)
class Leak:
    """A step at which one segment does worse than it could.

    Attributes:
        step: The step that is not reached, from 2.
        after: Event of the step before.
        before: Event of the step that is not reached.
        by: The dimension; None for everybody.
        segment: Its value; None for units without one, and for everybody.
        arrived: Units of the segment that reached the step before and whose window is over.
        passed: Of those, the ones that went on.
        against: What the rate is compared with.
        standard: The segment that does best, or None against an earlier period.
        standard_rate: Its rate.
        gap: Standard rate less the segment's rate.
        onward: Share of those who pass this step that get to the end.
        weeks: Length of the period.
        worth_minor: What one unit at the end is worth, minor units of the site's currency.
    """

    step: int
    after: str
    before: str
    by: str | None
    segment: str | None
    arrived: int
    passed: int
    against: Against
    standard: str | None
    standard_rate: float
    gap: Span
    onward: float
    weeks: float
    worth_minor: float | None

    @property
    def rate(self) -> float:
        """Share of the segment that goes on."""
        return self.passed / self.arrived

    @property
    def is_of_arrival(self) -> bool:
        """Whether it tells who came and not what they met.

        At the first step after the entrance, people of different origins differ by what they
        came for: that is a matter of the traffic, and there is no place to mend.
        """
        return self.by in ORIGINS and self.step == 2

    @property
    def lost_per_week(self) -> Span:
        """Units a week that would go on at the standard's rate and do not."""
        return self.gap.times(self.arrived / self.weeks)

    @property
    def ends_per_week(self) -> Span:
        """Units a week that would get to the end, if later steps kept their rates."""
        return self.lost_per_week.times(self.onward)

    @property
    def value_per_week_minor(self) -> Span | None:
        """What those are worth; None when nobody said what one is worth."""
        return None if self.worth_minor is None else self.ends_per_week.times(self.worth_minor)

    def document(self) -> dict[str, Json]:
        """Write it as JSON."""
        value = self.value_per_week_minor
        return {
            "step": self.step,
            "after": self.after,
            "before": self.before,
            "by": {self.by: self.segment} if self.by is not None else {},
            "arrived": self.arrived,
            "passed": self.passed,
            "rate": self.rate,
            "against": self.against.value,
            "standard": self.standard,
            "standard_rate": self.standard_rate,
            "gap": self.gap.document(),
            "lost_per_week": self.lost_per_week.document(),
            "ends_per_week": self.ends_per_week.document(),
            "value_per_week_minor": value.document() if value is not None else None,
        }


@dataclass(frozen=True, slots=True)
class HardStep:
    """The step at which the largest share of everybody stops.

    Attributes:
        after: Event of the step before.
        before: Event of the step that is not reached.
        arrived: Units that reached the step before and whose window is over.
        passed: Of those, the ones that went on.
    """

    after: str
    before: str
    arrived: int
    passed: int

    @property
    def rate(self) -> float:
        """Share that goes on."""
        return self.passed / self.arrived


def hardest_step(answer: FunnelAnswer) -> HardStep | None:
    """Find where the largest share stops, beyond chance; None where few came so far.

    Steps are held by the upper end of the interval of who goes on, so that a step of few people
    is not the hardest by chance. The first transition mostly measures intent and is left out.
    """
    steps = answer.question.steps
    found = []
    for place in range(2, len(steps)):
        counts = [_counts(group, place) for group in answer.groups]
        arrived, passed = (sum(each[which] for each in counts) for which in (0, 1))
        if arrived >= FEWEST_OF_ALL and passed < arrived:
            after, before = (steps[at].events.title for at in (place - 1, place))
            found.append(HardStep(after, before, arrived, passed))
    return min(found, key=lambda each: share_of(each.arrived, each.passed).high, default=None)


def leaks_between_segments(
    answers: Iterable[FunnelAnswer], *, weeks: float, worth_minor: float | None
) -> tuple[Leak, ...]:
    """Compare every segment's steps with the segment that does best there; the worst leak first.

    Args:
        answers: The same funnel, each broken down by another dimension. Units whose
            window is still open are counted as neither lost nor through.
        weeks: Length of the period, above 0.
        worth_minor: What one unit at the end is worth, or None.

    Returns:
        The steps whose gap is beyond chance, by the units at the end that it costs,
        at the lower end of its interval: a large leak in a small segment waits for
        more people.

    Assumes:
        Segments would do equally well but for what happens at the step. They differ
        in more than that, so a leak says where to look, not what a change will bring.

    Source:
        Newcombe (1998), Statistics in Medicine 17, 873-890 (method 10, for the gap).
    """
    found = [
        leak
        for answer in answers
        for leak in _leaks(answer, weeks=weeks, worth_minor=worth_minor)
        if leak.gap.low > 0
    ]
    return tuple(sorted(found, key=_cost))


def leaks_since(
    now: FunnelAnswer, before: FunnelAnswer, *, weeks: float, worth_minor: float | None
) -> tuple[Leak, ...]:
    """Compare every segment's steps with its own earlier period; the worst leak first.

    Args:
        now: The funnel of the period.
        before: The same funnel of the earlier period.
        weeks: Length of the period of `now`, above 0.
        worth_minor: What one unit at the end is worth, or None.
    """
    earlier = {group.value: group for group in before.groups if not group.others}
    found = []
    for group in now.groups:
        then = earlier.get(group.value)
        if group.others or then is None:
            continue
        for place in range(1, len(group.steps)):
            leak = _leak(
                now,
                group,
                then,
                place,
                against=Against.EARLIER,
                weeks=weeks,
                worth_minor=worth_minor,
            )
            if leak is not None and leak.gap.low > 0:
                found.append(leak)
    return tuple(sorted(found, key=_cost))


def _cost(leak: Leak) -> tuple[float, int, str, str]:
    return (-leak.ends_per_week.low, leak.step, leak.by or "", leak.segment or "")


def _leaks(answer: FunnelAnswer, *, weeks: float, worth_minor: float | None) -> Iterable[Leak]:
    groups = [group for group in answer.groups if not group.others]
    for place in range(1, len(answer.question.steps)):
        counts = {group.value: _counts(group, place) for group in groups}
        large = [group for group in groups if counts[group.value][0] >= FEWEST_UNITS]
        for group in large:
            others = [other for other in large if other.value != group.value]
            if not others:
                continue
            # The best by the lower end of its interval: small segments look best by chance.
            best = max(others, key=lambda other: share_of(*counts[other.value]).low)
            leak = _leak(
                answer,
                group,
                best,
                place,
                against=Against.SEGMENT,
                weeks=weeks,
                worth_minor=worth_minor,
            )
            if leak is not None:
                yield leak


def _leak(
    answer: FunnelAnswer,
    group: FunnelGroup,
    standard: FunnelGroup,
    place: int,
    *,
    against: Against,
    weeks: float,
    worth_minor: float | None,
) -> Leak | None:
    arrived, passed = _counts(group, place)
    standard_arrived, standard_passed = _counts(standard, place)
    if min(arrived, standard_arrived) < FEWEST_UNITS:
        return None
    here, there = share_of(arrived, passed), share_of(standard_arrived, standard_passed)
    return Leak(
        step=group.steps[place].step,
        after=group.steps[place - 1].event,
        before=group.steps[place].event,
        by=answer.question.by,
        segment=group.value,
        arrived=arrived,
        passed=passed,
        against=against,
        standard=standard.value if against is Against.SEGMENT else None,
        standard_rate=there.value,
        gap=difference(there, here),
        onward=_onward(group, place),
        weeks=weeks,
        worth_minor=worth_minor,
    )


def _counts(group: FunnelGroup, place: int) -> tuple[int, int]:
    """Units whose window is over: that reached the step before, and that went on.

    Counting those who went on in time while leaving out those who still may would
    make every rate of a recent period too high.
    """
    before, here = group.steps[place - 1], group.steps[place]
    return before.units - before.open, here.units - here.open


def _onward(group: FunnelGroup, place: int) -> float:
    """The chance to get from a step to the last one; 0 when nobody reached the step."""
    share = 1.0
    for later in range(place + 1, len(group.steps)):
        arrived, passed = _counts(group, later)
        if arrived <= 0:
            return 0.0
        share *= min(passed / arrived, 1.0)
    return share
