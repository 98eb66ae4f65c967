from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from truelift.stats.design import Design
from truelift.stats.effects import Absence, FixedHorizon
from truelift.stats.estimating import differences
from truelift.stats.factorial import (
    GENERATORS,
    BadFactorial,
    Factor,
    Factorial,
    effects_of,
    units_per_cell,
)
from truelift.stats.moments import Form, Moments, moments_of, shares
from truelift.stats.power import units_needed
from truelift.stats.scales import Scale
from truelift.stats.spreads import Mean
from truelift.stats.summary import RatioSummary


def factors(count: int) -> tuple[Factor, ...]:
    return tuple(Factor(f"f{at}") for at in range(count))


def means(values: list[float], *, n: int = 100, m2: float = 99.0) -> Moments:
    count = len(values)
    return Moments(
        Form.MEAN,
        np.full(count, n),
        np.asarray(values, dtype=float)[:, None],
        np.full((count, 1, 1), m2),
    )


TWO = Factorial((Factor("a"), Factor("b")))


def test_two_factors_make_the_four_cells_in_order() -> None:
    assert TWO.cells == (("off", "off"), ("off", "on"), ("on", "off"), ("on", "on"))
    assert TWO.resolution is None
    assert TWO.words == ()


def test_effects_of_four_cells_are_what_one_reckons_by_hand() -> None:
    # a adds 4 alone and 10 with b; b adds 1 alone and 7 with a.
    seen = effects_of(TWO, means([10, 11, 14, 21]))

    assert [term.name for term in seen.terms] == ["a", "b", "a×b"]
    assert seen.absolute.value.tolist() == [7.0, 4.0, 6.0]
    # Variance of a cell's mean is 0.01: four of them over 4, and four of them.
    assert seen.absolute.se == pytest.approx([0.1, 0.1, 0.2])
    assert seen.relative.value[:2] == pytest.approx([7 / 10.5, 4 / 12])
    assert seen.relative.absent.tolist() == [0, 0, Absence.NO_CONTROL_VALUE]


def test_one_factor_beside_another_that_does_nothing_is_an_ordinary_test() -> None:
    cells = means([10, 10, 12, 12], n=1_000, m2=3_996.0)
    pooled = differences(cells[:2].pooled(), cells[2:].pooled(), scale=Scale.RELATIVE)

    seen = effects_of(TWO, cells)

    assert seen.relative.value[0] == pytest.approx(float(pooled.value))
    assert seen.relative.se[0] == pytest.approx(float(pooled.se), rel=1e-3)


def test_more_levels_are_compared_with_the_first() -> None:
    design = Factorial((Factor("colour", ("grey", "blue", "red")), Factor("size")))

    seen = effects_of(design, means([1, 2, 5, 6, 3, 8]))

    names = [term.name for term in seen.terms]
    assert names == ["colour blue", "colour red", "size", "colour blue×size", "colour red×size"]
    assert seen.absolute.value == pytest.approx([4.0, 4.0, 7 / 3, 0.0, 4.0])


@pytest.mark.parametrize(
    ("count", "halvings", "resolution"),
    [
        (3, 1, 3), (4, 1, 4), (5, 1, 5), (5, 2, 3), (6, 1, 6), (6, 2, 4), (6, 3, 3),
        (7, 1, 7), (7, 2, 4), (7, 3, 4), (7, 4, 3), (8, 2, 5), (8, 3, 4), (8, 4, 4),
    ],
)  # fmt: skip
def test_listed_fractions_have_the_published_resolution(
    count: int, halvings: int, resolution: int
) -> None:
    design = Factorial.fraction(factors(count), halvings=halvings)

    assert design.resolution == resolution
    assert len(design.cells) == 2 ** (count - halvings)
    assert len(set(design.cells)) == len(design.cells)


def test_a_half_of_three_factors_confounds_each_with_the_others_interaction() -> None:
    design = Factorial(tuple(map(Factor, ("a", "b", "c"))), ("C=AB",))

    assert design.words == ("ABC",)
    assert [(term.name, term.aliases) for term in design.terms()] == [
        ("a", ("b×c",)),
        ("b", ("a×c",)),
        ("c", ("a×b",)),
    ]


def test_the_other_half_confounds_with_the_opposite_sign() -> None:
    design = Factorial(tuple(map(Factor, ("a", "b", "c"))), ("C=-AB",))

    assert design.words == ("-ABC",)
    assert design.terms()[0].aliases == ("-b×c",)
    assert ("off", "off", "off") in design.cells


@pytest.mark.parametrize(("count", "halvings"), sorted(GENERATORS))
def test_what_is_confounded_has_the_same_column_and_all_else_is_apart(
    count: int, halvings: int
) -> None:
    design = Factorial.fraction(factors(count), halvings=halvings)

    weights = np.array([term.weights for term in design.terms(order=2)])
    sizes = np.sqrt((weights**2).sum(axis=1))

    assert np.abs(weights.sum(axis=1)).max() < 1e-12
    assert (weights @ weights.T) / np.outer(sizes, sizes) == pytest.approx(np.eye(len(weights)))


