"""The local dates of many instants at once."""

from __future__ import annotations

from datetime import date
from typing import Final

import numpy as np
from numpy.typing import NDArray

from truelift.questions.document import epoch_ms
from truelift.questions.zone import day_begins


Whole = NDArray[np.int64]

_DAY_MS: Final = 86_400_000
_LAST_DAY: Final = (date.max - date(1970, 1, 1)).days
_FIRST_DAY: Final = (date.min - date(1970, 1, 1)).days
_WIDE: Final = 1 << 20


def local_days(at_ms: Whole, zone: str) -> Whole:
    """Give the local dates of instants, as days since 1970."""
    if not len(at_ms):
        return at_ms
    around = np.unique(_different(at_ms // _DAY_MS)[:, None] + np.arange(-2, 3))
    around = around[(around >= _FIRST_DAY) & (around <= _LAST_DAY)]
    begins = np.array([epoch_ms(day_begins(int(day), zone)) for day in around], dtype=np.int64)
    place = np.searchsorted(begins, at_ms, side="right") - 1
    found: Whole = around[np.maximum(place, 0)]
    return found


def _different(days: Whole) -> Whole:
    """Give the days that occur: a wrong clock may lie centuries away from all others."""
    first, last = int(days.min()), int(days.max())
    if last - first > _WIDE:
        return np.unique(days)
    found: Whole = np.flatnonzero(np.bincount(days - first)) + first
    return found
