"""The truth is written before any event, from the parameters alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from truelift.lake.home import Home
from truelift.worlds.building import folder_of, plant
from truelift.worlds.history import WEEK_MS
from truelift.worlds.shop.build import WORLD
from truelift.worlds.shop.parameters import DEVICES, STEPS, Shop
from truelift.worlds.shop.truth import truth_of
from truelift.worlds.shop.visits import visits_of


ENDS_AT_MS = 1_777_896_000_000


def test_the_truth_is_plain_json_and_names_the_planted_facts() -> None:
    truth = json.loads(json.dumps(truth_of(Shop(ends_at_ms=ENDS_AT_MS))))

    assert truth["leak"]["step"] == "add_shipping_info"
    assert truth["leak"]["segment"] == {"device": "phone"}
    assert truth["leak"]["rate"] < truth["leak"]["best"] - 0.2
    assert truth["running_experiment"] == "delivery-cost-early"
    assert set(truth["experiments"]) == {
        "reviews-higher",
        "urgency-timer",
        "order-summary",
        "delivery-cost-early",
        "arrival-date",
    }
    phone = truth["experiments"]["delivery-cost-early"]["rates"]["phone"]
    assert phone["treatment"] - phone["control"] == pytest.approx(0.1)
    assert phone["order_control"] < phone["order_treatment"]


def test_the_truth_says_which_test_a_deploy_spoils_and_when_one_is_denied() -> None:
    shop = Shop(ends_at_ms=ENDS_AT_MS)

    truth: Any = truth_of(shop)

    spoiled = truth["contaminated"]
    trial = truth["experiments"][spoiled["experiment"]]
    assert trial["since"] < spoiled["at"] < trial["until"]
    assert spoiled["at"] == "2026-04-15T09:00:00Z"
    assert truth["deploy"] == {
        "deny": {"surface": "Checkout, delivery step", "at": truth["history"]["until"]},
        "allow": {"surface": "Product page", "at": truth["history"]["until"]},
    }


def test_a_trial_begins_and_ends_with_the_shops_own_days() -> None:
    shop = Shop(ends_at_ms=ENDS_AT_MS)
    ended = shop.trials[0]

    since, until = shop.span_of(ended)

    assert shop.first_day_of(ended).isoformat() == "2026-03-12"
    assert until == shop.midnight_ms(shop.first_day_of(shop.trials[0]).replace(month=4, day=2))
    assert (until - since) // 86_400_000 == 20  # switched on in the morning, a summer hour less


def test_a_planted_truth_holds_when_the_build_is_taken_up_again(tmp_path: Path) -> None:
    home = Home(root=tmp_path, lake=tmp_path / "lake")
    first = plant(home, WORLD, Shop(ends_at_ms=ENDS_AT_MS, scale=0.02, seed=3))

    again = plant(home, WORLD, Shop(ends_at_ms=ENDS_AT_MS + 60_000, scale=0.5, seed=9))

    assert again == first
    assert json.loads((folder_of(home, "shop") / "truth.json").read_text())["seed"] == 3


@pytest.mark.parametrize("days_later", range(7))
@pytest.mark.parametrize("seed", [7, 8, 9])
def test_the_planted_leak_is_the_largest_whenever_the_history_ends(
    days_later: int, seed: int
) -> None:
    shop = Shop(ends_at_ms=ENDS_AT_MS + days_later * 86_400_000, scale=0.1, seed=seed)

    costs = _cost_of_every_step(shop, "phone", "desktop")

    shipping = STEPS.index("add_shipping_info") - 1
    assert costs[shipping] > 2 * np.delete(costs, shipping).max()


def _cost_of_every_step(shop: Shop, segment: str, standard: str) -> np.ndarray[Any, Any]:
    """Orders that each step after the first costs a segment in the last 28 days, less noise.

    The gap counts at two standard errors below what was drawn, as the ranking of leaks does.
    """
    visits = visits_of(shop, np.random.default_rng(shop.seed))
    last = visits.start_ms >= shop.ends_at_ms - 4 * WEEK_MS
    deepest = np.zeros(visits.person.max() + 1, dtype=np.int64)
    np.maximum.at(deepest, visits.person[last], visits.depth[last])
    device = np.full(deepest.size, -1)
    device[visits.person] = visits.home_device
    reached = {
        each: np.array(
            [((deepest > step) & (device == DEVICES.index(each))).sum() for step in range(6)]
        )
        for each in (segment, standard)
    }
    here, there = (reached[each][1:] / reached[each][:-1] for each in (segment, standard))
    noise = np.sqrt(
        here * (1 - here) / reached[segment][:-1] + there * (1 - there) / reached[standard][:-1]
    )
    lost = (there - here - 2 * noise) * reached[segment][:-1]
    onward = reached[segment][-1] / reached[segment][1:]
    costs: np.ndarray[Any, Any] = lost * onward
    return costs
