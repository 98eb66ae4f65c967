"""Puts texts that speak of the same thing together, without any service and always alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from truelift.lifecycle.similarity import terms_of


MODEL: Final = "tf-idf clusters 1"
"""What a draft names as its author; the number rises when the same texts could fall otherwise."""

TOGETHER_FROM: Final = 0.32
"""Cosine from which two groups are of one matter."""

MOST_TEXTS: Final = 1_000
"""The newest are looked at; the work grows with the square of their number."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """Texts of one matter.

    Attributes:
        members: Places of the texts, in their order.
        words: What they have in common, the most telling first.
        middle: The text that is most like all the others.
    """

    members: tuple[int, ...]
    words: tuple[str, ...]
    middle: int


def clusters_of(texts: Sequence[str], *, together: float = TOGETHER_FROM) -> tuple[Cluster, ...]:
    """Put texts together by the average cosine of their TF-IDF vectors, the closest first.

    Two groups become one while their members are alike on average; equal likeness is decided by
    the order of the texts, so that the same texts give the same clusters.

    Returns:
        Groups of two and more, the largest first.
    """
    weights, terms = _weights(texts)
    if not len(weights) or not terms:
        return ()
    likeness = np.round(weights @ weights.T, 9)
    groups: list[list[int]] = [[n] for n in range(len(texts))]
    # Sums of likeness between groups: the average follows from their sizes.
    between = likeness.copy()
    np.fill_diagonal(between, -np.inf)
    sizes = np.ones(len(texts))
    alive = np.ones(len(texts), dtype=bool)
    while alive.sum() > 1:
        average = between / (sizes[:, None] * sizes[None, :])
        average[~alive] = -np.inf
        average[:, ~alive] = -np.inf
        best = int(np.argmax(average))
        one, other = sorted(divmod(best, len(texts)))
        if average[one, other] < together:
            break
        groups[one] += groups[other]
        between[one] += between[other]
        between[:, one] += between[:, other]
        between[one, one] = -np.inf
        sizes[one] += sizes[other]
        alive[other] = False
    found = [
        _cluster(sorted(groups[n]), weights, terms, likeness)
        for n in np.flatnonzero(alive)
        if len(groups[n]) > 1
    ]
    return tuple(sorted(found, key=lambda each: (-len(each.members), each.members)))


def _cluster(
    members: list[int],
    weights: NDArray[np.float64],
    terms: list[str],
    likeness: NDArray[np.float64],
) -> Cluster:
    heart = weights[members].mean(axis=0)
    shared = (weights[members] > 0).sum(axis=0) > 1
    order = np.lexsort((np.arange(len(terms)), -np.round(np.where(shared, heart, 0.0), 9)))
    words = tuple(terms[n] for n in order[:5] if shared[n])
    among = likeness[np.ix_(members, members)].sum(axis=1)
    return Cluster(tuple(members), words, members[int(np.argmax(np.round(among, 9)))])


def _weights(texts: Sequence[str]) -> tuple[NDArray[np.float64], list[str]]:
    """Give unit TF-IDF vectors, `tf · (ln((1 + n) / (1 + df)) + 1)`, and their terms."""
    told = [terms_of(text) for text in texts]
    terms = sorted({term for each in told for term in each})
    places = {term: n for n, term in enumerate(terms)}
    counts = np.zeros((len(texts), len(terms)))
    for row, each in enumerate(told):
        for term in each:
            counts[row, places[term]] += 1
    in_texts = (counts > 0).sum(axis=0)
    weights = counts * (np.log((1 + len(texts)) / (1 + in_texts)) + 1)
    norms = np.sqrt((weights**2).sum(axis=1, keepdims=True))
    return np.divide(weights, norms, out=np.zeros_like(weights), where=norms > 0), terms
