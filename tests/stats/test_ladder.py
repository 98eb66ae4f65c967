from __future__ import annotations

import math
from dataclasses import replace

import pytest

from truelift.stats.design import Aim, Design
from truelift.stats.ladder import Grade, Ladder, Reach, Rung, Step, Traffic, ladder_of
from truelift.stats.power import detectable_lift
from truelift.stats.spreads import BadDesign, Mean, Share


DESIGN = Design(Share(0.03))


def step(ladder: Ladder, rung: Rung) -> Step:
    return next(each for each in ladder.steps if each.rung is rung)


@pytest.mark.parametrize(
    ("weekly", "reach"), [(50_000, Reach.NORMAL), (5_000, Reach.BOLD), (300, Reach.NONE)]
)
def test_the_smallest_lift_after_the_longest_time_says_what_the_traffic_is_enough_for(
    weekly: float, reach: Reach
) -> None:
    ladder = ladder_of(Traffic(DESIGN, weekly))

    assert ladder.reach is reach
    assert ladder.looked == (4, 8, 12)
    assert ladder.lifts[-1] == detectable_lift(DESIGN, n_per_arm=weekly * 12 / 2)
    assert sorted(ladder.lifts, reverse=True) == list(ladder.lifts)


def test_enough_traffic_needs_no_ladder() -> None:
    (only,) = ladder_of(Traffic(DESIGN, 50_000)).steps

    assert (only.rung, only.advised, only.grade) == (Rung.TEST, True, Grade.A)


def test_sharper_tests_come_first_and_the_sharpest_of_them_before_the_others() -> None:
    traffic = Traffic(DESIGN, 1_000, pooled=3, triggered=0.5, covariate=0.6)

    steps = ladder_of(traffic).steps
    lifts = [each.lift or 0 for each in steps[1:5]]

    assert steps[1].rung is Rung.TOGETHER
    assert lifts == sorted(lifts)
    assert [each.grade for each in steps[-6:]] == ["B", "B-C", "C", "C", "D", "E"]


def test_what_is_not_there_is_not_offered() -> None:
    rungs = {each.rung for each in ladder_of(Traffic(DESIGN, 1_000)).steps}

    assert rungs & {Rung.POOL, Rung.TRIGGER, Rung.COVARIATE, Rung.FEWER_ARMS, Rung.LONGER} == set()


def test_a_rung_says_what_it_would_bring() -> None:
    traffic = Traffic(
        Design(Mean(4.0), arms=3),
        2_000,
        most_weeks=6,
        pooled=4,
        triggered=0.25,
        covariate=0.6,
        upstream=Design(Mean(1.0), arms=3),
    )
    ladder = ladder_of(traffic)
    now = ladder.lifts[-1]

    assert step(ladder, Rung.POOL).lift == pytest.approx(now / 2)
    assert step(ladder, Rung.TRIGGER).lift == pytest.approx(now / 2)
    assert step(ladder, Rung.COVARIATE).lift == pytest.approx(now * 0.8)
    assert step(ladder, Rung.LONGER).lift == pytest.approx(now / math.sqrt(2))
    assert step(ladder, Rung.UPSTREAM).lift == pytest.approx(now / 4)
    assert step(ladder, Rung.UPSTREAM).grade is Grade.B
    assert (step(ladder, Rung.FEWER_ARMS).lift or 9) < now * math.sqrt(2 / 3)


def test_ship_and_watch_is_advised_only_where_no_sharper_test_would_do() -> None:
    alone = ladder_of(Traffic(DESIGN, 300))
    helped = ladder_of(Traffic(DESIGN, 300, pooled=40))

    assert step(alone, Rung.SHIP_AND_WATCH).advised
    assert not step(helped, Rung.SHIP_AND_WATCH).advised


def test_where_no_lift_is_possible_the_sentence_says_so() -> None:
    ladder = ladder_of(Traffic(Design(Share(0.9)), 3, most_weeks=4))

    assert math.isinf(ladder.lifts[-1])
    assert "no possible lift" in ladder.sentence
    assert "no lift at all" in ladder.steps[0].because


def test_traffic_that_cannot_be_is_refused_with_every_reason() -> None:
    with pytest.raises(BadDesign) as refused:
        Traffic(
            replace(DESIGN, aim=Aim.EQUIVALENCE, margin=0.1),
            0,
            most_weeks=1,
            pooled=0,
            triggered=0,
            covariate=1.5,
        )

    assert len(refused.value.reasons) == 6
