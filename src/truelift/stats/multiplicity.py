"""Many comparisons judged together: p-values and intervals that keep one promise for a family."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import ClassVar, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from truelift.errors import Refusal
from truelift.stats.effects import BadAlpha, Effects, Estimates, FixedHorizon, Floats, Method, Side
from truelift.stats.roles import MetricRole


Mask = NDArray[np.bool_]


class Correction(StrEnum):
    """How the comparisons of a family share one error level."""

    NONE = "none"
    BONFERRONI = "bonferroni"
    HOLM = "holm"
    BENJAMINI_HOCHBERG = "benjamini-hochberg"
    DUNNETT = "dunnett"


class BadFamily(Refusal):
    """Comparisons that cannot be judged together as asked."""

    code: ClassVar[str] = "stats.bad_family"

    def __init__(self, *, reason: str) -> None:
        super().__init__(f"The comparisons cannot be corrected together: {reason}.", reason=reason)


@dataclass(frozen=True, slots=True, eq=False)
class Family:
    """Comparisons that are promised something together.

    Attributes:
        name: What a person calls it: primary, guardrails, segments.
        members: Which comparisons are in it; of the estimates' shape.
        correction: How they share `alpha`.
        alpha: The family's error level: of a single false alarm (Bonferroni, Holm,
            Dunnett), or the share of false ones among findings (Benjamini-Hochberg).
    """

    name: str
    members: Mask
    correction: Correction
    alpha: float

    @property
    def size(self) -> int:
        """How many comparisons were planned; those without a number count too."""
        return int(self.members.sum())

    @property
    def sentence(self) -> str:
        """Say what the family's findings are worth."""
        return _SENTENCES[self.correction].format(
            name=self.name, size=self.size, percent=f"{self.alpha * 100:.3g}"
        )


_SENTENCES: Final[Mapping[Correction, str]] = MappingProxyType(
    {
        Correction.NONE: "Each of the {size} {name} comparisons errs in {percent} % of tests "
        "by itself; together they err more often.",
        Correction.BONFERRONI: "At most {percent} % of tests show any false finding among the "
        "{size} {name} comparisons, and all intervals hold at once as often.",
        Correction.HOLM: "At most {percent} % of tests show any false finding among the {size} "
        "{name} comparisons; the intervals are Bonferroni’s, so one may reach over 0 where "
        "the p-value does not.",
        Correction.BENJAMINI_HOCHBERG: "Of the findings among the {size} {name} comparisons at "
        "most {percent} % are false on average, and of their intervals as many miss.",
        Correction.DUNNETT: "At most {percent} % of tests show any false finding among the "
        "{size} {name} comparisons with one control, and all intervals hold at once as often.",
    }
)