def test_a_fraction_finds_main_effects_and_sums_of_what_it_confounds() -> None:
    design = Factorial.fraction(factors(4), halvings=1)
    on = design.codes
    values = 10 + 2 * on[:, 0] - 1 * on[:, 3] + 4 * on[:, 0] * on[:, 1]

    seen = effects_of(design, means(values.tolist()))
    found = dict(zip([term.name for term in seen.terms], seen.absolute.value, strict=True))

    # An interaction raises the main effects by what it adds at the mean of the other.
    assert found["f0"] == pytest.approx(2 + 4 / 2)
    assert found["f1"] == pytest.approx(4 / 2)
    assert found["f2"] == pytest.approx(0)
    assert found["f0×f1"] == pytest.approx(4)


@settings(max_examples=25, deadline=None)
@given(
    values=st.lists(st.floats(1, 100), min_size=8, max_size=8),
    scale=st.floats(0.1, 10),
    shift=st.floats(-5, 5),
)
def test_a_constant_changes_nothing_and_a_unit_changes_the_unit(
    values: list[float], scale: float, shift: float
) -> None:
    design = Factorial(factors(3))

    plain = effects_of(design, means(values), order=3).absolute
    moved = effects_of(
        design, means([scale * value + shift for value in values], m2=99 * scale**2), order=3
    ).absolute

    assert moved.value == pytest.approx(scale * plain.value, abs=1e-9 * scale * 100)
    assert moved.se == pytest.approx(scale * plain.se)
    assert moved.df == pytest.approx(plain.df)


def test_a_ratio_has_the_errors_of_its_parts() -> None:
    rng = np.random.default_rng(2)
    samples = []
    for level in (1.0, 1.0, 1.5, 1.5):
        visits = 1 + rng.poisson(2, size=4_000)
        spent = level * visits * rng.gamma(2, 1, size=4_000)
        top, bottom = spent - spent.mean(), visits - visits.mean()
        samples.append(
            RatioSummary(
                n=4_000,
                mean=float(spent.mean()),
                m2=float(top @ top),
                den_mean=float(visits.mean()),
                den_m2=float(bottom @ bottom),
                cross=float(top @ bottom),
            )
        )
    cells = moments_of(samples)

    seen = effects_of(TWO, cells)
    judged = FixedHorizon().judge(seen.relative[:2], alpha=0.05)

    assert judged.low[0] < 0.5 < judged.high[0]
    assert judged.low[1] < 0.0 < judged.high[1]


def test_a_cell_without_units_leaves_every_effect_without_a_number() -> None:
    cells = shares(np.array([100, 100, 0, 100]), np.array([5, 6, 0, 8]))

    seen = effects_of(TWO, cells)

    assert seen.absolute.absent.tolist() == [Absence.NO_ARM] * 3
    assert np.isnan(seen.absolute.value).all()


def test_cells_without_spread_say_so() -> None:
    assert (
        effects_of(TWO, means([1, 2, 3, 4], m2=0.0)).absolute.absent.tolist()
        == [Absence.NO_SPREAD] * 3
    )


def test_a_main_effect_takes_as_many_units_as_a_test_of_it_alone() -> None:
    alone = units_needed(Design(Mean(2.0)), lift=0.1)

    eight = units_per_cell(Factorial(factors(3)), Design(Mean(2.0)), lift=0.1)
    pairs = units_per_cell(Factorial(factors(3)), Design(Mean(2.0)), lift=0.1, order=2)

    assert 8 * eight == pytest.approx(2 * alone, abs=8)
    assert 8 * pairs == pytest.approx(4 * 2 * alone, abs=8)


def test_sharing_the_error_level_takes_more_units() -> None:
    design = Design(Mean(2.0))

    assert units_per_cell(TWO, design, lift=0.1, comparisons=3) > units_per_cell(
        TWO, design, lift=0.1
    )


@pytest.mark.parametrize(
    ("given", "generators", "reason"),
    [
        (factors(1), (), "there are 1"),
        ((Factor("a"), Factor("a")), (), "two share a name"),
        ((Factor("a"), Factor("b", ("x",))), (), "b has 1 levels"),
        ((Factor("a"), Factor("b"), Factor("c", ("1", "2", "3"))), ("C=AB",), "two levels"),
        (factors(3), ("C=AD",), "no generator"),
        (factors(3), ("nonsense",), "no generator"),
        (factors(3), ("C=AA",), "twice"),
        (factors(5), ("D=AB", "E=AD"), "itself made"),
        (factors(2), ("B=AA",), "twice"),
        (factors(10), (), "1024 cells"),
    ],
)
def test_factors_that_make_no_test_are_refused(
    given: tuple[Factor, ...], generators: tuple[str, ...], reason: str
) -> None:
    with pytest.raises(BadFactorial, match=reason):
        Factorial(given, generators)


def test_a_fraction_that_is_not_listed_asks_for_its_generators() -> None:
    with pytest.raises(BadFactorial, match="give its generators"):
        Factorial.fraction(factors(4), halvings=3)


def test_samples_that_are_not_one_per_cell_are_refused() -> None:
    with pytest.raises(BadFactorial, match="4 cells"):
        effects_of(TWO, means([1.0, 2.0]))
