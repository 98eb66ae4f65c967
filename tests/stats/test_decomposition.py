from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from truelift.stats.asked import answer, written
from truelift.stats.asked.document import BadInput
from truelift.stats.decomposition import (
    BadCells,
    Cells,
    NoLogarithm,
    Sold,
    chain,
    down,
    intervals,
    logarithmic,
    mix_and_rate,
    mix_share_interval,
    shapley,
    spread_of_values,
    three_fold,
    whole,
)


BROAD = {
    "before": [("brand", 30_000, 1_500), ("exact", 40_000, 1_200), ("broad", 10_000, 100),
               ("organic", 20_000, 400)],
    "after": [("brand", 30_000, 1_500), ("exact", 12_000, 360), ("broad", 95_000, 754),
              ("organic", 20_000, 400)],
}  # fmt: skip

counts = st.integers(0, 5_000)


@st.composite
def some_cells(draw: st.DrawFn) -> Cells:
    size = draw(st.integers(1, 7))
    columns = [np.array([draw(counts) for _ in range(size)], float) for _ in range(2)]
    columns = [each + (each.sum() == 0) for each in columns]
    amounts = [np.floor(each * draw(st.floats(0, 1))) for each in columns]
    amounts[1] += np.array([draw(st.integers(0, 50)) for _ in range(size)])
    return Cells.of(columns[0], amounts[0], columns[1], amounts[1])


def document(**more: object) -> dict[str, object]:
    keys = ("segment", "sessions", "orders")
    told = {
        period: [dict(zip(keys, row, strict=True)) for row in rows]
        for period, rows in BROAD.items()
    }
    asked = json.dumps({**told, **more}).encode()
    found: dict[str, object] = json.loads(written(answer("decompose", asked)))
    return found


@given(st.lists(st.tuples(st.floats(0, 1e4), st.floats(0, 1e4)), min_size=1, max_size=4))
def test_shapley_parts_add_up_mirror_and_give_nothing_to_what_stayed(
    pairs: list[tuple[float, float]],
) -> None:
    first, second = [a for a, _ in pairs], [b for _, b in pairs]
    scale = max(1.0, *np.cumprod(np.maximum(np.maximum(first, second), 1)))

    parts = shapley(first, second)

    assert parts.sum() == pytest.approx(np.prod(second) - np.prod(first), abs=1e-9 * scale)
    assert shapley(second, first) == pytest.approx(-parts, abs=1e-9 * scale)
    assert shapley(first[::-1], second[::-1])[::-1] == pytest.approx(parts, abs=1e-9 * scale)
    assert all(
        part == pytest.approx(0, abs=1e-9 * scale)
        for part, (a, b) in zip(parts, pairs, strict=True)
        if a == b
    )


def test_logarithmic_parts_add_up_and_are_refused_at_zero() -> None:
    parts = logarithmic([100_000, 0.03, 60], [200_000, 0.018, 58])

    assert parts.sum() == pytest.approx(28_800)
    assert logarithmic([2, 3], [3, 2]).sum() == pytest.approx(0)
    with pytest.raises(NoLogarithm):
        logarithmic([1, 0.0], [1, 1])
    with pytest.raises(BadCells):
        shapley([1], [1, 2])
    for split in (shapley, logarithmic):
        for gone in (float("nan"), float("inf"), 1e300):
            with pytest.raises(BadCells):
                split([1, 2, 3], [gone, gone, 4])


@settings(max_examples=60)
@given(some_cells())
def test_mix_and_rate_add_up_whatever_the_segments_are(cells: Cells) -> None:
    found = mix_and_rate(cells)
    mirrored = mix_and_rate(
        Cells(cells.weight_after, cells.amount_after, cells.weight_before, cells.amount_before)
    )
    twice = mix_and_rate(
        Cells(*(np.repeat(each, 2) / 2 for each in (
            cells.weight_before, cells.amount_before, cells.weight_after, cells.amount_after)))
    )  # fmt: skip

    parts = three_fold(cells)

    assert found.mix.sum() + found.rate.sum() == pytest.approx(found.change, abs=1e-9)
    assert mirrored.mix == pytest.approx(-found.mix, abs=1e-9)
    assert mirrored.rate == pytest.approx(-found.rate, abs=1e-9)
    assert twice.mix.sum() == pytest.approx(found.mix.sum(), abs=1e-9)
    assert parts.mix + parts.rate + parts.interaction == pytest.approx(found.change, abs=1e-9)


@settings(max_examples=60)
@given(some_cells(), st.integers(0, 2**32 - 1))
def test_all_levels_of_a_hierarchy_add_up_and_each_takes_the_rate_above_apart(
    cells: Cells, seed: int
) -> None:
    keys = np.random.default_rng(seed).integers(0, 3, size=(cells.weight_before.size, 3))

    found = down(cells, keys)

    mixes = sum(float(level.mix.sum()) for level in found.levels)
    assert mixes + found.rate == pytest.approx(cells.after - cells.before, abs=1e-9)
    for above, below in pairwise(found.levels):
        for code, rate in zip(above.codes, above.rate, strict=True):
            inside = (below.codes[:, : len(code)] == code).all(axis=1)
            under = below.mix[inside].sum() + below.rate[inside].sum()
            assert under == pytest.approx(rate, abs=1e-9) or under == pytest.approx(0, abs=1e-12)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=12))
