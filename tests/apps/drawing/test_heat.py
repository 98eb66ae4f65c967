from __future__ import annotations

from django.template import Context, Template

from truelift.apps.drawing.heat import Cell, Heat, HeatRow, Shade


PHONE = HeatRow(
    "Phone",
    "201,300",
    (Cell("20.9%", "−0.2 pt"), Cell("66.0%", "−7.8 pt", Shade.WORSE_3)),
    "6.16%",
    "was 7.04%",
)
DESKTOP = HeatRow("Desktop", "70,400", (Cell("31.2%"), Cell("81.5%")), "13.83%")
TV = HeatRow("Smart TV", "184", too_few="184 of the 500 needed per cell")
TABLE = Heat(
    (PHONE, DESKTOP, TV), ("Add to cart", "Choose delivery"), "Device", "Started", "All the way"
)


def page_of(chart: Heat) -> str:
    return Template("{% load drawing %}{% heat chart %}").render(Context({"chart": chart}))


def test_only_a_clear_cell_is_shaded_and_bold() -> None:
    page = page_of(TABLE)

    assert page.count("h-w3") == 1
    assert "<b>66.0%</b>" in page
    assert "<b>20.9%</b>" not in page


def test_the_sentence_names_the_one_cell_that_moved() -> None:
    assert TABLE.sentence == (
        "Only one cell is clearly different: Phone, Choose delivery, worse at 66.0%."
    )
    assert TABLE.sentence in page_of(TABLE)


def test_the_sentence_says_when_nothing_moved() -> None:
    calm = Heat((DESKTOP,), TABLE.columns, "Device", "Started")

    assert calm.sentence == "No group differs by more than noise."


def test_of_several_the_worst_is_named() -> None:
    better = HeatRow("Tablet", "9,000", (Cell("40.0%", shade=Shade.BETTER_2), Cell("70.0%")))

    chart = Heat((better, PHONE), TABLE.columns, "Device", "Started")

    assert chart.sentence == (
        "2 cells are clearly different; worst is Phone, Choose delivery, at 66.0%."
    )


def test_too_few_people_are_words_and_not_a_rate() -> None:
    page = page_of(TABLE)

    assert 'colspan="2">184 of the 500 needed per cell' in page
    assert "no value" in page


def test_the_table_scrolls_in_a_named_region_that_the_keyboard_reaches() -> None:
    assert f'tabindex="0" role="region" aria-label="{TABLE.description}"' in page_of(TABLE)


def test_hostile_groups_stay_words() -> None:
    assert "<b onclick" not in page_of(Heat((HeatRow("<b onclick=x>", "1"),), (), "<i>", "n"))
