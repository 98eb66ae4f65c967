"""The shop's visits as events: what a tracker in every page would have sent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from truelift.worlds.shop.parameters import HOST, PRODUCTS, STEPS, Shop
from truelift.worlds.shop.visits import Floats, Ints, Mask, Visits


_APPLE: Final = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
_MOBILE: Final = "Version/18.5 Mobile/15E148 Safari/604.1"
_SAFARI: Final = "Version/18.5 Safari/605.1.15"
_BLINK: Final = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0"

AGENTS: Final[dict[str, tuple[tuple[float, str], ...]]] = {
    "desktop": (
        (0.55, f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_BLINK} Safari/537.36"),
        (0.25, f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {_APPLE} {_SAFARI}"),
        (0.20, "Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0"),
    ),
    "phone": (
        (0.48, f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) {_APPLE} {_MOBILE}"),
        (0.52, f"Mozilla/5.0 (Linux; Android 15; Pixel 9) {_BLINK} Mobile Safari/537.36"),
    ),
    "tablet": (
        (1.00, f"Mozilla/5.0 (iPad; CPU OS 17_7 like Mac OS X) {_APPLE} {_MOBILE}"),
    ),
    "robot": (
        (0.60, "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"),
        (0.25, "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)"),
        (0.15, "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)"),
    ),
}  # fmt: skip
"""What browsers call themselves, by device, with shares."""

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
    ]
)
"""A row is an event; `map.toml` beside this file says what the columns mean."""

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
    people = _people_events(shop, visits, generator)
    robots = _robot_events(shop, round(len(visits) * shop.bots), generator)
    table = pa.concat_tables([people, robots])
    table = table.filter(pc.less(table["occurred_at"], shop.ends_at_ms))
    table = table.take(
        pc.sort_indices(table, [("occurred_at", "ascending"), ("message_id", "ascending")])
    )
    return _mistreated(shop, table, generator)


def _people_events(shop: Shop, visits: Visits, generator: np.random.Generator) -> pa.Table:
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
    return _table(shop, visits, drafts.sorted(), generator)


def _add_browsing(drafts: _Drafts, every: Ints, generator: np.random.Generator) -> None:
    """Some more pages before anything is chosen."""
    count = generator.poisson(0.7, every.size)
    visit = np.repeat(every, count)
    drafts.add(
        visit,
        order=_place_within(count) + 10,
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
    order = 100 + 2 * _place_within(others)
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
    occurred_at = visits.start_ms[visit] + _elapsed(visit, drafts["order"], generator)
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
        "message_id": _numbered(f"{shop.seed}-m", np.arange(size)),
        "type": _chosen(_TYPES, drafts["kind"]),
        "name": _chosen(_NAMES, name),
        "visitor_id": _visitor_ids(shop, visits.person[visit], moved[visit]),
        "user_id": _where(signed_in, _numbered("u", visits.person[visit])),
        "occurred_at": pa.array(occurred_at),
        "url": _chosen([HOST + path for path, _ in _PAGES], page),
        "referrer": _chosen([one.referrer or None for one in shop.channels], channel),
        "title": _chosen([title for _, title in _PAGES], page),
        "user_agent": _agents(visits, visit, generator),
        "country": _chosen(
            [key for key, _ in _COUNTRIES], _drawn(_COUNTRIES, visits.person, visit, generator)
        ),
        "utm_source": _chosen([one.source or None for one in shop.channels], channel),
        "utm_medium": _chosen([one.medium or None for one in shop.channels], channel),
        "utm_campaign": _chosen([one.campaign or None for one in shop.channels], channel),
        "experiment": _chosen([*(one.key for one in shop.trials), None], trial),
        "variant": _where(
            trial >= 0,
            _chosen(
                [key for one in shop.trials for key in (one.control, one.treatment)],
                2 * np.maximum(trial, 0) + variant,
            ),
        ),
        "value": _where(bought, pa.array(np.round(goods + shipping, 2))),
        "currency": _where(bought, _chosen([shop.currency], np.zeros(size, np.int64))),
        "item_id": _chosen([*(each[0] for each in PRODUCTS), None], product),
        "item_name": _chosen([*(each[1] for each in PRODUCTS), None], product),
        "category": _chosen([*(each[2] for each in PRODUCTS), None], product),
        "price": _where(product >= 0, pa.array(price)),
        "quantity": _where(in_cart, pa.array(quantity)),
        "shipping": _where(bought, pa.array(shipping)),
        "order_id": _where(bought, _numbered("o", visit)),
    }
    return pa.table([columns[name] for name in COLUMNS.names], schema=COLUMNS)


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
        "message_id": _numbered(f"{shop.seed}-r", np.arange(size)),
        "type": _chosen(["page"], np.zeros(size, np.int64)),
        "name": _chosen(["page_view"], np.zeros(size, np.int64)),
        "visitor_id": _numbered("r", visit),
        "occurred_at": pa.array(start[visit] + 1500 * _place_within(pages)),
        "url": _chosen([HOST + path for path, _ in _PAGES], _FIRST_PRODUCT + product),
        "title": _chosen([title for _, title in _PAGES], _FIRST_PRODUCT + product),
        "user_agent": _chosen([text for _, text in agents], agent[visit]),
    }
    return pa.table([columns[name] for name in COLUMNS.names], schema=COLUMNS)


def _mistreated(shop: Shop, table: pa.Table, generator: np.random.Generator) -> pa.Table:
    """What broken clients do: send twice, and send without a name."""
    size = table.num_rows
    again = np.flatnonzero(generator.random(size) < shop.doubled)
    nameless = generator.random(size) < shop.broken
    kinds = np.asarray(pc.equal(table["type"], "track"))
    names = pc.if_else(pa.array(nameless & kinds), pa.scalar(None, pa.string()), table["name"])
    table = table.set_column(COLUMNS.get_field_index("name"), "name", names)
    order = np.sort(np.concatenate((np.arange(size), again)), kind="stable")
    return table.take(pa.array(order))


def _elapsed(visit: Ints, order: Ints, generator: np.random.Generator) -> Ints:
    """Milliseconds since the visit began; what belongs to one page comes within a second."""
    seconds: Floats = generator.lognormal(np.log(22.0), 0.8, visit.size)
    same_page = np.zeros(visit.size, dtype=np.bool_)
    same_page[1:] = (visit[1:] == visit[:-1]) & (order[1:] - order[:-1] <= 1)
    gap = np.where(same_page, generator.integers(40, 400, visit.size), seconds * 1000)
    first = np.ones(visit.size, dtype=np.bool_)
    first[1:] = visit[1:] != visit[:-1]
    total = np.cumsum(gap.astype(np.int64))
    base = np.maximum.accumulate(np.where(first, total, 0))
    return total - base


def _landing(size: int, generator: np.random.Generator) -> Ints:
    return generator.choice(6, size, p=[0.46, 0.14, 0.12, 0.10, 0.08, 0.10]).astype(np.int64)


def _products(size: int, generator: np.random.Generator) -> Ints:
    weights = 1 / (1 + np.arange(len(PRODUCTS))) ** 0.6
    return generator.choice(len(PRODUCTS), size, p=weights / weights.sum()).astype(np.int64)


def _place_within(counts: Ints) -> Ints:
    """0, 1, 2 … within each group of the given sizes."""
    ends = np.cumsum(counts)
    return np.arange(int(ends[-1]) if ends.size else 0) - np.repeat(ends - counts, counts)


def _agents(visits: Visits, visit: Ints, generator: np.random.Generator) -> pa.Array:
    """A person's browser, the same on every visit with the same device."""
    people = int(visits.person.max(initial=0)) + 1
    draw = generator.random(people)[visits.person]
    texts: list[str] = []
    code = np.zeros(len(visits), dtype=np.int64)
    for device, name in enumerate(("desktop", "phone", "tablet")):
        shares = np.cumsum([share for share, _ in AGENTS[name]])
        place = np.minimum(np.searchsorted(shares, draw, side="right"), shares.size - 1)
        code = np.where(visits.device == device, len(texts) + place, code)
        texts += [text for _, text in AGENTS[name]]
    return _chosen(texts, code[visit])


