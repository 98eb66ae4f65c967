"""Real web vitals, and the 209 groups of which Snowplow's web model expects the 75th percentile.

The model rounds every LCP up to whole milliseconds, and every percentile up to three decimals.
It has FID, which INP replaced in 2024, and decides with it what passes; Truelift takes INP.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from tests.oracle.snowplow.loader import ROUNDED, expected
from truelift.lake.lake import Lake
from truelift.questions.matching import Events
from truelift.questions.web_vitals import WebVitals


pytestmark = pytest.mark.oracle

KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "overall": (),
    "by_country": ("country",),
    "by_device": ("device_class",),
    "by_day": ("day",),
    "by_url_and_device": ("path", "device_class"),
    "by_day_and_device": ("day", "device_class"),
    "by_country_and_device": ("country", "device_class"),
}
"""The model's groups, and what makes them."""

THEIRS: Final = {"country": "geo_country", "device_class": "device_class"}

Rows = dict[tuple[str, ...], dict[str, Any]]


def key_of(row: Mapping[str, str], by: tuple[str, ...]) -> tuple[str, ...]:
    found = {
        "day": row["time_period"][:10],
        "path": row["page_url"].removeprefix("https://snowplow.io"),
        **{name: row[column] for name, column in THEIRS.items()},
    }
    return tuple(found[name] for name in by)


def up(value: float) -> float:
    """Round up to three decimals, as the model does with what it gives out."""
    return math.ceil(round(value * 1000, 6)) / 1000


@pytest.fixture(scope="module")
def model(data: Path) -> dict[str, dict[tuple[str, ...], dict[str, str]]]:
    rows = expected(data, "default/snowplow_web_vital_measurements_expected.csv")
    assert len(rows) == 209
    return {
        kind: {key_of(row, by): row for row in rows if row["measurement_type"] == kind}
        for kind, by in KEYS.items()
    }


def ours(lake: Lake, by: tuple[str, ...], event: str) -> Rows:
    question = WebVitals(event=Events((event,)), by=by, smallest=1, max_rows=1000)
    rows: Any = lake.ask("vitals", question).answer.document()["rows"]
    return {tuple(row["by"][name] for name in by): row for row in rows}


@pytest.mark.parametrize("kind", KEYS)
def test_every_group_has_the_page_views_percentiles_and_ratings_that_the_model_expects(
    kind: str, lake: Lake, model: dict[str, Rows]
) -> None:
    found = ours(lake, KEYS[kind], ROUNDED)

    assert found.keys() == model[kind].keys()
    for key, row in model[kind].items():
        mine = found[key]
        assert mine["page_views"] == int(row["page_view_count"])
        for vital, unit in (("inp", 1), ("cls", 1), ("ttfb", 1), ("lcp", 1000)):
            assert up(mine[vital]["p75"] / unit) == float(row[f"{vital}_75p"]), (key, vital)
            said = mine[vital]["rating"].replace("_", " ")
            assert said == row[f"{vital}_result"], (key, vital)


@pytest.mark.parametrize("kind", KEYS)
def test_an_lcp_that_is_not_rounded_up_first_is_less_than_two_milliseconds_below(
    kind: str, lake: Lake, model: dict[str, Rows]
) -> None:
    for key, mine in ours(lake, KEYS[kind], "web_vitals").items():
        above = float(model[kind][key]["lcp_75p"]) * 1000 - mine["lcp"]["p75"]

        # A millisecond by rounding each reading, another by rounding the percentile.
        assert -1e-6 < above < 2


@pytest.mark.parametrize("kind", KEYS)
def test_what_passes_differs_only_where_fid_and_inp_are_not_both_good(
    kind: str, lake: Lake, model: dict[str, Rows]
) -> None:
    for key, mine in ours(lake, KEYS[kind], ROUNDED).items():
        row = model[kind][key]

        agree = (row["fid_result"] == "good") == (row["inp_result"] == "good")
        if agree:
            assert mine["passes"] == (row["passed"] == "1")
        else:
            others = row["lcp_result"] == row["cls_result"] == "good"
            assert mine["passes"] == (others and row["inp_result"] == "good")
