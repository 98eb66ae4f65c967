"""Counts of what was met on the way, under keys of names, exact however people are spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from truelift.errors import Refusal
from truelift.sequences.paths import added, distinct


Integers = NDArray[np.int64]

MOST_DIFFERENT: Final = 1_000_000
"""Different keys of one kind that an answer counts, when a question does not say."""


class TooManyDifferent(Refusal):
    """More different things were met than are counted exactly."""

    code = "questions.too_many_different"

    def __init__(self, *, what: str, most: int, advice: str) -> None:
        super().__init__(
            f"There are more than {most:,} different {what}. {advice}",
            what=what,
            most=most,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """Counts under different keys, in ascending order of the keys.

    Attributes:
        keys: Shape `(n, parts)`; -1 where a part is missing.
        counts: Shape `(n, kinds)`.
    """

    keys: Integers
    counts: Integers

    def __len__(self) -> int:
        """Say how many different keys there are."""
        return len(self.keys)

    def __add__(self, other: Counts) -> Counts:
        """Add the counts of other people under the same keys."""
        keys = np.concatenate([self.keys, other.keys])
        counts = np.concatenate([self.counts, other.counts])
        return counted(keys, list(counts.T))

    def renamed(self, names: Integers, parts: Sequence[int]) -> Counts:
        """Give other codes to some parts; ascending where they were, so the order stays.

        Args:
            names: The new code of every old one.
            parts: Which parts of a key.
        """
        # A missing part stays missing: -1 takes the last of the names.
        codes = np.append(names, -1)
        keys = self.keys.copy()
        for part in parts:
            keys[:, part] = codes[keys[:, part]]
        return Counts(keys, self.counts)


def counted(keys: Integers, columns: Sequence[Integers]) -> Counts:
    """Add up columns of counts by key."""
    places, which = distinct(keys)
    return Counts(keys[places], added(columns, which, len(places)))


def united(
    left: tuple[str, ...], right: tuple[str, ...]
) -> tuple[tuple[str, ...], Integers, Integers]:
    """Put two ascending lists of names together, with the new codes of both."""
    if left == right:
        same = np.arange(len(left), dtype=np.int64)
        return left, same, same
    names = tuple(sorted({*left, *right}))
    code = {name: n for n, name in enumerate(names)}

    def codes(old: tuple[str, ...]) -> Integers:
        return np.fromiter((code[name] for name in old), dtype=np.int64, count=len(old))

    return names, codes(left), codes(right)


def used_names(
    names: Sequence[str | None], *used: NDArray[np.int64]
) -> tuple[tuple[str, ...], Integers]:
    """Keep the names whose codes are used, ascending, with the new code of every old one.

    A name that is None becomes empty; codes below 0 are none.
    """
    is_used = np.zeros(len(names) + 1, dtype=bool)
    for part in used:
        # No code at all, -1, takes the place behind the last name.
        is_used[part] = True
    codes = np.flatnonzero(is_used[:-1]).tolist()
    ordered = sorted((names[code] or "", code) for code in codes)
    new = np.full(len(names) + 1, -1, dtype=np.int64)
    new[[code for _, code in ordered]] = np.arange(len(ordered))
    return tuple(name for name, _ in ordered), new


def ranked(counts: Counts, column: int = 0) -> Integers:
    """Order the rows by a count, the largest first, ties by key."""
    return np.argsort(-counts.counts[:, column], kind="stable")