@dataclass(frozen=True, slots=True, eq=False)
class Scope:
    """Which comparisons are corrected together; what is in no family is not corrected.

    Attributes:
        families: Disjoint, over estimates of one shape.

    Raises:
        BadFamily: A comparison is in two families, a family is empty, or shapes differ.
        BadAlpha: A family's level is not between 0 and 1.
    """

    families: tuple[Family, ...]

    def __post_init__(self) -> None:
        seen: NDArray[np.int64] | None = None
        for family in self.families:
            if not 0 < family.alpha < 1:
                raise BadAlpha(alpha=family.alpha)
            if not family.size:
                raise BadFamily(reason=f"the family {family.name} has no member")
            if seen is not None and seen.shape != family.members.shape:
                raise BadFamily(reason="the families are of different shapes")
            members = family.members.astype(np.int64)
            seen = members if seen is None else seen + members
        if seen is not None and seen.max() > 1:
            raise BadFamily(reason="a comparison is in two families")

    @classmethod
    def usual(
        cls,
        roles: Sequence[MetricRole],
        *,
        treatments: int,
        segments: int = 0,
        correction: Correction = Correction.HOLM,
        alpha: float = 0.05,
        segment_alpha: float = 0.10,
    ) -> Scope:
        """Take primary metrics x treatments as one family, and segments apart.

        Secondary metrics explain and are not corrected. Guardrails are a family of
        their own, by Bonferroni. Segments of the primary metrics share a false
        discovery rate.

        Args:
            roles: The metrics' roles: the first axis.
            treatments: Length of the second axis.
            segments: Segments on the third axis, behind everybody together; without
                any there are two axes.
            correction: Of the primary family.
            alpha: Of the primary family and of the guardrails.
            segment_alpha: Of the segments.
        """
        shape = (len(roles), treatments, 1 + segments) if segments else (len(roles), treatments)
        everybody = np.ones(shape, dtype=bool)
        if segments:
            everybody[:, :, 1:] = False
        axis = (slice(None),) + (None,) * (len(shape) - 1)
        primary = np.array([role is MetricRole.PRIMARY for role in roles], dtype=bool)[axis]
        guards = np.array([role is MetricRole.GUARDRAIL for role in roles], dtype=bool)[axis]
        families = [Family("primary", primary & everybody, correction, alpha)]
        if guards.any():
            families.append(Family("guardrail", guards & everybody, Correction.BONFERRONI, alpha))
        if segments:
            families.append(
                Family(
                    "segment",
                    primary & ~everybody,
                    Correction.BENJAMINI_HOCHBERG,
                    segment_alpha,
                )
            )
        return cls(tuple(families))


@dataclass(frozen=True, slots=True, eq=False)
class Corrected:
    """Effects with what a correction makes of them; all of one shape.

    Attributes:
        effects: With the family's intervals, and each comparison's own p-value.
        p: Adjusted p-values: below the family's alpha is a finding.
        alpha: Error level of each interval.
        found: Whether it is a finding at its family's level.
        family: Place of its family in the scope; -1 where it is in none.
        scope: The families.
    """

    effects: Effects
    p: Floats
    alpha: Floats
    found: Mask
    family: NDArray[np.int64]
    scope: Scope


def correct(
    estimates: Estimates,
    *,
    method: Method,
    scope: Scope,
    alpha: float = 0.05,
    control_se: Floats | None = None,
    treatments_axis: int = 1,
) -> Corrected:
    """Judge all comparisons, each family by its own correction.

    A comparison without a number counts as planned, as if its p were 1: an error level
    must not change because a metric has no data yet.

    Args:
        estimates: All comparisons.
        method: How each is judged.
        scope: The families.
        alpha: Error level of what is in no family.
        control_se: Standard error of the control's value in each comparison, on the
            scale of `estimates.se`; for Dunnett only.
        treatments_axis: Which axis are the treatments that share a control; for Dunnett.

    Raises:
        BadFamily: The method gives no p-values, shapes differ, or Dunnett's correction
            was asked without the control's errors or for looks that are not fixed.
        BadAlpha: `alpha` is not between 0 and 1.

    Source:
        docs/methods/multiplicity-bonferroni.md, docs/methods/multiplicity-holm.md,
        docs/methods/multiplicity-benjamini-hochberg.md, docs/methods/multiplicity-dunnett.md.
    """
    if not 0 < alpha < 1:
        raise BadAlpha(alpha=alpha)
    shape = estimates.shape
    absent = np.asarray(estimates.absent) != 0
    levels = np.full(shape, alpha)
    where = np.full(shape, -1, dtype=np.int64)
    for place, family in enumerate(scope.families):
        if family.members.shape != shape:
            raise BadFamily(
                reason=f"the family {family.name} is of shape {family.members.shape} "
                f"and the estimates of {shape}"
            )
        levels[family.members] = family.alpha
        where[family.members] = place
    first = method.judge(estimates, alpha=levels)
    adjusted = first.p.copy()
    for family in scope.families:
        if family.correction is Correction.NONE:
            continue
        if np.isnan(first.p[family.members & ~absent]).any():
            raise BadFamily(reason=f"the method {method.name} gives no p-values")
        if family.correction is Correction.DUNNETT:
            p, level = _dunnett_family(
                estimates,
                family,
                method=method,
                control_se=control_se,
                treatments_axis=treatments_axis,
            )
        else:
            raw = np.where(absent, 1.0, first.p)[family.members]
            p = _ADJUSTED[family.correction](raw)
            level = np.full(raw.shape, family.alpha / family.size)
            if family.correction is Correction.BENJAMINI_HOCHBERG:
                # Each selected interval at 1 - R·q/m keeps the false coverage rate.
                level *= max(1, int((p <= family.alpha).sum()))
        adjusted[family.members] = p
        levels[family.members] = level
    adjusted[absent] = np.nan
    bound = np.full(shape, alpha)
    for family in scope.families:
        bound[family.members] = family.alpha
    with np.errstate(invalid="ignore"):
        found = adjusted <= bound
    return Corrected(
        effects=method.judge(estimates, alpha=levels),
        p=adjusted,
        alpha=levels,
        found=found,
        family=where,
        scope=scope,
    )


