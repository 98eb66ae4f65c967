"""What to do with little traffic: steps from a better test to other evidence, with numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import numpy as np

from truelift.stats.design import Aim, BayesianPlan, Design, FixedPlan
from truelift.stats.effects import Side
from truelift.stats.power import FEWEST_WEEKS, detectable_lifts, provable_margins
from truelift.stats.scales import Scale
from truelift.stats.spreads import BadDesign


NORMAL: Final = 0.10
"""A lift that ordinary changes reach: up to here a test is worth its weeks."""

BOLD: Final = 0.30
"""A lift that only whole pages and offers reach; what needs more is no test."""

LONGEST_WEEKS: Final = 12
"""Beyond, too many visitors lose their cookie and count twice."""

LOOSE_ALPHA: Final = 0.10
"""Error level of the one-sided tests of the third rung, said beside them."""


class Reach(StrEnum):
    """What the traffic is enough for."""

    NORMAL = "normal"
    BOLD = "bold"
    NONE = "none"


class Grade(StrEnum):
    """How far evidence carries: A is a sound experiment, E an opinion."""

    A = "A"
    B = "B"
    B_TO_C = "B-C"
    C = "C"
    D = "D"
    E = "E"


class Rung(StrEnum):
    """Steps of the ladder, from the top."""

    TEST = "test"
    LONGER = "longer"
    POOL = "pool"
    TRIGGER = "trigger"
    COVARIATE = "covariate"
    UPSTREAM = "upstream"
    FEWER_ARMS = "fewer_arms"
    TOGETHER = "together"
    NON_INFERIORITY = "non_inferiority"
    EXPECTED_LOSS = "expected_loss"
    SERIES = "series"
    GEO = "geo"
    USABILITY = "usability"
    SURVEY = "survey"
    HEURISTIC = "heuristic"
    SHIP_AND_WATCH = "ship_and_watch"


@dataclass(frozen=True, slots=True)
class Traffic:
    """What there is to test with.

    Attributes:
        design: The test as it would be planned.
        weekly_units: Eligible units that come in a week and were not there before.
        power: Chance of finding what is there.
        most_weeks: Longest that one would wait.
        pooled: Pages of the same kind that the change could be on, this one among them.
        triggered: Share of those units who get to see what changes; 1 when all do, or when only
            they are counted already.
        covariate: Correlation of the metric with what is known of units from before; None when
            it is not known.
        upstream: Design on an earlier metric that is proven to stand for this one; or None.
        maturation_days: Until a unit's value is complete.

    Raises:
        BadDesign: A number cannot be.
    """

    design: Design
    weekly_units: float
    power: float = 0.8
    most_weeks: int = LONGEST_WEEKS
    pooled: int = 1
    triggered: float = 1.0
    covariate: float | None = None
    upstream: Design | None = None
    maturation_days: float = 0.0

    def __post_init__(self) -> None:
        reasons = []
        if not 0 < self.weekly_units < math.inf:
            reasons.append(f"units per week are {self.weekly_units:g}, not above 0")
        if self.most_weeks < FEWEST_WEEKS:
            reasons.append(f"{self.most_weeks} weeks are fewer than two")
        if self.pooled < 1:
            reasons.append(f"{self.pooled} pages are given, and it takes one")
        if not 0 < self.triggered <= 1:
            reasons.append(f"{self.triggered:g} see the change, not a share above 0")
        if self.covariate is not None and not -1 < self.covariate < 1:
            reasons.append(f"the correlation is {self.covariate:g}, not between -1 and 1")
        if self.design.aim is not Aim.SUPERIORITY:
            reasons.append("the ladder begins with a test that looks for a lift")
        if reasons:
            raise BadDesign(*reasons)

    def per_arm(self, weeks: float) -> float:
        """Give the units per variant after so many weeks; at least the two that have a spread."""
        return max(2.0, weeks * self.weekly_units / self.design.arms)


@dataclass(frozen=True, slots=True)
class Step:
    """One rung: what could be done, what it would bring, what it is worth as evidence.

    Attributes:
        rung: Which.
        lift: Smallest lift it would see (or margin it would rule out) in the longest time;
            infinite where even that sees none, None where it estimates no lift.
        grade: Of the evidence that it gives.
        advised: Whether it is among the steps to take now.
        does: What one does, a sentence.
        because: Why, with its numbers, a sentence or two.
    """

    rung: Rung
    lift: float | None
    grade: Grade
    advised: bool
    does: str
    because: str


@dataclass(frozen=True, slots=True)
class Ladder:
    """The recommendation.

    Attributes:
        reach: What the traffic is enough for, as it is.
        looked: Weeks after which the lift was worked out.
        lifts: Smallest lift seen after each; infinite for none.
        steps: In the order in which they are worth trying.
    """

    reach: Reach
    looked: tuple[int, ...]
    lifts: tuple[float, ...]
    steps: tuple[Step, ...]

    @property
    def sentence(self) -> str:
        """Say what the traffic is enough for."""
        weeks, lift = self.looked[-1], self.lifts[-1]
        if math.isinf(lift):
            return f"Even after {weeks} weeks no possible lift would be seen: this is no test."
        seen = f"After {weeks} weeks a lift of {percent(lift)} could be seen"
        match self.reach:
            case Reach.NORMAL:
                return f"{seen}: an ordinary test."
            case Reach.BOLD:
                return f"{seen}: only for bold bundles, a whole page or another offer."
            case Reach.NONE:
                return f"{seen}, and changes hardly ever do so much: no test of superiority."


def ladder_of(traffic: Traffic) -> Ladder:
    """Say what to do with the traffic there is, in the order in which it is worth trying.

    Source:
        docs/methods/low-traffic-ladder.md.
    """
    looked = tuple(sorted({min(w, traffic.most_weeks) for w in (4, 8, traffic.most_weeks)}))
    lifts = tuple(seen(traffic, weeks=weeks) for weeks in looked)
    reach = reach_of(lifts[-1])
    steps = [tested(looked, lifts)]
    if reach is not Reach.NORMAL:
        steps += sorted(sharper(traffic, lifts[-1]), key=lambda step: step.lift or 0.0)
        best = min([lifts[-1], *(step.lift for step in steps if step.lift is not None)])
        steps += other_questions(traffic, reach=reach_of(best))
        steps += other_evidence(reach=reach_of(best))
    return Ladder(reach=reach, looked=looked, lifts=lifts, steps=tuple(steps))


def reach_of(lift: float) -> Reach:
    """Say what a smallest lift is enough for."""
    return Reach.NORMAL if lift <= NORMAL else Reach.BOLD if lift <= BOLD else Reach.NONE


def seen(traffic: Traffic, *, weeks: float, times: float = 1.0) -> float:
    """Give the size of the smallest lift that so many weeks would show."""
    units = max(2.0, traffic.per_arm(weeks) * times)
    return abs(float(detectable_lifts(traffic.design, n_per_arm=units, power=traffic.power)))


def tested(looked: tuple[int, ...], lifts: tuple[float, ...]) -> Step:
    """Judge the test as it is."""
    reach = reach_of(lifts[-1])
    told = ", ".join(
        f"{percent(lift)} after {weeks}" for weeks, lift in zip(looked, lifts, strict=True)
    )
    does = {
        Reach.NORMAL: "Test it.",
        Reach.BOLD: "Test only bold bundles: a whole page, another offer, several changes at once.",
        Reach.NONE: "Do not look for a lift with this test.",
    }[reach]
    return Step(
        rung=Rung.TEST,
        lift=lifts[-1],
        grade=Grade.A,
        advised=reach is not Reach.NONE,
        does=does,
        because=f"The smallest lift it would see is {told} weeks.",
    )


def sharper(traffic: Traffic, now: float) -> Iterator[Step]:
    """Yield what makes the same test see more, each by itself and then together."""
    weeks = traffic.most_weeks
    times = 1.0

    def step(rung: Rung, lift: float, does: str, because: str, grade: Grade = Grade.A) -> Step:
        sees = f"{because} The smallest lift goes from {percent(now)} to {percent(lift)}."
        return Step(rung, lift, grade, lift < now, does, sees)

    if weeks < LONGEST_WEEKS:
        yield step(
            Rung.LONGER,
            seen(traffic, weeks=LONGEST_WEEKS),
            f"Run it for {LONGEST_WEEKS} weeks.",
            "Beyond, visitors who lost their cookie come in as new ones and blur the effect.",
        )
    if traffic.pooled > 1:
        times *= traffic.pooled
        yield step(
            Rung.POOL,
            seen(traffic, weeks=weeks, times=traffic.pooled),
            f"Put the change on all {traffic.pooled} pages of the kind and test them as one.",
            f"It brings {traffic.pooled} times the units; it asks for the mean effect over pages.",
        )
    if traffic.triggered < 1:
        # Those who cannot see it dilute the effect to this share of itself: the units fall by
        # the share, the effect rises by one over it.
        lift = seen(traffic, weeks=weeks, times=traffic.triggered) * traffic.triggered
        times /= traffic.triggered
        yield step(
            Rung.TRIGGER,
            lift,
            "Count only units who could see the change.",
            f"{percent(traffic.triggered)} do; the others add noise and no effect. Said as a lift"
            " of all units, if those who see it are like the others.",
        )
    if traffic.covariate:
        saved = traffic.covariate**2
        times /= 1 - saved
        yield step(
            Rung.COVARIATE,
            seen(traffic, weeks=weeks, times=1 / (1 - saved)),
            "Adjust for what units did before the test.",
            f"At a correlation of {abs(traffic.covariate):.2f} it takes {percent(saved)} off the"
            " variance.",
        )
    if traffic.design.arms > 2:
        two = replace(traffic.design, arms=2, weights=())
        lift = abs(
            float(
                detectable_lifts(
                    two,
                    n_per_arm=max(2.0, weeks * traffic.weekly_units / 2),
                    power=traffic.power,
                )
            )
        )
        yield step(
            Rung.FEWER_ARMS,
            lift,
            "Test one treatment, the boldest.",
            f"Two variants share what {traffic.design.arms} share now, and the error level too.",
        )
    if times > 1 and sum((traffic.pooled > 1, traffic.triggered < 1, bool(traffic.covariate))) > 1:
        yield step(
            Rung.TOGETHER,
            seen(traffic, weeks=weeks, times=times),
            "Do these together: pool, count who could see it, adjust.",
            f"Together they are worth {times:.1f} times the units.",
        )
    if traffic.upstream is not None:
        lift = abs(
            float(
                detectable_lifts(
                    traffic.upstream, n_per_arm=traffic.per_arm(weeks), power=traffic.power
                )
            )
        )
        yield step(
            Rung.UPSTREAM,
            lift,
            "Decide by the earlier metric.",
            "Only where past tests have shown that it stands for the one that matters.",
            Grade.B,
        )


def other_questions(traffic: Traffic, *, reach: Reach) -> Iterator[Step]:
    """Yield tests that ask something for which fewer units do."""
    weeks, asked = traffic.most_weeks, reach is not Reach.NORMAL
    n = traffic.per_arm(weeks)
    guarded = replace(
        traffic.design,
        aim=Aim.NON_INFERIORITY,
        side=Side.GREATER,
        alpha=LOOSE_ALPHA,
        method=FixedPlan(),
    )
    margin = float(provable_margins(guarded, n_per_arm=n, power=traffic.power))
    yield Step(
        Rung.NON_INFERIORITY,
        margin,
        Grade.B,
        advised=asked and margin <= BOLD,
        does="Ask whether it is not worse, and ship it for its other merits.",
        because=f"After {weeks} weeks a loss of more than {percent(margin)} would be ruled out,"
        f" with a risk of {percent(LOOSE_ALPHA)} of letting one through, on one side.",
    )
    believed = replace(
        traffic.design,
        method=BayesianPlan(0.0, 0.1, loss=0.01),
        scale=Scale.LOG if traffic.design.scale is Scale.LOG else Scale.RELATIVE,
        alpha=LOOSE_ALPHA,
    )
    lift = abs(float(detectable_lifts(believed, n_per_arm=n, power=traffic.power)))
    yield Step(
        Rung.EXPECTED_LOSS,
        lift,
        Grade.B,
        advised=asked and lift <= BOLD,
        does="Decide by expected loss: ship when less than 1% is expected to be lost by it.",
        because=f"Before any data, lifts are believed to lie within 20% of nothing. After {weeks}"
        f" weeks it would be shipped in {percent(traffic.power)} of cases if its lift was"
        f" {percent(lift)}; a null is then shipped now and then, and costs little.",
    )


def other_evidence(*, reach: Reach) -> Iterator[Step]:
    """Yield evidence that is no randomised test, the strongest first."""
    asked = reach is Reach.NONE
    told: tuple[tuple[Rung, Grade, str, str], ...] = (
        (
            Rung.GEO,
            Grade.B,
            "Switch it on by region or by week, in an order drawn by lot.",
            "It sees what a test of visitors cannot, and takes many regions or weeks.",
        ),
        (
            Rung.SERIES,
            Grade.B_TO_C,
            "Ship it and compare before and after, beside a series that it cannot touch.",
            "Observational: whatever else happened on that day is in the number.",
        ),
        (
            Rung.USABILITY,
            Grade.C,
            "Watch five to eight people use it.",
            "It finds problems and estimates no lift.",
        ),
        (
            Rung.SURVEY,
            Grade.C,
            "Ask, or put up a door behind which nothing is built yet.",
            "It tells what people say or begin, not what they buy.",
        ),
        (
            Rung.HEURISTIC,
            Grade.D,
            "Have it reviewed by somebody who knows the principles, and say so.",
            "A review finds faults; it cannot weigh them. Opinion alone is grade E.",
        ),
        (
            Rung.SHIP_AND_WATCH,
            Grade.E,
            "Ship what is obviously broken, watch the guardrails, keep the way back.",
            "Logged as an intervention, not as a finding.",
        ),
    )
    for rung, grade, does, because in told:
        advised = asked and rung in {Rung.SERIES, Rung.USABILITY, Rung.SHIP_AND_WATCH}
        yield Step(rung, None, grade, advised, does, because)


def percent(share: float) -> str:
    """Write a share as people read it: 14%, 7.5%, and in words where there is none."""
    if math.isinf(share):
        return "no lift at all"
    digits = 0 if share >= 0.1 else 1
    return f"{np.round(100 * share, digits):.{digits}f}%"