def _drawn(
    shares: Sequence[tuple[str, float]], person: Ints, visit: Ints, generator: np.random.Generator
) -> Ints:
    people = int(person.max(initial=0)) + 1
    found = generator.choice(len(shares), people, p=[share for _, share in shares])
    drawn: Ints = found.astype(np.int64)[person][visit]
    return drawn


def _visitor_ids(shop: Shop, person: Ints, moved: Mask) -> pa.Array:
    first = _numbered(f"{shop.seed}-v", person)
    return pc.if_else(pa.array(moved), pc.binary_join_element_wise(first, "b", "-"), first)


def _chosen(words: Sequence[str | None], codes: Ints) -> pa.Array:
    """Words by their place; −1 is the last one."""
    places = np.where(codes < 0, len(words) - 1, codes)
    return pa.array(words, pa.string()).take(pa.array(places))


def _numbered(prefix: str, numbers: Ints) -> pa.Array:
    return pc.binary_join_element_wise(prefix, pa.array(numbers).cast(pa.string()), "")


def _where(mask: Mask, values: pa.Array) -> pa.Array:
    return pc.if_else(pa.array(mask), values, pa.scalar(None, values.type))


def as_segment_items(table: pa.Table) -> list[dict[str, object]]:
    """The same events as a Segment client would send them."""
    items: list[dict[str, object]] = []
    for row in table.to_pylist():
        campaign = {key: row[f"utm_{key}"] for key in ("source", "medium") if row[f"utm_{key}"]}
        if row["utm_campaign"]:
            campaign["name"] = row["utm_campaign"]
        item: dict[str, object] = {
            "type": row["type"],
            "messageId": row["message_id"],
            "anonymousId": row["visitor_id"],
            "timestamp": _iso(row["occurred_at"]),
            "context": {
                "userAgent": row["user_agent"],
                "page": {
                    "url": row["url"], "referrer": row["referrer"] or "", "title": row["title"],
                },
                **({"campaign": campaign} if campaign else {}),
            },
        }  # fmt: skip
        if row["user_id"]:
            item["userId"] = row["user_id"]
        if row["type"] == "track":
            item["event"] = row["name"]
        if row["type"] != "identify":
            names = ("item_id", "item_name", "category", "price", "quantity", "shipping",
                     "order_id", "value", "currency")  # fmt: skip
            properties = {name: row[name] for name in names if row[name] is not None}
            if row["experiment"]:
                properties |= {"experiment_id": row["experiment"], "variation_id": row["variant"]}
            item["properties"] = properties
        items.append(item)
    return items


def _iso(ms: int) -> str:
    moment = datetime.fromtimestamp(ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
