"""Scores of the backlog: formulas, what is missing, several scorers, one ranking."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from truelift.lifecycle.policy import Framework, Scoring
from truelift.lifecycle.scoring import (
    PXL_TABLE,
    BadValue,
    Contender,
    IceForm,
    Input,
    MixedFrameworks,
    Opinion,
    Origin,
    Rule,
    Score,
    agreement_of,
    checked_values,
    ice,
    open_with_first,
    pie,
    ranked,
    rice,
    rule_for,
    score_of,
    shown_to,
    ten_point,
)


ICE = Rule(Framework.ICE)


def judged(**values: float) -> dict[str, Input]:
    return {name: Input(value, Origin.JUDGEMENT) for name, value in values.items()}


def scored(value: float | None, *, low: float | None = None, high: float | None = None) -> Score:
    return Score(Framework.ICE, 1, value, low=low, high=high)


def test_ice_comes_in_two_forms_that_rank_differently() -> None:
    even, steep = (5.0, 5.0, 5.0), (10.0, 2.0, 5.0)

    def by(form: IceForm, values: tuple[float, float, float]) -> float:
        impact, confidence, ease = values
        return ice(impact=impact, confidence=confidence, ease=ease, form=form)

    assert by(IceForm.PRODUCT, (10, 10, 10)) == 1000
    assert by(IceForm.PRODUCT, even) > by(IceForm.PRODUCT, steep)
    assert by(IceForm.MEAN, even) < by(IceForm.MEAN, steep)


def test_pie_is_the_mean_of_three() -> None:
    assert pie(potential=9, importance=6, ease=3) == 6


def test_rice_divides_by_person_months() -> None:
    assert rice(reach=2000, impact=2, confidence=0.8, effort=4) == 800


def test_pxl_gives_at_most_fourteen_points() -> None:
    rule = Rule(Framework.PXL)
    every = judged(**{each.key: 3.0 if each.key == "ease" else 1.0 for each in PXL_TABLE})

    assert rule.highest == 14
    assert score_of(rule, every).value == 14
    assert score_of(rule, {**every, **judged(five_sec=0, ease=1)}).value == 10


def test_a_programme_may_weigh_the_rows_of_pxl_otherwise() -> None:
    rule = rule_for(Scoring(Framework.PXL, weights=(("fold", 5.0), ("ease", 6.0))), version=2)
    answers = judged(**dict.fromkeys((each.key for each in PXL_TABLE), 1.0))

    assert rule.version == 2
    assert rule.highest == 21
    assert score_of(rule, answers).value == 17


def test_the_variant_of_ice_is_the_programmes() -> None:
    values = judged(impact=5, confidence=4, ease=3)

    assert score_of(rule_for(Scoring(), version=1), values).value == 60
    assert score_of(rule_for(Scoring(variant="mean"), version=1), values).value == 4


def test_risk_is_taken_off_as_far_as_it_cannot_be_undone() -> None:
    rule = Rule(Framework.RISK_REWARD)

    assert score_of(rule, judged(reward=4, risk=5, reversibility=0.2)).value == 3
    assert score_of(rule, judged(reward=4, risk=5, reversibility=1)).value == -1


@pytest.mark.parametrize("framework", [each for each in Framework if each is not Framework.EV])
def test_a_missing_input_is_not_nought_and_every_one_is_named(framework: Framework) -> None:
    rule = Rule(framework)
    first, *others = [each.name for each in rule.asks]

    found = score_of(rule, judged(**{first: 1.0}))

    assert found.value is None
    assert list(found.missing) == others


def test_the_interval_of_a_score_is_what_its_scorers_could_mean() -> None:
    inputs = judged(impact=5, confidence=5) | {"ease": Input(4, Origin.JUDGEMENT, low=2, high=8)}

    found = score_of(ICE, inputs)

    assert (found.low, found.value, found.high) == (50, 100, 200)


def test_values_outside_of_their_range_are_all_named() -> None:
    with pytest.raises(BadValue) as refused:
        checked_values(
            Rule(Framework.RICE), {"impact": 0.7, "effort": 0, "reach": float("nan"), "luck": 1}
        )

    assert set(refused.value.wrong) == {"impact", "effort", "reach", "luck"}


def test_nobody_sees_the_others_answers_before_their_own_is_in() -> None:
    opinions = (Opinion("ada", {"impact": 3}), Opinion("ben", {"impact": 8}))

    assert shown_to("cleo", opinions) == ()
    assert shown_to("ada", opinions) == opinions


@pytest.mark.parametrize(("highest", "discuss"), [(6.0, False), (7.0, True)])
def test_four_points_of_ten_apart_is_something_to_discuss(highest: float, discuss: bool) -> None:
    opinions = [Opinion(str(i), {"impact": v}) for i, v in enumerate((3.0, 5.0, highest))]

    found = agreement_of(ICE, opinions)

    assert set(found) == {"impact"}
    assert found["impact"].median == 5
    assert found["impact"].spread == highest - 3
    assert found["impact"].discuss is discuss


def test_effort_far_apart_is_a_spread_but_not_out_of_ten() -> None:
    found = agreement_of(
        Rule(Framework.RICE), [Opinion("a", {"effort": 1}), Opinion("b", {"effort": 20})]
    )

    assert found["effort"].spread == 19
    assert not found["effort"].discuss


def test_what_has_no_problem_comes_last_and_what_has_no_score_before_it() -> None:
    order = ranked(
        [
            Contender("ID-1", scored(999), solution_only=True),
            Contender("H-1", scored(10)),
            Contender("H-2", scored(None)),
            Contender("H-3", scored(20)),
        ]
    )

    assert [each.key for each in order] == ["H-3", "H-1", "H-2", "ID-1"]


def test_a_rank_that_a_person_gave_stands_and_the_others_keep_their_order() -> None:
    order = ranked(
        [
            Contender("H-1", scored(30)),
            Contender("H-2", scored(20)),
            Contender("H-3", scored(10)),
            Contender("H-4", scored(1), pinned=2),
            Contender("H-5", scored(40), pinned=9),
        ]
    )

    assert [each.key for each in order] == ["H-1", "H-4", "H-2", "H-3", "H-5"]


def test_two_frameworks_are_never_in_one_ranking() -> None:
    other = Score(Framework.PIE, 1, 5.0)

    with pytest.raises(MixedFrameworks, match="ICE 1 and PIE 1"):
        ranked([Contender("H-1", scored(5)), Contender("H-2", other)])
    with pytest.raises(MixedFrameworks, match="ICE 1 and ICE 2"):
        ranked([Contender("H-1", scored(5)), Contender("H-2", Score(Framework.ICE, 2, 5.0))])


@given(st.lists(st.floats(-1e6, 1e6), max_size=20))
def test_ranking_loses_and_repeats_nothing(values: list[float]) -> None:
    contenders = [Contender(f"H-{i}", scored(value)) for i, value in enumerate(values)]

    order = ranked(contenders)

    assert sorted(order, key=lambda c: c.key) == sorted(contenders, key=lambda c: c.key)
    found = [each.score.value or 0.0 for each in order]
    assert found == sorted(found, reverse=True)


def test_the_order_is_open_as_far_as_intervals_reach_the_first() -> None:
    scores = [
        scored(10, low=6, high=14),
        scored(9, low=7, high=11),
        scored(7, low=6, high=8),
        scored(3, low=1, high=5),
    ]

    assert open_with_first(scores) == 3
    assert open_with_first([scored(10), scored(9)]) == 1
    assert open_with_first([]) == 0


def test_a_known_amount_takes_its_place_by_its_share_of_the_largest() -> None:
    assert ten_point(50, of=100) == 5.5
    assert ten_point(0, of=0) == 1
    assert ten_point(200, of=100) == 10
