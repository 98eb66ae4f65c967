"""What a test is expected to bring per week of its slot, and what it risks.

Source:
    docs/methods/expected-value.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from statistics import NormalDist
from typing import ClassVar, Final

from truelift.errors import Refusal


_NORMAL: Final = NormalDist()

WEEKS_A_YEAR: Final = 365.2425 / 7

ADVISED_FROM: Final = 10
"""Past results from which the programme's own history says more than the fallback."""

EIGHTY: Final = _NORMAL.inv_cdf(0.9)
"""Standard errors on each side of an 80% interval."""


class BadWorth(Refusal):
    """Numbers that no value can be worked out from; every reason at once."""

    code: ClassVar[str] = "scoring.bad_worth"

    def __init__(self, *reasons: str) -> None:
        super().__init__(f"No value can be worked out: {'; '.join(reasons)}.", reasons=reasons)


@dataclass(frozen=True, slots=True)
class Prior:
    """How true relative lifts are spread, before a test.

    Attributes:
        mean: Their mean, as −0.005.
        sd: Their standard deviation.
        mean_se: How well the mean is known.
        results: Past results that it rests on; 0 for the fallback.
    """

    mean: float
    sd: float
    mean_se: float
    results: int = 0

    def __post_init__(self) -> None:
        numbers = (self.mean, self.sd, self.mean_se)
        if not all(map(math.isfinite, numbers)) or self.sd < 0 or self.mean_se < 0:
            raise BadWorth("the spread of past lifts is no number from 0")


FALLBACK: Final = Prior(mean=-0.005, sd=0.03, mean_se=0.03 / math.sqrt(ADVISED_FROM))
"""Until a programme has a history: most changes do little, and the usual one does harm."""


@dataclass(frozen=True, slots=True)
class Slot:
    """The test that would be run.

    Attributes:
        weekly_units: Eligible units a week, above 0.
        cv2: Squared coefficient of variation of the metric; (1 − p)/p of a proportion.
        weeks: How long.
        arms: Variants, the control among them.
        z: Standard errors above which it ships.
    """

    weekly_units: float
    cv2: float
    weeks: float = 4.0
    arms: int = 2
    z: float = 1.959963984540054

    def __post_init__(self) -> None:
        reasons = []
        if not 0 < self.weekly_units < math.inf:
            reasons.append(f"{self.weekly_units:g} people a week are not above 0")
        if not 0 <= self.cv2 < math.inf:
            reasons.append("the metric's variation is no number from 0")
        if not 0 < self.weeks < math.inf:
            reasons.append(f"{self.weeks:g} weeks are not above 0")
        if self.arms < 2:
            reasons.append(f"{self.arms} variants are given, and it takes two")
        if reasons:
            raise BadWorth(*reasons)

    @property
    def se(self) -> float:
        """Standard error of the relative effect."""
        return math.sqrt(2 * self.cv2 * self.arms / (self.weekly_units * self.weeks))

    @property
    def mde(self) -> float:
        """Relative lift that it finds with a chance of 80%."""
        return (self.z + _NORMAL.inv_cdf(0.8)) * self.se


def cv2_of(rate: float) -> float:
    """Give the squared coefficient of variation of a proportion.

    Raises:
        BadWorth: The rate is not between 0 and 1.
    """
    if not 0 < rate < 1:
        raise BadWorth(f"a rate of {rate:g} is not between 0 and 1")
    return (1 - rate) / rate


def chance_to_ship(prior: Prior, slot: Slot) -> float:
    """Give the chance that the test ships: that its estimate is beyond z standard errors.

    With nothing shipped by default, this is also the chance that the test changes the decision.
    """
    spread = math.hypot(prior.sd, slot.se)
    if spread == 0:
        return float(prior.mean > 0)
    return _NORMAL.cdf((prior.mean - slot.z * slot.se) / spread)


def expected_lift(prior: Prior, slot: Slot) -> float:
    """Give the true lift expected of one test: of what it ships, and nought for what it does not.

    Source:
        Bivariate normal of true and estimated lift; docs/methods/expected-value.md.
    """
    spread = math.hypot(prior.sd, slot.se)
    if spread == 0:
        return max(0.0, prior.mean)
    above = (prior.mean - slot.z * slot.se) / spread
    return prior.mean * _NORMAL.cdf(above) + prior.sd**2 / spread * _NORMAL.pdf(above)


def expected_harm(prior: Prior) -> float:
    """Give the relative loss expected of the treatment while it is tested: E[max(0, −θ)]."""
    if prior.sd == 0:
        return max(0.0, -prior.mean)
    ratio = prior.mean / prior.sd
    return prior.sd * _NORMAL.pdf(ratio) - prior.mean * _NORMAL.cdf(-ratio)


@dataclass(frozen=True, slots=True)
class Stake:
    """What a lift on the surface would be worth.

    Attributes:
        revenue: Revenue per session (or per person), in minor units.
        sessions: Sessions (or people, as the revenue is per person) a week on the surface.
        reached: Share of them that the change reaches.
        implemented: Chance that a winner goes live: the programme's own rate.
        decay: What is left of a lift over the year, 1 for all of it.
        build_cost: In minor units.
    """

    revenue: float
    sessions: float
    reached: float = 1.0
    implemented: float = 1.0
    decay: float = 1.0
    build_cost: float = 0.0

    def __post_init__(self) -> None:
        reasons = [
            f"{name} is {value:g}, not from 0 to 1"
            for name, value in (
                ("the share reached", self.reached),
                ("the chance of going live", self.implemented),
                ("what is left of a lift", self.decay),
            )
            if not 0 <= value <= 1
        ]
        reasons += [
            f"{name} is {value:g}, not from 0"
            for name, value in (
                ("revenue per session", self.revenue),
                ("sessions a week", self.sessions),
                ("the cost", self.build_cost),
            )
            if not 0 <= value < math.inf
        ]
        if reasons:
            raise BadWorth(*reasons)


