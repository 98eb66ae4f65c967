from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

from django.template import Context, Template
from hypothesis import given
from hypothesis import strategies as st

from truelift.apps.drawing.series import PLOT_PX, Band, Line, Note, Series
from truelift.apps.drawing.wording import Kind, Measure


SHARE = Measure(Kind.SHARE)
FIRST = date(2026, 10, 19)
DAYS = tuple(FIRST + timedelta(days=number) for number in range(5))
PHONE = Line("Phone", (0.74, 0.75, 0.66, 0.65, 0.66), focus=True, meaning="worse")
EXPECTED = Band((0.73,) * 5, (0.76,) * 5, "expected for phones")
SERIES = Series(
    DAYS,
    (Line("Desktop", (0.81, 0.82, 0.81, 0.80, 0.81)), PHONE),
    SHARE,
    EXPECTED,
    (Note(date(2026, 10, 21), "Release 4.18"), Note(date(2030, 1, 1), "Not in the series")),
)


def page_of(chart: Series) -> str:
    return Template("{% load drawing %}{% time_series chart %}").render(Context({"chart": chart}))


def test_the_sentence_is_about_the_line_in_focus() -> None:
    assert SERIES.sentence == "Phone went from 74.0% to 66.0%; lowest 65.0%, highest 75.0%."


def test_the_description_adds_the_range_and_what_happened() -> None:
    assert "3 days outside the range (expected for phones)." in SERIES.description
    assert "21 Oct: Release 4.18." in SERIES.description
    assert "Not in the series" not in SERIES.description


def test_a_missing_number_breaks_the_line() -> None:
    line = Line("Events", (1.0, 2.0, None, 4.0, 5.0), focus=True)

    path = Series(DAYS, (line,), SHARE).curves[0].path

    assert path.count("M") == 2
    assert path.count("L") == 2


def test_a_line_stands_where_the_axis_says() -> None:
    chart = Series(DAYS, (Line("x", (0.0, 10.0, 5.0, 10.0, 0.0), focus=True),), Measure(Kind.COUNT))

    points = re.findall(r"[ML]([\d.]+) ([\d.]+)", chart.curves[0].path)

    assert [x for x, _ in points] == ["0.0", "250.0", "500.0", "750.0", "1000.0"]
    assert float(points[0][1]) == PLOT_PX
    assert float(points[2][1]) == chart.y(5.0, chart.axis)


def test_counts_stand_on_zero() -> None:
    chart = Series(
        DAYS,
        (Line("Events", (900.0, 950.0, 910.0, 990.0, 940.0), focus=True),),
        Measure(Kind.COUNT),
        from_zero=True,
    )

    assert chart.axis.low == 0


def test_a_band_that_is_wide_at_first_leaves_the_frame() -> None:
    values = (0.02, 0.05, 0.06, 0.07, 0.07)
    band = Band((-4.0, -0.2, -0.1, 0.0, 0.0), (4.0, 0.3, 0.2, 0.15, 0.14), "interval")

    axis = Series(DAYS, (Line("Effect", values, focus=True),), Measure(Kind.LIFT), band).axis

    assert axis.high < 0.5
    assert axis.low > -0.5


@given(
    st.lists(
        st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), min_size=5, max_size=5),
        min_size=1,
        max_size=5,
    )
)
def test_every_point_is_inside_the_frame_and_no_names_overlap(
    values: list[list[float | None]],
) -> None:
    lines = tuple(Line(f"line {i}", tuple(v), focus=i == 0) for i, v in enumerate(values))

    chart = Series(DAYS, lines, Measure(Kind.NUMBER))

    heights = [float(y) for c in chart.curves for y in re.findall(r"[ML][\d.]+ ([\d.]+)", c.path)]
    assert all(0 <= y <= PLOT_PX for y in heights)
    names = [words.y for words in chart.words]
    assert all(below - above >= 13 for above, below in pairwise(names))
    assert chart.sentence


def test_a_series_without_numbers_or_days_says_so() -> None:
    nothing = Series(DAYS, (Line("Events", (None,) * 5, focus=True),), SHARE)
    empty = Series((), (), SHARE)

    assert nothing.sentence == "There is no number in this period yet."
    assert empty.sentence == "There is no number in this period yet."
    assert "<svg" in page_of(nothing)
    assert "<svg" in page_of(empty)


def test_a_single_day_is_a_dot_with_its_number() -> None:
    chart = Series(DAYS[:1], (Line("Events", (0.5,), focus=True),), SHARE)

    assert chart.sentence == "Events: 50.0%."
    assert len(chart.dots) == 1
    assert "50.0%" in page_of(chart)


def test_the_numbers_stand_in_a_table_behind_the_drawing() -> None:
    page = page_of(SERIES)

    assert "<summary>Numbers</summary>" in page
    assert page.count("<tr>") == 1 + len(DAYS)
    assert "73.0% to 76.0%" in page
    assert "no value" in page_of(replace(SERIES, lines=(Line("x", (None, 1, 1, 1, 1)),)))


def test_the_drawing_is_named_by_its_description_and_has_no_style() -> None:
    page = page_of(SERIES)

    assert f'aria-label="{SERIES.description}"' in page
    assert "style=" not in page


def test_hostile_notes_stay_words() -> None:
    note = Note(DAYS[1], "</text><script>alert(1)</script>")

    assert "<script" not in page_of(replace(SERIES, notes=(note,)))


def test_a_range_that_is_wild_at_first_leaves_the_frame_where_the_series_says_so() -> None:
    line = Line("Lift", (0.3, 0.1, 0.08, 0.09, 0.09), focus=True)
    band = Band((-0.1, 0.0, 0.02, 0.03, 0.04), (0.7, 0.2, 0.14, 0.15, 0.14), "interval")
    whole = Series(DAYS, (line,), SHARE, band)

    settled = replace(whole, settled_from=1)

    assert whole.axis.high >= 0.6
    assert 0.3 <= settled.axis.high < 0.6
