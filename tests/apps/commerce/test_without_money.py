"""Where no feed tells money, orders stand in its place; what a period lacks is said."""

from __future__ import annotations

from datetime import date

import numpy as np

from truelift.apps.commerce.cells import counted
from truelift.apps.commerce.crossing import crossing_document
from truelift.apps.commerce.drivers_page import Asked, drivers_page
from truelift.apps.commerce.economics import acquisition
from truelift.apps.commerce.explaining import Document, explanation
from truelift.apps.commerce.periods import Against, pair
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


def document(before: Traffic, after: Traffic) -> Document:
    told = counted(before, after)
    empty = np.array([], dtype=object)
    nothing = Spend(
        day=np.array([], dtype="datetime64[D]"),
        source=empty,
        campaign=empty,
        clicks=np.array([], dtype=np.int64),
        spend_minor=np.array([], dtype=np.int64),
        knows_clicks=False,
    )
    return {
        "currency": "EUR",
        "drivers": explanation(told, WHEN),
        "acquisition": acquisition(told, (nothing, nothing)),
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
