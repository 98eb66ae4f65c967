"""How earlier work is found that is much like something new."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from truelift.lifecycle.similarity import (
    Work,
    alike,
    changed_since,
    terms_of,
    word_likeness,
)


LOSER = Work(
    key="H-2",
    change="Show the delivery cost on the product page",
    reason="Visitors leave when they meet the cost late",
    surface="Product page",
    element="Price",
    metric="order_rate",
    audience="Phones",
    ended_on=date(2025, 3, 1),
    contradicted=True,
)
PARAPHRASE = Work(
    key="H-9",
    change="display shipping fees next to the price of the item",
    reason="people abandon because the fee comes as a surprise, later",
    surface="product page",
    element="price",
    metric="order_rate",
)
OTHERS = [
    Work(key="H-3", change="Shorten the register form", reason="It asks too much", surface="Form"),
    Work(key="H-4", change="Put reviews above the text", reason="They look for them"),
    Work(key="H-5", change="Offer a wallet first", reason="Typing is slow", surface="Payment"),
]


def test_a_paraphrased_repeat_of_a_loser_is_caught() -> None:
    (found,) = alike(PARAPHRASE, [*OTHERS, LOSER])

    assert found.work is LOSER
    assert found.score >= 0.6


def test_the_same_words_on_another_surface_are_another_matter() -> None:
    elsewhere = replace(PARAPHRASE, surface="Confirmation mail", element="Footer")

    assert alike(elsewhere, [*OTHERS, LOSER]) == ()


def test_the_score_is_the_sum_of_its_four_parts() -> None:
    same = replace(LOSER, key="new")

    (found,) = alike(same, [LOSER])
    (no_metric,) = alike(replace(same, metric=""), [LOSER])
    (no_element,) = alike(replace(same, element="x"), [LOSER])
    (no_surface,) = alike(replace(same, surface="x"), [LOSER])

    assert found.words == pytest.approx(1.0)
    assert [each.score for each in (found, no_metric, no_element, no_surface)] == pytest.approx(
        [1.0, 0.85, 0.85, 0.8]
    )


def test_what_nobody_filled_in_is_not_the_same() -> None:
    bare = Work(key="a", change="Move the button")

    (found,) = alike(bare, [replace(bare, key="b")], at_least=0.1)

    assert found.score == pytest.approx(0.5)


def test_the_cosine_is_that_of_the_weights_written_out() -> None:
    # Three texts; "button" stands in all, "move" in two, "grow" in one.
    texts = ["move button", "move button", "grow button"]
    every, two, one = (math.log(4 / (1 + df)) + 1 for df in (3, 2, 1))
    expected = every**2 / (math.hypot(every, two) * math.hypot(every, one))

    found = word_likeness(texts[0], texts[1:])

    np.testing.assert_allclose(found, [1.0, expected], rtol=1e-12)


@pytest.mark.parametrize("text", ["", "the and of", "!!!"])
def test_a_text_without_words_is_like_nothing(text: str) -> None:
    assert word_likeness(text, ["move the button", text]).tolist() == [0.0, 0.0]


def test_nothing_is_like_itself_and_the_most_alike_come_first() -> None:
    near = replace(LOSER, key="H-8", element="Banner")

    found = alike(LOSER, [LOSER, near, replace(LOSER, key="H-7")], at_least=0.0, most=2)

    assert [each.work.key for each in found] == ["H-7", "H-8"]


def test_words_are_cut_to_stems_and_trade_words_taken_as_one() -> None:
    assert terms_of("Showing the shipping costs") == terms_of("display delivery fee")
    assert terms_of("stopped, stops") == ("stop", "stop")


def test_what_has_changed_since_is_said_in_sentences() -> None:
    old = replace(LOSER, enough=False)
    new = replace(PARAPHRASE, audience="Desktops")

    assert changed_since(new, old, today=date(2026, 5, 4)) == (
        "It ended 14 months ago.",
        "The audience was “Phones”; it is “Desktops” now.",
        "It did not have the visitors that it needed.",
    )
    assert changed_since(old, replace(old, enough=None), today=date(2025, 3, 2)) == ()
