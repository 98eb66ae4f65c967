"""Tests of several factors at once: which cells there are, what they confound, what they show."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from truelift.errors import Refusal
from truelift.stats.design import Design
from truelift.stats.effects import Absence, Estimates, Floats
from truelift.stats.interactions import cell_values
from truelift.stats.moments import Form, Moments
from truelift.stats.power import units_needed


LETTERS: Final = "ABCDEFGHJKLMNOPQRSTUVWXYZ"
"""Names of factors in words, by tradition without I, which is the mean."""

MOST_FACTORS: Final = 10
MOST_CELLS: Final = 256

GENERATORS: Final[Mapping[tuple[int, int], tuple[str, ...]]] = MappingProxyType(
    {
        (3, 1): ("C=AB",),
        (4, 1): ("D=ABC",),
        (5, 1): ("E=ABCD",),
        (5, 2): ("D=AB", "E=AC"),
        (6, 1): ("F=ABCDE",),
        (6, 2): ("E=ABC", "F=BCD"),
        (6, 3): ("D=AB", "E=AC", "F=BC"),
        (7, 1): ("G=ABCDEF",),
        (7, 2): ("F=ABCD", "G=ABDE"),
        (7, 3): ("E=ABC", "F=BCD", "G=ACD"),
        (7, 4): ("D=AB", "E=AC", "F=BC", "G=ABC"),
        (8, 2): ("G=ABCD", "H=ABEF"),
        (8, 3): ("F=ABC", "G=ABD", "H=BCDE"),
        (8, 4): ("E=BCD", "F=ACD", "G=ABC", "H=ABD"),
    }
)
"""Factors and halvings → generators of the least confounded fraction.

Source:
    Box, Hunter & Hunter (2005), Statistics for Experimenters, 2nd ed., table 6.22.
