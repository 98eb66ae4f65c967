"""What only programs notice: payments that fail or hang, pages that show late, money sent back."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from truelift.worlds.shop.parameters import DEVICES, FAILED, REASONS, STEPS, Shop
from truelift.worlds.shop.visits import Visits
from truelift.worlds.traffic import DAY_MS, Floats, Ints, Mask, chosen, numbered


READINGS: Final = pa.schema(
    [
        ("reason", pa.string()),
        ("payment_ms", pa.int64()),
        ("lcp", pa.int64()),
        ("inp", pa.int64()),
        ("cls", pa.float64()),
    ]
)
"""What these events carry beside what all have."""

VITALS: Final = "web_vitals"
REFUND: Final = "refund"

_PRODUCT: Final = "/p/"
_CHECKOUT: Final = "/checkout"
_OF_GOODS: Final = ("item_id", "item_name", "category", "price", "quantity")
_OF_PAGES: Final = (
    "url", "referrer", "title", "utm_source", "utm_medium", "utm_campaign",
    "country", "shipping", "payment_ms",
)  # fmt: skip


def measured(
    shop: Shop, visits: Visits, visit: Ints, table: pa.Table, paths: tuple[Ints, list[str]]
) -> tuple[pa.Table, pa.Table]:
    """Say how long each payment took, and tell what happened beside the steps.

    It draws by itself: who comes and who buys is the same with it and without it.

    Args:
        shop: The truth.
        visits: Of everybody.
        visit: Of each row of the table.
        table: Events of people, visit by visit.
        paths: Of each row the place of its page, and the pages.

    Returns:
        The same events with `READINGS`, and those that come beside them.
    """
    generator = np.random.default_rng((shop.seed, 129))
    size = table.num_rows
    for field in READINGS:
        table = table.append_column(field, pa.nulls(size, field.type))
    at = table["occurred_at"].to_numpy()
    device = visits.device[visit]
    paying, bought = (_named(table, name) for name in STEPS[-2:])
    of_bought = np.full(len(visits), -1, dtype=np.int64)
    of_bought[visit[bought]] = bought
    order = of_bought[visit[paying]]
    hangs = _hangs(shop, device[paying], at[paying])
    lasted = _lasted(shop, device[paying], hangs, generator)
    table = _put(table, "payment_ms", order[order >= 0], lasted[order >= 0])
    beside = [
        _failed(shop, table, paying, order, (device, at, hangs), generator),
        _vitals(shop, table, device, at, paths, generator),
        _refunds(shop, table, bought, generator),
    ]
    return table, pa.concat_tables(beside)


def _named(table: pa.Table, name: str) -> Ints:
    return np.flatnonzero(np.asarray(pc.equal(table["name"], name)))


def _hangs(shop: Shop, device: Ints, at: Ints) -> Mask:
    """Whether a payment met the new form that hung on phones."""
    since, until = shop.disturbed_ms
    hangs: Mask = (device == DEVICES.index("phone")) & (at >= since) & (at < until)
    return hangs


def _lasted(shop: Shop, device: Ints, hangs: Mask, generator: np.random.Generator) -> Ints:
    usual = np.array([shop.payment_ms[name] for name in DEVICES])[device]
    drawn = usual * generator.lognormal(0, shop.payment_spread, device.size)
    return np.round(drawn * np.where(hangs, shop.hung, 1.0)).astype(np.int64)


def _failed(
    shop: Shop,
    table: pa.Table,
    paying: Ints,
    order: Ints,
    known: tuple[Ints, Ints, Mask],
    generator: np.random.Generator,
) -> pa.Table:
    """Payments that failed: some tried again and ordered, of the others many gave up over it."""
    device, at, hangs = known
    again, gave_up = (
        np.array([shop.failures[name][nth] for name in DEVICES])[device[paying]] for nth in (0, 1)
    )
    again = np.where(hangs, shop.hung_failures, again)
    fails = generator.random(paying.size) < np.where(order >= 0, again, gave_up)
    row = paying[fails]
    after = 4000 + _lasted(shop, device[row], hangs[fails], generator)
    # Who ordered all the same tried again before.
    room = np.where(order[fails] >= 0, (at[order[fails]] - at[row]) // 2, after)
    reason = generator.choice(len(REASONS), row.size, p=[share for _, share in REASONS])
    timeout = [key for key, _ in REASONS].index("timeout")
    reason = np.where(hangs[fails], timeout, reason)
    found = _copied(shop, table, row, np.minimum(after, room), "p", FAILED)
    found = _emptied(found, *_OF_GOODS, *_OF_PAGES[-2:])
    found = _put(found, "payment_ms", np.arange(row.size), after - 4000)
    return _texts(found, "reason", chosen([key for key, _ in REASONS], reason))


def _vitals(
    shop: Shop,
    table: pa.Table,
    device: Ints,
    at: Ints,
    paths: tuple[Ints, list[str]],
    generator: np.random.Generator,
) -> pa.Table:
    """Web vitals: of every view of the checkout, and of a sample of the others."""
    place, named = paths
    views = np.asarray(pc.equal(table["name"], "page_view"))
    checkout = np.array([path.startswith(_CHECKOUT) for path in named])[place]
    product = np.array([path.startswith(_PRODUCT) for path in named])[place]
    sampled = generator.random(table.num_rows) < shop.vitals_sampled
    row = np.flatnonzero(views & (checkout | sampled))
    usual = np.array([shop.lcp_ms[name] for name in DEVICES])[device[row]]
    old = product[row] & (at[row] < shop.new_page_ms)
    usual = usual * np.where(old, shop.old_page_slower, 1.0)
    lcp = np.round(usual * generator.lognormal(0, shop.lcp_spread, row.size)).astype(np.int64)
    phone = device[row] == DEVICES.index("phone")
    inp = np.where(phone, 150, 80) * generator.lognormal(0, 0.5, row.size)
    shift = np.round(generator.gamma(1.5, np.where(phone, 0.03, 0.02)), 4)
    found = _copied(shop, table, row, lcp, "w", VITALS)
    everything = np.arange(row.size)
    found = _put(found, "lcp", everything, lcp)
    found = _put(found, "inp", everything, np.round(inp).astype(np.int64))
    return _put(found, "cls", everything, shift)


def _refunds(shop: Shop, table: pa.Table, bought: Ints, generator: np.random.Generator) -> pa.Table:
    """Orders that were sent back, told by the shop's own program when the money is."""
    row = bought[generator.random(bought.size) < shop.refunded]
    late = generator.random(row.size) < shop.refunded_late
    days = np.where(late, generator.integers(31, 38, row.size), generator.integers(3, 24, row.size))
    share = generator.uniform(0.3, 0.9, row.size)
    lag = days * DAY_MS + generator.integers(0, 4 * 3_600_000, row.size)
    found = _emptied(_copied(shop, table, row, lag, "b", REFUND), *_OF_GOODS, *_OF_PAGES)
    money = np.round(table["value"].take(pa.array(row)).to_numpy() * share, 2)
    return _put(found, "value", np.arange(row.size), money)


