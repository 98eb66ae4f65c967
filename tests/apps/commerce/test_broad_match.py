"""Broad match from imported files to the numbers of pages and API, to the last digit."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import DatabaseError, transaction
from django.test import Client

from tests.apps.commerce.broad_match import NOW
from truelift.apps.accounts.models import User
from truelift.apps.commerce.models import SnapshotRecord
from truelift.apps.commerce.reads import explained
from truelift.apps.commerce.services import explain
from truelift.apps.facts.services import make_feed, take_in
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site


pytestmark = [pytest.mark.django_db]

ClientOf = Callable[[User], Client]


def test_the_story_is_told_to_the_last_digit(told: Site) -> None:
    row = SnapshotRecord.objects.get(site=told, weeks=8, against="before")

    drivers, paid = row.document["drivers"], row.document["acquisition"]["total"]
    before, after = drivers["before"], drivers["after"]
    node = drivers["by"]["source"]
    split = node["conversion"]

    assert (before["since"], after["until"]) == ("2026-01-05", "2026-04-27")
    assert after["sessions"] / before["sessions"] - 1 == pytest.approx(0.57)
    assert paid["cost_per_click_minor"] == pytest.approx([172.0, 84.579], abs=5e-4)
    first, second = paid["cost_per_click_minor"]
    assert f"{second / first - 1:.1%}" == "-50.8%"
    assert f"{after['conversion'] / before['conversion'] - 1:.1%}" == "-40.0%"
    assert before["revenue_per_session_minor"] == pytest.approx(192.0)
    assert after["revenue_per_session_minor"] == pytest.approx(115.18, abs=5e-3)
    assert (before["revenue_minor"], after["revenue_minor"]) == (19_200_000, 18_084_000)
    assert paid["revenue_per_spend"] == pytest.approx([2.23, 2.00], abs=5e-3)
    assert paid["marginal_revenue_per_spend"] == pytest.approx(-11_160 / 4_500)
    assert paid["worse_traffic"]
    assert f"{split['mix_share']:.1%}" == "94.3%"
    assert (split["mix_share_low"], split["mix_share_high"]) == pytest.approx(
        (0.839, 1.063), abs=0.01
    )
    assert f"{split['tqi_log_share']:.1%}" == "87.7%"
    assert (split["tqi"], split["ppi"]) == pytest.approx((0.639, 0.939), abs=5e-4)
    assert split["reading"] == "traffic"
    broad = next(each for each in node["rows"] if each["key"] == ["paid broad"])
    assert broad["conversion_mix"] == pytest.approx(-0.0084, abs=5e-5)


def test_every_waterfall_adds_up_in_the_units_it_is_told_in(told: Site) -> None:
    drivers = SnapshotRecord.objects.get(site=told, weeks=8, against="before").document["drivers"]

    nodes = [*drivers["by"].values(), *(each["node"] for each in drivers["inside"])]
    whole = [each for each in nodes if "parts" in each]

    assert len(whole) > 8
    for node in whole:
        parts = node["parts"].values()
        assert node["before"] + sum(each["value"] for each in parts) == node["after"]
        assert sum(each["money"] for each in parts) == node["money_change"]
        assert [sum(row["parts"][at] for row in node["rows"]) for at in range(4)] == [
            each["value"] for each in parts
        ]
    node, factors = drivers["by"]["source"], drivers["factors"]
    assert (node["before"], node["after"]) == (19_200, 11_518)
    assert node["money_change"] == 18_084_000 - 157_000 * 192
    assert factors["total"] == -1_116_000
    assert sum(factors[name] for name in ("sessions", "conversion", "order_value")) == -1_116_000


@pytest.mark.database
def test_a_snapshot_stays_and_the_same_facts_make_no_other(told: Site) -> None:
    count = SnapshotRecord.objects.count()

    again = explain(told, now=NOW)
    short = explained(told)
    assert short is not None
    frozen = explained(told, short.snapshot)

    assert again == ()
    assert count == 3
    assert frozen == short
    assert short.leader == "paid broad"
    assert short.stake_minor == sum(each.money_minor for each in short.parts) == -12_060_000
    assert "fell by 40%" in short.sentence
    assert "94% of the change of conversion is the mix of traffic, most of it paid broad" in (
        short.sentence
    )
    assert explained(told, short.snapshot + 99) is None
    for change in (
        lambda: SnapshotRecord.objects.update(text="{}"),
        lambda: SnapshotRecord.objects.filter(pk=short.snapshot).delete(),
    ):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            change()


def test_pages_and_api_tell_it_and_lead_from_a_bar_to_what_is_inside(
    told: Site, cleo: User, mallory: User, client_of: ClientOf
) -> None:
    viewer, stranger = client_of(cleo), client_of(mallory)

    drivers = viewer.get("/s/shop/drivers/").content.decode()
    inside = viewer.get("/s/shop/drivers/", {"source": "paid broad"}).content.decode()
    paid = viewer.get("/s/shop/acquisition/").content.decode()
    verdicts = viewer.get("/s/shop/page-or-traffic/").content.decode()

    for said in (
        "€1.9200",
        "€1.1518",
        "−72.45",
        "−4.37",
        "−€113,748.25",
        "€301,440.00",
        "€180,840.00",
        "snapshot 1, made",
    ):
        assert said.casefold() in drivers.casefold(), said
    assert "spend +5.2%, sessions +57.0%, revenue −5.8%" in drivers
    assert "not of a test on the page" in drivers
    assert 'href="?weeks=8&amp;against=before&amp;by=source&amp;source=paid+broad"' in drivers
    assert "Revenue per session of paid broad, by campaign" in inside
    assert "€1.72 → €0.85" in paid
    assert "sessions rise by 57.0%" in paid
    assert "traffic quality" in verdicts
    assert "88% of the change is the mix of sources, most of it paid broad" in verdicts
    for path in ("drivers", "acquisition", "page-or-traffic"):
        asked = viewer.get(f"/api/v1/{path}?site=shop").json()
        assert asked["snapshot"] == 1
        assert asked[path.replace("-", "_")]
        assert stranger.get(f"/api/v1/{path}?site=shop").status_code == 404
        assert viewer.get(f"/api/v1/{path}?site=shop&snapshot=99").status_code == 404
        assert viewer.get(f"/s/shop/{path}/?snapshot=99").status_code == 404
    assert viewer.get("/s/shop/drivers/?source=nobody").status_code == 404


@pytest.mark.database
def test_new_customers_are_what_acquisition_is_held_against_where_orders_tell_them(
    told: Site, ada: User
) -> None:
    by = Actor(ada)
    rows = [
        {"order": f"{day}-{n}", "day": day, "revenue": "1", "source": "paid broad", "new": new}
        for day in ("2026-02-01", "2026-04-01")
        for n, new in enumerate(("yes", "yes", "no"))
    ]
    make_feed(told, name="orders", kind="orders", owner=ada, by=by, now=NOW)
    take_in(told, "orders", rows, by=by, now=NOW)

    made = explain(told, now=NOW)

    found = next(each for each in made if each.weeks == 8).document["acquisition"]
    broad = next(each for each in found["rows"] if each["source"] == "paid broad")
    assert broad["new_customers"] == [2, 2]
    assert broad["cost_per_new_customer_minor"] == [300_000, 3_325_000]
    assert found["total"]["orders"] == [3_200, 3_014]
