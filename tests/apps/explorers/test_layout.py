"""Page values of explorers, laid out from answers that are written by hand."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from truelift.apps.drawing.dots import Dots
from truelift.apps.drawing.flow import Flow
from truelift.apps.drawing.heat import Heat, Shade
from truelift.apps.drawing.series import Series
from truelift.apps.explorers.page import Asked, Happening
from truelift.apps.explorers.paths_page import paths_page
from truelift.apps.explorers.retention_page import over, retention_page
from truelift.apps.explorers.segments_page import segments_page
from truelift.apps.explorers.table import Column, Unit, seconds, table
from truelift.apps.explorers.timeline import change_said
from truelift.apps.explorers.trend_page import trend_page
from truelift.apps.explorers.value_page import value_page
from truelift.questions.document import Json


BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


def asked(question: Mapping[str, Json], answer: Mapping[str, Json], **more: object) -> Asked:
    given = {"before": None, "notes": (), "earlier": None, **more}
    return Asked(
        question=question,
        answer=answer,
        ask=lambda document: document,
        currency="EUR",
        zone=BERLIN,
        now=NOW,
        period="Fri 1 May to Mon 4 May 2026",
        **given,  # type: ignore[arg-type]
    )


def days(*counts: int) -> list[Json]:
    """Write rows of a trend from Fri 1 May on, whose day begins on 30 April in UTC."""
    first = datetime(2026, 4, 30, 22, tzinfo=UTC)
    return [
        {"begins": (first + timedelta(days=day)).isoformat(), "count": n, "people": n}
        for day, n in enumerate(counts)
    ]


def trend_of(*counts: int, notes: tuple[Happening, ...] = ()) -> Asked:
    whole: Json = {"count": sum(counts), "people": sum(counts)}
    answer: dict[str, Json] = {
        "interval": "day",
        "rows": days(*counts),
        "whole": whole,
        "filled": True,
    }
    return asked({"event": "purchase"}, answer, notes=notes)


def test_a_day_that_is_not_over_is_in_the_table_and_not_in_the_line() -> None:
    page = trend_page(trend_of(5, 6, 7, 1))

    (figure,) = page.figures
    assert isinstance(figure.chart, Series)
    assert figure.chart.lines[-1].values == (5.0, 6.0, 7.0, None)
    assert "The last day is not over" in figure.source
    assert page.tables[0].rows[-1].label == "4 May, so far"
    assert page.tables[0].rows[-1].cells[0] == "1"


def test_what_happened_stands_at_the_day_on_which_it_did_in_the_site_s_time() -> None:
    release = Happening(datetime(2026, 5, 2, 22, 30, tzinfo=UTC), "release", "Release: 4.18")

    (figure,) = trend_page(trend_of(5, 6, 7, 1, notes=(release,))).figures

    assert isinstance(figure.chart, Series)
    assert [(str(note.at), note.words) for note in figure.chart.notes] == [
        ("2026-05-03", "Release: 4.18")
    ]


@pytest.mark.parametrize(
    ("now", "before", "says"),
    [
        ([10] * 14, [5] * 14, "+100.0%"),
        ([10, 12, 9, 11, 10, 8, 10], [10, 11, 10, 9, 10, 10, 10], "no clear change"),
        ([10] * 3, [5] * 3, "no clear change"),  # three pairs say nothing of their spread
        ([10] * 14, [0] * 14, "nothing to compare with"),
        ([], [], "nothing to compare with"),
        ([1, 1, 1, 1, 1, 1, 50], [1] * 7, "no clear change"),  # one odd day is no change
    ],
)
def test_a_change_is_called_one_only_when_the_pairs_say_so(
    now: list[int], before: list[int], says: str
) -> None:
    assert change_said(now, before) == says


def cell(k: int, returned: int | None, people: int) -> dict[str, Json]:
    rate = returned / people if returned is not None and people else None
    return {
        "interval": k,
        "returned": returned,
        "rate": rate,
        "immature": returned is None,
        "people": people,
        "cohorts": 2,
    }


def retention() -> Asked:
    def cohort(day: str, people: int, *returned: int | None) -> dict[str, Json]:
        return {
            "by": {},
            "cohort": day,
            "people": people,
            "complete": True,
            "cells": [cell(k, each, people) for k, each in enumerate(returned)],
        }

    rows: list[Json] = [
        cohort("2026-04-06", 0, 0, 0, 0),
        cohort("2026-04-13", 1000, 1000, 300, 100),
        cohort("2026-04-20", 1000, 1000, 200, None),
        cohort("2026-04-27", 60, 60, None, None),
    ]
    curve: dict[str, Json] = {
        "by": {},
        "people": 2060,
        "cells": [cell(0, 2060, 2060), cell(1, 500, 2000), cell(2, 100, 1000)],
    }
    answer: dict[str, Json] = {
        "semantics": {"interval": "week"},
        "rows": rows,
        "curves": [curve],
    }
    return asked({"cohort": "signup", "return": "purchase"}, answer)


def triangle() -> Heat:
    chart = retention_page(retention()).figures[-1].chart
    assert isinstance(chart, Heat)
    return chart


def test_an_interval_that_is_not_over_says_from_when_it_is() -> None:
    row = next(row for row in triangle().rows if row.label == "20 Apr")

    assert [each.immature for each in row.cells] == [False, False, True]
    assert row.cells[2].said == "from 11 May"
    assert row.cells[2].css == "h h-open"


def test_a_cohort_is_shaded_only_where_it_differs_from_the_others_by_more_than_noise() -> None:
    first, second, small = triangle().rows

    assert first.cells[1].shade is Shade.BETTER_3
    assert second.cells[1].shade is Shade.WORSE_3
    assert first.cells[0].shade is Shade.NONE
    assert small.too_few == "60 of the 100 people needed"


def test_cohorts_before_anybody_came_are_not_shown_and_are_in_the_file() -> None:
    page = retention_page(retention())

    assert [row.label for row in triangle().rows] == ["13 Apr", "20 Apr", "27 Apr"]
    assert len(page.rows) == 12
    assert page.answer + page.marked + page.rest == (
        "Of those who did “Signup”,25.0% did “Purchase” in the week after."
    )


@pytest.mark.parametrize(
    ("interval", "k", "says"),
    [("day", 0, "2026-12-08"), ("week", 1, "2026-12-21"), ("month", 0, "2027-01-01")],
)
def test_an_interval_is_over_where_the_next_begins(interval: str, k: int, says: str) -> None:
    assert over(datetime(2026, 12, 7, tzinfo=UTC).date(), k, interval).isoformat() == says


def test_who_still_waits_is_no_loss_and_a_line_ends_where_nobody_is_watched() -> None:
    points: list[Json] = [
        {"interval": k, "share": share, "low": share, "high": share}
        for k, share in enumerate([0.0, 0.2, 0.3, None])
    ]
    group: dict[str, Json] = {
        "by": {},
        "people": 100,
        "reached": 25,
        "immature": 75,
        "median": None,
        "quartiles": [2, None, None],
        "restricted_mean": 2.5,
        "rows": points,
    }
    answer: dict[str, Json] = {"semantics": {"interval": "day"}, "groups": [group]}

    page = value_page(asked({"start": "signup", "value": "purchase"}, answer))

    (figure,) = page.figures
    assert isinstance(figure.chart, Series)
    assert figure.chart.stepped
    assert figure.chart.lines[-1].values == (0.0, 0.2, 0.3, None)
    assert page.marked == "30.0%"
    assert "75 still wait" in page.grounds
    assert page.tables[0].rows[0].cells[3:] == ("2 days", "not reached", "not reached", "2.5 days")
    assert page.tables[0].columns[-1].label == "Mean, at most 3 days"


def paths(direction: str) -> Flow:
    def node(name: str | None, units: int) -> dict[str, Json]:
        return {"node": name, "units": units}

    def step(number: int, units: int, nodes: list[Json]) -> dict[str, Json]:
        return {"step": number, "units": units, "ended": 40, "nodes": nodes}

    link: tuple[Json, ...] = ("/", "/cart") if direction == "forward" else ("/cart", "/")
    answer: dict[str, Json] = {
        "semantics": {"direction": direction, "unit": "session", "nodes": "pages"},
        "units": 100,
        "rows": [
            step(1, 100, [node("/", 100)]),
            step(2, 60, [node("/cart", 50), node(None, 10)]),
        ],
        "links": [{"step": 1, "from": link[0], "to": link[1], "units": 50}],
        "paths": [],
        "looping": {"units": 0, "share": 0.0},
        "loops": [],
    }
    chart = paths_page(asked({"start": "/"}, answer)).figures[0].chart
    assert isinstance(chart, Flow)
    return chart


def test_the_way_to_a_place_is_drawn_with_time_going_to_the_right() -> None:
    forward, backward = paths("forward"), paths("backward")

    assert [node.label for node in forward.columns[0]] == ["/"]
    assert [node.label for node in backward.columns[-1]] == ["/"]
    assert forward.sentence == "50 sessions go from / to /cart."
    assert backward.sentence == "50 sessions go from /cart to /."


def test_nodes_of_a_step_add_up_to_it_the_small_ones_together() -> None:
    flow = paths("forward")

    assert [node.units for node in flow.columns[1]] == [50, 10]
    assert flow.columns[1][-1].rest


def sample(n: int, successes: int, **more: Json) -> dict[str, Json]:
    share = successes / n
    return {
        "units": n,
        "n": n,
        "value": share,
        "mean": share,
        "m2": n * share * (1 - share),
        "successes": successes,
        "immature": 0,
        "share": 0.5,
        **more,
    }


def test_a_segment_is_called_apart_only_beyond_noise_and_with_enough_people() -> None:
    def of(device: str, n: int, successes: int) -> dict[str, Json]:
        return sample(n, successes, dimension="device", by={"device": device})

    answer: dict[str, Json] = {
        "metric": {"key": "purchase", "kind": "proportion"},
        "units": 4050,
        "min_units": 5,
        "total": sample(4050, 240),
        "rows": [of("phone", 2000, 80), of("desktop", 2000, 160), of("tv", 50, 0)],
    }

    page = segments_page(asked({"metric": "purchase"}, answer))

    chart = page.figures[0].chart
    assert isinstance(chart, Dots)
    phone, desktop, tv = chart.groups[0].rows
    assert (phone.clear, desktop.clear) == (True, True)
    assert tv.interval is None
    assert tv.instead == "50 of the 100 people needed"
    assert "2 groups are clearly apart" in page.grounds


def test_a_column_that_no_row_has_is_left_out_and_nothing_is_said_in_words() -> None:
    found = table(
        "Rows",
        [{"name": "a", "n": 1, "rate": None}, {"name": None, "n": 2, "others": 3}],
        head=Column("name", "Name", Unit.TEXT),
        columns=(Column("n", "N"), Column("rate", "Rate", Unit.SHARE), Column("x", "X")),
        currency="EUR",
    )

    assert [column.key for column in found.columns] == ["n", "rate"]
    assert [(row.label, row.cells) for row in found.rows] == [
        ("a", ("1", "no value")),
        ("3 others", ("2", "")),
    ]


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (0, "0 s"),
        (2.5, "2.5 s"),
        (59.4, "59 s"),
        (60, "1 min"),
        (200, "3 min 20 s"),
        (90_000, "1 d 1 h"),
    ],
)
def test_a_length_of_time_has_its_two_largest_units(value: float, says: str) -> None:
    assert seconds(value) == says