def _copied(shop: Shop, table: pa.Table, row: Ints, after: Ints, kind: str, name: str) -> pa.Table:
    """Events of the same visitor some milliseconds after others."""
    found = table.take(pa.array(row))
    at = found["occurred_at"].to_numpy() + after
    columns: dict[str, pa.Array] = {
        "message_id": numbered(f"{shop.seed}-{kind}", np.arange(row.size)),
        "type": chosen(["track"], np.zeros(row.size, np.int64)),
        "name": chosen([name], np.zeros(row.size, np.int64)),
        "occurred_at": pa.array(at),
    }
    for column, values in columns.items():
        found = found.set_column(found.schema.get_field_index(column), column, values)
    return found


def _emptied(table: pa.Table, *columns: str) -> pa.Table:
    for name in columns:
        field = table.schema.field(name)
        nothing = pa.nulls(table.num_rows, field.type)
        table = table.set_column(table.schema.get_field_index(name), field, nothing)
    return table


def _put(table: pa.Table, name: str, row: Ints, values: Ints | Floats) -> pa.Table:
    """Write numbers into some rows of a column, and leave the others as they are."""
    field = table.schema.field(name)
    there = np.zeros(table.num_rows, dtype=np.bool_)
    there[row] = True
    filled: np.ndarray[Any, Any] = np.zeros(table.num_rows, dtype=values.dtype)
    filled[row] = values
    fresh = pa.array(filled).cast(field.type)
    mixed = pc.if_else(pa.array(there), fresh, table[name])
    return table.set_column(table.schema.get_field_index(name), field, mixed)


def _texts(table: pa.Table, name: str, values: pa.Array) -> pa.Table:
    return table.set_column(table.schema.get_field_index(name), name, values)