def bonferroni(p: ArrayLike) -> Floats:
    """Adjust p-values so that any false finding has the family's level; last axis a family.

    Source:
        Dunn (1961), JASA 56, 52-64; docs/methods/multiplicity-bonferroni.md.
    """
    given = _checked(p)
    return np.asarray(np.minimum(1.0, given * given.shape[-1]))


def holm(p: ArrayLike) -> Floats:
    """Adjust p-values step by step from the smallest; last axis a family.

    Source:
        Holm (1979), Scandinavian Journal of Statistics 6, 65-70;
        docs/methods/multiplicity-holm.md.
    """
    given = _checked(p)
    order = np.argsort(given, axis=-1, kind="stable")
    sizes = np.arange(given.shape[-1], 0, -1)
    stepped = np.maximum.accumulate(np.take_along_axis(given, order, -1) * sizes, axis=-1)
    return _unsorted(np.minimum(1.0, stepped), order)


def benjamini_hochberg(p: ArrayLike) -> Floats:
    """Adjust p-values so that findings below q are false in a share of q; last axis a family.

    Assumes:
        The comparisons are independent or lean the same way (positive regression
        dependence), as variants against one control and metrics of one visitor do.

    Source:
        Benjamini & Hochberg (1995), JRSS B 57, 289-300;
        docs/methods/multiplicity-benjamini-hochberg.md.
    """
    given = _checked(p)
    size = given.shape[-1]
    order = np.argsort(given, axis=-1, kind="stable")
    scaled = np.take_along_axis(given, order, -1) * (size / np.arange(1, size + 1))
    stepped = np.flip(np.minimum.accumulate(np.flip(scaled, -1), axis=-1), -1)
    return _unsorted(np.minimum(1.0, stepped), order)


_ADJUSTED: Final[Mapping[Correction, Callable[[Floats], Floats]]] = MappingProxyType(
    {
        Correction.BONFERRONI: bonferroni,
        Correction.HOLM: holm,
        Correction.BENJAMINI_HOCHBERG: benjamini_hochberg,
    }
)


def dunnett_p(
    t: ArrayLike, loadings: ArrayLike, *, df: float = np.inf, side: Side = Side.TWO
) -> Floats:
    """Give p-values of treatments that share one control, adjusted in one step.

    Args:
        t: Differences by their standard errors; last axis the treatments.
        loadings: Of the same shape: the control's standard error by that of the
            difference, between 0 and 1. Two differences correlate by the product of theirs;
            with one spread everywhere it is the root of n / (n + control's n).
        df: Degrees of freedom of the common spread; infinite where it counts as known.
        side: Which differences are looked for.

    Source:
        Dunnett (1955), JASA 50, 1096-1121; docs/methods/multiplicity-dunnett.md.
    """
    distance, load = np.broadcast_arrays(np.asarray(t, float), np.asarray(loadings, float))
    _check_dunnett(load, df)
    if np.isnan(distance).any():
        raise BadFamily(reason="a comparison has no value")
    if side is Side.TWO:
        distance = np.abs(distance)
    elif side is Side.LESS:
        distance = -distance
    return np.asarray(
        np.clip(1 - _all_below(distance[..., None], load[..., None, :], df, side), 0, 1)
    )


