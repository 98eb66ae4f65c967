"""Whether a few extreme units decide a comparison of means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from truelift.errors import Refusal
from truelift.stats.effects import Effects, Floats, Method
from truelift.stats.estimating import differences
from truelift.stats.moments import Form, Moments
from truelift.stats.scales import Scale


class BadTop(Refusal):
    """Largest values that cannot be taken out of their sample."""

    code = "stats.bad_top"

    def __init__(self, *, reason: str) -> None:
        super().__init__(f"The largest units cannot be left out: {reason}.", reason=reason)


STANDS_OUT: Final = 2.0
"""An effect that moves by more of its errors without the largest units was made by them."""


@dataclass(frozen=True, slots=True, eq=False)
class Influence:
    """A comparison with and without the most extreme units; all of one shape.

    Attributes:
        counted: All units as they are.
        without: Without the largest of both variants, or with them capped.
        shift: How far the effect moved, in standard errors of the first.
        control_share: Share of the control's sum that was left out.
        treatment_share: Share of the treatment's.
        changes: One says win or loss and the other does not, or the opposite.
    """

    counted: Effects
    without: Effects
    shift: Floats
    control_share: Floats
    treatment_share: Floats
    changes: NDArray[np.bool_]

    @property
    def stands_out(self) -> NDArray[np.bool_]:
        """Whether the largest units make the difference.

        The conclusion changes, or the effect moves far in errors without them: a single unit
        that is large enough makes the error with it so wide that no effect ever moves by more
        than one of those.
        """
        moved = np.abs(self.without.value - self.counted.value)
        return np.asarray(self.changes | (moved > STANDS_OUT * self.without.se))


def without_top(samples: Moments, top: ArrayLike) -> Moments:
    """Take the largest values out of samples of means.

    Args:
        samples: Means without a covariate; shape S.
        top: Their largest values; S + (r,). NaN for fewer than r of a sample.

    Raises:
        BadTop: The samples are no means, or no sample with these values exists.
    """
    if samples.form is not Form.MEAN or samples.has_covariate:
        raise BadTop(reason="only means without a covariate have largest units")
    values = np.asarray(top, float)
    if values.shape[:-1] != samples.shape:
        raise BadTop(reason="there is not one row of values per sample")
    known = ~np.isnan(values)
    if not np.isfinite(values[known]).all():
        raise BadTop(reason="a value is not finite")
    r = known.sum(axis=-1)
    n = samples.n - r
    if (n < 0).any():
        raise BadTop(reason="more units are left out than there are")
    mean, squares = samples.means[..., 0], samples.products[..., 0, 0]
    # By distances from the mean: their sum is what the others are off to the other side.
    with np.errstate(over="ignore", invalid="ignore"):
        gap = np.where(known, values - mean[..., None], 0.0)
        shift = np.divide(-gap.sum(axis=-1), n, out=np.zeros(mean.shape), where=n > 0)
        left = squares - (gap**2).sum(axis=-1) - n * shift**2
    if not (left >= -1e-9 * squares).all():
        raise BadTop(reason="the values are larger than the sample’s spread allows")
    return Moments(
        Form.MEAN,
        n,
        (mean + shift)[..., None],
        np.maximum(left, 0.0)[..., None, None],
    )


def outlier_influence(
    control: Moments,
    treatment: Moments,
    *,
    control_top: ArrayLike,
    treatment_top: ArrayLike,
    method: Method,
    alpha: ArrayLike = 0.05,
    scale: Scale = Scale.ABSOLUTE,
) -> Influence:
    """Judge comparisons of means with and without the largest units of both variants.

    The same share of units must be left out of both, or the comparison is of unlike things.

    Args:
        control: Samples of the controls.
        treatment: Samples of the treatments, of the same shape S.
        control_top: The controls' largest values; S + (r,).
        treatment_top: The treatments'; S + (r,).
        method: How both are judged.
        alpha: Error level.
        scale: What differences are told in.

    Raises:
        BadTop: As `without_top`.

    Source:
        docs/methods/outlier-influence.md.
    """
    shares = []
    for sample, top in ((control, control_top), (treatment, treatment_top)):
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            whole = sample.n * sample.means[..., 0]
            share = np.nansum(np.asarray(top, float), axis=-1) / whole
        shares.append(np.where(np.isfinite(whole) & np.isfinite(share), share, np.nan))
    return compare_both_ways(
        method.judge(differences(control, treatment, scale=scale), alpha=alpha),
        method.judge(
            differences(
                without_top(control, control_top),
                without_top(treatment, treatment_top),
                scale=scale,
            ),
            alpha=alpha,
        ),
        control_share=shares[0],
        treatment_share=shares[1],
    )


def compare_both_ways(
    counted: Effects,
    without: Effects,
    *,
    control_share: ArrayLike = np.nan,
    treatment_share: ArrayLike = np.nan,
) -> Influence:
    """Compare effects as counted with effects of capped or trimmed values.

    Args:
        counted: As they are.
        without: The same comparisons with the cap, or without the top.
        control_share: Share of the control's sum that the cap took away, if known.
        treatment_share: Share of the treatment's.
    """
    return Influence(
        counted=counted,
        without=without,
        shift=(without.value - counted.value) / counted.se,
        control_share=np.broadcast_to(np.asarray(control_share, float), counted.shape),
        treatment_share=np.broadcast_to(np.asarray(treatment_share, float), counted.shape),
        changes=_verdict(counted) != _verdict(without),
    )


def _verdict(effects: Effects) -> NDArray[np.int64]:
    return (effects.low > 0).astype(np.int64) - (effects.high < 0).astype(np.int64)