"""

ROMAN: Final = ("", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X")


class BadFactorial(Refusal):
    """Factors, or generators of a fraction, that make no test."""

    code: ClassVar[str] = "stats.bad_factorial"

    def __init__(self, *reasons: str) -> None:
        self.reasons = reasons
        super().__init__(f"These factors make no test: {'; '.join(reasons)}.", reasons=reasons)


@dataclass(frozen=True, slots=True)
class Factor:
    """Something that is varied.

    Attributes:
        name: What it is called.
        levels: What it can be, at least two; the first is how it is now.
    """

    name: str
    levels: tuple[str, ...] = ("off", "on")


@dataclass(frozen=True, slots=True)
class Term:
    """A main effect or an interaction, as far as the cells can tell it from others.

    Attributes:
        name: `A` or `A×B` with the factors' names; with more than two levels also which.
        order: Factors in it: 1 for a main effect.
        weights: What each cell's value is multiplied with; they add up to 0. A main effect is
            the mean over all cells at the level less that at the first one. An interaction of
            two is how much the effect of one differs between the other's levels.
        aliases: Names of what it cannot be told from, with a minus where it counts against.
    """

    name: str
    order: int
    weights: tuple[float, ...]
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Factorial:
    """Every combination of the factors' levels, or a balanced fraction of them.

    Attributes:
        factors: At least two.
        generators: For a fraction of factors with two levels each: `D=ABC` sets the fourth
            factor by the product of the first three (letters in the order of the factors,
            I left out); `D=-ABC` by its opposite. Each halves the cells.

    Raises:
        BadFactorial: With every reason at once.

    Source:
        Box, Hunter & Hunter (2005), chapters 5 and 6; docs/methods/factorial.md.
    """

    factors: tuple[Factor, ...]
    generators: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        reasons = []
        if not 2 <= len(self.factors) <= MOST_FACTORS:
            reasons.append(f"there are {len(self.factors)}, and it takes 2 to {MOST_FACTORS}")
        if len({factor.name for factor in self.factors}) < len(self.factors):
            reasons.append("two share a name")
        reasons += [
            f"{factor.name} has {len(factor.levels)} levels, or one twice"
            for factor in self.factors
            if len(factor.levels) < 2 or len(set(factor.levels)) < len(factor.levels)
        ]
        if self.generators and any(len(factor.levels) != 2 for factor in self.factors):
            reasons.append("a fraction is for factors of two levels")
        if not reasons:
            reasons += self._wrong_generators()
        cells = math.prod(len(factor.levels) for factor in self.factors)
        cells >>= len(self.generators)
        if not reasons and cells > MOST_CELLS:
            reasons.append(f"they make {cells} cells, more than {MOST_CELLS}; take a fraction")
        if reasons:
            raise BadFactorial(*reasons)

    @classmethod
    def fraction(cls, factors: tuple[Factor, ...], *, halvings: int) -> Factorial:
        """Take the least confounded fraction: 1 / 2^halvings of the cells.

        Raises:
            BadFactorial: None is known for so many.
        """
        known = GENERATORS.get((len(factors), halvings))
        if known is None:
            raise BadFactorial(
                f"no fraction of {len(factors)} factors by {halvings} halvings is listed;"
                " give its generators"
            )
        return cls(factors, known)

    @property
    def codes(self) -> NDArray[np.intp]:
        """Level of each factor in each cell; shape (cells, factors)."""
        if not self.generators:
            every = itertools.product(*(range(len(factor.levels)) for factor in self.factors))
            return np.array(list(every), dtype=np.intp)
        made = {target for target, _, _ in self._parsed()}
        free = [at for at in range(len(self.factors)) if at not in made]
        signs = np.zeros((2 ** len(free), len(self.factors)), dtype=np.intp)
        signs[:, free] = list(itertools.product((-1, 1), repeat=len(free)))
        for target, sources, sign in self._parsed():
            signs[:, target] = sign * signs[:, sources].prod(axis=1)
        return np.asarray((signs + 1) // 2, dtype=np.intp)

    @property
    def cells(self) -> tuple[tuple[str, ...], ...]:
        """Level names of each cell, in the order in which cells are given."""
        return tuple(
            tuple(factor.levels[at] for factor, at in zip(self.factors, row, strict=True))
            for row in self.codes
        )

    @property
    def words(self) -> tuple[str, ...]:
        """What the fraction holds constant: `ABCD` or `-ABCD`, shortest first; none when full."""
        return tuple(
            ("-" if sign < 0 else "") + letters(mask)
            for mask, sign in sorted(
                self._relation().items(), key=lambda word: (word[0].bit_count(), letters(word[0]))
            )
            if mask
        )

    @property
    def resolution(self) -> int | None:
        """Length of the shortest word; None for all combinations, which confound nothing.

        At 3 main effects are confounded with interactions of two, at 4 those with one another,
        at 5 and above neither.
        """
        lengths = [mask.bit_count() for mask in self._relation() if mask]
        return min(lengths) if lengths else None

    def terms(self, *, order: int = 2) -> tuple[Term, ...]:
        """List what the cells can tell: main effects, then interactions up to an order.

        In a fraction each set of effects that cannot be told apart is listed once, under its
        lowest.
        """
        return tuple(self._fraction_terms(order) if self.generators else self._full_terms(order))

    def report(self, *, order: int = 2) -> str:
        """Print the design: cells, resolution and what is confounded with what."""
        keys = ", ".join(
            f"{letter} = {factor.name}"
            for letter, factor in zip(LETTERS, self.factors, strict=False)
        )
        lines = [keys, f"{len(self.cells)} cells"]
        if self.generators:
            lines += [
                f"Generators: {', '.join(self.generators)}",
                f"Resolution {ROMAN[self.resolution or 0]}: I = {' = '.join(self.words)}",
            ]
            lines += [
                f"{term.name} = {' = '.join(term.aliases)}"
                for term in self.terms(order=order)
                if term.aliases
            ]
        else:
            lines.append("All combinations: nothing is confounded")
        return "\n".join(lines)

    def _wrong_generators(self) -> Iterator[str]:
        known = LETTERS[: len(self.factors)]
        seen: set[str] = set()
        for generator in self.generators:
            match = re.fullmatch(r"([A-Z])=-?([A-Z]{2,})", generator)
            if match is None or not set(match[1] + match[2]) <= set(known):
                yield f"{generator} is no generator of factors {known}, as D=ABC is"
                continue
            target, sources = match[1], match[2]
            if len(set(sources)) < len(sources) or target in sources or target in seen:
                yield f"{generator} names a factor twice"
            seen.add(target)
        for generator in self.generators:
            if seen & set(generator.partition("=")[2]):
                yield f"{generator} is made of a factor that is itself made"
        if len(self.factors) - len(self.generators) < 2:
            yield "the fraction leaves fewer than two factors free"

    def _parsed(self) -> Iterator[tuple[int, list[int], int]]:
        for generator in self.generators:
            target, _, sources = generator.partition("=")
            sign = -1 if sources.startswith("-") else 1
            yield LETTERS.index(target), [LETTERS.index(s) for s in sources.lstrip("-")], sign

    def _relation(self) -> dict[int, int]:
        """Give the words that are constant over the cells, as bits of factors, with signs."""
        relation = {0: 1}
        for target, sources, sign in self._parsed():
            word = sum(1 << at for at in sources) | 1 << target
            relation |= {mask ^ word: known * sign for mask, known in relation.items()}
        return relation

    def _full_terms(self, order: int) -> Iterator[Term]:
        codes = self.codes
        sizes = [len(factor.levels) for factor in self.factors]
        for count in range(1, min(order, len(self.factors)) + 1):
            for chosen in itertools.combinations(range(len(self.factors)), count):
                for levels in itertools.product(*(range(1, sizes[at]) for at in chosen)):
                    weights = np.full(len(codes), 1.0)
                    for at, size in enumerate(sizes):
                        if at in chosen:
                            level = levels[chosen.index(at)]
                            weights *= (codes[:, at] == level) * 1.0 - (codes[:, at] == 0)
                        else:
                            weights /= size
                    name = "×".join(
                        self.factors[at].name
                        if sizes[at] == 2
                        else f"{self.factors[at].name} {self.factors[at].levels[level]}"
                        for at, level in zip(chosen, levels, strict=True)
                    )
                    yield Term(name, count, tuple(weights.tolist()))

    def _fraction_terms(self, order: int) -> Iterator[Term]:
        signs = 2 * self.codes - 1
        relation = self._relation()
        told: set[int] = set(relation)  # aliases of the mean tell nothing
        for count in range(1, min(order, len(self.factors)) + 1):
            for chosen in itertools.combinations(range(len(self.factors)), count):
                mask = sum(1 << at for at in chosen)
                if mask in told:
                    continue
                family = {mask ^ word: sign for word, sign in relation.items()}
                told |= set(family)
                others = sorted(
                    (other for other in family if other != mask and other.bit_count() <= order),
                    key=lambda other: (other.bit_count(), letters(other)),
                )
                weights = signs[:, chosen].prod(axis=1) * 2.0**count / len(signs)
                yield Term(
                    self._named(mask),
                    count,
                    tuple(weights.tolist()),
                    tuple(
                        ("-" if family[other] < 0 else "") + self._named(other) for other in others
                    ),
                )

    def _named(self, mask: int) -> str:
        return "×".join(factor.name for at, factor in enumerate(self.factors) if mask >> at & 1)


def letters(mask: int) -> str:
    """Write a set of factors as a word."""
    return "".join(letter for at, letter in enumerate(LETTERS) if mask >> at & 1)


@dataclass(frozen=True, slots=True)
class FactorialEffects:
    """What the cells showed.

    Attributes:
        terms: Main effects and interactions.
        absolute: Estimates in the metric's unit, one per term, for any method to judge.
        relative: Main effects as shares of the mean of the cells at the first level; absent for
            interactions, which are judged in the metric's unit.
    """

    terms: tuple[Term, ...]
    absolute: Estimates
    relative: Estimates


def effects_of(factorial: Factorial, cells: Moments, *, order: int = 2) -> FactorialEffects:
    """Estimate main effects and interactions from one summary per cell.

    Cells count equally, however many units each got: an effect is the mean over the other
    factors' levels, not over whoever happened to come.

    Args:
        factorial: The design.
        cells: Samples in the order of `factorial.cells`.
        order: Highest order of interactions.

    Raises:
        BadFactorial: There are not as many samples as cells.
    """
    if cells.shape != (len(factorial.codes),):
        raise BadFactorial(f"{cells.shape} samples are given for {len(factorial.codes)} cells")
    terms = factorial.terms(order=order)
    weights = np.array([term.weights for term in terms])
    missing = reason_against(cells)
    if missing is Absence.NONE:
        value, variance = (each[0] for each in cell_values(cells[None, :]))
    else:
        value = variance = np.full(cells.shape, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = weights @ value
        parts = weights**2 * variance
        noise = parts.sum(axis=1)
        df = 1 / ((parts / noise[:, None]) ** 2 / (cells.n - 1)).sum(axis=1)
        above, below = np.clip(weights, 0, None), np.clip(-weights, 0, None)
        high, low = above @ value, below @ value
        high_noise, low_noise = above**2 @ variance, below**2 @ variance
        share = found / np.abs(low)
        share_se = np.sqrt(high_noise / low**2 + high**2 * low_noise / low**4)
    whole = np.full(len(terms), missing, dtype=np.uint8)
    whole[(whole == Absence.NONE) & ~(noise > 0)] = Absence.NO_SPREAD
    main = np.array([term.order == 1 for term in terms])
    part = np.where(~main, Absence.NO_CONTROL_VALUE, whole).astype(np.uint8)
    part = np.where((part == Absence.NONE) & (low == 0), Absence.NO_CONTROL_VALUE, part)
    units = np.full(len(terms), int(np.sum(cells.n)), dtype=np.int64)

    def put(numbers: Floats, errors: Floats, absent: NDArray[np.uint8]) -> Estimates:
        there = absent == Absence.NONE
        return Estimates(
            np.where(there, numbers, np.nan),
            np.where(there, errors, np.nan),
            np.where(there, df, np.nan),
            units,
            absent.astype(np.uint8),
        )

    return FactorialEffects(terms, put(found, np.sqrt(noise), whole), put(share, share_se, part))


def reason_against(cells: Moments) -> Absence:
    """Say why no effect can be estimated; an effect over some cells would be another effect."""
    fewest = int(cells.n.min())
    if fewest < 2:
        return Absence.NO_ARM if fewest == 0 else Absence.TOO_FEW_UNITS
    if cells.form is Form.RATIO and (cells.means[..., 1] == 0).any():
        return Absence.NO_DENOMINATOR
    return Absence.NONE


def units_per_cell(
    factorial: Factorial,
    design: Design,
    *,
    lift: float,
    power: float = 0.8,
    order: int = 1,
    comparisons: int = 1,
) -> int:
    """Give the units per cell that find effects of an order, as large as a lift.

    A main effect of two levels is seen by all units, whatever else is varied: as many in all
    as a test of it alone takes. An interaction of two, as large as a main effect, takes four
    times those.

    Args:
        factorial: The design.
        design: The metric and the error level, for two variants.
        lift: Size of the effect, as a share of the control's value.
        power: Chance of finding it.
        order: Of the effect: 1 for main effects.
        comparisons: Among which the error level is shared.

    Raises:
        BadDesign: The lift, the power or the level cannot be planned with.
    """
    alone = replace(design, arms=2, weights=(), alpha=design.alpha / comparisons)
    alone_n = units_needed(alone, lift=lift, power=power)
    widest = max(
        math.fsum(weight**2 for weight in term.weights)
        for term in factorial.terms(order=order)
        if term.order == min(order, len(factorial.factors))
    )
    # Two variants alone have a sum of squared weights of 2.
    return max(2, math.ceil(round(alone_n * widest / 2, 6)))
