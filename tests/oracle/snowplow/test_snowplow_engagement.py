"""Real page views, and the engaged time and scroll share that Snowplow's web model expects.

The model's tracker sends a page ping 5 s into a page view and every 10 s after that. It counts
page views by their ids and Truelift by their events, so a view whose id came twice is two, and what
follows belongs to the first.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.oracle.snowplow.loader import expected
from truelift.lake.lake import Lake
from truelift.questions.page_engagement import PageEngagement


pytestmark = pytest.mark.oracle

TWICE = "320e0ef8-ed6e-4649-8ac1-d1a95c9e455e"
"""One view's id that came with two events, two seconds apart."""


@pytest.fixture(scope="module")
def model(data: Path) -> dict[str, dict[str, str]]:
    rows = expected(data, "snowplow_web_page_views_expected.csv")
    assert len(rows) == 43
    return {row["page_view_id"]: row for row in rows}


@pytest.fixture(scope="module")
def ours(lake: Lake) -> Mapping[str, dict[str, Any]]:
    question = PageEngagement(by=("page_view_id",), max_rows=1000)
    rows: Any = lake.ask("web", question).answer.document()["rows"]
    return {row["by"]["page_view_id"]: row for row in rows}


def test_every_page_view_has_the_engaged_time_that_the_model_expects(
    model: dict[str, dict[str, str]], ours: Mapping[str, dict[str, Any]]
) -> None:
    expected_s = {view: float(row["engaged_time_in_s"]) for view, row in model.items()}

    found_s = {view: ours[view]["engaged"]["mean_s"] * ours[view]["engaged"]["n"] for view in model}

    assert found_s == expected_s
    assert sum(seconds > 0 for seconds in found_s.values()) == 1


def test_every_page_view_has_the_scroll_share_that_the_model_expects(
    model: dict[str, dict[str, str]], ours: Mapping[str, dict[str, Any]]
) -> None:
    expected_percent = {
        view: float(row["vertical_percentage_scrolled"]) for view, row in model.items()
    }

    found = {view: round(100 * ours[view]["scrolled"]["mean"], 6) for view in model}

    assert found == expected_percent


def test_every_page_view_is_one_but_for_an_id_that_came_twice(
    model: dict[str, dict[str, str]], ours: Mapping[str, dict[str, Any]]
) -> None:
    assert {view: ours[view]["views"] for view in model if ours[view]["views"] != 1} == {TWICE: 2}
