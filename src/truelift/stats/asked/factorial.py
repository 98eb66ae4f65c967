"""`factorial`: several factors at once, their cells laid out, and what the cells showed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import msgspec

from truelift.stats.asked.document import BadInput, Document, Statistic
from truelift.stats.asked.interaction import SampleCell
from truelift.stats.asked.power import PowerInput


if TYPE_CHECKING:
    from truelift.stats.effects import Effects
    from truelift.stats.factorial import Factorial
    from truelift.stats.moments import Moments


class FactorInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something that is varied: its name, and what it can be, as it is now first."""

    name: str
    levels: Annotated[Sequence[str], msgspec.Meta(max_length=256)] = ("off", "on")


class CellInput(SampleCell, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The sample of one cell: the level of each factor, and its numbers."""

    levels: Mapping[str, str]


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How large the test is to be.

    Attributes:
        test: The metric, the lift and the power, as `power` takes them for two variants.
        order: Of the effects that are to be found: 1 for main effects.
        comparisons: Among which the error level is shared.
    """

    test: PowerInput
    order: Literal[1, 2, 3] = 1
    comparisons: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1


class FactorialInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What `factorial` takes; without cells the answer is the design alone.

    Attributes:
        factors: What is varied.
        generators: Of a fraction, as `D=ABC`.
        halvings: In their place: how often the cells are halved, by the least confounded way.
        cells: The samples, in any order; every cell of the design has one.
        order: Highest order of interactions.
        alpha: Error level.
        multiplicity: How all effects share it.
        plan: For the units that each cell takes.
    """

    factors: Annotated[Sequence[FactorInput], msgspec.Meta(max_length=20)]
    generators: Annotated[Sequence[str], msgspec.Meta(max_length=20)] = ()
    halvings: int | None = None
    cells: Annotated[Sequence[CellInput], msgspec.Meta(max_length=256)] | None = None
    order: Annotated[int, msgspec.Meta(ge=1, le=4)] = 2
    alpha: float = 0.05
    multiplicity: Literal["none", "bonferroni", "holm", "benjamini-hochberg"] = "none"
    plan: Plan | None = None


def factorial(asked: FactorialInput) -> Document:
    """Lay out the cells, and tell main effects and interactions from their samples."""
    from truelift.stats.factorial import Factor, Factorial

    factors = tuple(Factor(each.name, tuple(each.levels)) for each in asked.factors)
    if asked.halvings is not None and asked.generators:
        raise BadInput(reason="give generators or halvings, not both")
    if asked.halvings:
        design = Factorial.fraction(factors, halvings=asked.halvings)
    else:
        design = Factorial(factors, tuple(asked.generators))
    names = [factor.name for factor in factors]
    terms = design.terms(order=asked.order)
    answer: Document = {
        "cells": [dict(zip(names, cell, strict=True)) for cell in design.cells],
        "generators": list(design.generators),
        "resolution": design.resolution,
        "words": list(design.words),
        "terms": [
            {"term": term.name, "order": term.order, "aliases": list(term.aliases)}
            for term in terms
        ],
        "report": design.report(order=asked.order),
    }
    if asked.plan is not None:
        answer["plan"] = _planned(design, asked.plan)
    if asked.cells is not None:
        answer |= _effects(design, asked)
    return answer


def _planned(design: Factorial, plan: Plan) -> Document:
    from truelift.stats.factorial import units_per_cell

    if plan.test.lift is None:
        raise BadInput(reason="give the lift that is to be found")
    each = units_per_cell(
        design,
        plan.test.design(),
        lift=plan.test.lift,
        power=0.8 if plan.test.power is None else plan.test.power,
        order=plan.order,
        comparisons=plan.comparisons,
    )
    return {"n_per_cell": each, "units": each * len(design.cells)}


def _effects(design: Factorial, asked: FactorialInput) -> Document:
    import numpy as np

    from truelift.stats.effects import Absence, FixedHorizon
    from truelift.stats.factorial import effects_of
    from truelift.stats.multiplicity import Correction, Family, Scope, correct

    found = effects_of(design, _samples(design, asked), order=asked.order)
    every = np.ones(found.absolute.shape, dtype=bool)
    family = Family("effect", every, Correction(asked.multiplicity), asked.alpha)
    corrected = correct(
        found.absolute, method=FixedHorizon(), scope=Scope((family,)), alpha=asked.alpha
    )
    relative = FixedHorizon().judge(found.relative, alpha=corrected.alpha)
    effects: list[Document] = []
    for at, term in enumerate(found.terms):
        effect: Document = {
            "term": term.name,
            "order": term.order,
            "aliases": list(term.aliases),
            "absolute": _numbers(corrected.effects, at),
            "relative": _numbers(relative, at),
        }
        absent = Absence(int(corrected.effects.absent[at]))
        if absent is not Absence.NONE:
            effect["reason"] = absent.reason
        elif effect["relative"] is None and term.order > 1:
            effect["relative_reason"] = "an interaction is judged in the metric's unit"
        elif effect["relative"] is None:
            effect["relative_reason"] = Absence(int(relative.absent[at])).reason
        if absent is Absence.NONE and asked.multiplicity != "none":
            effect["p_corrected"] = float(corrected.p[at])
        effects.append(effect)
    return {
        "alpha": asked.alpha,
        "multiplicity": asked.multiplicity,
        "promise": family.sentence,
        "effects": effects,
    }


def _samples(design: Factorial, asked: FactorialInput) -> Moments:
    """Put the samples in the order of the design's cells."""
    from truelift.stats.moments import moments_of

    names = [factor.name for factor in design.factors]
    given = {
        tuple(cell.levels.get(name, "") for name in names): cell.sample()
        for cell in asked.cells or ()
        if set(cell.levels) == set(names)
    }
    missing = [cell for cell in design.cells if cell not in given]
    if missing or len(given) < len(asked.cells or ()) or len(given) > len(design.cells):
        named = ", ".join(" ".join(cell) for cell in missing[:5])
        wrong = f"{named} has none" if named else "one is given twice, or is no cell of it"
        raise BadInput(
            reason=f"every cell of the design has one sample, with a level of each factor; {wrong}"
        )
    if len({type(sample) for sample in given.values()}) > 1:
        raise BadInput(reason="every cell is of one kind")
    return moments_of([given[cell] for cell in design.cells])


def _numbers(effects: Effects, at: int) -> Document | None:
    from truelift.stats.effects import Absence

    if effects.absent[at] != Absence.NONE:
        return None
    return {
        "value": float(effects.value[at]),
        "se": float(effects.se[at]),
        "low": float(effects.low[at]),
        "high": float(effects.high[at]),
        "p": float(effects.p[at]),
    }


STATISTICS: Final[dict[str, Statistic[Any]]] = {"factorial": Statistic(FactorialInput, factorial)}
