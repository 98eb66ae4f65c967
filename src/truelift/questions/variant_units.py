"""The units of an experiment: whom a bucket's rows show to be exposed, and each one's numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from truelift.questions.table import codes, integers, whole
from truelift.questions.variant_rows import Keys, Told
from truelift.sequences.unit_sums import Acts, places, unit_sums


Whole = NDArray[np.int64]
Codes = NDArray[np.int32]
Chosen = NDArray[np.bool_]


class Unit(StrEnum):
    """What an experiment draws a variant for.

    `PERSON`: all visitors and users that are one human. `VISITOR`: each device of a person
    apart. `USER`: each user, from exposures that name one.
    """

    PERSON = "person"
    VISITOR = "visitor"
    USER = "user"


@dataclass(frozen=True, slots=True, eq=False)
class Exposed:
    """Every unit of one bucket that was exposed, ordered by its key.

    Attributes:
        keys: What a row's unit is known by.
        people: Whose unit it is.
        seen: The rows of exposures.
        first: Which of these is its first exposure.
        first_us: When that was.
        variant: The one it saw; of several, any.
        titles: Of the variants.
        crossed: Whether it saw several.
        by_merge: Whether it did, though no visitor of it did: the person was two persons when
            they were exposed.
        unnamed: Persons whose exposures name no unit of the kind that is asked about.
    """

    keys: Whole
    people: Whole
    seen: pa.Table
    first: Whole
    first_us: Whole
    variant: Whole
    titles: tuple[str, ...]
    crossed: Chosen
    by_merge: Chosen
    unnamed: int


def exposed(told: Told) -> Exposed:
    """Find the units and what they saw first."""
    keys, at, seen = told.keys, told.at, told.seen
    unnamed = 0
    if keys.named is not None:
        named = keys.named[at]
        others = np.setdiff1d(keys.person[at[~named]], keys.person[at[named]])
        unnamed = len(others)
        at, seen = at[named], seen.filter(pa.array(named))
    variant, titles = codes(seen, "shown")
    values = [name for name in seen.column_names if name.startswith("value_")]
    order = _ordered(keys.key[at], told.at_us[at], [seen[name] for name in values])
    variant = variant[order]
    at = at[order]
    key = keys.key[at]
    starts = _starts(key)
    lowest, highest = _extremes(variant, starts)
    crossed = lowest != highest
    by_merge = crossed
    if crossed.any():
        by_merge = crossed & ~_flipped(starts, crossed, who=_who(seen)[order], variant=variant)
    return Exposed(
        keys=key[starts],
        people=keys.person[at[starts]],
        seen=seen,
        first=order[starts],
        first_us=told.at_us[at[starts]],
        variant=lowest,
        titles=tuple(title for title in titles if title is not None),
        crossed=crossed,
        by_merge=by_merge,
        unnamed=unnamed,
    )


def acts_of(told: Told, found: Exposed, chosen: Chosen) -> Acts:
    """Lay out what the chosen units did, numbered in their order."""
    if told.keys.named is None:
        unit = places(told.keys.key, found.keys[chosen])
    else:
        numbered = np.where(chosen, np.cumsum(chosen) - 1, -1)
        place = _units_of_rows(told.keys, found)
        unit = np.where(place >= 0, numbered[place], -1).astype(np.int32) if len(chosen) else place
    return Acts(
        unit=unit,
        at=told.at_us,
        code=told.code,
        marks=told.marks,
        amounts=told.amounts,
        begun=found.first_us[chosen],
    )


def _units_of_rows(keys: Keys, found: Exposed) -> Codes:
    """Say which unit each row is about; -1 for none that was exposed.

    A row that names no visitor (or user) is about the unit of its person that was exposed
    first: a server that knows the user alone still reports orders.
    """
    place = places(keys.key, found.keys)
    if keys.named is None:
        return place
    order = np.lexsort((found.keys, found.first_us, found.people))
    starts = _starts(found.people[order])
    firsts = order[starts]
    rest = np.flatnonzero(~keys.named)
    nth = places(keys.person[rest], found.people[firsts])
    place[rest] = np.where(nth >= 0, firsts[nth] if len(firsts) else -1, -1)
    return place


def first_seen(acts: Acts) -> Whole:
    """Give the instant of each unit's first row of all, its exposure at the latest."""
    found = acts.begun.copy()
    unit_sums(acts, (), first=found)
    return found


