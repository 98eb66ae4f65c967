"""How many units a test needs, what it could see with them, and how many weeks that takes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar, Final, assert_never

import numpy as np
from numpy.typing import ArrayLike, NDArray

from truelift.errors import Refusal
from truelift.stats.design import Aim, Bar, Design, on_scale, scaled
from truelift.stats.effects import Floats, Side
from truelift.stats.outcome import Direction
from truelift.stats.scales import Scale
from truelift.stats.spreads import BadDesign, Share


FEWEST_WEEKS: Final = 2
"""Two whole weeks at least: weekdays differ, and one week may be a strange one."""

MOST_UNITS: Final = 1e15
"""Whole numbers beyond are no longer told apart."""

GRID: Final = 256
"""Places at which a curve is looked at before it is bisected."""


class NothingDetectable(Refusal):
    """A sample so small that no possible lift would be found with the power asked for."""

    code: ClassVar[str] = "stats.nothing_detectable"

    def __init__(self, *, n_per_arm: float, power: float) -> None:
        super().__init__(
            f"With {n_per_arm:,.0f} units per variant no lift would be found with power {power:g};"
            " more units or a more sensitive metric are needed.",
            n_per_arm=n_per_arm,
            power=power,
        )


def powers(design: Design, *, lift: ArrayLike = 0.0, n_per_arm: ArrayLike) -> Floats:
    """Give the chance that the test shows what it is to show, for many lifts and sizes at once.

    Args:
        design: What is fixed.
        lift: True relative changes of the control's value. 0 is for non-inferiority and
            equivalence, which are planned for treatments that change nothing.
        n_per_arm: Units per variant, on average over variants; broadcast against the lifts.

    Returns:
        Chances, of the broadcast shape; finding a difference the wrong way round does not count.

    Raises:
        BadDesign: A lift takes a share out of 0 to 1, or there are fewer than two units.
    """
    lifts, units = np.broadcast_arrays(
        np.asarray(lift, dtype=float), np.asarray(n_per_arm, dtype=float)
    )
    check_lifts(design, lifts)
    check_units(units)
    return chances(design, lifts, units, margin=margin_of(design))


def units_for(design: Design, *, lift: ArrayLike = 0.0, power: float = 0.8) -> Floats:
    """Give the units per variant that each of many lifts needs.

    Returns:
        Whole numbers, as floats; infinite where no number of units would do.

    Raises:
        BadDesign: A lift or the power cannot be planned with.
    """
    lifts = np.asarray(lift, dtype=float)
    check_lifts(design, lifts)
    check_power(design, power)
    margin = margin_of(design)

    def enough(units: Floats) -> NDArray[np.bool_]:
        return chances(design, lifts[..., None], units, margin=margin) >= power

    grid = np.geomspace(2, MOST_UNITS, GRID)
    found = enough(np.broadcast_to(grid, (*lifts.shape, GRID)))
    # The last size that does not do: beyond it the power asked for is kept.
    last = np.where(found.all(-1), -1, GRID - 1 - np.argmax(~found[..., ::-1], axis=-1))
    low = np.floor(np.where(last < 0, 1.0, grid[np.maximum(last, 0)]))
    high = np.ceil(grid[np.minimum(last + 1, GRID - 1)])
    while np.any(high - low > 1):
        middle = np.floor((low + high) / 2)
        does = enough(middle[..., None])[..., 0]
        low, high = np.where(does, low, middle), np.where(does, middle, high)
    return np.where(last == GRID - 1, np.inf, np.maximum(high, 2.0))


def detectable_lifts(design: Design, *, n_per_arm: ArrayLike, power: float = 0.8) -> Floats:
    """Give the smallest lift that each of many sizes finds with the power asked for.

    Returns:
        Relative changes towards what is better; infinite where no possible one would be found.

    Raises:
        BadDesign: The power or a size cannot be planned with, or it is no test of superiority.
    """
    if design.aim is not Aim.SUPERIORITY:
        raise BadDesign("a smallest lift is for tests that look for one; ask for the margin")
    units = np.asarray(n_per_arm, dtype=float)
    check_units(units)
    check_power(design, power)
    falls = design.direction is Direction.DECREASE
    highest = min(1.0 if falls else 1e6, 1.0 if falls else design.spread.highest_lift) * (1 - 1e-12)
    sign = -1.0 if falls else 1.0
    none = np.asarray(0.0)

    def found(lifts: Floats) -> NDArray[np.bool_]:
        return chances(design, sign * lifts, units[..., None], margin=none) >= power

    return sign * smallest(found, shape=units.shape, highest=highest)


def provable_margins(
    design: Design, *, n_per_arm: ArrayLike, lift: float = 0.0, power: float = 0.8
) -> Floats:
    """Give the smallest margin that each of many sizes can show to be kept.

    Args:
        design: A test of non-inferiority or equivalence; its own margin does not matter.
        n_per_arm: Units per variant.
        lift: True relative change.
        power: Chance of showing it.

    Returns:
        Relative margins; infinite where none would be shown to be kept.

    Raises:
        BadDesign: The power or a size cannot be planned with, or it is a test of superiority.
    """
    if design.aim is Aim.SUPERIORITY:
        raise BadDesign("a margin is for tests of non-inferiority and equivalence")
    units = np.asarray(n_per_arm, dtype=float)
    check_units(units)
    check_power(design, power)
    check_lifts(design, np.asarray(lift))
    highest = 1 - 1e-12 if design.scale is Scale.LOG else 1e6

    def shown(margins: Floats) -> NDArray[np.bool_]:
        lifts = np.full_like(margins, lift)
        return chances(design, lifts, units[..., None], margin=margins) >= power

    return smallest(shown, shape=units.shape, highest=highest)


def units_needed(design: Design, *, lift: float = 0.0, power: float = 0.8) -> int:
    """Give the units per variant that find a relative lift with the power asked for.

    Args:
        design: What is fixed.
        lift: Relative change of the control's value; its sign matters for
            proportions, which spread less towards 0 and 1.
        power: Chance of finding the lift when it is there.

    Raises:
        BadDesign: The lift is 0 or takes a share out of 0 to 1, or the power does
            not lie between alpha and 1.
    """
    found = float(units_for(design, lift=lift, power=power))
    if math.isinf(found):
        raise BadDesign(
            f"a lift of {lift:g} needs more units than can be counted"
            if design.aim is Aim.SUPERIORITY
            else "the margin needs more units than can be counted"
        )
    return int(found)


def power_of(design: Design, *, lift: float = 0.0, n_per_arm: float) -> float:
    """Give the chance that a lift is found with so many units per variant.

    Raises:
        BadDesign: The lift or the number of units cannot be planned with.
    """
    return float(powers(design, lift=lift, n_per_arm=n_per_arm))


def detectable_lift(design: Design, *, n_per_arm: float, power: float = 0.8) -> float:
    """Give the smallest relative lift that so many units find with the power asked for.

    Raises:
        BadDesign: The power or the number of units cannot be planned with.
        NothingDetectable: No lift that is possible would be found.
    """
    lift = float(detectable_lifts(design, n_per_arm=n_per_arm, power=power))
    if math.isinf(lift):
        raise NothingDetectable(n_per_arm=n_per_arm, power=power)
    return lift


def provable_margin(
    design: Design, *, n_per_arm: float, lift: float = 0.0, power: float = 0.8
) -> float:
    """Give the smallest margin that so many units can show to be kept.

    Raises:
        BadDesign: The power or the number of units cannot be planned with.
        NothingDetectable: No margin would be shown to be kept.
    """
    margin = float(provable_margins(design, n_per_arm=n_per_arm, lift=lift, power=power))
    if math.isinf(margin):
        raise NothingDetectable(n_per_arm=n_per_arm, power=power)
    return margin


@dataclass(frozen=True, slots=True)
class Misreading:
    """What a found difference would say wrongly, were this the true lift.

    Attributes:
        wrong_way: Share of found differences that have the wrong sign.
        exaggeration: Mean size of found differences, as a multiple of the true one.
    """

    wrong_way: Floats
    exaggeration: Floats


def misreadings(design: Design, *, lift: ArrayLike, n_per_arm: ArrayLike) -> Misreading:
    """Say how wrong the differences are that a test of superiority does find.

    With little power only the luckiest samples are called different, and those exaggerate.

    Raises:
        BadDesign: The lift or the size cannot be planned with, or it is no test of superiority.

    Source:
        Gelman & Carlin (2014), Perspectives on Psychological Science 9(6), 641-651;
        docs/methods/sample-size.md.
    """
    from scipy.special import ndtr

    if design.aim is not Aim.SUPERIORITY or design.side is not Side.TWO:
        raise BadDesign("a wrong direction is for tests that look both ways")
    lifts, units = np.broadcast_arrays(
        np.asarray(lift, dtype=float), np.asarray(n_per_arm, dtype=float)
    )
    check_lifts(design, lifts)
    check_units(units)
    sign = np.sign(lifts)
    effect = np.abs(on_scale(design.scale, lifts))
    se, null, pair = errors_of(design, lifts, units)
    none = np.zeros(())
    bar = Bar(tail=design.tail, two_sided=True, n=pair, sign=sign, margin=none)
    reach = design.method.reach(null, bar)
    other = design.method.reach(null, replace(bar, sign=-sign))
    right, wrong = (effect - reach) / se, (-effect - other) / se

    def density(z: Floats) -> Floats:
        dense: Floats = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
        return dense

    found = ndtr(right) + ndtr(wrong)
    size = effect * (ndtr(right) - ndtr(wrong)) + se * (density(right) + density(wrong))
    return Misreading(wrong_way=ndtr(wrong) / found, exaggeration=size / found / effect)


@dataclass(frozen=True, slots=True)
class Duration:
    """How long a test runs.

    Attributes:
        n_per_arm: Units per variant it needs, on average over variants.
        units: Units in all.
        weeks: Whole weeks in which units come, at least two.
        maturation_days: Days after that until the last unit's value is complete.
    """

    n_per_arm: int
    units: int
    weeks: int
    maturation_days: float = 0.0

    @property
    def days(self) -> float:
        """Days from the first unit to the complete value of the last."""
        return self.weeks * 7 + self.maturation_days


def duration_of(
    n_per_arm: int,
    *,
    arms: int = 2,
    units_per_week: float,
    allocation: float = 1.0,
    maturation_days: float = 0.0,
) -> Duration:
    """Give the whole weeks that a test needs, at least two.

    Args:
        n_per_arm: Units per variant, on average over variants.
        arms: Variants, the control among them.
        units_per_week: Eligible units that come in a week and were not there before.
        allocation: Share of them that takes part, above 0 and at most 1.
        maturation_days: Days until a unit's value is complete (the window of the metric, 30 for
            refunds).

    Raises:
        BadDesign: A number cannot be planned with.
    """
    reasons = []
    if not 0 < units_per_week < math.inf:
        reasons.append(f"units per week are {units_per_week:g}, not above 0")
    if not 0 < allocation <= 1:
        reasons.append(f"the allocation is {allocation:g}, not a share above 0")
    if arms < 2:
        reasons.append(f"{arms} variants are given, and it takes two")
    if n_per_arm < 1:
        reasons.append(f"{n_per_arm} units per variant are given, and it takes one")
    if not 0 <= maturation_days < math.inf:
        reasons.append(f"values are complete after {maturation_days:g} days, not 0 or more")
    if reasons:
        raise BadDesign(*reasons)
    units = n_per_arm * arms
    # Rounding noise must not add a week: 6.000000000000001 weeks are six.
    weeks = math.ceil(round(units / (units_per_week * allocation), 9))
    return Duration(
        n_per_arm=n_per_arm,
        units=units,
        weeks=max(FEWEST_WEEKS, weeks),
        maturation_days=maturation_days,
    )


def split_of(design: Design, *, n_per_arm: int) -> tuple[int, ...]:
    """Give the units of each variant, the control first, when variants have so many on average."""
    # Rounding noise must not add a unit.
    return tuple(math.ceil(round(n_per_arm * design.arms * share, 9)) for share in design.shares)


def chances(design: Design, lifts: Floats, units: Floats, *, margin: Floats) -> Floats:
    """Give the chance that the test shows what it is to show; nothing is checked.

    An estimate is normal around the true effect, and what it must clear is the method's reach
    beyond a bar: 0 for superiority, the margin behind it for the others.
    """
    from scipy.special import ndtr

    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        effect = on_scale(design.scale, lifts)
        se, null, pair = errors_of(design, lifts, units)
        worse = -1.0 if design.direction is Direction.INCREASE else 1.0
        two_sided = design.side is Side.TWO and design.aim is not Aim.EQUIVALENCE

        def cleared(sign: Floats, behind: Floats) -> Floats:
            reach = design.method.reach(null, Bar(design.tail, two_sided, pair, sign, behind))
            return (sign * effect + behind - reach) / se

        match design.aim:
            case Aim.SUPERIORITY:
                either = design.side is Side.TWO
                sign = np.sign(lifts) if either else np.full_like(lifts, -worse)
                chance = ndtr(cleared(sign, np.zeros(())))
            case Aim.NON_INFERIORITY:
                behind = np.abs(on_scale(design.scale, worse * margin))
                chance = ndtr(cleared(np.full_like(lifts, -worse), behind))
            case Aim.EQUIVALENCE:
                up, above = np.ones_like(lifts), on_scale(design.scale, margin)
                below = -on_scale(design.scale, -margin)
                chance = ndtr(cleared(up, below)) + ndtr(cleared(-up, above)) - 1
            case _:
                assert_never(design.aim)
        held: Floats = np.clip(np.nan_to_num(chance, nan=0.0), 0.0, 1.0)
    return held


def errors_of(design: Design, lifts: Floats, units: Floats) -> tuple[Floats, Floats, Floats]:
    """Give the standard error of the effect, that for the bar, and the units of both variants.

    Of several treatments of unequal size the smallest is planned for.
    """
    control, *treatments = design.shares
    treatment = min(treatments)
    n_control, n_treatment = units * design.arms * control, units * design.arms * treatment
    widened = (1 - design.covariate**2) * design.method.inflation
    of_control, of_treatment = scaled(design.scale, *design.spread.variances(lifts), lifts)
    se = np.sqrt(widened * (of_control / n_control + of_treatment / n_treatment))
    null = se
    if design.pools and isinstance(design.spread, Share):
        middle = design.spread.pooled(lifts, control=control, treatment=treatment)
        null = np.sqrt(widened * middle * (1 / n_control + 1 / n_treatment))
    return se, null, n_control + n_treatment


def smallest(
    holds: Callable[[Floats], NDArray[np.bool_]], *, shape: tuple[int, ...], highest: float
) -> Floats:
    """Bisect, for each element, for the smallest value at which a condition holds.

    Args:
        holds: Says of values of shape `(*shape, any)` whether the condition holds.
        shape: Of the elements.
        highest: No value is larger.

    Returns:
        The values; infinite where the condition never holds.
    """
    grid = np.geomspace(min(1e-9, highest / 10), highest, GRID)
    found = holds(np.broadcast_to(grid, (*shape, GRID)))
    first = np.argmax(found, axis=-1)
    never = ~found.any(axis=-1)
    low = np.where(first > 0, grid[np.maximum(first - 1, 0)], 0.0)
    high = grid[first]
    for _ in range(70):
        middle = (low + high) / 2
        does = holds(middle[..., None])[..., 0]
        low, high = np.where(does, low, middle), np.where(does, middle, high)
    return np.where(never, np.inf, high)


def margin_of(design: Design) -> Floats:
    """Give the margin of a design, 0 where the aim has none.

    Raises:
        BadDesign: It needs one.
    """
    if design.margin is None and design.aim is not Aim.SUPERIORITY:
        raise BadDesign(f"{design.aim.replace('_', '-')} needs a margin")
    return np.asarray(design.margin or 0.0)


def check_lifts(design: Design, lifts: Floats) -> None:
    """Refuse lifts that cannot be or cannot be looked for."""
    for lift in np.ravel(lifts):
        if not math.isfinite(lift) or (design.aim is Aim.SUPERIORITY and lift == 0):
            raise BadDesign(f"the lift is {lift:g}, not a number other than 0")
        if lift <= -1 or not lift < design.spread.highest_lift:
            raise BadDesign(
                f"a lift of {lift:g} takes the share {design.spread.baseline:g} out of 0 to 1"
                if isinstance(design.spread, Share)
                else f"a lift of {lift:g} leaves nothing of the value"
            )


def check_power(design: Design, power: float) -> None:
    """Refuse a power that no test has or that none is needed for."""
    if not design.alpha < power < 1:
        raise BadDesign(f"the power is {power:g}, not between alpha ({design.alpha:g}) and 1")


def check_units(n_per_arm: Floats) -> None:
    """Refuse a number of units that has no spread."""
    fewest = np.min(n_per_arm, initial=math.inf)
    if not fewest >= 2:
        raise BadDesign(f"{fewest:g} units per variant are given, and it takes two")
