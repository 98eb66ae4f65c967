"""Published settings are read as they are, with defaults, and again when they change."""

from __future__ import annotations

import json

import pytest

from truelift.lake.home import Home
from truelift.lake.sites import (
    BUILT_IN_EXPOSURES,
    ExposureRule,
    PublishedSites,
    SiteSettings,
    UnreadableSites,
    site_settings,
)


def publish(home: Home, **sites: dict[str, object]) -> None:
    partial = home.sites_file.with_suffix(".partial")
    partial.write_text(json.dumps({"version": 1, "sites": sites}))
    partial.replace(home.sites_file)


def test_without_a_published_file_the_defaults_hold(home: Home) -> None:
    assert site_settings(home, "shop") == SiteSettings(time_zone="UTC", currency="EUR")


def test_what_a_site_leaves_out_keeps_its_default(home: Home) -> None:
    publish(home, shop={"currency": "chf", "internal": {"property": None}, "test_orders": None})

    found = site_settings(home, "shop")

    assert found.currency == "CHF"
    assert found.time_zone == "UTC"
    assert found.internal_property is None


def test_everything_a_site_can_say_is_read(home: Home) -> None:
    publish(
        home,
        shop={
            "time_zone": "Europe/Berlin",
            "exposure_rules": [{"event": "Seen", "experiment": "test", "variant": "arm"}],
            "internal": {
                "hosts": ["Staging.shop.example"],
                "user_agents": ["QA"],
                "property": {"name": "internal", "value": True},
            },
            "test_orders": {"property": "coupon", "value": "TEST"},
            "payment_referrers": ["paypal.com"],
            "own_hosts": ["shop.example"],
            "revenue": {"tax": "out", "shipping": "in"},
            "server_orders_only": True,
        },
    )

    found = site_settings(home, "shop")

    assert found == SiteSettings(
        time_zone="Europe/Berlin",
        exposure_rules=(ExposureRule("Seen", ("test",), ("arm",)), *BUILT_IN_EXPOSURES),
        internal_hosts=("staging.shop.example",),
        internal_user_agents=("qa",),
        internal_property=("internal", "true"),
        test_orders=("coupon", "TEST"),
        payment_referrers=("paypal.com",),
        own_hosts=("shop.example",),
        tax_in_revenue=False,
        shipping_in_revenue=True,
        server_orders_only=True,
    )


def test_a_file_that_was_replaced_is_read_again(home: Home) -> None:
    publish(home, shop={"currency": "EUR"})
    sites = PublishedSites(home)
    before = sites.of("shop").currency

    publish(home, shop={"currency": "USDT"}, other={})

    assert before == "EUR"
    assert sites.of("shop").currency == "USDT"
    assert set(sites.all()) == {"shop", "other"}


@pytest.mark.parametrize(
    "content", ["{", '{"version": 1}', '{"sites": [1]}', '{"sites": {"a": 1}}']
)
def test_a_file_of_another_form_is_an_outage_that_says_what_to_do(home: Home, content: str) -> None:
    home.sites_file.write_text(content)

    with pytest.raises(UnreadableSites, match="publish it again"):
        site_settings(home, "shop")