def texts(seen: pa.Table, column: str, at: Whole) -> tuple[Whole, tuple[str | None, ...]]:
    """Give a column of some rows as codes, and what they stand for."""
    found, titles = codes(seen, column)
    found = found[at]
    # Dictionaries of files hold more than these rows have.
    used = np.flatnonzero(np.bincount(found, minlength=len(titles)))
    places_of = np.zeros(len(titles), np.int64)
    places_of[used] = np.arange(len(used))
    return places_of[found], tuple(titles[nth] for nth in used.tolist())


def counted_by_title(
    titles: Sequence[str], variant: Whole, chosen: Chosen, known: Sequence[str]
) -> Mapping[str, int]:
    """Count the units of variants that are not among the known ones."""
    sizes = np.bincount(variant[chosen], minlength=len(titles)).tolist()
    return {
        title: size
        for title, size in zip(titles, sizes, strict=False)
        if size and title not in known
    }


def _who(seen: pa.Table) -> Whole:
    """Tell the visitors of exposures apart; a user where there is no visitor."""
    if "who" in seen.column_names:
        return integers(seen, "who")
    visitor, user = (whole(seen[name].cast(pa.string())) for name in ("visitor_id", "user_id"))
    return codes(pa.table({"who": pc.coalesce(visitor, user)}), "who")[0]


def _ordered(key: Whole, at_us: Whole, values: Sequence[pa.ChunkedArray]) -> Whole:
    """Order exposures by unit and time; simultaneous ones by their values, the lowest first.

    Most units have one exposure, and files are sorted, so that putting keys in order is
    cheap and only the others need more.
    """
    order: Whole = np.argsort(key, kind="stable")
    ordered = key[order]
    same = np.concatenate(([False], ordered[1:] == ordered[:-1])) if len(key) else np.zeros(0, bool)
    several = np.flatnonzero(same | np.append(same[1:], False))
    if len(several):
        these = order[several]
        ranks = [
            pc.rank(
                column.take(pa.array(these)).cast(pa.string()),
                sort_keys="ascending",
                tiebreaker="dense",
            )
            .cast(pa.int64())
            .to_numpy()
            for column in reversed(values)
        ]
        order[several] = these[np.lexsort((*ranks, at_us[these], key[these]))]
    return order


def _starts(values: Whole) -> Whole:
    """Give the places at which a sorted array has another value than before."""
    if not len(values):
        return np.zeros(0, np.int64)
    found: Whole = np.flatnonzero(np.concatenate(([True], values[1:] != values[:-1])))
    return found


def _extremes(values: Whole, starts: Whole) -> tuple[Whole, Whole]:
    if not len(starts):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    return np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)


def _flipped(starts: Whole, crossed: Chosen, *, who: Whole, variant: Whole) -> Chosen:
    """Say which units saw several variants as one and the same visitor."""
    unit = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(variant))))
    chosen = np.flatnonzero(crossed[unit])
    found: Chosen = np.zeros(len(starts), dtype=bool)
    chosen = chosen[np.lexsort((who[chosen], unit[chosen]))]
    unit, who, variant = unit[chosen], who[chosen], variant[chosen]
    if len(chosen):
        same = np.concatenate(([False], (unit[1:] == unit[:-1]) & (who[1:] == who[:-1])))
        visits = np.flatnonzero(~same)
        lowest, highest = _extremes(variant, visits)
        found[unit[visits[lowest != highest]]] = True
    return found
