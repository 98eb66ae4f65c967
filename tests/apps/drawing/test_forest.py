from __future__ import annotations

import re
from dataclasses import replace

import pytest
from django.template import Context, Template
from hypothesis import given
from hypothesis import strategies as st

from truelift.apps.drawing.forest import Effect, Forest, Group, Interval, forest
from truelift.apps.drawing.knowledge import Knowledge
from truelift.apps.drawing.wording import Kind, Measure


LIFT = Measure(Kind.LIFT)
ORDERS = Effect("Orders", Knowledge.BETTER, Interval(0.075, 0.014, 0.135))
REVENUE = Effect("Revenue", Knowledge.INCONCLUSIVE, Interval(0.063, -0.016, 0.142))
HOSTILE = "<script>alert(1)</script>\"'"


def drawn(*rows: Effect, **changes: str) -> str:
    chart = replace(forest(*rows, measure=LIFT, head="Effect, 95%"), **changes)  # type: ignore[arg-type]
    return Template("{% load drawing %}{% forest chart %}").render(Context({"chart": chart}))


@pytest.mark.parametrize(
    ("effect", "sentence"),
    [
        (ORDERS, "Orders rose by 7.5%; likely between 1.4% and 13.5%."),
        (
            Effect("Contacts", Knowledge.BETTER, Interval(-0.147, -0.208, -0.086)),
            "Contacts fell by 14.7%; likely between 8.6% and 20.8%.",
        ),
        (
            Effect("Orders", Knowledge.WORSE, Interval(-0.06, -0.11, -0.01)),
            "Orders fell by 6.0%; likely between 1.0% and 11.0%.",
        ),
        (
            Effect("Value", Knowledge.NO_DIFFERENCE, Interval(0, -0.02, 0.02), margins=(-0.03,)),
            "Value: no difference larger than 3.0%.",
        ),
        (REVENUE, "Revenue: the data cannot tell; it could be −1.6% or +14.2%."),
        (
            Effect("Refunds", Knowledge.NOT_MATURE, reason="complete on 15 Dec"),
            "Refunds: complete on 15 Dec.",
        ),
        (
            Effect("Tablet", Knowledge.TOO_FEW, reason="312 visitors; 1,000 are needed"),
            "Tablet: 312 visitors; 1,000 are needed.",
        ),
        (
            Effect("Orders", Knowledge.INVALID, Interval(0.3, 0.2, 0.4), reason="nobody was split"),
            "Orders cannot be used, because nobody was split.",
        ),
    ],
)
def test_the_sentence_says_what_is_known(effect: Effect, sentence: str) -> None:
    assert effect.sentence(LIFT) == sentence


def test_a_change_of_a_rate_is_said_in_points() -> None:
    effect = Effect("Rate", Knowledge.WORSE, Interval(-0.046, -0.052, -0.040))

    assert effect.sentence(Measure(Kind.POINTS)) == (
        "Rate fell by 4.6 points; likely between 4.0 points and 5.2 points."
    )


def test_dot_and_whisker_stand_where_the_axis_says() -> None:
    chart = forest(ORDERS, REVENUE, measure=LIFT, head="")
    axis = chart.axis

    row = chart.drawn[0].rows[0]

    assert row.dot == axis.x(0.075)
    whisker = next(line for line in row.lines if line.y1 == line.y2)
    assert (whisker.x1, whisker.x2) == (axis.x(0.014), axis.x(0.135))
    assert row.value == "+7.5%"
    assert row.range == "+1.4% to +13.5%"


def test_a_conclusive_effect_is_filled_and_an_inconclusive_one_hollow() -> None:
    rows = forest(ORDERS, REVENUE, measure=LIFT, head="").drawn[0].rows

    assert rows[0].dot_css == "f-better"
    assert rows[1].dot_css == "hollow s-quiet"


def test_colour_follows_what_is_better_and_not_the_sign() -> None:
    fewer = Effect("Contacts", Knowledge.BETTER, Interval(-0.147, -0.208, -0.086))

    assert forest(fewer, measure=LIFT, head="").drawn[0].rows[0].colour == "up"


def test_an_invalid_effect_shows_no_number_anywhere() -> None:
    effect = Effect(
        "Sign-ups",
        Knowledge.INVALID,
        Interval(0.31, 0.21, 0.41),
        levels=("1.11%", "1.22%"),
        reason="the split is not the planned one",
    )
    chart = Forest((Group("", (effect,)),), LIFT, "Effect", columns=("control", "test"))

    page = Template("{% load drawing %}{% forest chart %}").render(Context({"chart": chart}))

    assert not re.search(r"31|21\.0|41|1\.11|1\.22", re.sub(r'(x1|x2)="[^"]*"', "", page))
    assert "hatch" in page
    assert "<s>Sign-ups</s>" in page
    assert "cannot be used, because the split is not the planned one" in page


