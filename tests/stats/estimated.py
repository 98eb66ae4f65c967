"""Estimates made by hand, for tests of the methods that judge them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from truelift.stats.effects import Absence, Estimates


def estimates_of(
    value: ArrayLike, *, se: ArrayLike = 1.0, df: ArrayLike = np.inf, n: ArrayLike = 10_000
) -> Estimates:
    """Broadcast what is given; a value of NaN is absent, because an arm is missing."""
    values, errors, freedoms, counts = np.broadcast_arrays(
        np.asarray(value, float), np.asarray(se, float), np.asarray(df, float), np.asarray(n)
    )
    missing = np.isnan(values)
    return Estimates(
        value=values.copy(),
        se=np.where(missing, np.nan, errors),
        df=np.where(missing, np.nan, freedoms),
        n=np.where(missing, 0, counts).astype(np.int64),
        absent=np.where(missing, Absence.NO_ARM, Absence.NONE).astype(np.uint8),
    )
