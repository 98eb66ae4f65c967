"""Four quadrants in balance; one that is low holds all back; nothing is guessed."""

from __future__ import annotations

from dataclasses import replace
from math import nan

import pytest

from truelift.lifecycle.maturity import (
    EVIDENCE,
    QUESTIONS,
    BadAnswer,
    Dimension,
    MaturityStage,
    check_answers,
    maturity,
    stage_of,
)
from truelift.lifecycle.scorecard import (
    ITEMS,
    MEASURES,
    BadTarget,
    Figure,
    Quadrant,
    Reading,
    measures_with,
    scorecard,
)


def at(points: float, figure: Figure) -> Reading:
    """Read a figure at so many points of a hundred."""
    of = MEASURES[figure]
    return Reading(figure, of.floor + points / 100 * (of.target - of.floor), 9, "nine of them")


def all_at(points: float) -> list[Reading]:
    return [at(points, figure) for figure in Figure]


@pytest.mark.parametrize("figure", Figure)
def test_points_go_straight_from_floor_to_target_whichever_is_larger(figure: Figure) -> None:
    of = MEASURES[figure]

    assert of.points(of.floor) == 0
    assert of.points((of.floor + of.target) / 2) == pytest.approx(50)
    assert of.points(of.target) == 100
    assert of.points(of.target + (of.target - of.floor)) == 100
    assert of.points(of.floor - (of.target - of.floor)) == 0


def test_the_whole_is_the_geometric_mean_of_the_quadrants() -> None:
    readings = {Quadrant.PERFORMANCE: 100.0, Quadrant.MEASUREMENT: 50.0}
    card = scorecard(
        at(readings.get(quadrant, 80.0), figure)
        for quadrant, figures in ITEMS.items()
        for figure in figures
    )

    assert card.overall == pytest.approx((100 * 50 * 80 * 80) ** 0.25)
    assert card.held_back_by == ()


def test_speed_does_not_make_up_for_what_cannot_be_trusted() -> None:
    card = scorecard(
        at(10.0 if quadrant is Quadrant.MEASUREMENT else 100.0, figure)
        for quadrant, figures in ITEMS.items()
        for figure in figures
    )

    assert card.overall == 50
    assert card.held_back_by == (Quadrant.MEASUREMENT,)


def test_a_low_quadrant_never_lifts_the_whole_to_the_limit() -> None:
    assert scorecard(all_at(10)).overall == pytest.approx(10)
    assert scorecard(all_at(0)).overall == 0


def test_what_is_not_known_is_left_out_of_a_mean_and_a_quadrant_of_nothing_is_not_known() -> None:
    card = scorecard([at(60, Figure.REVENUE), Reading(Figure.IMPACT, None, 0, "no test is live")])

    performance = card.quadrants[0]
    assert performance.points == pytest.approx(60)
    assert performance.known == 1
    assert card.overall is None
    assert card.unknown == (Quadrant.MEASUREMENT, Quadrant.EFFICIENCY, Quadrant.ALIGNMENT)


def test_a_programme_has_floors_and_targets_of_its_own() -> None:
    measures = measures_with({"velocity": (0.0, 2.0)})

    assert measures[Figure.VELOCITY].points(1.0) == 50
    assert measures[Figure.REWORK] == MEASURES[Figure.REWORK]


@pytest.mark.parametrize(
    "change",
    [{"speed": (0.0, 1.0)}, {"velocity": (1.0, 1.0)}, {"velocity": (0.0, nan)},
     {"velocity": (2.0, 0.5)}, {"rework": (0.0, 1.0)}],
)  # fmt: skip
def test_a_target_that_is_none_is_refused(change: dict[str, tuple[float, float]]) -> None:
    with pytest.raises(BadTarget):
        measures_with(change)


SAID = {each.key: 2 for each in QUESTIONS}


def test_a_dimension_is_half_what_is_shown_and_half_what_is_said() -> None:
    found = maturity(all_at(100), [SAID, {**SAID, "weekly": 4, "review": 4}])

    cadence = found.dimensions[list(Dimension).index(Dimension.CADENCE)]
    assert (cadence.shown, cadence.said, cadence.people) == (4, 2.5, 2)
    assert cadence.score == 3.25
    assert found.total == pytest.approx((6 * 3 + 3.25) / 7)
    assert found.least is not None
    assert found.least.score == 3
    assert found.stage is MaturityStage.RUN


@pytest.mark.parametrize(
    ("total", "least", "stage"),
    [
        (1.49, 1.4, "crawl"),
        (1.5, 1.0, "walk"),
        (1.5, 0.99, "crawl"),
        (2.5, 2.0, "run"),
        (2.5, 1.99, "walk"),
        (3.3, 2.5, "fly"),
        (3.9, 2.49, "run"),
        (3.29, 3.29, "run"),
        (3.9, 0.5, "crawl"),
    ],
)
def test_a_low_dimension_keeps_a_programme_back(total: float, least: float, stage: str) -> None:
    assert stage_of(total, least) == stage


def test_without_evidence_nothing_is_said_of_a_programme() -> None:
    nothing = maturity([], [])
    only_said = maturity([], [SAID])
    only_shown = maturity(all_at(100), [])
    one_short = maturity(
        [each for each in all_at(100) if each.figure not in EVIDENCE[Dimension.LIBRARY]], [SAID]
    )

    for found in (nothing, only_said, only_shown, one_short):
        assert (found.total, found.least, found.stage) == (None, None, None)
    assert "system has nothing" in only_said.dimensions[0].missing
    assert "nobody has answered" in only_shown.dimensions[0].missing
    assert [each.dimension for each in one_short.dimensions if each.missing] == [Dimension.LIBRARY]


def test_a_reading_that_says_nothing_does_not_count_as_never() -> None:
    readings = [
        replace(each, value=None) if each.figure is Figure.SCORED else each for each in all_at(100)
    ]

    assert maturity(readings, [SAID]).dimensions[1].shown == 4


@pytest.mark.parametrize("answers", [{}, {**SAID, "weekly": 5}, {**SAID, "luck": 1}])
def test_answers_that_cannot_be_are_refused(answers: dict[str, int]) -> None:
    with pytest.raises(BadAnswer):
        check_answers(answers)
