"""What is sampled for the report on calibration: a function for each of its sections."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from tests.simulation import drawn
from tests.simulation.calibrated import (
    AS_IT_IS,
    Drawing,
    Line,
    Row,
    Section,
    about,
    at_least,
    at_most,
    mean_row,
    near,
    number,
    row,
)
from tests.simulation.conflicting import metric_conflict
from tests.simulation.drawn import Generator, in_pieces
from tests.simulation.early_warnings import inconclusive, traffic_gap
from truelift.stats.bayesian import Bayesian, NormalPrior
from truelift.stats.comparison import compare
from truelift.stats.design import Design, GroupSequentialPlan, SequentialPlan
from truelift.stats.effects import Absence, Estimates, FixedHorizon, Floats
from truelift.stats.estimating import control_errors, differences, variance_saved
from truelift.stats.group_sequential import GroupSequential, Spending
from truelift.stats.heterogeneity import heterogeneity
from truelift.stats.interactions import cell_values, metric_interaction, traffic_interaction
from truelift.stats.moments import Moments, shares
from truelift.stats.multiplicity import benjamini_hochberg, dunnett_p, dunnett_reach, holm
from truelift.stats.page_or_traffic import (
    Crossing,
    Verdict,
    leave_one_out,
    of_page,
    orders_for_verdict,
)
from truelift.stats.points import Points, between
from truelift.stats.power import powers, units_needed
from truelift.stats.scales import Scale
from truelift.stats.sequential import Sequential
from truelift.stats.shrinkage import shrink
from truelift.stats.spike import P_BELOW, P_BELOW_WEEKLY, spike
from truelift.stats.spreads import Mean, Share, revenue_per_visitor
from truelift.stats.srm import check_split, check_split_daily
from truelift.stats.stratifying import stratified_differences
from truelift.stats.summary import ProportionSummary


FIXED = FixedHorizon()
SIZE = near(0.05)
Sampled = Moments | Points
Hits = NDArray[np.bool_]
Drawn = Callable[[Generator, int, float], tuple[Sampled, Sampled]]


@dataclass(frozen=True)
class Kind:
    """A kind of metric at one size.

    Attributes:
        name: In the table.
        n: Units of each variant, in words.
        draw: Gives control and treatment of so many runs, with this lift.
        value: What the control truly is; for the absolute interval.
        cost: Runs are divided by it.
    """

    name: str
    n: str
    draw: Drawn
    value: float
    cost: int = 1


def pairs(draw: Callable[..., Sampled], n: int, **given: float) -> Drawn:
    """Draw two variants of n units each alike."""

    def both(rng: Generator, runs: int, lift: float) -> tuple[Sampled, Sampled]:
        return draw(rng, (runs,), n, **given), draw(rng, (runs,), n, **given, lift=lift)

    return both


def uneven(draw: Callable[..., Sampled], sizes: tuple[int, int], **given: float) -> Drawn:
    def both(rng: Generator, runs: int, lift: float) -> tuple[Sampled, Sampled]:
        base, other = sizes
        return draw(rng, (runs,), base, **given), draw(rng, (runs,), other, **given, lift=lift)

    return both


def quantiles(n: int, share: float) -> Drawn:
    def both(rng: Generator, runs: int, lift: float) -> tuple[Sampled, Sampled]:
        return (
            drawn.log_normal_quantiles(rng, (runs,), n, share),
            drawn.log_normal_quantiles(rng, (runs,), n, share, lift=lift),
        )

    return both


def clusters(units: int, share: float) -> Drawn:
    def both(rng: Generator, runs: int, lift: float) -> tuple[Sampled, Sampled]:
        return (
            drawn.clustered_quantiles(rng, runs, units, share),
            drawn.clustered_quantiles(rng, runs, units, share, lift=lift),
        )

    return both


def past_ratios(rng: Generator, runs: int, lift: float) -> tuple[Sampled, Sampled]:
    return (
        drawn.ratios(rng, (runs,), 2_000, before=True),
        drawn.ratios(rng, (runs,), 2_000, before=True, lift=lift),
    )


def stratified(rng: Generator, runs: int, lift: float) -> tuple[Sampled, Sampled]:
    return drawn.strata(rng, runs, 2_000), drawn.strata(rng, runs, 2_000, lift=lift)


def longer(rng: Generator, runs: int, lift: float) -> tuple[Sampled, Sampled]:
    """Waits that are longer by the lift: the daily rate is searched for."""
    low, high = 1e-6, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        more = drawn.mean_wait(middle) > drawn.mean_wait(drawn.PER_DAY) * (1 + lift)
        low, high = (middle, high) if more else (low, middle)
    return drawn.waits(rng, (runs,), 2_000), drawn.waits(rng, (runs,), 2_000, per_day=low)


CALM = {"buys": 0.05, "log_sd": 0.8}
WILD = {"buys": 0.03, "log_sd": 1.5}
STRATIFIED = "mean, post-stratified by four strata"
MEAN_OF_STRATA = sum(share * mean for share, mean in drawn.STRATA)

KINDS = (
    Kind("proportion of 10 %", "2,000", pairs(drawn.proportions, 2_000, rate=0.1), 0.1),
    Kind("proportion of 2 %", "10,000", pairs(drawn.proportions, 10_000, rate=0.02), 0.02),
    Kind("mean, normal", "500", pairs(drawn.normal_means, 500), 10.0),
    Kind("mean, normal", "20", pairs(drawn.normal_means, 20), 10.0),
    Kind("count (negative binomial)", "2,000", pairs(drawn.counts_per_unit, 2_000), 2.0),
    Kind("ratio (orders per session)", "2,000", pairs(drawn.ratios, 2_000), drawn.ratio_value()),
    Kind(
        "revenue, 5 % buy, skewed",
        "20,000",
        pairs(drawn.revenues, 20_000, **CALM),
        drawn.revenue_mean(**CALM),
        2,
    ),
    Kind(
        "revenue, 3 % buy, very skewed",
        "20,000",
        pairs(drawn.revenues, 20_000, **WILD),
        drawn.revenue_mean(**WILD),
        2,
    ),
    Kind("mean with CUPED, ρ = 0.7", "500", pairs(drawn.correlated_means, 500, rho=0.7), 10.0),
    Kind("proportion with CUPED", "2,000", pairs(drawn.adjusted_shares, 2_000), 0.9 * 0.06 + 0.04),
    Kind("ratio with CUPED", "2,000", past_ratios, drawn.ratio_value()),
    Kind(
        "median, units independent", "2,000", quantiles(2_000, 0.5), drawn.log_normal_quantile(0.5)
    ),
    Kind(
        "90th percentile, units independent",
        "2,000",
        quantiles(2_000, 0.9),
        drawn.log_normal_quantile(0.9),
    ),
    Kind(
        "75th percentile, readings clustered in visitors",
        "1,000 visitors",
        clusters(1_000, 0.75),
        math.exp(math.hypot(0.6, 0.6) * float(ndtri(0.75))),
        5,
    ),
    Kind(
        "restricted mean of days to an order",
        "2,000",
        longer,
        drawn.mean_wait(drawn.PER_DAY),
    ),
    Kind(STRATIFIED, "2,000", stratified, MEAN_OF_STRATA),
)

SKEWED = (
    Kind(
        "revenue, 3 % buy, very skewed, split 90 / 10",
        "18,000 / 2,000",
        uneven(drawn.revenues, (18_000, 2_000), **WILD),
        0.0,
        2,
    ),
    Kind(
        "revenue, 5 % buy, skewed, split 90 / 10",
        "18,000 / 2,000",
        uneven(drawn.revenues, (18_000, 2_000), **CALM),
        0.0,
        2,
    ),
    Kind(
        "revenue, 3 % buy, very skewed, split 90 / 10",
        "180,000 / 20,000",
        uneven(drawn.revenues, (180_000, 20_000), **WILD),
        0.0,
        10,
    ),
    Kind("revenue, 5 % buy, skewed", "1,000", pairs(drawn.revenues, 1_000, **CALM), 0.0),
)


def estimate(kind: Kind, base: Sampled, other: Sampled, scale: Scale) -> Estimates:
    if isinstance(base, Points) and isinstance(other, Points):
        return between(base, other, scale=scale)
    assert isinstance(base, Moments)
    assert isinstance(other, Moments)
    if kind.name == STRATIFIED:
        return stratified_differences(base, other, scale=scale)
    return differences(base, other, scale=scale)


def size(rng: Generator, runs: int) -> Section:
    """Sample experiments of no effect, each read once at its end."""
    rows = []
    for kind in KINDS:
        base, other = kind.draw(rng, runs // kind.cost, 0.0)
        effects = FIXED.judge(estimate(kind, base, other, Scale.ABSOLUTE))
        known = effects.p[effects.absent == Absence.NONE]
        why = WHY.get((kind.name, kind.n), "")
        rows.append(row(kind.name, kind.n, known < 0.05, SIZE, why=why))
    return Section(
        "Size: fixed horizon, by kind of metric",
        "Two variants that do not differ, compared once at the planned end (Welch, delta method, "
        "order statistics, Kaplan–Meier): how often p is below 0.05.",
        tuple(rows),
        dots="size",
    )


def other_methods(rng: Generator, runs: int) -> Section:
    """Judge the same null experiments by the other methods, at one look."""
    rows = []
    whole = GroupSequential((0.5, 1.0))
    for kind in KINDS:
        base, other = kind.draw(rng, runs // kind.cost, 0.0)
        found = estimate(kind, base, other, Scale.ABSOLUTE)
        lifts = estimate(kind, base, other, Scale.RELATIVE)
        known = found.absent == Absence.NONE
        alarmed = Sequential(float(np.median(found.n))).judge(found).p <= 0.05
        rows.append(row(f"sequential: {kind.name}", kind.n, alarmed[known], at_most(0.05)))
        last = whole.judge(found).p <= 0.05
        rows.append(
            row(f"group-sequential, last look: {kind.name}", kind.n, last[known], at_most(0.05))
        )
        sure = Bayesian(NormalPrior(0.0, 0.3)).believe(lifts).chance_to_win > 0.975
        rows.append(
            row(f"Bayesian, chance above 97.5 %: {kind.name}", kind.n, sure[known], AS_IT_IS)
        )
    return Section(
        "Size: the other methods at one look",
        "The same kinds, judged once by a sequential method that is tuned for just this size, by "
        "the last of two group-sequential looks (its share of the level only), and by belief with "
        "the prior N(0, 30 %).",
        tuple(rows),
    )


def skewed(rng: Generator, runs: int) -> Section:
    """Sample skewed revenue as it is and with its largest baskets capped."""
    rows: list[Row] = []
    for kind in SKEWED:
        base, other = kind.draw(rng, runs // kind.cost, 0.0)
        p = FIXED.judge(estimate(kind, base, other, Scale.ABSOLUTE)).p
        rows.append(row(kind.name, kind.n, p < 0.05, SIZE, why=WHY.get((kind.name, kind.n), "")))
    for sizes, words in (((20_000, 20_000), "20,000"), ((18_000, 2_000), "18,000 / 2,000")):
        for share in (0.99, 0.999):
            arms = drawn.winsorised(rng, runs // 2, sizes, **WILD, share=share)
            p = FIXED.judge(differences(*arms)).p
            what = f"very skewed, capped at the {100 * share:g}th percentile of both variants"
            rows.append(row(what, words, p < 0.05, SIZE, why=WHY.get((what, words), "")))
    return Section(
        "Size: skewed revenue",
        "Most visitors pay nothing; baskets are log-normal (σ = 0.8 and 1.5, skewness of the "
        "baskets 3.7 and 33). With equal variants the skews cancel; with unequal ones they do "
        "not, and the smaller variant needs more buyers before its mean is normal. A cap, the "
        "same in both variants, mends that.",
        tuple(rows),
        dots="size-skewed",
    )


def coverage(rng: Generator, runs: int) -> Section:
    """Sample experiments with a lift of 10 % and ask whether intervals hold it."""
    rows = []
    for kind in KINDS:
        base, other = kind.draw(rng, runs // kind.cost, 0.1)
        for scale, truth in (
            (Scale.ABSOLUTE, 0.1 * kind.value),
            (Scale.RELATIVE, 0.1),
            (Scale.LOG, math.log(1.1)),
        ):
            if scale is Scale.LOG and kind.n == "20":
                continue
            effects = FIXED.judge(estimate(kind, base, other, scale))
            known = effects.absent == Absence.NONE
            held = (effects.low <= truth) & (truth <= effects.high)
            what = f"{kind.name}: {scale.value}"
            why = WHY.get((what, kind.n), "")
            rows.append(row(what, kind.n, held[known], near(0.95), why=why))
    return Section(
        "Coverage of intervals",
        "A true lift of 10 %: how often the 95 % interval of the difference, of the lift (delta "
        "method) and of the logarithm of the ratio holds it.",
        tuple(rows),
        dots="coverage",
    )


DAILY: tuple[tuple[str, Callable[[Generator, tuple[int, ...]], Moments]], ...] = (
    ("proportion of 10 %", lambda rng, shape: drawn.proportions(rng, shape, 200, rate=0.1)),
    ("mean, normal", lambda rng, shape: drawn.normal_means(rng, shape, 200)),
    ("count", lambda rng, shape: drawn.counts_per_unit(rng, shape, 200)),
    ("ratio", lambda rng, shape: drawn.ratios(rng, shape, 200)),
    (
        "mean with CUPED, ρ = 0.7",
        lambda rng, shape: drawn.correlated_means(rng, shape, 200, rho=0.7),
    ),
    ("revenue, skewed", lambda rng, shape: drawn.revenues(rng, shape, 400, **CALM)),
)
LOOKS = 60


def peeking(rng: Generator, runs: int) -> Section:
    """Look at null tests every day for 60 days, by each method."""
    rows: list[Row] = []
    lines: dict[str, list[Floats]] = {}
    methods = {
        "sequential, tuned for 5,000": Sequential(5_000),
        "sequential, tuned for the end": Sequential(24_000),
    }
    for name, draw in DAILY:
        ever: dict[str, list[Hits]] = {}
        for some in in_pieces(runs // 2, 1000):
            parts = draw(rng, (2, some, LOOKS))
            estimates = differences(drawn.running(parts[0]), drawn.running(parts[1]))
            for label, method in methods.items():
                ever.setdefault(label, []).append(method.judge(estimates).p <= 0.05)
            ever.setdefault("naive", []).append(FIXED.judge(estimates).p <= 0.05)
        for label, alarms in ever.items():
            # Once alarmed stays alarmed: the test would have been stopped.
            by = np.logical_or.accumulate(np.concatenate(alarms), axis=1)
            naive = label == "naive"
            what = "fixed horizon, read every day (wrongly)" if naive else label
            promise = AS_IT_IS if naive else at_most(0.05)
            rows.append(row(f"{what}: {name}", "60 × 200", by[:, -1], promise))
            lines.setdefault(what, []).append(by.mean(axis=0))
    days = list(range(1, LOOKS + 1))
    return Section(
        "Continuous peeking: 60 daily looks",
        "Two variants that do not differ, looked at on each of 60 days: how often any look "
        "alarms at 5 %. The always-valid sequences keep the level; a fixed-horizon p-value read "
        "every day does not. The very first looks count too.",
        tuple(rows),
        drawings=(
            Drawing(
                "peeking",
                "Null tests with an alarm so far, by day (mean of all kinds)",
                "days",
                tuple(
                    Line(what, days, np.mean(found, axis=0).tolist())
                    for what, found in lines.items()
                ),
                0.05,
            ),
        ),
    )


def hourly(rng: Generator, runs: int) -> Section:
    """Look at null tests every hour for 30 days."""
    rows = []
    hours = 720
    draws: Sequence[tuple[str, str, Callable[[Generator, tuple[int, ...]], Moments]]] = (
        (
            "proportion of 10 %",
            "720 × 15",
            lambda rng, shape: drawn.proportions(rng, shape, 15, rate=0.1),
        ),
        ("mean, normal", "720 × 15", lambda rng, shape: drawn.normal_means(rng, shape, 15)),
        (
            "proportion of 2 %",
            "720 × 15",
            lambda rng, shape: drawn.proportions(rng, shape, 15, rate=0.02),
        ),
    )
    for name, n, draw in draws:
        ever, naive = [], []
        for some in in_pieces(runs // 4, 100):
            parts = draw(rng, (2, some, hours))
            estimates = differences(drawn.running(parts[0]), drawn.running(parts[1]))
            ever.append((Sequential(5_000).judge(estimates).p <= 0.05).any(axis=1))
            with np.errstate(invalid="ignore"):
                naive.append((np.abs(estimates.value / estimates.se) > 1.96).any(axis=1))
        rows.append(row(f"sequential: {name}", n, np.concatenate(ever), at_most(0.05)))
        rows.append(row(f"fixed horizon, wrongly: {name}", n, np.concatenate(naive), AS_IT_IS))
    return Section(
        "Continuous peeking: every hour for 30 days",
        "720 looks from the first hour on, 15 new visitors per variant an hour.",
        tuple(rows),
    )


def few_looks(rng: Generator, runs: int) -> Section:
    """Look at null tests five times, sharing the level."""
    rows = []
    for name, draw in DAILY:
        for spending in Spending:
            method = GroupSequential.evenly(5, spending=spending)
            hits = []
            for some in in_pieces(runs // 2, 2500):
                parts = draw(rng, (2, some, LOOKS))
                known = differences(drawn.running(parts[0]), drawn.running(parts[1]))
                alarmed = np.zeros(some, dtype=bool)
                for look in range(1, 6):
                    at = known[:, 12 * look - 1]
                    now = method.reached(*method.looks[:look])
                    alarmed |= now.judge(at, alpha=0.05).p <= 0.05
                hits.append(alarmed)
            rows.append(
                row(
                    f"group-sequential, {spending.value}: {name}",
                    "5 × 2,400",
                    np.concatenate(hits),
                    SIZE,
                )
            )
    return Section(
        "Group-sequential: five looks",
        "Five looks that share 5 % by what has been learnt: how often any of them ends a test of "
        "variants that do not differ.",
        tuple(rows),
        dots="group-sequential",
    )


def beliefs(rng: Generator, runs: int) -> Section:
    """Report what decision rules of beliefs do, and whether beliefs come true."""
    rows = []
    prior = NormalPrior(0.0, 0.05)
    n = 20_000
    for label, method in (
        ("flat prior", Bayesian(None)),
        ("prior N(0, 5 %)", Bayesian(prior)),
    ):
        parts = drawn.proportions(rng, (2, runs // 4, 20), n // 20, rate=0.1)
        known = differences(drawn.running(parts[0]), drawn.running(parts[1]), scale=Scale.RELATIVE)
        chance = method.believe(known).chance_to_win
        rows.append(
            row(
                f"{label}: chance to win above 95 %, read once, no effect",
                f"{n:,}",
                chance[:, -1] > 0.95,
                AS_IT_IS,
            )
        )
        rows.append(
            row(
                f"{label}: the same at any of 20 looks",
                f"20 × {n // 20:,}",
                (chance > 0.95).any(axis=1),
                AS_IT_IS,
            )
        )
    lift = rng.normal(prior.mean, prior.sd, runs)
    control = shares(np.full(runs, n), rng.binomial(n, 0.1, runs))
    treatment = shares(np.full(runs, n), rng.binomial(n, np.clip(0.1 * (1 + lift), 0, 1)))
    belief = Bayesian(prior).believe(differences(control, treatment, scale=Scale.RELATIVE))
    held = (belief.low <= lift) & (lift <= belief.high)
    rows.append(row("lifts drawn from the prior: 95 % interval", f"{n:,}", held, near(0.95)))
    for low, high in ((0.6, 0.7), (0.8, 0.9), (0.95, 1.0)):
        these = (belief.chance_to_win > low) & (belief.chance_to_win <= high)
        rows.append(
            row(
                f"the same: truly better where the chance to win is {low:g}–{high:g}",
                f"{n:,}",
                (lift > 0)[these],
                near(float(belief.chance_to_win[these].mean()), 0.015),
            )
        )
    loss = np.maximum(-lift, 0.0) - belief.loss_if_treatment
    rows.append(
        number(
            "the same: true loss of shipping less what was expected, in points of lift",
            f"{n:,}",
            100 * float(loss.mean()),
            about(0.0, 0.02),
            runs=runs,
            error=100 * float(loss.std()) / math.sqrt(runs),
        )
    )
    return Section(
        "Bayesian: what its decisions are worth",
        "A belief has no size. How often its usual rule ships a change that does nothing is "
        "reported as it is: about 5 % with one look and a flat prior, more with every further "
        "look. Where true lifts come from the prior, its chances come true.",
        tuple(rows),
    )


def power(rng: Generator, runs: int) -> Section:
    """Sample experiments of the planned size with the planned lift."""
    rows = []
    checkout = Design(Share(0.05))
    n = units_needed(checkout, lift=0.1)

    def clears(n: int, *, lift: float = 0.1, rate: float = 0.05) -> Hits:
        base = drawn.proportions(rng, (runs,), n, rate=rate)
        other = drawn.proportions(rng, (runs,), n, rate=rate, lift=lift)
        return FIXED.judge(differences(base, other)).low > 0

    rows.append(row("proportion of 5 %, lift 10 %", f"{n:,}", clears(n), near(0.8, 0.01)))
    many = units_needed(checkout, lift=0.1, power=0.9)
    rows.append(row("the same, power 90 %", f"{many:,}", clears(many), near(0.9, 0.01)))
    wide = units_needed(Design(Mean(4.0)), lift=0.1)
    arms = [
        drawn.normal_means(rng, (runs,), wide, mean=1.0, sd=4.0, lift=lift) for lift in (0.0, 0.1)
    ]
    rows.append(
        row(
            "mean of variation 4, lift 10 %",
            f"{wide:,}",
            FIXED.judge(differences(*arms)).low > 0,
            near(0.8, 0.01),
        )
    )
    saved = units_needed(Design(Mean(4.0), covariate=0.6), lift=0.1)
    root = 4.0 / 20.0
    paired = [
        drawn.correlated_means(rng, (runs,), saved, rho=0.6, lift=lift)
        # Means 10, deviation 20: a lift of this size is one of 10 % where variation is 4.
        for lift in (0.0, 0.1 / root / 10.0)
    ]
    rows.append(
        row(
            "the same with a covariate, ρ = 0.6",
            f"{saved:,}",
            FIXED.judge(differences(*paired)).low > 0,
            near(0.8, 0.01),
        )
    )
    spread = revenue_per_visitor(buys=0.05, order_cv=math.sqrt(math.expm1(0.8**2)), grows=2)
    skew = units_needed(Design(spread), lift=0.1)
    some = max(runs // 10, 500)
    sold = [drawn.revenues(rng, (some,), skew, **CALM, lift=lift) for lift in (0.0, 0.1)]
    rows.append(
        row(
            "revenue, 5 % buy, lift 10 %",
            f"{skew:,}",
            FIXED.judge(differences(*sold)).low > 0,
            near(0.8, 0.01),
        )
    )
    tuned = SequentialPlan(tuning_n=50_000)
    design = Design(Share(0.05), method=tuned)
    always = units_needed(design, lift=0.1)
    parts = [
        drawn.proportions(rng, (runs // 2, 40), always // 40, rate=0.05, lift=lift)
        for lift in (0.0, 0.1)
    ]
    found = Sequential(50_000).judge(differences(*(drawn.running(each) for each in parts))).low > 0
    rows.append(
        row(
            "sequential, at the planned end",
            f"{always:,}",
            found[:, -1],
            near(0.8, 0.01),
        )
    )
    rows.append(
        row("sequential, at any of 40 looks", f"{always:,}", found.any(axis=1), at_least(0.8))
    )
    for spending in Spending:
        method = GroupSequential.evenly(5, spending=spending)
        plan = GroupSequentialPlan(factor=method.inflation(power=0.8, alpha=0.05))
        five = units_needed(Design(Share(0.05), method=plan), lift=0.1)
        parts = [
            drawn.proportions(rng, (runs // 2, 5), five // 5, rate=0.05, lift=lift)
            for lift in (0.0, 0.1)
        ]
        known = differences(*(drawn.running(each) for each in parts))
        ended = np.zeros(runs // 2, dtype=bool)
        for look in range(1, 6):
            now = method.reached(*method.looks[:look])
            ended |= now.judge(known[:, look - 1], alpha=0.05).low > 0
        rows.append(
            row(f"group-sequential, {spending.value}, 5 looks", f"{five:,}", ended, near(0.8, 0.01))
        )
    sizes = [2_500, 5_000, 10_000, 15_000, 20_000, 31_234, 40_000, 50_000]
    curves = []
    for lift in (0.05, 0.1, 0.15):
        planned = powers(checkout, lift=lift, n_per_arm=np.array(sizes))
        curves.append(Line(f"lift {lift:.0%}, planned", sizes, planned.tolist()))
        sampled = [float(clears(size, lift=lift).mean()) for size in sizes]
        curves.append(Line(f"lift {lift:.0%}, sampled", sizes, sampled, dots=True))
    return Section(
        "Power as planned",
        "Experiments of the size that the planner gives for 80 %, with the planned lift: how "
        "often the interval lies above 0.",
        tuple(rows),
        drawings=(
            Drawing(
                "power",
                "Power over visitors per variant, a rate of 5 %: planned (lines), sampled (dots)",
                "visitors per variant",
                tuple(curves),
                0.8,
            ),
        ),
    )


def reduction(rng: Generator, runs: int) -> Section:
    """Compare the variance that a covariate saves with what was predicted."""
    rows = []
    for rho in (0.3, 0.7, 0.9):
        arms = [drawn.correlated_means(rng, (runs,), 500, rho=rho) for _ in range(2)]
        adjusted = differences(*arms)
        plain = differences(*arms, adjust=False)
        ratio = float(adjusted.value.var() / plain.value.var())
        rows.append(
            number(
                f"ρ = {rho}: variance left of the estimate, by 1 − ρ²",
                "500",
                ratio / (1 - rho**2),
                about(1.0, 0.03),
                runs=runs,
                error=math.sqrt(4 * rho**2 / runs) if rho < 1 else 0.0,
            )
        )
        rows.append(
            number(
                f"ρ = {rho}: squared standard error, by the estimate's variance",
                "500",
                float((adjusted.se**2).mean() / adjusted.value.var()),
                about(1.0, 0.03),
                runs=runs,
                error=math.sqrt(2 / runs),
            )
        )
        rows.append(
            mean_row(
                f"ρ = {rho}: variance saved, as shown", "500", variance_saved(*arms), near(rho**2)
            )
        )
    return Section(
        "CUPED: variance as predicted",
        "How much of the variance of the estimate is left, and whether the standard error "
        "knows it.",
        tuple(rows),
    )


def splits(rng: Generator, runs: int) -> Section:
    """Check fair splits, once and every day."""
    rows: list[Row] = []
    observed = rng.multinomial(10_000, (0.5, 0.3, 0.2), runs)
    ps = np.array([check_split(each, (0.5, 0.3, 0.2)).p for each in observed.tolist()])
    rows.extend(
        row(f"χ² below {level:g}", "10,000", ps < level, near(level, max(level / 10, 3e-4)))
        for level in (0.05, 0.01, 0.001)
    )
    some = runs // 8
    days = rng.multinomial(500, (0.5, 0.5), (some, 60)).tolist()
    daily = np.array([check_split_daily(each, (0.5, 0.5)).p for each in days])
    rows.extend(
        row(f"every day for 60 days, below {level:g}", "60 × 500", daily < level, at_most(level))
        for level in (0.05, 0.01)
    )
    totals = np.cumsum(np.array(days), axis=1)[..., 0]
    gone = np.arange(1, 61) * 500
    z = (totals - gone / 2) / np.sqrt(gone / 4)
    rows.append(
        row(
            "χ² read every day (wrongly), below 0.01",
            "60 × 500",
            (np.abs(z) > -float(ndtri(0.005))).any(axis=1),
            AS_IT_IS,
        )
    )
    uneven_days = rng.multinomial(500, (0.9, 0.1), (some, 60)).tolist()
    ninety = np.array([check_split_daily(each, (0.9, 0.1)).p for each in uneven_days])
    rows.append(
        row("every day for 60 days, 90 / 10, below 0.01", "60 × 500", ninety < 0.01, at_most(0.01))
    )
    return Section(
        "False alarms of the split",
        "Fair splits: the χ² test at its end, and the anytime-valid Dirichlet–multinomial test "
        "read every day.",
        tuple(rows),
    )


def families(rng: Generator, runs: int) -> Section:
    """Count errors of families of comparisons."""
    rows = []
    some = runs // 2
    for arms in (3, 6):
        control = drawn.proportions(rng, (some, 1), 5_000, rate=0.1)
        treatments = drawn.proportions(rng, (some, arms), 5_000, rate=0.1)
        estimates = differences(control, treatments)
        p = FIXED.judge(estimates).p
        z = estimates.value / estimates.se
        loadings = control_errors(control, treatments) / estimates.se
        words = f"{1 + arms} × 5,000"
        rows.append(
            row(
                f"{arms} treatments uncorrected: any false finding",
                words,
                (p <= 0.05).any(axis=1),
                AS_IT_IS,
            )
        )
        rows.append(
            row(
                f"{arms} treatments, Holm: any false finding",
                words,
                (holm(p) <= 0.05).any(axis=1),
                at_most(0.05),
            )
        )
        rows.append(
            row(
                f"{arms} treatments, Dunnett: any false finding",
                words,
                (dunnett_p(z, loadings) <= 0.05).any(axis=1),
                SIZE,
            )
        )
        reach = dunnett_reach(np.full(arms, math.sqrt(0.5)), alpha=0.05)
        rows.append(
            row(
                f"{arms} treatments, Dunnett: all intervals hold",
                words,
                (np.abs(z) <= reach).all(axis=1),
                near(0.95),
            )
        )
    for true in (0, 4):
        lift = np.zeros(20 + true)
        lift[20:] = 0.25
        n = np.full((some, 20 + true), 2_000)
        segments = differences(
            shares(n, rng.binomial(n, 0.1)), shares(n, rng.binomial(n, 0.1 * (1 + lift)))
        )
        found = benjamini_hochberg(FIXED.judge(segments).p) <= 0.10
        false = found[:, :20].sum(axis=1) / np.maximum(1, found.sum(axis=1))
        rows.append(
            mean_row(
                f"20 null segments and {true} true ones, Benjamini–Hochberg at 10 %: "
                "false share of findings",
                "2,000 a segment",
                false,
                at_most(0.10),
            )
        )
        if true:
            rows.append(
                mean_row(
                    "the same: true ones found",
                    "2,000 a segment",
                    found[:, 20:].mean(axis=1),
                    AS_IT_IS,
                )
            )
    return Section(
        "Many comparisons",
        "Several treatments against one control, and twenty segments without an effect.",
        tuple(rows),
    )


def differing(rng: Generator, runs: int) -> Section:
    """Test segments and pairs of experiments that do not differ."""
    rows = []
    some = runs // 4
    cells = differences(
        drawn.proportions(rng, (runs, 6), 2_000, rate=0.1),
        drawn.proportions(rng, (runs, 6), 2_000, rate=0.1, lift=0.1),
    )
    # One additive effect in all: with one base rate a lift and a difference are the same.
    rows.append(
        row(
            "6 segments, proportion: effects differ",
            "2,000 a cell",
            heterogeneity(cells.value, cells.se).p < 0.05,
            SIZE,
        )
    )
    for n in (5_000, 1_000):
        sold = differences(
            drawn.revenues(rng, (some, 6), n, **CALM), drawn.revenues(rng, (some, 6), n, **CALM)
        )
        rows.append(
            row(
                "6 segments, skewed revenue: effects differ",
                f"{n:,} a cell",
                heterogeneity(sold.value, sold.se).p < 0.05,
                SIZE,
                why=WHY.get(("6 segments, skewed revenue: effects differ", f"{n:,} a cell"), ""),
            )
        )
    both = drawn.proportions(rng, (runs, 2, 2), 5_000, rate=0.1)
    rows.append(
        row(
            "two experiments, proportion: effects interact",
            "5,000 a cell",
            metric_interaction(*cell_values(both)).p < 0.05,
            SIZE,
        )
    )
    sold_cells = drawn.revenues(rng, (some, 2, 3), 5_000, **CALM)
    rows.append(
        row(
            "two experiments (2 × 3), skewed revenue: effects interact",
            "5,000 a cell",
            metric_interaction(*cell_values(sold_cells)).p < 0.05,
            SIZE,
        )
    )
    traffic = rng.multinomial(20_000, np.outer((0.5, 0.5), (0.4, 0.3, 0.3)).ravel(), runs)
    rows.append(
        row(
            "two experiments, traffic: assignments depend",
            "20,000",
            traffic_interaction(traffic.reshape(-1, 2, 3)).p < 0.05,
            SIZE,
        )
    )
    return Section(
        "Segments and pairs of experiments",
        "Cells that share one effect: how often the test of their difference, or of an "
        "interaction, has p below 0.05.",
        tuple(rows),
    )


def programme(rng: Generator, runs: int) -> Section:
    """Shrink the effects of whole programmes of tests."""
    programmes = max(runs // 40, 50)
    inside, winners, plain, drawn_in = [], [], [], []
    for _ in range(programmes):
        true, se = rng.normal(0, 0.02, 60), rng.uniform(0.012, 0.03, 60)
        estimated = rng.normal(true, se)
        found = shrink(estimated, se)
        held = (found.low <= true) & (true <= found.high)
        inside.append(held.mean())
        won = estimated > 1.96 * se
        if won.any():
            winners.append(held[won].mean())
            plain.append((estimated - true)[won].mean())
            drawn_in.append((found.value - true)[won].mean())
    n = "60 tests"
    return Section(
        "Shrinkage over a programme",
        "Programmes of 60 tests whose true lifts are N(0, 2 %): intervals of shrunken effects, "
        "and how far winners are overestimated before and after.",
        (
            mean_row(
                "all tests: 95 % interval of the shrunken effect", n, inside, near(0.95, 0.01)
            ),
            mean_row("winners only", n, winners, at_least(0.93)),
            mean_row("winners: estimate less truth, as measured", n, plain, AS_IT_IS),
            mean_row("winners: shrunken value less truth", n, drawn_in, near(0.0, 0.002)),
        ),
    )


def spikes(rng: Generator, runs: int) -> Section:
    """Watch what customers say through quarters in which nothing changes, and in which it does."""
    quarters = max(runs // 20, 200)

    def alarmed(rate: float, *, every: int, below: float, then: float = 1.0) -> np.ndarray:
        daily = np.full(112 + 91, rate)
        daily[112:] *= then
        told = np.cumsum(rng.poisson(daily, (quarters, len(daily))), axis=1).tolist()
        ends = range(111 + every, 112 + 91, every)
        return np.array(
            [
                any(
                    spike(days[t] - days[t - 28], days[t - 28] - days[t - 112], below=below).fires
                    for t in ends
                )
                for days in told
            ]
        )

    rows = []
    for rate in (0.1, 0.5, 1.0):
        n = f"{rate:g} a day"
        quiet = alarmed(rate, every=7, below=P_BELOW_WEEKLY)
        rows.append(row("nothing changes, watched weekly at 0.005", n, quiet, at_most(0.05)))
    once = alarmed(0.5, every=91, below=P_BELOW)
    rows.append(row("nothing changes, looked at once at 0.01", "0.5 a day", once, at_most(0.01)))
    nightly = alarmed(0.5, every=1, below=P_BELOW)
    rows.append(row("nothing changes, watched nightly at 0.01", "0.5 a day", nightly, AS_IT_IS))
    tripled = alarmed(0.3, every=7, below=P_BELOW_WEEKLY, then=3.0)
    rows.append(row("three times as often from its first day on", "0.3 a day", tripled, AS_IT_IS))
    return Section(
        "Spikes of themes",
        "A theme of customers' notes over a quarter: the last 28 days against the 84 before, each "
        "week; how often at least one week alarms.",
        tuple(rows),
    )


def scarce(rng: Generator, runs: int) -> Section:
    """Compare shares of which there are too few for the normal shape."""
    rows = []
    for n, rate in ((300, 0.01), (2_000, 0.001)):
        some = runs // 10
        had = rng.binomial(n, rate, (some, 2)).tolist()
        told = [compare(ProportionSummary(n, a), ProportionSummary(n, b)).absolute for a, b in had]
        alarmed = np.array([each.p is not None and each.p < 0.05 for each in told])
        held = np.array([each.low <= 0 <= each.high for each in told])
        rows.append(row(f"a rate of {rate:.1%}: p below 0.05", f"{n:,}", alarmed, at_most(0.05)))
        rows.append(row(f"a rate of {rate:.1%}: interval", f"{n:,}", held, at_least(0.95)))
    return Section(
        "Scarce proportions",
        "Fewer than five successes somewhere: Fisher's exact test and Newcombe's interval, which "
        "err less often than they may.",
        tuple(rows),
    )


SOURCE_BY_PAGE = np.array([0.03, 0.04, 0.02, 0.025])[:, None] * np.array([1, 1.2, 0.8, 1.0])
HIT: dict[Verdict, tuple[slice | int, slice | int]] = {
    Verdict.TRAFFIC: (0, slice(None)),
    Verdict.PAGE: (slice(None), 0),
    Verdict.MISMATCH: (0, 0),
    Verdict.GLOBAL: (slice(None), slice(None)),
}


def page_or_traffic(rng: Generator, runs: int) -> Section:
    """Plant four worlds on four sources and four pages, and ask what fell."""
    times = max(runs // 40, 50)
    rows: list[Row] = []
    for fall in (0.3, 0.5):
        enough = orders_for_verdict(math.log(1 - fall))
        for orders, promise, hit in (
            (enough, at_least(0.95), "right"),
            (enough // 4, at_most(0.05), "another blamed"),
            (enough // 16, at_most(0.05), "another blamed"),
        ):
            for world in HIT:
                told = [_told(rng, world, orders=orders, fall=fall) for _ in range(times)]
                open_ = {world, Verdict.UNDETERMINED, Verdict.NO_CHANGE}
                hits = [each is world if hit == "right" else each not in open_ for each in told]
                what = f"{world.said}, a fall by {fall:.0%}: {hit}"
                rows.append(row(what, f"{orders:,} orders", hits, promise))
                if orders < enough:
                    waits = [each in open_ - {world} for each in told]
                    what = f"{world.said}, a fall by {fall:.0%}: left open"
                    rows.append(row(what, f"{orders:,} orders", waits, AS_IT_IS))
        still = [_told(rng, None, orders=enough, fall=fall) for _ in range(times)]
        named = [each not in {Verdict.NO_CHANGE, Verdict.UNDETERMINED} for each in still]
        rows.append(row("nothing changed: blamed", f"{enough:,} orders", named, at_most(0.05)))
    return Section(
        "Page or traffic",
        "Four sources on four pages; conversion falls for one source everywhere, for one page, for "
        "one source on one page, or everywhere. **n** is the orders that each cell has in each "
        "period where nothing falls. With as many as the method asks for the verdict is right; "
        "with a quarter and a sixteenth it is right or left open, and does not blame another: what "
        "took one source on one page alone, or everything, needs fewer orders to be seen.",
        tuple(rows),
    )


def _told(rng: Generator, world: Verdict | None, *, orders: int, fall: float) -> Verdict:
    sessions = np.ceil(orders / SOURCE_BY_PAGE)
    later = SOURCE_BY_PAGE.copy()
    if world is not None:
        later[HIT[world]] *= 1 - fall
    bought = rng.binomial(sessions.astype(int), np.stack([SOURCE_BY_PAGE, later]))
    crossing = Crossing(np.stack([sessions, sessions]), bought.astype(float))
    return of_page(crossing, leave_one_out(crossing), 0).verdict


LEANS = (
    "The small variant has some {buyers} buyers, and its mean leans with their baskets: its own "
    "error is small exactly when the large baskets are missing. {more}"
)
WHY: dict[tuple[str, str], str] = {
    ("revenue, 3 % buy, very skewed, split 90 / 10", "18,000 / 2,000"): LEANS.format(
        buyers="60",
        more="No normal interval can know that. Split evenly, or cap the metric (below).",
    ),
    ("revenue, 3 % buy, very skewed, split 90 / 10", "180,000 / 20,000"): LEANS.format(
        buyers="600", more="Ten times the visitors do not suffice for baskets like these."
    ),
    (
        "very skewed, capped at the 99th percentile of both variants",
        "18,000 / 2,000",
    ): LEANS.format(
        buyers="60",
        more="The cap takes most of it, not all: the few buyers are skewed against all others.",
    ),
    (
        "very skewed, capped at the 99.9th percentile of both variants",
        "18,000 / 2,000",
    ): LEANS.format(
        buyers="60", more="Twenty of 20,000 visitors lie above this cap: it is too high to help."
    ),
    ("revenue, 3 % buy, very skewed", "20,000"): "On the safe side: where one basket makes half of "
    "a variant's spread, it widens the interval more than it moves the mean.",
    ("mean, normal: relative", "20"): "The control's mean is 10 ± 4.5. The delta method takes its "
    "reciprocal for a straight line, which holds where the control lies many standard errors "
    "from 0; the absolute interval, by which outcomes are decided, keeps its level.",
    ("revenue, 3 % buy, very skewed: relative", "20,000"): "The control's mean leans with its "
    "baskets (above), and the lift divides by it. The absolute interval keeps its level.",
    ("revenue, 3 % buy, very skewed: log", "20,000"): "As the relative one, by less.",
}
"""Why a promise is missed where the fault lies in the data's shape, and what to do."""

SECTIONS: dict[str, Callable[[Generator, int], Section]] = {
    "size": size,
    "other_methods": other_methods,
    "skewed": skewed,
    "scarce": scarce,
    "coverage": coverage,
    "peeking": peeking,
    "hourly": hourly,
    "few_looks": few_looks,
    "beliefs": beliefs,
    "power": power,
    "reduction": reduction,
    "splits": splits,
    "families": families,
    "differing": differing,
    "programme": programme,
    "traffic_gap": traffic_gap,
    "inconclusive": inconclusive,
    "spikes": spikes,
    "metric_conflict": metric_conflict,
    "page_or_traffic": page_or_traffic,
}


DETECTORS: Final = ("traffic_gap", "inconclusive", "spikes", "metric_conflict", "page_or_traffic")
"""What is tuned by looking at samples, so that others than those looked at have to agree."""


def sampled(name: str, runs: int, *, drawn_from: int = 2026) -> Section:
    """Sample one section; the same runs give the same numbers, whatever else is sampled.

    Args:
        name: One of `SECTIONS`.
        runs: How often.
        drawn_from: Another number gives other samples.
    """
    seed = [drawn_from, *name.encode()]
    return SECTIONS[name](np.random.default_rng(seed), runs)
