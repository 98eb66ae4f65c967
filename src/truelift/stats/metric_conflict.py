"""Whether a team's metric gets better while the metric that all share gets worse (R020)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Final

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri, stdtr

from truelift.errors import Refusal
from truelift.stats.effects import Floats


WEEKS: Final = 8
"""Weeks of a window; it is held against as many before it."""

FEWEST_WEEKS: Final = 3
"""While less is known, windows are shorter, and never shorter than this."""

LEAST_Z: Final = 1.645
"""From here on a change is taken for one: 5 % to one side."""

FEWEST_PAIRED: Final = 26
"""Weeks from which metrics that move against each other are looked for."""

LEAST_CORRELATION: Final = -0.3
LATENT_ALPHA: Final = 0.05

LEAST_SHARE: Final = 0.5
"""A team's levers are said to carry a fall when their mix is at least this share of it."""

_FARTHEST: Final = 37.0
"""What z is where there is no noise at all: the largest that a normal tail has a number for."""


class BadMetricWeeks(Refusal):
    """Weeks in which no conflict can be looked for."""

    code: ClassVar[str] = "stats.bad_metric_weeks"

    def __init__(self, *, reason: str) -> None:
        super().__init__(f"The weeks of the metric cannot be compared: {reason}.", reason=reason)


class ConflictKind(StrEnum):
    """In which way two metrics are against each other."""

    DIRECT = "direct"
    STRUCTURAL = "structural"
    LATENT = "latent"


@dataclass(frozen=True, slots=True)
class Weekly:
    """A metric week by week, as what is divided by what.

    Attributes:
        above: Numerators, the oldest week first: spend, sessions, revenue.
        below: Denominators: clicks, sessions; ones where the metric is a plain sum.
    """

    above: Floats
    below: Floats

    @classmethod
    def of(cls, above: ArrayLike, below: ArrayLike | None = None) -> Weekly:
        """Take the numbers of the weeks.

        Raises:
            BadMetricWeeks: They are of different weeks, or a number is none or negative.
        """
        up = np.asarray(above, float)
        down = np.ones_like(up) if below is None else np.asarray(below, float)
        if up.ndim != 1 or up.shape != down.shape:
            raise BadMetricWeeks(reason="numerators and denominators are of different weeks")
        if not (np.isfinite(up).all() and np.isfinite(down).all()):
            raise BadMetricWeeks(reason="a number is none")
        if (up < 0).any() or (down < 0).any():
            raise BadMetricWeeks(reason="a number is negative, and its logarithm is none")
        return cls(up, down)

    def __len__(self) -> int:
        return len(self.above)

    def part(self, start: int, stop: int) -> Weekly:
        """Give the weeks from one to another, which is not part of it any more."""
        return Weekly(self.above[start:stop], self.below[start:stop])

    @property
    def value(self) -> float | None:
        """The metric over all the weeks; None where nothing is below."""
        below = float(self.below.sum())
        return float(self.above.sum()) / below if below > 0 else None

    @property
    def each(self) -> Floats:
        """The metric of each week; NaN where nothing is below."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.where(self.below > 0, self.above / self.below, np.nan))


@dataclass(frozen=True, slots=True)
class Moved:
    """How a metric moved from one window to the next.

    Attributes:
        before: Over the earlier weeks.
        now: Over the later weeks.
        log: ln now − ln before.
        se: Its standard error, weeks being the blocks.
        z: log ÷ se on the normal scale; not turned by the good direction.
    """

    before: float
    now: float
    log: float
    se: float
    z: float

    @property
    def change(self) -> float:
        """The change as a share of what was before."""
        return self.now / self.before - 1.0


@dataclass(frozen=True, slots=True)
class Mixing:
    """How much of a change of the shared metric the mix of sources explains.

    Attributes:
        total: Change of the metric.
        mix: What other shares of the sources do to it.
        rate: What other values within the sources do to it.
        driven: The part of `mix` that comes from the team's own sources having grown
            otherwise than the rest.
        parts: What each source adds to the mix, beside a usual session of both windows.
    """

    total: float
    mix: float
    rate: float
    driven: float
    parts: tuple[float, ...] = ()

    @property
    def share(self) -> float | None:
        """`driven` as a share of the change; None where nothing changed."""
        return self.driven / self.total if self.total else None


@dataclass(frozen=True, slots=True)
class Paired:
    """How weekly steps of two metrics go together.

    Attributes:
        r: Correlation of first differences of logarithms, the team's turned so that up is good.
        p: One-sided, of no negative correlation, for steps that are like their neighbours.
        steps: How many there are.
    """

    r: float
    p: float
    steps: int


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found between a team's metric and the shared one.

    Attributes:
        kinds: In which ways they conflict; empty for no conflict.
        team: How the team's metric moved; None where a window cannot be told.
        shared: How the shared one moved; likewise.
        better: z of the team's metric, positive for better; None without `team`.
        at_stake: Money that the fall of the shared metric costs in the later weeks; None
            where it did not fall.
        mixing: What the mix explains; None where no sources are known.
        paired: How their steps go together; None with fewer than 26 weeks.
    """

    kinds: tuple[ConflictKind, ...]
    team: Moved | None
    shared: Moved | None
    better: float | None
    at_stake: float | None
    mixing: Mixing | None
    paired: Paired | None