@dataclass(frozen=True, slots=True)
class Worth:
    """What a test is expected to bring.

    Attributes:
        lift: Expected true lift per test.
        ships: Chance that it ships.
        year: What the lift is worth in a year, in minor units.
        harm: Loss expected while it runs, in minor units.
        per_slot_week: Value less cost and loss, per week of the slot; by it items are ranked.
        low: Lower end of an 80% interval of that.
        high: Upper end.
    """

    lift: float
    ships: float
    year: float
    harm: float
    per_slot_week: float
    low: float
    high: float


def worth_of(
    prior: Prior, slot: Slot, stake: Stake, *, costs: tuple[float, float] | None = None
) -> Worth:
    """Work out what a test is expected to bring per week of its slot.

    Args:
        prior: How true lifts are spread.
        slot: The test.
        stake: What a lift would be worth.
        costs: Lowest and highest cost that anybody named; None where all said the same.

    Assumes:
        The interval moves the mean of past lifts by its standard error, and the cost to what
        others said. It leaves out luck: one test ships or does not.

    Source:
        docs/methods/expected-value.md.
    """
    lift, year, harm, value = _at(prior, slot, stake)
    cheap, dear = costs if costs is not None else (stake.build_cost, stake.build_cost)
    moved = EIGHTY * prior.mean_se
    ends = [
        _at(replace(prior, mean=prior.mean + way), slot, replace(stake, build_cost=cost))[3]
        for way, cost in (
            (-moved, max(dear, stake.build_cost)),
            (moved, min(cheap, stake.build_cost)),
        )
    ]
    return Worth(
        lift=lift,
        ships=chance_to_ship(prior, slot),
        year=year,
        harm=harm,
        per_slot_week=value,
        low=min(value, *ends),
        high=max(value, *ends),
    )


def _at(prior: Prior, slot: Slot, stake: Stake) -> tuple[float, float, float, float]:
    lift = expected_lift(prior, slot)
    weekly = stake.revenue * stake.sessions * stake.reached
    year = lift * weekly * WEEKS_A_YEAR * stake.implemented * stake.decay
    # Every arm but the control can do harm, to its share of those who come meanwhile.
    harm = expected_harm(prior) * weekly * slot.weeks * (slot.arms - 1) / slot.arms
    return lift, year, harm, (year - stake.build_cost - harm) / slot.weeks


class Reversal(StrEnum):
    """How a change is undone."""

    FLAG = "flag"
    DEPLOY = "deploy"
    ONE_WAY = "one_way"


REVERSIBILITY: Final[Mapping[Reversal, float]] = {
    Reversal.FLAG: 0.2,
    Reversal.DEPLOY: 0.5,
    Reversal.ONE_WAY: 1.0,
}
"""What is left of a risk when it can be undone so."""


def risk_of(*, chance: float, harm: float, exposure: float, reversal: Reversal) -> float:
    """Give the risk: chance of harm × its size × share exposed × how badly it can be undone.

    Args:
        chance: Of harm, 0 to 1.
        harm: Its size, in the unit that the reward has.
        exposure: Share of people who meet it, 0 to 1.
        reversal: How it is undone.

    Raises:
        BadWorth: A number cannot be.
    """
    if not (0 <= chance <= 1 and 0 <= exposure <= 1 and 0 <= harm < math.inf):
        raise BadWorth("chance and exposure are shares, and harm is a number from 0")
    return chance * harm * exposure * REVERSIBILITY[reversal]


class Concern(StrEnum):
    """What a change can hurt beside the metric."""

    BRAND = "brand"
    REVENUE = "revenue"
    PARTNER = "partner"
    LEGAL = "legal"
    PRIVACY = "privacy"
    ACCESSIBILITY = "accessibility"


class RiskClass(StrEnum):
    """How much approval a change needs; the worst answer decides."""

    NONE = "none"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"

    @property
    def rank(self) -> int:
        """Position in the order, for comparing."""
        return list(RiskClass).index(self)


@dataclass(frozen=True, slots=True)
class Approval:
    """Who has to agree before a change may run.

    Attributes:
        level: The worst answer; None while a question is open, since an open one could be worse.
        sign_offs: Concerns answered with medium or high: somebody who answers for each signs.
        open: Concerns that nobody has answered.
    """

    level: RiskClass | None
    sign_offs: tuple[Concern, ...]
    open: tuple[Concern, ...]


def approval_of(answers: Mapping[Concern, RiskClass]) -> Approval:
    """Say which approval the answers call for: the class of the worst of them."""
    unanswered = tuple(each for each in Concern if each not in answers)
    worst = max(answers.values(), key=lambda each: each.rank, default=RiskClass.NONE)
    return Approval(
        level=None if unanswered and worst is not RiskClass.HIGH else worst,
        sign_offs=_from(answers, RiskClass.MEDIUM),
        open=unanswered,
    )


def _from(answers: Mapping[Concern, RiskClass], least: RiskClass) -> tuple[Concern, ...]:
    return tuple(each for each in Concern if each in answers and answers[each].rank >= least.rank)


class Quadrant(StrEnum):
    """Where risk and reward put a change."""

    DO = "do"
    GUARD = "guard"
    FILL = "fill"
    LEAVE = "leave"


def quadrant_of(*, reward: float, risk: float, middle: float = 3.0) -> Quadrant:
    """Say in which of the four fields a change lies; the middle itself counts as high."""
    if reward >= middle:
        return Quadrant.GUARD if risk >= middle else Quadrant.DO
    return Quadrant.LEAVE if risk >= middle else Quadrant.FILL