def dunnett_reach(
    loadings: ArrayLike, *, alpha: ArrayLike, df: float = np.inf, side: Side = Side.TWO
) -> Floats:
    """Give how many standard errors all intervals reach, to hold at once in 1 - alpha of tests.

    Args:
        loadings: As in `dunnett_p`; last axis the treatments.
        alpha: Of all together; broadcast against the other axes.
        df: As in `dunnett_p`.
        side: As in `dunnett_p`.
    """
    from scipy.special import stdtrit

    load = np.asarray(loadings, float)
    _check_dunnett(load, df)
    level = np.broadcast_to(np.asarray(alpha, float), load.shape[:-1])
    if not ((level > 0) & (level < 1)).all():
        raise BadAlpha(alpha=float(np.asarray(alpha).flat[0]))
    tails = 2 if side is Side.TWO else 1
    # It lies between one comparison's own quantile and Bonferroni's.
    low = -stdtrit(df, level / tails)
    high = -stdtrit(df, level / tails / load.shape[-1]) + 1e-9
    goal = np.log(level)

    def beyond(reach: Floats) -> Floats:
        inside = _all_below(reach[..., None, None], load[..., None, :], df, side)[..., 0]
        return np.asarray(np.log(np.maximum(1 - inside, 1e-300)) - goal)

    # False position by the logarithm, which is nearly a parabola: some ten steps (Illinois).
    above, below, middle = beyond(low), beyond(high), low
    for _ in range(60):
        middle = np.where(
            above > below,
            (low * below - high * above) / np.where(above > below, below - above, 1),
            low,
        )
        middle = np.clip(middle, low, high)
        off = beyond(middle)
        up = off > 0
        below = np.where(up, below / 2, off)
        above = np.where(up, off, above / 2)
        low, high = np.where(up, middle, low), np.where(up, high, middle)
        if (np.abs(off) < 1e-11).all():
            break
    return np.asarray(middle)


_STEEPEST: Final = 0.05
"""Below this share of own noise a loading is taken as a bit smaller: that widens, never narrows."""


_AT_ONCE: Final = 2_000_000


