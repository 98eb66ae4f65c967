from __future__ import annotations

import math

import numpy as np
import pytest

from truelift.stats.decomposition import BadCells, Cells
from truelift.stats.page_or_traffic import (
    Crossing,
    Floats,
    Identity,
    Verdict,
    bounce_mismatches,
    by_identity,
    identity,
    leave_one_out,
    of_page,
    orders_for_verdict,
)


RATES = np.array([0.03, 0.04, 0.02, 0.025])[:, None] * np.array([1, 1.2, 0.8, 1.0])
HIT: dict[Verdict, tuple[slice | int, slice | int]] = {
    Verdict.TRAFFIC: (0, slice(None)),
    Verdict.PAGE: (slice(None), 0),
    Verdict.MISMATCH: (0, 0),
    Verdict.GLOBAL: (slice(None), slice(None)),
}


def planted(world: Verdict, orders: int, *, fall: float = 0.3) -> Crossing:
    """Four sources on four pages, as their rates have it, with no chance in them."""
    later = RATES.copy()
    later[HIT[world]] *= 1 - fall
    sessions = np.ceil(orders / RATES)
    return Crossing(np.stack([sessions] * 2), np.stack([sessions * RATES, sessions * later]))


@pytest.mark.parametrize("world", HIT)
def test_each_planted_world_is_told_with_enough_orders_and_undetermined_with_few(
    world: Verdict,
) -> None:
    enough = orders_for_verdict(math.log(0.7))

    told = {
        orders: of_page(crossing, leave_one_out(crossing), 0)
        for orders in (enough, 60)
        for crossing in [planted(world, orders)]
    }

    assert told[enough].verdict is world
    assert told[60].verdict is Verdict.UNDETERMINED
    assert world.owner
    assert world.response


def test_another_page_is_not_blamed_for_what_one_page_did() -> None:
    crossing = planted(Verdict.PAGE, 20_000)

    verdicts = leave_one_out(crossing)

    assert of_page(crossing, verdicts, 2).verdict is Verdict.NO_CHANGE
    assert set(verdicts.verdict[:, 0]) == {"page"}


def test_what_is_undetermined_says_how_many_times_as_many_orders_would_decide() -> None:
    crossing = planted(Verdict.PAGE, 400)

    found = of_page(crossing, leave_one_out(crossing), 0)

    assert found.verdict is Verdict.UNDETERMINED
    assert 5 < found.more < 12
    assert orders_for_verdict(math.log(0.5)) == 1_461


def test_a_change_of_mix_is_traffic_even_of_one_page_alone() -> None:
    sessions = np.array([[30, 40, 10, 20], [30, 12, 95, 20]])[:, :, None] * 1_000.0
    orders = np.array([[1_500, 1_200, 100, 400], [1_500, 360, 754, 400.0]])[:, :, None]
    crossing = Crossing(sessions, orders)

    found = of_page(crossing, leave_one_out(crossing), 0)

    assert found.verdict is Verdict.TRAFFIC
    assert found.source == 2
    assert found.identity is not None
    assert found.identity.log_share == pytest.approx(0.8767, abs=5e-5)


def test_campaigns_of_one_source_are_mix_where_they_are_told_apart() -> None:
    fine = Cells.of(
        [30_000, 40_000, 10_000, 20_000],
        [1_500, 1_200, 100, 400],
        [30_000, 12_000, 95_000, 20_000],
        [1_500, 360, 754, 400],
    )
    paid = [(30_000, 50_000, 20_000), (30_000, 107_000, 20_000)]
    bought = [(1_500, 1_300, 400), (1_500, 1_114, 400)]
    crossing = Crossing(np.array(paid, float)[:, :, None], np.array(bought, float)[:, :, None])
    cells = leave_one_out(crossing)

    plain, told = of_page(crossing, cells, 0), of_page(crossing, cells, 0, finer=fine)

    assert plain.verdict is Verdict.UNDETERMINED
    assert (told.verdict, told.source) == (Verdict.TRAFFIC, 2)


def test_the_identity_is_a_product_and_reads_by_its_limits() -> None:
    cells = Cells.of([100, 100, 0], [10, 2, 0], [50, 100, 50], [5, 2, 1])

    found = identity(cells)

    assert found.ppi is not None
    assert found.tqi * found.ppi == pytest.approx(cells.after / cells.before)
    assert found.unknown == 0.25
    limits = ((0.6, 0.0, "traffic"), (0.59, 1.0, "mixed"), (0.4, 0.7, "page"), (0.4, 0.69, "mixed"))
    for share, moved, word in limits:
        assert by_identity(Identity(1, 1, share, moved, 0)) == word
    assert by_identity(Identity(1, 1, None, 1.0, 0)) is Verdict.UNDETERMINED
    assert identity(Cells.of([9, 9], [1, 2], [9, 9], [0, 0])).log_share is None
    with pytest.raises(BadCells):
        identity(Cells.of([9], [0], [9], [1]))


def test_orders_are_asked_only_of_a_change_that_a_rate_can_make() -> None:
    assert orders_for_verdict(-0.36) == orders_for_verdict(0.36)
    for change in (0.0, float("nan"), float("inf"), 1_000.0, 1e-300):
        with pytest.raises(BadCells):
            orders_for_verdict(change)


def test_one_page_or_too_few_orders_leave_it_open() -> None:
    alone = planted(Verdict.PAGE, 20_000)
    alone = Crossing(alone.sessions[:, :1, :1], alone.orders[:, :1, :1])
    few = Crossing(np.full((2, 2, 2), 100.0), np.full((2, 2, 2), 3.0))

    assert leave_one_out(alone).verdict.tolist() == [["undetermined"]]
    assert of_page(alone, leave_one_out(alone), 0).verdict is Verdict.UNDETERMINED
    assert of_page(few, leave_one_out(few), 1).verdict is Verdict.UNDETERMINED


def test_bounces_name_the_cell_that_neither_its_source_nor_its_page_explains() -> None:
    sessions: Floats = np.full((3, 3), 4_000.0)
    share = 1 / (1 + np.exp(-np.add.outer([-1.0, 0.0, 0.5], [-0.5, 0.0, 0.5])))
    plain = bounce_mismatches(sessions, sessions * share)
    share[1, 2] += 0.15

    (found, *others) = bounce_mismatches(sessions, sessions * share)

    assert plain == ()
    assert (found.source, found.page) == (1, 2)
    assert found.bounced - found.expected == pytest.approx(0.15, abs=0.03)
    assert others == []
