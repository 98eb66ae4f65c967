"""The shop's visits and events do what its parameters say."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from truelift.worlds.shop.events import COLUMNS, as_segment_items, events_of
from truelift.worlds.shop.parameters import CHANNELS, DEVICES, STEPS, Shop
from truelift.worlds.shop.visits import Visits, visits_of


ENDS_AT_MS = 1_777_896_000_000  # 2026-05-04T12:00:00Z


def shop(scale: float = 0.05, seed: int = 7) -> Shop:
    return Shop(ends_at_ms=ENDS_AT_MS, scale=scale, seed=seed)


def drawn(parameters: Shop) -> tuple[Visits, pa.Table]:
    generator = np.random.default_rng(parameters.seed)
    visits = visits_of(parameters, generator)
    return visits, events_of(parameters, visits, generator)


@lru_cache(maxsize=1)
def small() -> tuple[Visits, pa.Table]:
    return drawn(shop())


@lru_cache(maxsize=1)
def many_visits() -> Visits:
    return visits_of(shop(scale=1.0), np.random.default_rng(7))


def test_the_same_seed_gives_the_same_events_and_another_seed_others() -> None:
    first, again = drawn(shop(0.01))[1], drawn(shop(0.01))[1]
    other = drawn(shop(0.01, seed=8))[1]

    assert first.equals(again)
    assert not first.equals(other)


@pytest.mark.parametrize("device", range(len(DEVICES)))
@pytest.mark.parametrize("place", [3, 4, 5])
def test_every_step_of_the_checkout_has_its_devices_rate(device: int, place: int) -> None:
    visits = many_visits()
    untouched = np.ones(len(visits), dtype=np.bool_)
    for trial in shop(scale=1.0).trials[2:]:  # those that act on these steps
        since, until = shop(scale=1.0).span_of(trial)
        untouched &= (visits.start_ms < since) | (visits.start_ms >= until)

    here = untouched & (visits.device == device)
    arrived = int((visits.depth[here] >= place).sum())
    passed = int((visits.depth[here] > place).sum())

    rate = shop().rates[DEVICES[device]][place]
    assert passed / arrived == pytest.approx(rate, abs=4 * np.sqrt(rate * (1 - rate) / arrived))


def test_channels_differ_in_share_and_intent() -> None:
    visits = many_visits()
    first = visits.number == 0

    for place, channel in enumerate(CHANNELS):
        share = (visits.channel[first] == place).mean()
        assert share == pytest.approx(channel.share, abs=0.01)
    looked = [(visits.depth[visits.channel == n] > 0).mean() for n in range(len(CHANNELS))]
    assert int(np.argmax(looked)) == [one.key for one in CHANNELS].index("email")
    assert int(np.argmin(looked)) == [one.key for one in CHANNELS].index("paid_social")


@pytest.mark.parametrize("row", range(4))
def test_a_trial_splits_in_half_and_does_what_it_truly_does(row: int) -> None:
    parameters, visits = shop(scale=1.0), many_visits()
    trial = parameters.trials[row]
    place = STEPS.index(trial.acts_on)

    for device, name in enumerate(DEVICES):
        seen = visits.exposed[row] & (visits.device == device)
        rates, sizes = [], []
        for variant in (0, 1):
            arm = seen & (visits.variants[row] == variant) & (visits.depth >= place)
            sizes.append(int(arm.sum()))
            rates.append((visits.depth[arm] > place).mean())
        spread = np.sqrt(sum(0.25 / size for size in sizes))
        assert rates[1] - rates[0] == pytest.approx(trial.lift[name], abs=4 * spread)
    exposed = visits.variants[row][visits.exposed[row]]
    assert exposed.mean() == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(exposed.size))


def test_a_person_keeps_the_variant_on_every_visit_and_device() -> None:
    visits = many_visits()

    for row in range(visits.variants.shape[0]):
        both = visits.person * 2 + visits.variants[row]
        assert np.unique(both).size == np.unique(visits.person).size


def test_events_lie_within_the_history_and_stand_in_order() -> None:
    parameters, (_, table) = shop(), small()

    times = table["occurred_at"].to_numpy()

    assert table.schema == COLUMNS
    assert times.min() >= parameters.begins_at_ms
    assert times.max() < parameters.ends_at_ms
    assert (np.diff(times) >= 0).all()


def test_every_step_is_preceded_by_the_one_before_in_the_same_visit() -> None:
    _, table = small()
    people = table.filter(pc.is_in(table["name"], pa.array(STEPS)))
    order = np.array([STEPS.index(name) for name in people["name"].to_pylist()])
    visitors = np.array(people["visitor_id"].to_pylist())

    for visitor in np.unique(visitors)[:500]:
        steps = order[visitors == visitor]
        assert (np.diff(steps) <= 1).all() or steps.min() == 0


def test_an_exposure_comes_before_the_step_that_shows_it() -> None:
    _, table = small()
    frame = table.select(["visitor_id", "name", "experiment", "occurred_at"]).to_pylist()
    first_seen: dict[str, int] = {}
    for row in frame:
        if row["experiment"] == "delivery-cost-early":
            first_seen.setdefault(row["visitor_id"], row["occurred_at"])

    began = {
        row["visitor_id"]: row["occurred_at"]
        for row in reversed(frame)
        if row["name"] == "begin_checkout" and row["visitor_id"] in first_seen
        and row["occurred_at"] >= first_seen[row["visitor_id"]] - 60_000
    }  # fmt: skip

    assert first_seen
    late = [v for v, at in began.items() if at < first_seen[v]]
    assert late == []


def test_orders_have_a_value_in_euros_and_an_order_number_and_nothing_else_has() -> None:
    _, table = small()
    bought = pc.equal(table["name"], "purchase").fill_null(False)

    orders = table.filter(bought)

    assert orders["value"].null_count == orders["order_id"].null_count == 0
    assert orders["currency"].unique().to_pylist() == ["EUR"]
    assert pc.min(orders["value"]).as_py() > 5
    sent_back = pc.equal(table["name"], "refund").fill_null(False)
    rest = table.filter(pc.and_(pc.invert(pc.or_(bought, sent_back)), pc.is_valid(table["name"])))
    assert rest["value"].null_count == rest.num_rows
    refunds = table.filter(sent_back)
    assert refunds.num_rows > 0
    assert set(refunds["order_id"].to_pylist()) <= set(orders["order_id"].to_pylist())


def test_readings_beside_the_steps_change_nobody_who_comes_or_buys() -> None:
    _, table = small()
    quiet = replace(shop(), vitals_sampled=0.0, refunded=0.0)

    _, without = drawn(quiet)

    steps = pa.array([*STEPS, "page_view"])
    for name in ("message_id", "occurred_at", "value", "name"):
        ours, theirs = (
            each.filter(pc.is_in(each["name"], steps))[name] for each in (table, without)
        )
        assert ours.equals(theirs)


def test_robots_buy_nothing_and_say_that_they_are_robots() -> None:
    _, table = small()

    robots = table.filter(pc.match_substring_regex(table["user_agent"], "(?i)bot"))

    assert robots.num_rows > 0
    assert set(robots["name"].unique().to_pylist()) <= {"page_view", None}


def test_some_clients_send_twice_and_some_without_a_name() -> None:
    parameters, (_, table) = shop(), small()

    ids = table["message_id"]
    doubled = len(ids) - len(pc.unique(ids))

    assert doubled / len(ids) == pytest.approx(parameters.doubled, rel=0.5)
    assert 0 < table["name"].null_count < 0.001 * len(ids)


def test_account_holders_come_back_on_another_device_with_the_same_user() -> None:
    _, table = small()
    known = table.filter(pc.is_valid(table["user_id"]))

    devices = known.group_by("user_id").aggregate([("visitor_id", "count_distinct")])

    assert pc.max(devices["visitor_id_count_distinct"]).as_py() == 2


def test_a_segment_client_would_send_the_same_events() -> None:
    _, table = small()

    items = as_segment_items(table.slice(table.num_rows // 2, 2000))

    assert len(items) == 2000
    assert {item["type"] for item in items} <= {"page", "track", "identify"}
    exposure = next(item for item in items if item.get("event") == "Experiment Viewed")
    assert set(exposure["properties"]) == {"experiment_id", "variation_id"}  # type: ignore[call-overload]
    assert str(items[0]["timestamp"]).endswith("Z")
