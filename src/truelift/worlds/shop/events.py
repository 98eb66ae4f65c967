"""The shop's visits as events: what a tracker in every page would have sent."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from truelift.worlds.shop.parameters import HOST, PRODUCTS, STEPS, Shop
from truelift.worlds.shop.paying import READINGS, measured
from truelift.worlds.shop.visits import Visits
from truelift.worlds.traffic import (
    AGENTS,
    Ints,
    Mask,
    agents_of,
    chosen,
    drawn,
    elapsed,
    iso,
    mistreated,
    numbered,
    place_within,
    where,
)


COLUMNS: Final = pa.schema(
    [
        ("message_id", pa.string()),
        ("type", pa.string()),
        ("name", pa.string()),
        ("visitor_id", pa.string()),
        ("user_id", pa.string()),
        ("occurred_at", pa.int64()),
        ("url", pa.string()),
        ("referrer", pa.string()),
        ("title", pa.string()),
        ("user_agent", pa.string()),
        ("country", pa.string()),
        ("utm_source", pa.string()),
        ("utm_medium", pa.string()),
        ("utm_campaign", pa.string()),
        ("experiment", pa.string()),
        ("variant", pa.string()),
        ("value", pa.float64()),
        ("currency", pa.string()),
        ("item_id", pa.string()),
        ("item_name", pa.string()),
        ("category", pa.string()),
        ("price", pa.float64()),
        ("quantity", pa.int64()),
        ("shipping", pa.float64()),
        ("order_id", pa.string()),
        *READINGS,
    ]
)
"""A row is an event; `map.toml` beside this file says what the columns mean."""

_DRAWN: Final = pa.schema([each for each in COLUMNS if each.name not in READINGS.names])
"""Those that are drawn with the steps."""

_COUNTRIES: Final = (("DE", 0.72), ("AT", 0.12), ("CH", 0.08), ("NL", 0.08))
_PAGE, _TRACK, _IDENTIFY = 0, 1, 2
_TYPES: Final = ("page", "track", "identify")
_NAMES: Final = (*STEPS, "page_view", "identify", "Experiment Viewed")
_PAGE_VIEW, _SIGN_IN, _SEEN = len(STEPS), len(STEPS) + 1, len(STEPS) + 2
_PAGES: Final = (
    ("/", "Northpine"),
    ("/c/stoves", "Stoves"),
    ("/c/tents", "Tents"),
    ("/c/kitchen", "Camp kitchen"),
    ("/c/packs", "Packs"),
    ("/journal/first-frost", "First frost"),
    ("/cart", "Your cart"),
    ("/checkout", "Checkout"),
    ("/checkout/delivery", "Delivery"),
    ("/checkout/payment", "Payment"),
    ("/checkout/thanks", "Thank you"),
    *((f"/p/{key}", name) for key, name, _, _ in PRODUCTS),
)
_CART, _CHECKOUT, _DELIVERY, _PAYMENT, _THANKS = 6, 7, 8, 9, 10
_FIRST_PRODUCT: Final = 11
_NO: Final = -1


class _Drafts:
    """Events in the making, as blocks of equal columns."""

    def __init__(self) -> None:
        self._blocks: list[dict[str, Ints]] = []

    def add(
        self,
        visit: Ints,
        *,
        order: int | Ints,
        kind: int,
        name: int,
        page: int | Ints,
        product: int | Ints = _NO,
        trial: int = _NO,
    ) -> None:
        """One event for each of these visits; within a visit `order` says what comes first."""
        size = visit.size
        columns = {
            "visit": visit, "order": order, "kind": kind, "name": name,
            "page": page, "product": product, "trial": trial,
        }  # fmt: skip
        self._blocks.append(
            {
                key: np.broadcast_to(np.asarray(value, dtype=np.int64), (size,))
                for key, value in columns.items()
            }
        )

    def sorted(self) -> dict[str, Ints]:
        """All columns, by visit and order."""
        whole = {
            key: np.concatenate([block[key] for block in self._blocks]) for key in self._blocks[0]
        }
        by = np.lexsort((whole["order"], whole["visit"]))
        return {key: column[by] for key, column in whole.items()}


def events_of(shop: Shop, visits: Visits, generator: np.random.Generator) -> pa.Table:
    """Every event of these visits in the order in which it happened.

    Robots, doubled events and events without a name are among them: the product
    has to notice.
    """
    people, beside = _people_events(shop, visits, generator)
    robots = _robot_events(shop, round(len(visits) * shop.bots), generator)
    table = mistreated(shop, _in_order(shop, people, robots), generator)
    return _in_order(shop, table, beside)


def _in_order(shop: Shop, *tables: pa.Table) -> pa.Table:
    """Put events that lie within the history in the order in which they happened."""
    table = pa.concat_tables(tables)
    table = table.filter(pc.less(table["occurred_at"], shop.ends_at_ms))
    return table.take(
        pc.sort_indices(table, [("occurred_at", "ascending"), ("message_id", "ascending")])
    )


def _people_events(
    shop: Shop, visits: Visits, generator: np.random.Generator
) -> tuple[pa.Table, pa.Table]:
    drafts = _Drafts()
    every = np.arange(len(visits), dtype=np.int64)
    deep = visits.depth
    favourite = _products(every.size, generator)
    lands_on_product = (deep >= 1) & (generator.random(every.size) < 0.45)
    landing = np.where(
        lands_on_product, _FIRST_PRODUCT + favourite, _landing(every.size, generator)
    )
    drafts.add(every, order=0, kind=_PAGE, name=_PAGE_VIEW, page=landing)
    known = visits.account & (generator.random(every.size) < 0.6)
    drafts.add(every[known], order=1, kind=_IDENTIFY, name=_SIGN_IN, page=landing[known])
    _add_browsing(drafts, every, generator)
    _add_products(drafts, visits, favourite, generator)
    _add_trials(drafts, shop, visits, landing)
    bought = deep == len(STEPS)
    for place, (order, page) in enumerate(
        ((300, _NO), (320, _CHECKOUT), (330, _DELIVERY), (340, _PAYMENT), (360, _THANKS)), 1
    ):
        who = deep > place
        at = _FIRST_PRODUCT + favourite[who] if page == _NO else page
        if page != _NO:
            drafts.add(every[who], order=order - 1, kind=_PAGE, name=_PAGE_VIEW, page=at)
        drafts.add(
            every[who], order=order, kind=_TRACK, name=place, page=at, product=favourite[who]
        )
    drafts.add(every[deep >= 2], order=310, kind=_PAGE, name=_PAGE_VIEW, page=_CART)
    signs_in = bought & visits.login & ~known
    drafts.add(every[signs_in], order=350, kind=_IDENTIFY, name=_SIGN_IN, page=_PAYMENT)
    drawn_up = drafts.sorted()
    table = _table(shop, visits, drawn_up, generator)
    paths = drawn_up["page"], [path for path, _ in _PAGES]
    return measured(shop, visits, drawn_up["visit"], table, paths)


def _add_browsing(drafts: _Drafts, every: Ints, generator: np.random.Generator) -> None:
    """Some more pages before anything is chosen."""
    count = generator.poisson(0.7, every.size)
    visit = np.repeat(every, count)
    drafts.add(
        visit,
        order=place_within(count) + 10,
        kind=_PAGE,
        name=_PAGE_VIEW,
        page=generator.integers(0, 6, visit.size),
    )


def _add_products(
    drafts: _Drafts, visits: Visits, favourite: Ints, generator: np.random.Generator
) -> None:
    """Products looked at; the last one is the one that goes into the cart."""
    looks = np.flatnonzero(visits.depth >= 1)
    others = generator.poisson(0.6, looks.size)
    visit = np.repeat(looks, others)
    product = _products(visit.size, generator)
    order = 100 + 2 * place_within(others)
    for seen, what, when in ((visit, product, order), (looks, favourite[looks], 200)):
        page = _FIRST_PRODUCT + what
        drafts.add(seen, order=when, kind=_PAGE, name=_PAGE_VIEW, page=page)
        drafts.add(seen, order=np.asarray(when) + 1, kind=_TRACK, name=0, page=page, product=what)


def _add_trials(drafts: _Drafts, shop: Shop, visits: Visits, landing: Ints) -> None:
    """An exposure just before the step at which a trial shows."""
    before = {"view_item": 99, "add_to_cart": 299, "begin_checkout": 318, "add_shipping_info": 328}
    shown_on = {"begin_checkout": _CART, "add_shipping_info": _CHECKOUT}
    for row, trial in enumerate(shop.trials):
        who = np.flatnonzero(visits.exposed[row])
        page = shown_on.get(trial.seen_at, landing[who])
        drafts.add(who, order=before[trial.seen_at], kind=_TRACK, name=_SEEN, page=page, trial=row)


def _table(
    shop: Shop, visits: Visits, drafts: dict[str, Ints], generator: np.random.Generator
) -> pa.Table:
    visit, name, product = drafts["visit"], drafts["name"], drafts["product"]
    size = visit.size
    occurred_at = visits.start_ms[visit] + elapsed(visit, drafts["order"], generator)
    moved = visits.device != visits.home_device
    signed_in = (name == _SIGN_IN) | ((name == STEPS.index("purchase")) & visits.login[visit])
    quantity = np.where(product >= 0, 1 + (generator.random(size) < 0.18), 0)
    # A cart keeps what was put into it: the quantity is drawn once a visit.
    quantity = np.maximum(quantity[np.searchsorted(visit, visit)], 1)
    price = np.array([each[3] for each in PRODUCTS])[product]
    goods = np.round(price * quantity, 2)
    bought = name == STEPS.index("purchase")
    shipping = np.where(goods < shop.free_delivery_from, shop.delivery_cost, 0.0)
    in_cart = (product >= 0) & (name >= 1)
    trial = drafts["trial"]
    variant = visits.variants[np.maximum(trial, 0), visit]
    channel = visits.channel[visit]
    page = drafts["page"]
    columns: dict[str, Any] = {
        "message_id": numbered(f"{shop.seed}-m", np.arange(size)),
        "type": chosen(_TYPES, drafts["kind"]),
        "name": chosen(_NAMES, name),
        "visitor_id": _visitor_ids(shop, visits.person[visit], moved[visit]),
        "user_id": where(signed_in, numbered("u", visits.person[visit])),
        "occurred_at": pa.array(occurred_at),
        "url": chosen([HOST + path for path, _ in _PAGES], page),
        "referrer": chosen([one.referrer or None for one in shop.channels], channel),
        "title": chosen([title for _, title in _PAGES], page),
        "user_agent": agents_of(visits.device, visits.person, visit, generator),
        "country": chosen(
            [key for key, _ in _COUNTRIES], drawn(_COUNTRIES, visits.person, visit, generator)
        ),
        "utm_source": chosen([one.source or None for one in shop.channels], channel),
        "utm_medium": chosen([one.medium or None for one in shop.channels], channel),
        "utm_campaign": chosen([one.campaign or None for one in shop.channels], channel),
        "experiment": chosen([*(one.key for one in shop.trials), None], trial),
        "variant": where(
            trial >= 0,
            chosen(
                [key for one in shop.trials for key in (one.control, one.treatment)],
                2 * np.maximum(trial, 0) + variant,
            ),
        ),
        "value": where(bought, pa.array(np.round(goods + shipping, 2))),
        "currency": where(bought, chosen([shop.currency], np.zeros(size, np.int64))),
        "item_id": chosen([*(each[0] for each in PRODUCTS), None], product),
        "item_name": chosen([*(each[1] for each in PRODUCTS), None], product),
        "category": chosen([*(each[2] for each in PRODUCTS), None], product),
        "price": where(product >= 0, pa.array(price)),
        "quantity": where(in_cart, pa.array(quantity)),
        "shipping": where(bought, pa.array(shipping)),
        "order_id": where(bought, numbered("o", visit)),
    }
    return pa.table([columns[name] for name in _DRAWN.names], schema=_DRAWN)


def _robot_events(shop: Shop, count: int, generator: np.random.Generator) -> pa.Table:
    """Robots that read product after product and never buy."""
    pages = 3 + generator.poisson(12, count)
    visit = np.repeat(np.arange(count, dtype=np.int64), pages)
    start = generator.integers(shop.begins_at_ms, shop.ends_at_ms, count)
    product = _products(visit.size, generator)
    size = visit.size
    agents = AGENTS["robot"]
    agent = generator.choice(len(agents), count, p=[share for share, _ in agents])
    nothing = {name: pa.nulls(size, COLUMNS.field(name).type) for name in COLUMNS.names}
    columns = {
        **nothing,
        "message_id": numbered(f"{shop.seed}-r", np.arange(size)),
        "type": chosen(["page"], np.zeros(size, np.int64)),
        "name": chosen(["page_view"], np.zeros(size, np.int64)),
        "visitor_id": numbered("r", visit),
        "occurred_at": pa.array(start[visit] + 1500 * place_within(pages)),
        "url": chosen([HOST + path for path, _ in _PAGES], _FIRST_PRODUCT + product),
        "title": chosen([title for _, title in _PAGES], _FIRST_PRODUCT + product),
        "user_agent": chosen([text for _, text in agents], agent[visit]),
    }
    return pa.table([columns[name] for name in COLUMNS.names], schema=COLUMNS)


def _landing(size: int, generator: np.random.Generator) -> Ints:
    return generator.choice(6, size, p=[0.46, 0.14, 0.12, 0.10, 0.08, 0.10]).astype(np.int64)


def _products(size: int, generator: np.random.Generator) -> Ints:
    weights = 1 / (1 + np.arange(len(PRODUCTS))) ** 0.6
    return generator.choice(len(PRODUCTS), size, p=weights / weights.sum()).astype(np.int64)


def _visitor_ids(shop: Shop, person: Ints, moved: Mask) -> pa.Array:
    first = numbered(f"{shop.seed}-v", person)
    return pc.if_else(pa.array(moved), pc.binary_join_element_wise(first, "b", "-"), first)


def as_segment_items(table: pa.Table) -> list[dict[str, object]]:
    """The same events as a Segment client would send them."""
    items: list[dict[str, object]] = []
    for row in table.to_pylist():
        campaign = {key: row[f"utm_{key}"] for key in ("source", "medium") if row[f"utm_{key}"]}
        if row["utm_campaign"]:
            campaign["name"] = row["utm_campaign"]
        page = {"url": row["url"], "referrer": row["referrer"] or "", "title": row["title"]}
        item: dict[str, object] = {
            "type": row["type"],
            "messageId": row["message_id"],
            "anonymousId": row["visitor_id"],
            "timestamp": iso(row["occurred_at"]),
            "context": {
                "userAgent": row["user_agent"],
                # What the shop's own program tells was on no page.
                **({"page": page} if row["url"] else {}),
                **({"campaign": campaign} if campaign else {}),
            },
        }
        if row["user_id"]:
            item["userId"] = row["user_id"]
        if row["type"] == "track":
            item["event"] = row["name"]
        if row["type"] != "identify":
            names = ("item_id", "item_name", "category", "price", "quantity", "shipping",
                     "order_id", "value", "currency", *READINGS.names)  # fmt: skip
            properties = {name: row[name] for name in names if row[name] is not None}
            if row["experiment"]:
                properties |= {"experiment_id": row["experiment"], "variation_id": row["variant"]}
            item["properties"] = properties
        items.append(item)
    return items