def window_of(known: int) -> int | None:
    """Say how many weeks a window has where so many are known; None where there are too few."""
    weeks = min(WEEKS, known // 2)
    return weeks if weeks >= FEWEST_WEEKS else None


def moved(weekly: Weekly, *, weeks: int = WEEKS) -> Moved | None:
    """Compare the last weeks with as many before them; None where a logarithm is none.

    Raises:
        BadMetricWeeks: There are fewer than two windows of at least two weeks.

    Assumes:
        Weeks do not depend on each other within a window. Where each is like the week before,
        the standard error is too small; docs/calibration.md says by how much.

    Source:
        docs/methods/metric-conflict.md.
    """
    if weeks < 2:
        raise BadMetricWeeks(reason="a window has at least two of them")
    if len(weekly) < 2 * weeks:
        raise BadMetricWeeks(reason=f"there are {len(weekly)}, and it takes {2 * weeks}")
    end = len(weekly)
    windows = weekly.part(end - 2 * weeks, end - weeks), weekly.part(end - weeks, end)
    before, now = (each.value for each in windows)
    if not before or not now:
        return None
    log = float(np.log(now / before))
    variances = [_variance_of_log(each) for each in windows]
    se = float(np.sqrt(sum(variances)))
    # Rounding leaves a little of weeks that are all the same.
    if se <= 1e-12:
        z = 0.0 if abs(log) <= 1e-12 else float(np.copysign(_FARTHEST, log))
        return Moved(before, now, log, 0.0, z)
    return Moved(before, now, log, se, _normal(log / se, variances, weeks))


def look(
    team: Weekly,
    shared: Weekly,
    *,
    good: int,
    weeks: int = WEEKS,
    mixing: Mixing | None = None,
) -> Looked:
    """Say whether a team's metric and the shared metric are against each other.

    Args:
        team: The team's metric, the same weeks as `shared`, the oldest first.
        shared: The shared metric: revenue (or expected revenue) per session.
        good: +1 where more of the team's metric is better, −1 where less is.
        weeks: Of each of the two windows.
        mixing: What the mix of sources explains of the change between the same windows, the
            team's own sources being its levers; None where the team has none.

    Raises:
        BadMetricWeeks: `good` is neither, or the weeks do not fit together.
    """
    if good not in (-1, 1):
        raise BadMetricWeeks(reason="nobody says which direction is good")
    if len(team) != len(shared):
        raise BadMetricWeeks(reason="the two metrics are of different weeks")
    steps = paired(team, shared, good=good)
    kinds: list[ConflictKind] = []
    own = all_ = None
    if len(team) >= 2 * weeks:
        own, all_ = moved(team, weeks=weeks), moved(shared, weeks=weeks)
    better = None if own is None else good * own.z
    at_stake = None
    if all_ is not None and all_.now < all_.before:
        at_stake = (all_.before - all_.now) * float(shared.below[-weeks:].sum())
    falls = all_ is not None and all_.z <= -LEAST_Z
    if falls and better is not None:
        share = None if mixing is None else mixing.share
        if better >= LEAST_Z:
            kinds.append(ConflictKind.DIRECT)
        if better >= 0 and share is not None and share >= LEAST_SHARE:
            kinds.append(ConflictKind.STRUCTURAL)
    # One jump that both make is in the windows already; latent is what they do not show.
    against = steps is not None and steps.r < LEAST_CORRELATION and steps.p < LATENT_ALPHA
    if not kinds and against:
        kinds.append(ConflictKind.LATENT)
    return Looked(tuple(kinds), own, all_, better, at_stake, mixing, steps)


def mixing(
    sessions_before: ArrayLike,
    value_before: ArrayLike,
    sessions_now: ArrayLike,
    value_now: ArrayLike,
    *,
    levers: Sequence[bool],
) -> Mixing | None:
    """Say how much of a change the mix of sources explains, and the team's own sources of that.

    A team's part is what the mix would not have done had its sources together grown as the
    others together did. With all sources its own, the whole mix is.

    Args:
        sessions_before: Per source, in the earlier weeks.
        value_before: Orders or revenue of these sessions.
        sessions_now: In the later weeks.
        value_now: Likewise.
        levers: Which sources the team works on.

    Returns:
        None where one of the windows has no sessions, or no source is the team's.

    Raises:
        BadMetricWeeks: The lists are of different lengths, or sessions are negative.
    """
    s0, v0, s1, v1 = (
        np.asarray(each, float) for each in (sessions_before, value_before, sessions_now, value_now)
    )
    own = np.asarray(levers, bool)
    if len({each.shape for each in (s0, v0, s1, v1, own)}) > 1 or s0.ndim != 1:
        raise BadMetricWeeks(reason="the sources are not the same in both windows")
    if (s0 < 0).any() or (s1 < 0).any():
        raise BadMetricWeeks(reason="a source has fewer than no sessions")
    if not s0.sum() or not s1.sum() or not own.any():
        return None
    w0, w1 = s0 / s0.sum(), s1 / s1.sum()
    # A source that is new, or gone, has the value that is known of it: its coming is all mix.
    with np.errstate(divide="ignore", invalid="ignore"):
        r0, r1 = np.where(s0 > 0, v0 / s0, np.nan), np.where(s1 > 0, v1 / s1, np.nan)
    r0, r1 = np.where(np.isnan(r0), r1, r0), np.where(np.isnan(r1), r0, r1)
    r0, r1 = np.nan_to_num(r0), np.nan_to_num(r1)
    usual = (r0 + r1) / 2
    mix = float(((w1 - w0) * usual).sum())
    driven = mix
    if not own.all() and s0[~own].sum() > 0 and s0[own].sum() > 0:
        grown = float(s1[~own].sum() / s0[~own].sum())
        else_ = np.where(own, s0 * grown, s1)
        if else_.sum() > 0:
            driven = float(((w1 - else_ / else_.sum()) * usual).sum())
    before, now = float(v0.sum() / s0.sum()), float(v1.sum() / s1.sum())
    # All that is no mix, also what was bought where no session is known.
    rate = now - before - mix
    parts = (w1 - w0) * (usual - (before + now) / 2)
    return Mixing(now - before, mix, rate, driven, tuple(parts.tolist()))


def paired(team: Weekly, shared: Weekly, *, good: int) -> Paired | None:
    """Correlate the weekly steps of two metrics; None where too few weeks can be told.

    Steps of neighbouring weeks share a week, so that they are alike even where weeks are not:
    p goes by as many steps as would tell the same without that (Bartlett).
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        x, y = np.log(team.each), np.log(shared.each)
    if len(x) < FEWEST_PAIRED or not (np.isfinite(x).all() and np.isfinite(y).all()):
        return None
    a, b = good * np.diff(x), np.diff(y)
    a, b = a - a.mean(), b - b.mean()
    size = float(np.sqrt((a @ a) * (b @ b)))
    if size <= 1e-18:
        return None
    r = float(np.clip(a @ b / size, -1.0, 1.0))
    alike = float((a[1:] @ a[:-1]) / (a @ a) * ((b[1:] @ b[:-1]) / (b @ b)))
    telling = len(a) / (1 + 2 * max(alike, 0.0))
    if r in (-1.0, 1.0):
        return Paired(r, 0.0 if r < 0 else 1.0, len(a))
    t = r * np.sqrt((telling - 2) / (1 - r * r))
    return Paired(r, float(stdtr(telling - 2, t)), len(a))


def _variance_of_log(window: Weekly) -> float:
    """Give the variance of the logarithm of a ratio of sums, each week being a block."""
    weeks = len(window)
    above, below = float(window.above.sum()), float(window.below.sum())
    rest = window.above - above / below * window.below
    return float((rest @ rest) * weeks / (weeks - 1) / above**2)


def _normal(t: float, variances: Sequence[float], weeks: int) -> float:
    """Carry a t of few weeks to the normal scale, so that 1.645 is 5 % of it."""
    total = sum(variances)
    freedom = total**2 / sum(each**2 / (weeks - 1) for each in variances)
    tail = float(stdtr(freedom, -abs(t)))
    z = -float(ndtri(tail)) if tail > 0 else _FARTHEST
    return float(np.copysign(min(z, _FARTHEST), t))
