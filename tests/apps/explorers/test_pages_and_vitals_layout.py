"""What the pages of page engagement and web vitals say, of answers over a few events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tests.apps.explorers.test_layout import asked
from tests.questions.asking import ask, event
from truelift.apps.drawing.bars import Bars
from truelift.apps.explorers.engagement_page import engagement_page
from truelift.apps.explorers.page import ExplorerPage
from truelift.apps.explorers.vitals_page import vitals_page
from truelift.questions.page_engagement import PageEngagement
from truelift.questions.web_vitals import WebVitals


PATHS = (("/a", 88), ("/b", 90))


def vitals(*rows: tuple[str, Mapping[str, float]], by: tuple[str, ...] = ("path",)) -> ExplorerPage:
    events = [
        event(nth, nth, "web_vitals", path=path, position=nth, properties=said)
        for nth, (path, said) in enumerate(rows)
    ]
    answer = ask(WebVitals(by=by, smallest=1), events).document()
    return vitals_page(asked({}, answer))


def pages(events: Sequence[dict[str, Any]], **more: object) -> ExplorerPage:
    return engagement_page(asked({}, ask(PageEngagement(), events).document(), **more))


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (
            {"lcp": 2000, "inp": 100, "cls": 0.05},
            "Pages are good at LCP 2,000 ms, INP 100 ms, CLS 0.05 at the 75th percentile from",
        ),
        (
            {"lcp": 2000, "cls": 0.05},
            "Pages are good at LCP 2,000 ms, CLS 0.05 at the 75th percentile from",
        ),
        (
            {"lcp": 3000, "inp": 100, "cls": 0.12},
            "Pages are not good enough at LCP 3,000 ms and CLS 0.12 at the 75th percentile from",
        ),
        ({"ttfb": 100}, "Readings came with 1 page view from"),
    ],
)
def test_the_heading_says_which_core_vitals_are_good(said: dict[str, float], sentence: str) -> None:
    page = vitals(("/", said))

    assert f"{page.answer} {page.marked}{page.rest}".startswith(sentence)


def test_the_heading_names_what_was_not_sent_and_what_is_poor() -> None:
    assert "Of INP nothing was sent." in vitals(("/", {"lcp": 1, "cls": 0})).rest
    assert vitals(("/", {"lcp": 9000})).rest.endswith(": poor.")
    assert vitals(("/", {"lcp": 2600})).rest.endswith(": in need of improvement.")


def test_a_period_without_readings_says_how_to_send_some() -> None:
    page = vitals()

    assert not page.marked
    assert "web-vitals library" in page.grounds


def test_the_slowest_page_is_drawn_first_with_its_rating() -> None:
    page = vitals(*[("/fast", {"lcp": 900})] * 30, *[("/slow", {"lcp": 4100})] * 20)

    (figure,) = page.figures
    assert isinstance(figure.chart, Bars)
    assert [bar.label for bar in figure.chart.bars] == ["/slow", "/fast"]
    assert figure.sentence == "LCP is highest for “/slow”: 4,100 ms, poor."
    assert "Good up to 2,500 ms, poor above 4,000 ms." in figure.source


def test_pages_that_the_data_cannot_tell_apart_are_not_ranked_in_words() -> None:
    readings = [(path, {"inp": begin + nth}) for path, begin in PATHS for nth in range(20)]

    (figure,) = vitals(*readings).figures

    assert figure.sentence == (
        "The data cannot tell for which INP is highest: the intervals overlap."
        " The highest is 104 ms, good."
    )


def test_times_stand_in_whole_milliseconds_in_the_table() -> None:
    (table,) = vitals(("/", {"inp": 87.3, "lcp": 1234.5})).tables

    cells = dict(zip((column.label for column in table.columns), table.rows[0].cells, strict=True))
    assert (cells["INP, ms"], cells["LCP, ms"]) == ("87", "1,234")


def test_a_row_says_whether_its_core_vitals_are_good() -> None:
    page = vitals(
        ("/a", {"lcp": 1, "inp": 1, "cls": 0}),
        ("/b", {"lcp": 1, "inp": 900, "cls": 0}),
        ("/c", {"lcp": 1}),
    )

    assert [(row.label, row.cells[1]) for row in page.tables[0].rows] == [
        ("/a", "good"),
        ("/b", "not all good"),
        ("/c", "not known"),
    ]


def test_days_are_drawn_over_time() -> None:
    answer = ask(
        WebVitals(by=("day",), smallest=1),
        [event(1, 0, "LCP", value=100.0), event(2, 86_400, "LCP", value=200.0)],
    )

    (figure,) = vitals_page(asked({}, answer.document())).figures

    assert (figure.name, figure.kind, figure.timed) == ("lcp", "series", True)


def test_the_page_on_which_most_sessions_end_leads() -> None:
    events = [
        event(1, 0, "page_view", path="/a"),
        event(1, 9, "page_view", path="/b"),
        event(2, 0, "page_view", path="/b"),
        event(3, 0, "page_view", path="/a"),
    ]

    page = pages(events)

    assert f"{page.answer} {page.marked}" == "Most sessions end on “/b”: 66.7%"
    assert "not known" in page.grounds
    (figure,) = page.figures
    assert figure.name == "exits"
    assert figure.sentence.startswith("The data cannot tell from which people leave")


def test_engaged_time_is_drawn_where_the_site_sends_some() -> None:
    events = [
        event(1, 0, "page_view", path="/a"),
        event(1, 5, "page_ping", path="/a", properties={"percent_scrolled": 70}),
    ]

    page = pages(events)

    assert [figure.name for figure in page.figures] == ["engaged", "exits"]
    assert "held somebody for 5.0 s or longer" in page.grounds
    assert "100% of those that say so got half-way" in page.grounds


def test_page_views_by_day_are_drawn_over_time() -> None:
    events = [event(nth, nth * 86_400, "page_view", path="/a") for nth in range(3)]

    page = engagement_page(asked({}, ask(PageEngagement(by=("day",)), events).document()))

    assert [(figure.name, figure.kind) for figure in page.figures] == [("exit-rate", "series")]


def test_nobody_viewing_a_page_is_said_as_that() -> None:
    assert pages([event(1, 0, "purchase")]).answer == "No page was viewed in this period."


def test_the_period_before_stands_beside_the_same_page() -> None:
    now = [event(1, 0, "page_view", path="/a"), event(2, 0, "page_view", path="/new")]
    before = ask(PageEngagement(), [event(1, 0, "page_view", path="/a")]).document()

    page = pages(now, before=before)

    columns = [column.label for column in page.tables[0].columns]
    shown = {row.label: row.cells[columns.index("Views before")] for row in page.tables[0].rows}
    assert shown == {"/a": "1", "/new": ""}
