"""Arrived items become rows: what each column is made of."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from truelift.events.addresses import address_of
from truelift.events.channels import traffic_of
from truelift.events.money import amount_of, minor_units
from truelift.lake.journal import LINES
from truelift.lake.normalise import Normaliser
from truelift.lake.sites import SiteSettings, parse_site


RECEIVED = 1_767_225_600_000


@pytest.fixture(scope="module")
def normaliser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Normaliser]:
    made = Normaliser(tmp_path_factory.mktemp("scratch"))
    yield made
    made.close()


def rows_of(
    normaliser: Normaliser,
    *items: Mapping[str, object] | str,
    site: SiteSettings | None = None,
    trusted: bool = False,
) -> list[dict[str, object]]:
    count = len(items)
    lines = [
        item
        if isinstance(item, str)
        else json.dumps({"type": "track", "event": "view", "occurred_at": RECEIVED, **item})
        for item in items
    ]
    table = pa.table(
        [
            pa.array(range(1, count + 1)),
            pa.array([RECEIVED] * count),
            pa.array(["k1"] * count),
            pa.array([trusted] * count),
            pa.array(lines),
        ],
        schema=LINES,
    )
    made = normaliser.rows(site or SiteSettings(), "edge", table)
    found: list[dict[str, object]] = made.rows.to_pylist()
    return found


def test_rows_keep_the_order_of_arrival(normaliser: Normaliser) -> None:
    rows = rows_of(normaliser, *({"message_id": f"m{n}"} for n in range(5000)))

    assert [row["message_id"] for row in rows] == [f"m{n}" for n in range(5000)]
    assert [row["position"] for row in rows] == list(range(1, 5001))


def test_an_address_is_taken_apart_and_its_campaign_makes_the_channel(
    normaliser: Normaliser,
) -> None:
    url = (
        "https://www.Shop.example:8443/p/1?utm_source=Google&utm_medium=cpc&utm_campaign=x%20y#top"
    )

    (row,) = rows_of(normaliser, {"url": url})

    assert (row["host"], row["path"]) == ("shop.example", "/p/1")
    assert (row["source"], row["medium"], row["campaign"]) == ("Google", "cpc", "x y")
    assert row["channel"] == "Paid Search"


def test_a_page_within_the_site_is_no_landing(normaliser: Normaliser) -> None:
    (row,) = rows_of(
        normaliser,
        {"url": "https://shop.example/b", "referrer": "https://shop.example/a"},
    )

    assert (row["source"], row["channel"]) == (None, None)


PIECES = st.sampled_from(
    [
        "https://", "http://", "//", "/", "www.", "Shop.example", "shop.example.", "a.b.co.uk",
        ":443", ":x", "user@", "/p", "/p/ö", "/%20", ";v=1", "?", "&", "q=1", "utm_source=a",
        "UTM_medium=B+c", "utm%5Fsource=z", "gclid=1", "fbclid=", "msclkid=2", "=", "#frag",
        " ", "é", "[::1]", "android-app://com.google", "javascript:alert(1)", "?q=ä", "utm_term=1",
    ]
)  # fmt: skip


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    pages=st.lists(
        st.tuples(
            st.lists(PIECES, min_size=1, max_size=7).map("".join),
            st.one_of(st.none(), st.lists(PIECES, min_size=1, max_size=4).map("".join)),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_columns_say_of_an_address_what_the_pure_rules_say(
    normaliser: Normaliser, pages: list[tuple[str, str | None]]
) -> None:
    site = SiteSettings(own_hosts=("b.co.uk",))

    rows = rows_of(
        normaliser, *({"url": url, "referrer": referrer} for url, referrer in pages), site=site
    )

    for (url, referrer), row in zip(pages, rows, strict=True):
        page = address_of(url)
        origin = traffic_of(url, referrer, own_hosts=("b.co.uk",))
        assert (row["host"], row["path"]) == (page.host, page.path)
        assert row["referrer_host"] == (address_of(referrer).host if referrer else None)
        assert [
            row[name] for name in ("source", "medium", "campaign", "term", "content", "channel")
        ] == [
            origin.source, origin.medium, origin.campaign, origin.term, origin.content,
            origin.channel,
        ]  # fmt: skip


@given(
    amount=st.decimals(min_value=-99999, max_value=99999, places=3).map(float),
    currency=st.sampled_from(["EUR", "JPY", "KWD", "USD"]),
)
@settings(max_examples=30, deadline=None)
def test_money_is_rounded_as_the_pure_rule_rounds_it(
    normaliser: Normaliser, amount: float, currency: str
) -> None:
    (row,) = rows_of(normaliser, {"value": amount, "currency": currency})

    assert row["value_minor"] == minor_units(amount, currency)


def test_a_value_without_a_currency_is_in_the_sites(normaliser: Normaliser) -> None:
    (row,) = rows_of(normaliser, {"value": 12.5}, site=SiteSettings(currency="JPY"))

    assert (row["value"], row["value_minor"], row["currency"]) == (12.5, 12, "JPY")


def test_no_value_is_no_money(normaliser: Normaliser) -> None:
    (row,) = rows_of(normaliser, {"properties": {"plan": "gold"}})

    assert (row["value"], row["value_minor"], row["currency"]) == (None, None, None)


def test_money_from_a_public_key_does_not_count_where_orders_come_from_the_server(
    normaliser: Normaliser,
) -> None:
    site = SiteSettings(server_orders_only=True)

    (public,) = rows_of(normaliser, {"value": 9.0}, site=site)
    (secret,) = rows_of(normaliser, {"value": 9.0}, site=site, trusted=True)

    assert public["value_minor"] is None
    assert secret["value_minor"] == 900


@pytest.mark.parametrize(
    ("revenue", "sent", "value", "minor"),
    [
        ({"tax": "out"}, {"revenue": 119.99, "tax": 19.16, "shipping": 5}, 100.83, 10083),
        ({"tax": "out", "shipping": "out"},
         {"revenue": "119.00", "tax": "19", "shipping": 4.9}, 95.1, 9510),
        ({"shipping": "out"}, {"total": 30, "shipping": 5}, 25.0, 2500),
        ({}, {"revenue": 119, "tax": 19, "shipping": 5}, 119.0, 11900),
        ({"tax": "out"}, {"revenue": 119}, 119.0, 11900),
        ({"tax": "out"}, {"revenue": 119, "tax": "19 %"}, 119.0, 11900),
        ({"tax": "out"}, {"revenue": 119, "tax": True}, 119.0, 11900),
        ({"tax": "out"}, {"value": 119, "tax": 19}, 119.0, 11900),
        ({"tax": "out", "shipping": "out"}, {"revenue": 5, "tax": 0, "shipping": 5}, 0.0, 0),
        ({"tax": "out", "shipping": "out"}, {"revenue": 20, "tax": 19, "shipping": 5}, 20.0, 2000),
        ({"tax": "out"}, {"revenue": 119, "tax": -19}, 119.0, 11900),
        ({"tax": "out"}, {"revenue": -119, "tax": -19}, -100.0, -10000),
        ({"tax": "out"}, {"revenue": -119, "tax": 19}, -100.0, -10000),
        ({"tax": "out"}, {"revenue": 119, "tax": 1e300}, 119.0, 11900),
    ],
)  # fmt: skip
def test_tax_and_shipping_come_off_revenue_where_the_site_says_so_and_never_more_than_it(
    normaliser: Normaliser,
    revenue: dict[str, str],
    sent: dict[str, object],
    value: float,
    minor: int,
) -> None:
    site = parse_site({"revenue": revenue})

    (row,) = rows_of(normaliser, {"value": amount_of(sent), "properties": sent}, site=site)

    assert (row["value"], row["value_minor"]) == (value, minor)


def test_nothing_comes_off_an_amount_that_an_import_took_from_elsewhere(
    normaliser: Normaliser,
) -> None:
    site = parse_site({"revenue": {"tax": "out"}})

    (row,) = rows_of(
        normaliser, {"value": 100.0, "properties": {"revenue": 119, "tax": 19}}, site=site
    )

    assert row["value_minor"] == 10000


@pytest.mark.parametrize(
    ("event", "properties"),
    [
        ("Experiment Viewed", {"experiment_id": "cta", "variation_id": "b"}),
        ("Experiment Viewed", {"experimentId": "cta", "variationId": "b"}),
        ("$feature_flag_called", {"$feature_flag": "cta", "$feature_flag_response": "b"}),
        ("exposure", {"experiment": "cta", "variant": "b"}),
        ("Seen It", {"it's": "cta", "a/b": "b"}),
    ],
)
def test_exposure_rules_say_which_variant_was_seen(
    normaliser: Normaliser, event: str, properties: dict[str, str]
) -> None:
    site = parse_site(
        {"exposure_rules": [{"event": "Seen It", "experiment": "it's", "variant": "a/b"}]}
    )

    (row,) = rows_of(normaliser, {"event": event, "properties": properties}, site=site)

    assert (row["experiment"], row["variant"]) == ("cta", "b")


def test_other_events_with_the_same_properties_expose_nobody(normaliser: Normaliser) -> None:
    (row,) = rows_of(normaliser, {"properties": {"experiment": "cta", "variant": "b"}})

    assert (row["experiment"], row["variant"]) == (None, None)


IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15"
    " (KHTML, like Gecko) Version/17.0 Mobile/15E148 Safari/604.1"
)
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"


@pytest.mark.parametrize(
    ("agent", "device", "bot"),
    [(IPHONE, "phone", False), (GOOGLEBOT, "other", True), (None, None, False)],
)
def test_agents_make_devices_and_bots(
    normaliser: Normaliser, agent: str | None, device: str | None, *, bot: bool
) -> None:
    (row,) = rows_of(normaliser, {"user_agent": agent})

    assert (row["device"], row["is_bot"]) == (device, bot)


@pytest.mark.parametrize(
    ("settings", "item"),
    [
        ({"internal": {"hosts": ["staging.shop.example"]}},
         {"url": "https://staging.shop.example/"}),
        ({"internal": {"user_agents": ["shop-qa"]}}, {"user_agent": "Mozilla/5.0 Shop-QA/1"}),
        ({"internal": {"property": {"name": "internal", "value": "true"}}},
         {"properties": {"internal": True}}),
        ({"test_orders": {"property": "coupon", "value": "TEST100"}},
         {"properties": {"coupon": "test100"}}),
        ({}, {"context": {"internal": True}}),
    ],
)  # fmt: skip
def test_the_companys_own_traffic_is_marked(
    normaliser: Normaliser, settings: dict[str, object], item: dict[str, object]
) -> None:
    site = parse_site(settings)

    internal, other = rows_of(normaliser, item, {"url": "https://shop.example/"}, site=site)

    assert internal["is_internal"] is True
    assert other["is_internal"] is False


def test_a_quarantined_row_keeps_what_was_sent_and_gets_the_time_of_arrival(
    normaliser: Normaliser,
) -> None:
    line = json.dumps({"reason": "bad_timestamp", "properties": {"raw": '{"t": 1e400}'}})

    (row,) = rows_of(normaliser, line)

    assert (row["state"], row["reason"]) == ("quarantined", "bad_timestamp")
    assert row["occurred_at"] == row["received_at"]
    assert json.loads(str(row["properties"])) == {"raw": '{"t": 1e400}'}


def test_hostile_campaigns_and_times_make_rows_like_any_other(normaliser: Normaliser) -> None:
    rows = rows_of(
        normaliser,
        {"utm_source": "a\x1fb", "utm_medium": "\x1e"},
        {"url": "https://shop.example/?utm_source=%1f%00"},
        {"value": 1e300},
        {"occurred_at": -62_135_596_800_000},
        {"occurred_at": 253_402_300_799_999},
        {"occurred_at": 9_000_000_000_000_000},
        {"properties": {"a": "'; DROP TABLE given; --"}},
    )

    assert [row["state"] for row in rows] == ["stored"] * 7
    assert str(rows[3]["occurred_at"]).startswith("0001-01-01")
    assert rows[5]["occurred_at"] == rows[5]["received_at"]
