"""How far two people who coded the same notes agree beyond chance; when new notes add nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
from numpy.typing import ArrayLike

from truelift.errors import Refusal
from truelift.stats.programme import jeffreys


ENOUGH_AGREEMENT: Final = 0.6
"""Below this κ a codebook is unclear: two people read the same words and mean different things."""

FEWEST_PAIRS: Final = 10
"""With fewer notes that both coded, κ is shown and nothing follows from it."""

_Z: Final = 1.959963984540054


class BadTable(Refusal):
    """A table of two people's codes that no agreement can be computed from."""

    code: ClassVar[str] = "stats.bad_agreement"

    def __init__(self, *, reason: str) -> None:
        super().__init__(f"The agreement cannot be computed: {reason}.", reason=reason)


@dataclass(frozen=True, slots=True)
class Agreement:
    """How two people agreed.

    Attributes:
        n: Notes that both coded.
        agreed: Share that they gave the same code.
        expected: Share that they would agree on by chance, as often as each uses each code.
        kappa: Cohen's κ; None where both used one and the same code throughout, so that
            agreement cannot be told from habit.
        low: Lower end of its 95 % interval; None with `kappa`.
        high: Upper end.
    """

    n: int
    agreed: float
    expected: float
    kappa: float | None
    low: float | None
    high: float | None

    @property
    def enough(self) -> bool | None:
        """Whether the codebook is clear enough; None while too little was coded twice."""
        if self.n < FEWEST_PAIRS or self.kappa is None:
            return None
        return self.kappa >= ENOUGH_AGREEMENT


def cohens_kappa(table: ArrayLike) -> Agreement:
    """Judge a square table: notes that the first person coded as the row, the second as the column.

    The interval is the large-sample one, κ ± 1.96 se. Where every note agrees its error would be
    0, however few they are; then the lower end follows from Jeffreys' for the share agreed on.

    Raises:
        BadTable: It is not square, holds what is no count, or is empty.

    Source:
        Cohen (1960), Educational and Psychological Measurement 20, 37-46; Fleiss, Cohen &
        Everitt (1969), Psychological Bulletin 72, 323-327; docs/methods/cohens-kappa.md.
    """
    counts = np.asarray(table, float)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or not counts.size:
        raise BadTable(reason="the table is not square")
    if not np.isfinite(counts).all() or (counts < 0).any() or (counts != np.round(counts)).any():
        raise BadTable(reason="a cell is no count")
    n = int(counts.sum())
    if not n:
        raise BadTable(reason="no note was coded twice")
    share = counts / n
    first, second = share.sum(axis=1), share.sum(axis=0)
    agreed, expected = float(np.trace(share)), float(first @ second)
    if math.isclose(expected, 1.0):
        return Agreement(n, agreed, expected, None, None, None)
    kappa = (agreed - expected) / (1 - expected)
    if agreed == 1.0:
        low = (jeffreys(n, n)[0] - expected) / (1 - expected)
        return Agreement(n, agreed, expected, 1.0, low, 1.0)
    apart = 1 - kappa
    on = float((np.diag(share) * (1 - (first + second) * apart) ** 2).sum())
    across = share * (second[:, None] + first[None, :]) ** 2
    off = apart**2 * float(across.sum() - np.trace(across))
    variance = (on + off - (kappa - expected * apart) ** 2) / (n * (1 - expected) ** 2)
    reach = _Z * math.sqrt(max(variance, 0.0))
    return Agreement(n, agreed, expected, kappa, max(kappa - reach, -1.0), min(kappa + reach, 1.0))


def table_of(first: Sequence[str], second: Sequence[str]) -> np.ndarray:
    """Count what two people said of the same notes, in the order of the codes' names.

    Raises:
        BadTable: They did not code the same number of notes.
    """
    if len(first) != len(second):
        raise BadTable(reason="the two did not code the same notes")
    codes = {code: place for place, code in enumerate(sorted({*first, *second}))}
    counts = np.zeros((len(codes), len(codes)), dtype=np.int64)
    for one, other in zip(first, second, strict=True):
        counts[codes[one], codes[other]] += 1
    return counts


def saturation(counts: Sequence[int]) -> tuple[float, ...]:
    """Give how many different codes k notes are expected to show, for k from 0 to all.

    Drawn without putting back, so that the curve does not hang on the order in which notes came.

    Args:
        counts: Notes of each code.

    Raises:
        BadTable: A count is below 0.

    Source:
        Hurlbert (1971), Ecology 52, 577-586 (rarefaction); docs/methods/cohens-kappa.md.
    """
    if any(each < 0 for each in counts):
        raise BadTable(reason="a count is below 0")
    n = sum(counts)
    missing = np.ones(len(counts))
    given = np.asarray(counts, float)
    curve = [0.0]
    for k in range(n):
        # The chance that none of k + 1 notes has the code: one more that has it not.
        missing = missing * np.clip(n - given - k, 0, None) / (n - k)
        curve.append(float(len([each for each in counts if each]) - missing[given > 0].sum()))
    return tuple(curve)
