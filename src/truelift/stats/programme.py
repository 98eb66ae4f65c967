"""What the results of all tests say about each: false wins, rates, and how many can be unclear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
from numpy.typing import ArrayLike

from truelift.errors import Refusal
from truelift.stats.effects import BadAlpha, Floats
from truelift.stats.outcome import Outcome


FEWEST_TESTS: Final = 8
"""With fewer valid results a share of them says nothing."""


EXCESS_BELOW: Final = 0.05
"""Below this p there are more inconclusive results than their noise explains."""


LOW_POWER_ABOVE: Final = 0.5
"""Above this expected share most tests could not have said anything."""


DEFAULT_SHARE: Final = 0.15
"""Share of ideas that truly move the metric by the margin, where nothing is known."""


class BadProgramme(Refusal):
    """Results of tests that nothing can be said of together."""

    code: ClassVar[str] = "stats.bad_programme"

    def __init__(self, *, reason: str) -> None:
        super().__init__(f"The results cannot be looked at together: {reason}.", reason=reason)


def false_positive_risk(
    *, prior: ArrayLike, alpha: ArrayLike = 0.05, power: ArrayLike = 0.8
) -> Floats:
    """Give the chance that a win is none: that there is no effect although p was below alpha.

    Args:
        prior: Share of ideas that truly win, above 0 and below 1.
        alpha: Two-sided error level of the tests; half of it are false wins.
        power: Chance to find a true win, above 0.

    Raises:
        BadProgramme: A share is not between its limits.

    Source:
        Kohavi, Deng & Vermeer (2022), KDD, 3168-3177; docs/methods/false-positive-risk.md.
    """
    win, level, found = (np.asarray(x, float) for x in (prior, alpha, power))
    for name, share in (("prior", win), ("alpha", level)):
        if not ((share > 0) & (share < 1)).all():
            raise BadProgramme(reason=f"the {name} must lie between 0 and 1")
    if not ((found > 0) & (found <= 1)).all():
        raise BadProgramme(reason="the power must lie above 0 and not above 1")
    false = level / 2 * (1 - win)
    return np.asarray(false / (false + found * win))


@dataclass(frozen=True, slots=True)
class Rates:
    """What the valid, concluded tests of a programme came to; read all of it or none.

    Attributes:
        n: Valid concluded tests.
        wins: Those whose primary metric is clearly better.
        losses: Clearly worse.
        nulls: No difference larger than the margin.
        inconclusive: The data could not tell.
        win_rate: Wins by tests.
        win_low: Lower end of its 95 % interval (Jeffreys).
        win_high: Upper end.
        learning_rate: Share that taught something: all but the inconclusive.
        learning_low: Lower end of its interval.
        learning_high: Upper end.
    """

    n: int
    wins: int
    losses: int
    nulls: int
    inconclusive: int
    win_rate: float
    win_low: float
    win_high: float
    learning_rate: float
    learning_low: float
    learning_high: float


def rates(outcomes: Sequence[Outcome]) -> Rates:
    """Count what tests came to, with intervals for the shares.

    Raises:
        BadProgramme: There is no test.

    Source:
        Brown, Cai & DasGupta (2001), Statistical Science 16, 101-133;
        docs/methods/programme-rates.md.
    """
    n = len(outcomes)
    if not n:
        raise BadProgramme(reason="no valid test has been concluded")
    count = {outcome: sum(1 for each in outcomes if each is outcome) for outcome in Outcome}
    wins, learnt = count[Outcome.WIN], n - count[Outcome.INCONCLUSIVE]
    win_low, win_high = jeffreys(wins, n)
    learning_low, learning_high = jeffreys(learnt, n)
    return Rates(
        n=n,
        wins=wins,
        losses=count[Outcome.LOSS],
        nulls=count[Outcome.NULL],
        inconclusive=count[Outcome.INCONCLUSIVE],
        win_rate=wins / n,
        win_low=win_low,
        win_high=win_high,
        learning_rate=learnt / n,
        learning_low=learning_low,
        learning_high=learning_high,
    )


def jeffreys(successes: int, n: int, *, alpha: float = 0.05) -> tuple[float, float]:
    """Give a share's interval from Beta(½ + successes, ½ + failures); 0 and 1 stay reachable.

    Source:
        Brown, Cai & DasGupta (2001), Statistical Science 16, 101-133.
    """
    from scipy.special import betaincinv

    if not 0 <= successes <= n or n < 1:
        raise BadProgramme(reason=f"{successes} of {n} is no share")
    if not 0 < alpha < 1:
        raise BadAlpha(alpha=alpha)
    a, b = successes + 0.5, n - successes + 0.5
    low = 0.0 if successes == 0 else float(betaincinv(a, b, alpha / 2))
    high = 1.0 if successes == n else float(betaincinv(a, b, 1 - alpha / 2))
    return low, high


@dataclass(frozen=True, slots=True)
class TwoKinds:
    """True effects: a share of ideas moves the metric by the margin, the rest not at all."""

    share: float = DEFAULT_SHARE


@dataclass(frozen=True, slots=True)
class Bell:
    """True effects: normal around `mean`, with `sd` in margins.

    Attributes:
        mean: Mean of the true effects, as a multiple of each test's margin.
        sd: Their standard deviation, in the same unit.
    """

    mean: float = 0.0
    sd: float = 0.5


TrueEffects = TwoKinds | Bell


@dataclass(frozen=True, slots=True, eq=False)
class Chances:
    """How a test of such noise would end; the three add up to 1.

    Attributes:
        significant: It wins or loses.
        null: It shows that no difference is larger than the margin.
        inconclusive: Neither.
    """

    significant: Floats
    null: Floats
    inconclusive: Floats


def chances(
    se: ArrayLike,
    margin: ArrayLike,
    *,
    effects: TrueEffects | None = None,
    alpha: float = 0.05,
) -> Chances:
    """Say how tests of such noise end, whatever they test.

    Args:
        se: Standard error that each reached, above 0.
        margin: The difference below which two variants count as equal, above 0, in its unit.
        effects: What true effects are like; a share of 15 % at the margin where None.
        alpha: Two-sided level of win and loss, and of each of the two tests of a null.

    Raises:
        BadProgramme: An error or a margin is not a number above 0, or the true effects
            are none.
        BadAlpha: `alpha` is not between 0 and 1.

    Source:
        Schuirmann (1987), J. Pharmacokinetics 15, 657-680; docs/methods/inconclusive-share.md.
    """
    from scipy.special import ndtr, ndtri

    if not 0 < alpha < 1:
        raise BadAlpha(alpha=alpha)
    error, limit = np.broadcast_arrays(np.asarray(se, float), np.asarray(margin, float))
    for name, numbers in (("standard error", error), ("margin", limit)):
        if not (np.isfinite(numbers) & (numbers > 0)).all():
            raise BadProgramme(reason=f"a {name} is not a number above 0")
    # In standard errors: a win or loss lies beyond `clear`, a null within `equal` (if any).
    with np.errstate(over="ignore"):
        reach = np.minimum(limit / error, 1e100)
    clear = np.asarray(-ndtri(alpha / 2))
    equal = np.clip(reach + ndtri(alpha), 0.0, clear)
    prior = TwoKinds() if effects is None else effects
    if isinstance(prior, TwoKinds):
        if not 0 <= prior.share <= 1:
            raise BadProgramme(reason="the share of ideas with an effect must lie between 0 and 1")
        parts = [(1 - prior.share, np.zeros_like(reach), 1.0), (prior.share, reach, 1.0)]
    else:
        if not (np.isfinite(prior.mean) and 0 <= prior.sd < np.inf):
            raise BadProgramme(reason="mean and spread of the true effects are no numbers")
        parts = [(1.0, prior.mean * reach, np.hypot(1.0, prior.sd * reach))]

    def within(bound: Floats) -> Floats:
        return np.asarray(
            sum(
                share * (ndtr((bound - mean) / spread) - ndtr((-bound - mean) / spread))
                for share, mean, spread in parts
            )
        )

    unclear, null = within(clear), within(equal)
    return Chances(significant=1 - unclear, null=null, inconclusive=unclear - null)


@dataclass(frozen=True, slots=True)
class InconclusiveShare:
    """Whether a programme has more inconclusive tests than their noise explains.

    Attributes:
        n: Valid concluded tests.
        observed: The inconclusive among them.
        expected: How many their standard errors let expect.
        p: Chance of at least so many.
        excess: More than expected, from 8 tests on and p below 0.05: the ideas are the cause.
        low_power: More than half had to be inconclusive: traffic is the cause.
    """

    n: int
    observed: int
    expected: float
    p: float
    excess: bool
    low_power: bool

    @property
    def sentence(self) -> str:
        """Say what it means, and what to do."""
        said = f"{self.observed} of {self.n} tests are inconclusive; {self.expected:.1f} expected"
        if self.n < FEWEST_TESTS:
            return f"{said}. Fewer than {FEWEST_TESTS} tests say nothing about the programme."
        if self.excess:
            return (
                f"{said} (p = {self.p:.2g}). Noise alone does not explain that: look at where "
                "hypotheses come from."
            )
        if self.low_power:
            return f"{said}. Most could not have told anything: fewer arms, longer, or bolder."
        return f"{said}. That is what their noise explains."


def inconclusive_share(
    se: ArrayLike,
    margin: ArrayLike,
    *,
    observed: int,
    effects: TrueEffects | None = None,
    alpha: float = 0.05,
) -> InconclusiveShare:
    """Compare the inconclusive tests with those that their noise lets expect.

    Args:
        se: Standard error that each valid test reached; shape (n,).
        margin: Its margin, in the same unit.
        observed: How many of them are inconclusive.
        effects: As for `chances`.
        alpha: As for `chances`.

    Raises:
        BadProgramme: There is no test, or more inconclusive ones than tests.

    Source:
        Hong (2013), Computational Statistics & Data Analysis 59, 41-51;
        docs/methods/inconclusive-share.md.
    """
    share = np.atleast_1d(chances(se, margin, effects=effects, alpha=alpha).inconclusive).ravel()
    n = len(share)
    if not n:
        raise BadProgramme(reason="no valid test has been concluded")
    if not 0 <= observed <= n:
        raise BadProgramme(reason=f"{observed} of {n} tests cannot be inconclusive")
    expected = float(share.sum())
    p = at_least(observed, share)
    return InconclusiveShare(
        n=n,
        observed=observed,
        expected=expected,
        p=p,
        excess=n >= FEWEST_TESTS and p < EXCESS_BELOW,
        low_power=n >= FEWEST_TESTS and expected / n > LOW_POWER_ABOVE,
    )


def at_least(count: int, chances: ArrayLike) -> float:
    """Give the chance that at least so many of several independent things happen, exactly.

    Each has a chance of its own (Poisson-binomial). All terms are added, none is taken
    away, so that small tails keep their digits.

    Args:
        count: How many.
        chances: Of each; shape (n,).

    Raises:
        BadProgramme: A chance is not between 0 and 1, or there are more than 20,000.
    """
    each = np.asarray(chances, float).ravel()
    if not ((each >= 0) & (each <= 1)).all():
        raise BadProgramme(reason="a chance must lie between 0 and 1")
    if len(each) > _MOST_TESTS:
        raise BadProgramme(reason=f"more than {_MOST_TESTS:,} at once are too many")
    exactly = np.zeros(len(each) + 1)
    exactly[0] = 1.0
    for k, chance in enumerate(each, start=1):
        exactly[1 : k + 1] = exactly[1 : k + 1] * (1 - chance) + exactly[:k] * chance
        exactly[0] *= 1 - chance
    return float(min(1.0, exactly[max(0, count) :].sum()))


_MOST_TESTS: Final = 20_000
