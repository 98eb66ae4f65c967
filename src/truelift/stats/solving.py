"""Find where a chance takes a given value, for many at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from truelift.stats.effects import Floats


_NEAR: Final = 1e-11
"""Distance on the normal scale at which a chance counts as met; below it is rounding."""


def where_chance_is(
    target: ArrayLike,
    chance: Callable[[Floats], Floats],
    *,
    guess: Floats,
    low: ArrayLike,
    high: ArrayLike,
) -> Floats:
    """Find where a chance that rises with its argument is `target`.

    Secants on the normal scale, on which such a chance is nearly a line, inside brackets
    that are halved where a secant leaves them.

    Args:
        target: Between 0 and 1, broadcast against the guesses.
        chance: Of arguments of the guesses' shape.
        guess: Where to begin.
        low: Where the chance is below the target.
        high: Where it is above.

    Returns:
        Arguments of the guesses' shape, to about ten digits.
    """
    from scipy.special import ndtri

    goal = ndtri(np.asarray(target, dtype=float))
    low = np.broadcast_to(np.asarray(low, dtype=float), guess.shape).copy()
    high = np.broadcast_to(np.asarray(high, dtype=float), guess.shape).copy()
    here = np.where((guess > low) & (guess < high), guess, (low + high) / 2)
    before, before_gap = here, np.full(guess.shape, np.nan)
    for _ in range(200):
        gap = ndtri(np.clip(chance(here), 0.0, 1.0)) - goal
        low, high = np.where(gap < 0, here, low), np.where(gap < 0, high, here)
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = (gap - before_gap) / (here - before)
            secant = here - gap / np.where(np.isfinite(slope) & (slope > 0), slope, np.nan)
        following = np.where((secant > low) & (secant < high), secant, (low + high) / 2)
        following = np.where(np.abs(gap) < _NEAR, here, following)
        moved = np.abs(following - here)
        before, before_gap, here = here, gap, following
        if not (moved > 1e-12 * (1e-3 + np.abs(here))).any():
            break
    return here
