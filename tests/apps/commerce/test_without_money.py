"""Where no feed tells money, orders stand in its place; what a period lacks is said."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np

from truelift.apps.commerce.acquisition_page import acquisition_page
from truelift.apps.commerce.cells import counted
from truelift.apps.commerce.crossing import crossing_document
from truelift.apps.commerce.drivers_page import Asked, drivers_page
from truelift.apps.commerce.economics import acquisition
from truelift.apps.commerce.explaining import Document, explanation
from truelift.apps.commerce.periods import Against, pair
from truelift.apps.commerce.verdicts_page import verdicts_page
from truelift.apps.facts.reads import Spend, Traffic


WHEN = pair(end=date(2026, 5, 6), weeks=2, against=Against.BEFORE)


def days(sessions: tuple[int, int], orders: tuple[int, int]) -> Traffic:
    """One day of two sources, told without money."""
    none = np.zeros(2, dtype=np.int64)
    return Traffic(
        day=np.array(["2026-05-01"] * 2, dtype="datetime64[D]"),
        source=np.array(["search", "mail"], dtype=object),
        campaign=np.array(["", ""], dtype=object),
        landing=np.array(["", ""], dtype=object),
        device=np.array(["", ""], dtype=object),
        cell=np.array([1, 2]),
        sessions=np.array(sessions),
        orders=np.array(orders),
        revenue_minor=none,
        bounces=none,
        late_minor=none,
        knows_bounces=False,
        knows_orders=True,
    )


def paid(*spend_minor: int) -> Spend:
    """What one source cost, row by row."""
    return Spend(
        day=np.array(["2026-05-01"] * len(spend_minor), dtype="datetime64[D]"),
        source=np.array(["search"] * len(spend_minor), dtype=object),
        campaign=np.array([""] * len(spend_minor), dtype=object),
        clicks=np.zeros(len(spend_minor), dtype=np.int64),
        spend_minor=np.array(spend_minor, dtype=np.int64),
        knows_clicks=False,
    )


def document(
    before: Traffic, after: Traffic, *, kind: str = "revenue", spent: tuple[int, ...] = ()
) -> Document:
    told = counted(before, after)
    return {
        "currency": "EUR",
        "kind": kind,
        "drivers": explanation(told, WHEN),
        "acquisition": acquisition(told, (paid(*spent[:1]), paid(*spent[1:]))),
        "page_or_traffic": crossing_document(told, [], {}),
    }


def test_leads_per_thousand_sessions_are_taken_apart_where_there_is_no_money() -> None:
    found = document(days((1_000, 1_000), (20, 60)), days((3_000, 1_000), (60, 60)))
    node = found["drivers"]["by"]["source"]
    asked = Asked(weeks=2, against=Against.BEFORE, by="source", path=())

    page = drivers_page(
        found, asked, node, site="x", number=1, made="", kept=(), sentence="It fell."
    )

    assert page.waterfall is not None
    told = [(row.label, row.said) for row in page.waterfall.rows]
    assert told[0] == ("Earlier", "40.00")
    assert told[1] == ("Traffic mix", "−10.00")
    assert told[-1] == ("Later", "30.00")
    assert found["drivers"]["before"]["revenue_minor"] is None
    assert found["acquisition"]["total"]["revenue_per_session_minor"] == [None, None]
    assert not found["acquisition"]["has_spend"]


def test_a_period_without_orders_has_no_waterfall_and_says_so() -> None:
    found = document(days((1_000, 1_000), (0, 0)), days((3_000, 1_000), (60, 60)))
    node = found["drivers"]["by"]["source"]
    asked = Asked(weeks=2, against=Against.BEFORE, by="source", path=())

    page = drivers_page(found, asked, node, site="x", number=1, made="", kept=(), sentence="")

    assert page.waterfall is None
    assert "a period has no orders here" in page.undefined
    assert [row.parts for row in page.rows] == [(), ()]
    assert found["page_or_traffic"]["pages"][0]["verdict"] == "undetermined"


def test_a_company_that_sells_by_leads_reads_of_leads_on_every_page() -> None:
    found = document(
        days((1_000, 1_000), (20, 60)),
        days((3_000, 1_000), (15, 60)),
        kind="leads",
        spent=(60_000, 90_000),
    )
    node = found["drivers"]["by"]["source"]
    asked = Asked(weeks=2, against=Against.BEFORE, by="source", path=())

    drivers = drivers_page(
        found, asked, node, site="x", number=1, made="", kept=(), sentence="It fell."
    )
    sources = acquisition_page(found, asked, number_of=1, made="", kept=())
    pages = verdicts_page(found, asked, number=1, made="", kept=(), reviews={})

    assert drivers.heading == "Leads per 1,000 sessions, by source"
    assert drivers.columns == ("Traffic mix", "Conversion within segments")
    assert [label for label, _ in drivers.factors] == ["Sessions", "Conversion", "Leads"]
    assert drivers.worse == ""
    assert sources.answer == (
        "Advertising costs €12.00 for each lead of all sources, €7.50 in the weeks before."
    )
    assert (sources.counted, sources.customer_head) == ("Leads", "Cost per lead")
    assert sources.total.customer == "€7.50 → €12.00"
    assert "leads" in pages.rows[0].n
    told = " ".join(map(str, (drivers, sources, pages))).casefold()
    assert not any(word in told for word in ("order ", "orders ", "order value", "basket"))


def test_campaigns_that_are_first_named_in_between_move_nothing_and_their_source_is_told() -> None:
    before = days((1_000, 1_000), (20, 60))
    tagged = replace(before, campaign=np.array(["brand", ""], dtype=object), cell=np.array([3, 2]))

    found = document(before, tagged)

    drivers = found["drivers"]
    assert drivers["unsteady"] == ["search"]
    assert drivers["by"]["campaign"]["change"] == 0
    assert [each["sessions"] for each in drivers["by"]["campaign"]["rows"]] == [[1_000, 1_000]] * 2


def test_what_one_campaign_takes_over_from_another_is_told_of_their_source() -> None:
    spring = np.array(["spring", "spring"], dtype=object)
    before = replace(days((1_000, 1_000), (20, 60)), campaign=spring)
    after = replace(
        days((1_000, 1_000), (20, 90)),
        campaign=np.array(["spring", "autumn"], dtype=object),
        cell=np.array([1, 3]),
    )
    found = document(before, after)
    asked = Asked(weeks=2, against=Against.BEFORE, by="campaign", path=())
    node = found["drivers"]["by"]["campaign"]

    page = drivers_page(
        found, asked, node, site="shop", number=1, made="", kept=(), sentence="It rose."
    )

    assert page.finding == "mail made the whole change"