def test_rounded_parts_add_up_to_the_cent_and_stay_within_one(parts: list[float]) -> None:
    total = round(sum(parts))

    rounded = whole(parts, total=total)

    assert int(rounded.sum()) == total
    assert np.abs(rounded - np.array(parts)).max() < 2


def test_the_chain_of_broad_match_has_four_parts_that_add_up_to_the_cent() -> None:
    sessions = np.array([[30, 40, 10, 20], [30, 12, 95, 20]]) * 1_000.0
    orders = np.array([[1_500, 1_200, 100, 400], [1_500, 360, 754, 400.0]])
    sold = Sold.of(sessions, orders, orders * 6_000)

    found = chain(sold)
    between = intervals(sold, rng=np.random.default_rng(7))

    totals = found.parts.sum(axis=1)
    assert (found.before, found.after) == pytest.approx((192.0, 115.1847), abs=5e-4)
    assert totals == pytest.approx([-72.4511, -4.3642, 0, 0], abs=5e-4)
    at_new_traffic = whole(totals * 157_000, total=round(found.change * 157_000))
    assert at_new_traffic.sum() == 18_084_000 - 157 * 192_000
    assert between[0].low < totals[0] < between[0].high < 0
    assert between[1].low < totals[1] < between[1].high
    assert between[4].low < found.change < between[4].high


def test_values_of_orders_widen_the_interval_of_their_part_alone() -> None:
    sessions, orders = np.full((2, 1), 10_000.0), np.full((2, 1), 500.0)
    days = np.random.default_rng(1).normal(6_000, 2_000, (500, 1)).sum(axis=1)
    sd = spread_of_values(np.ones(500), days)

    plain = intervals(Sold.of(sessions, orders, orders * 6_000), rng=np.random.default_rng(2))
    wide = intervals(
        Sold.of(sessions, orders, orders * 6_000, np.full((2, 1), sd)), rng=np.random.default_rng(2)
    )

    assert sd == pytest.approx(2_000, rel=0.1)
    assert plain[3].high == pytest.approx(0, abs=1e-9)
    assert wide[3].high == pytest.approx(0.05 * sd * (2 / 500) ** 0.5 * 1.96, rel=0.1)
    assert wide[1].high == pytest.approx(plain[1].high, rel=0.1)


def test_the_broad_match_document_comes_out_to_the_last_digit() -> None:
    found = document(three_fold=True)

    assert found["rate_before"] == pytest.approx(0.032)
    assert found["rate_after"] == pytest.approx(0.019197, abs=5e-7)
    assert found["total"] == pytest.approx(-0.012803, abs=5e-7)
    assert found["mix"] == pytest.approx(-0.012075, abs=5e-7)
    assert found["rate"] == pytest.approx(-0.000727, abs=5e-7)
    assert found["mix_share"] == pytest.approx(0.943, abs=5e-4)
    assert found["mix_share_low"] == pytest.approx(0.839, abs=0.01)
    assert found["mix_share_high"] == pytest.approx(1.063, abs=0.01)
    assert found["tqi"] == pytest.approx(0.639, abs=5e-4)
    assert found["ppi"] == pytest.approx(0.939, abs=5e-4)
    assert found["tqi_log_share"] == pytest.approx(0.877, abs=5e-4)
    assert found["reading"] == "traffic"
    assert document() == document()
    assert document(seed=8)["mix_share_low"] != found["mix_share_low"]


def test_documents_say_what_is_undefined_and_refuse_what_is_no_comparison() -> None:
    same = [{"segment": "a", "sessions": 100, "orders": 5, "revenue": 50.0}]
    gone = [{"segment": "b", "sessions": 50, "orders": 0, "revenue": 0.0}]

    still = json.loads(written(answer("decompose", json.dumps(
        {"before": same, "after": same}).encode())))  # fmt: skip

    assert (still["mix_share"], still["mix_share_low"], still["tqi_log_share"]) == (None,) * 3
    assert "may well be 0" in still["mix_share_reason"]
    assert still["revenue_per_session"]["value_rate"]["value"] == 0
    refused: tuple[dict[str, object], ...] = (
        {"before": [], "after": []},
        {"before": same * 2, "after": same},
        {"before": same, "after": [{"segment": "a", "sessions": 1, "orders": 2}]},
        {"before": same, "after": [{"segment": "a", "sessions": 9, "orders": 2}]},
    )
    for wrong in refused:
        with pytest.raises(BadInput):
            answer("decompose", json.dumps(wrong).encode())
    for empty in ([], gone):
        with pytest.raises(BadCells):
            answer("decompose", json.dumps({"before": same, "after": empty}).encode())


def test_a_change_that_may_be_nothing_has_no_share() -> None:
    cells = Cells.of([1_000, 500], [10, 10], [500, 1_000], [5, 20])

    assert mix_share_interval(cells, rng=np.random.default_rng(7)) is None
