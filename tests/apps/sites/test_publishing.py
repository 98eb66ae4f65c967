from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest
from pytest_django import DjangoCaptureOnCommitCallbacks

from truelift.apps.accounts.models import User
from truelift.apps.sites import services
from truelift.apps.sites.models import Site
from truelift.apps.sites.publish import CannotPublish, publish, replace_whole
from truelift.lake.home import Home
from truelift.lake.sites import site_settings


pytestmark = [pytest.mark.database, pytest.mark.django_db]


def test_keys_are_published_as_hashes(site: Site, home: Home) -> None:
    publish()

    keys = json.loads(home.keys_file.read_text())["keys"]
    public = next(key for key in keys if key["kind"] == "public")
    assert public["site"] == "shop"
    assert public["sha256"] == hashlib.sha256(b"pk_shop_public").hexdigest()
    assert "pk_shop_public" not in home.keys_file.read_text()


def test_a_change_is_published_once_it_is_certain(
    site: Site,
    ada: User,
    home: Home,
    now: datetime,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        services.change_settings(site, {"currency": "USD"}, version=1, by=ada, now=now)
        assert not home.sites_file.exists()

    assert json.loads(home.sites_file.read_text())["sites"]["shop"]["currency"] == "USD"


def test_a_revoked_key_is_gone_from_the_next_file(
    site: Site, ada: User, home: Home, now: datetime
) -> None:
    key = services.make_key(site, kind="public", by=ada, now=now)
    services.revoke_key(site, key.row.pk, by=ada, now=now)

    publish()

    published = [each["key_id"] for each in json.loads(home.keys_file.read_text())["keys"]]
    assert key.row.key_id not in published


def test_versions_only_grow(site: Site, home: Home) -> None:
    versions = []
    for _ in range(3):
        publish()
        versions.append(json.loads(home.keys_file.read_text())["version"])

    assert versions == [1, 2, 3]


def test_a_damaged_file_is_replaced(site: Site, home: Home) -> None:
    home.keys_file.write_text('{"version": 7, "keys')

    publish()

    assert json.loads(home.keys_file.read_text())["keys"]


def test_the_lake_reads_what_the_web_application_wrote(
    site: Site, ada: User, home: Home, now: datetime
) -> None:
    services.change_settings(
        site,
        {
            "time_zone": "America/New_York",
            "currency": "USD",
            "internal_hosts": ["staging.shop.example"],
            "internal_addresses": ["203.0.113.0/24"],
            "internal_user_agents": ["UptimeRobot"],
            "internal_property": "internal",
            "internal_value": "true",
            "test_order_property": "test",
            "test_order_value": "1",
            "own_hosts": ["shop.example"],
            "payment_referrers": ["paypal.com"],
            "revenue_tax": "out",
            "revenue_shipping": "out",
            "server_orders_only": True,
            "exposure_rules": [{"event": "AB", "experiment": "test", "variant": "arm"}],
        },
        version=1,
        by=ada,
        now=now,
    )

    publish()

    read = site_settings(home, "shop")
    assert (read.time_zone, read.currency) == ("America/New_York", "USD")
    assert read.internal_hosts == ("staging.shop.example",)
    assert read.internal_addresses == ("203.0.113.0/24",)
    assert read.internal_property == ("internal", "true")
    assert read.test_orders == ("test", "1")
    assert read.own_hosts == ("shop.example",)
    assert read.payment_referrers == ("paypal.com",)
    assert (read.tax_in_revenue, read.shipping_in_revenue) == (False, False)
    assert read.server_orders_only
    assert read.exposure_rules[0].event == "AB"


def test_a_reader_never_sees_half_a_file(home: Home) -> None:
    path = home.published / "probe.json"
    replace_whole(path, {"version": 0, "keys": []})
    stop = False

    def read() -> int:
        seen = 0
        while not stop:
            json.loads(path.read_text())
            seen += 1
        return seen

    with ThreadPoolExecutor(1) as pool:
        reader = pool.submit(read)
        for version in range(60):
            replace_whole(path, {"version": version, "keys": ["x" * 50_000]})
        stop = True

    assert reader.result() > 0


def test_a_folder_that_cannot_be_written_is_an_outage_that_says_what_holds(
    site: Site, home: Home
) -> None:
    for file in home.published.iterdir():
        file.unlink()
    home.published.rmdir()
    home.published.write_text("in the way")

    with pytest.raises(CannotPublish, match="works with what was published before"):
        publish()