def test_a_wide_interval_that_says_nothing_leaves_the_frame_without_a_cap() -> None:
    wide = Effect("Wide", Knowledge.INCONCLUSIVE, Interval(0.1, -2.0, 3.0))

    chart = forest(ORDERS, wide, measure=LIFT, head="")

    assert chart.axis.high < 0.5
    lines = chart.drawn[0].rows[1].lines
    assert sum("iv95" in line.css for line in lines) == 1


def test_where_no_interval_says_anything_the_narrowest_one_fits() -> None:
    narrow = Effect("Narrow", Knowledge.INCONCLUSIVE, Interval(0.014, -0.135, 0.164))
    wide = Effect("Wide", Knowledge.INCONCLUSIVE, Interval(0.03, -0.5, 0.6))

    axis = forest(narrow, wide, measure=LIFT, head="").axis

    assert axis.inside(-0.135)
    assert axis.inside(0.164)
    assert not axis.inside(0.6)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([Knowledge.BETTER, Knowledge.WORSE, Knowledge.NO_DIFFERENCE]),
            st.floats(-3, 3),
            st.floats(0.001, 2),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_every_firm_interval_and_zero_fit_on_the_axis(
    rows: list[tuple[Knowledge, float, float]],
) -> None:
    effects = [
        Effect("x", knowledge, Interval(value, value - reach, value + reach))
        for knowledge, value, reach in rows
    ]

    axis = forest(*effects, measure=LIFT, head="").axis

    assert axis.inside(0)
    assert all(axis.inside(v - r) and axis.inside(v + r) for _, v, r in rows)
    assert 2 <= len(axis.ticks) <= 9
    assert any(tick.zero for tick in axis.ticks)


def test_a_forest_of_nothing_is_drawn_and_says_nothing() -> None:
    chart = forest(measure=LIFT, head="Effect")

    assert chart.description == ""
    assert chart.axis.ticks


def test_every_name_of_a_drawing_comes_from_the_value_it_draws() -> None:
    page = drawn(ORDERS, REVENUE)

    for effect in (ORDERS, REVENUE):
        assert f'role="img" aria-label="{effect.sentence(LIFT)}"' in page


def test_a_drawing_carries_no_style_attribute_and_no_view_box_of_its_own() -> None:
    page = drawn(ORDERS, REVENUE, Effect("x", Knowledge.NOT_MATURE, reason="15 Dec"))

    assert "style=" not in page
    assert not re.search(r'<svg class="chart"[^>]*viewBox', page)


def test_hostile_words_stay_words() -> None:
    effect = Effect(HOSTILE, Knowledge.TOO_FEW, detail=HOSTILE, reason=HOSTILE, reading=HOSTILE)

    page = drawn(effect, label=HOSTILE, head=HOSTILE)

    assert "<script" not in page


def test_the_drawing_without_its_table_is_the_same_drawing() -> None:
    chart = forest(ORDERS, measure=LIFT, head="")

    page = Template("{% load drawing %}{% interval chart %}").render(Context({"chart": chart}))

    assert ORDERS.sentence(LIFT) in page
    assert f'cx="{chart.axis.x(0.075)}"' in page


def test_a_row_may_say_what_its_state_does_not() -> None:
    phones = Effect("Phones", Knowledge.INCONCLUSIVE, Interval(0.1, -0.1, 0.3), said="As all.")

    assert phones.sentence(LIFT) == "As all."
    assert 'aria-label="As all."' in drawn(phones)


def test_a_number_leads_to_how_it_is_worked_out() -> None:
    html = drawn(replace(ORDERS, how="/s/shop/methods/cuped/"))

    assert '<a class="how" href="/s/shop/methods/cuped/">+7.5%' in html
    assert "how it is worked out" in html


def test_a_row_without_a_number_leads_nowhere() -> None:
    hidden = Effect("Orders", Knowledge.HIDDEN, reason="hidden", how="/s/shop/methods/cuped/")

    assert "/methods/" not in drawn(hidden)


def test_what_all_rows_say_together_is_a_stroke_in_each_and_stretches_the_axis() -> None:
    alone = forest(ORDERS, measure=LIFT, head="Effect, 95%")
    together = forest(replace(ORDERS, combined=0.3), measure=LIFT, head="Effect, 95%")

    strokes = [line for line in together.drawn[0].rows[0].lines if line.css == "s-ink iv"]
    assert len(strokes) == 1
    assert together.axis.inside(0.3)
    assert not alone.axis.inside(0.3)