def _all_below(t: Floats, load: Floats, df: float, side: Side) -> Floats:
    """Give the chance that no treatment's statistic goes beyond `t`.

    `t` is of shape S + (m, 1) and `load` of S + (1, k); the answer of S + (m,).

    Given the control's noise z the treatments are independent, so that one integral over
    z is left; a spread that is itself estimated (s) adds a second one. Both integrands are
    smooth and die away on both sides, where the trapezoid rule has all digits.
    """
    from scipy.special import gammaln, ndtr

    own = np.maximum(np.sqrt(1 - np.minimum(load, 1.0) ** 2), _STEEPEST)
    load = np.sqrt(1 - own**2)
    step = min(0.3, 0.5 * float(own.min()))
    z = np.arange(-8.5, 8.5 + step / 2, step)
    weight = np.exp(-(z**2) / 2)
    weight /= weight.sum()
    if np.isinf(df):
        scales, shares = np.ones(1), np.ones(1)
    else:
        from_u = np.log(max(1 - 2 * np.sqrt(36 / df), np.exp(-1 - 72 / df))) / 2
        to_u = np.log1p(2 * np.sqrt(36 / df) + 72 / df) / 2
        u = np.linspace(from_u, to_u, 97)
        density = np.exp(
            np.log(2) + df / 2 * np.log(df / 2) - gammaln(df / 2) + df * u - df / 2 * np.exp(2 * u)
        )
        scales, shares = np.exp(u), density / density.sum()
    shape = np.broadcast_shapes(t.shape, load.shape)
    total = np.zeros(shape[:-1])
    # A few nodes at a time: many treatments of many metrics must not fill the memory.
    pieces = -(-len(z) * int(np.prod(shape)) // _AT_ONCE)
    for part in np.array_split(np.arange(len(z)), max(1, pieces)):
        shifted = load[..., None] * z[part]
        for scale, share in zip(scales, shares, strict=True):
            inside = ndtr((scale * t[..., None] + shifted) / own[..., None])
            if side is Side.TWO:
                inside -= ndtr((-scale * t[..., None] + shifted) / own[..., None])
            total += share * (inside.prod(axis=-2) @ weight[part])
    return np.asarray(total)


def _dunnett_family(
    estimates: Estimates,
    family: Family,
    *,
    method: Method,
    control_se: Floats | None,
    treatments_axis: int,
) -> tuple[Floats, Floats]:
    """Give a family's adjusted p-values and interval levels, Bonferroni over its metrics."""
    from scipy.special import ndtr, ndtri, stdtr

    if not isinstance(method, FixedHorizon):
        raise BadFamily(
            reason="Dunnett’s correction holds for one look at a fixed end; take Holm or Bonferroni"
        )
    if control_se is None:
        raise BadFamily(reason="Dunnett’s correction needs the control’s standard errors")
    present = family.members & (np.asarray(estimates.absent) == 0)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        t = np.where(present, estimates.value / estimates.se, 0.0)
        # One that has no number is taken as independent: it counts, and knows nothing.
        load = np.where(present, control_se / estimates.se, 0.0)
    if not np.isfinite(load).all() or (load < 0).any() or (load > 1 + 1e-9).any():
        raise BadFamily(
            reason="the control’s standard error must lie between 0 and the difference’s"
        )
    side = method.side
    # Each arm has a spread of its own, so each t becomes the normal value as far out.
    tail = stdtr(np.where(present, estimates.df, np.inf), -np.abs(t))
    z = np.where(t < 0, 1, -1) * ndtri(tail)
    rows = np.moveaxis(np.broadcast_to(family.members, t.shape), treatments_axis, -1)
    groups = rows.reshape(-1, rows.shape[-1]).any(axis=-1)
    counts = int(groups.sum())
    inside = rows.reshape(-1, rows.shape[-1])[groups]
    if not inside.all():
        raise BadFamily(reason="all treatments of a metric must be in Dunnett’s family")

    def grouped(values: Floats) -> Floats:
        moved = np.moveaxis(values, treatments_axis, -1)
        return moved.reshape(-1, moved.shape[-1])[groups]

    p = np.minimum(1.0, dunnett_p(grouped(z), grouped(load), side=side) * counts)
    reach = dunnett_reach(grouped(load), alpha=family.alpha / counts, side=side)
    level = np.repeat(
        (2 if side is Side.TWO else 1) * ndtr(-reach)[:, None], inside.shape[-1], axis=-1
    )

    def spread(values: Floats) -> Floats:
        whole = np.full(rows.shape, np.nan).reshape(-1, rows.shape[-1])
        whole[groups] = values
        return np.moveaxis(whole.reshape(rows.shape), -1, treatments_axis)[family.members]

    return spread(p), spread(level)


def _check_dunnett(load: Floats, df: float) -> None:
    if not load.ndim or not load.shape[-1]:
        raise BadFamily(reason="there is no treatment")
    if not ((load >= 0) & (load <= 1)).all():
        raise BadFamily(reason="every loading must lie between 0 and 1")
    if not df >= 1:
        raise BadFamily(reason="a common spread has at least one degree of freedom")


def _checked(p: ArrayLike) -> Floats:
    given = np.asarray(p, dtype=float)
    if not given.ndim or not given.shape[-1]:
        raise BadFamily(reason="the family has no member")
    if not ((given >= 0) & (given <= 1)).all():
        raise BadFamily(reason="every p-value must lie between 0 and 1")
    return given


def _unsorted(values: Floats, order: NDArray[np.intp]) -> Floats:
    back = np.empty_like(values)
    np.put_along_axis(back, order, values, -1)
    return back
