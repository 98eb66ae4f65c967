"""A result in sentences for people who have never heard of a p-value."""

from __future__ import annotations

from typing import Any

import pytest

from truelift.apps.experiments.plain import chance, plain_of, sureness


def told(
    *, low: float, high: float, p: float | None, method: str = "fixed", **more: Any
) -> tuple[str, ...]:
    effect = {
        "variant": "early",
        "relative": {"value": (low + high) / 2, "low": low, "high": high},
        "p": p,
        **more,
    }
    return plain_of(
        {"alpha": 0.05, "method": method},
        effect,
        metric="Order rate",
        variant="Early",
    )


def test_a_clear_effect_says_how_sure_and_how_rare_it_would_be_as_noise() -> None:
    assert told(low=0.012, high=0.083, p=0.0016) == (
        "We are 95% sure that order rate rises by between 1.2% and 8.3%.",
        "If this were noise, we would see it in 1 of 620 tests.",
    )


def test_a_fall_is_called_one() -> None:
    (sure, _) = told(low=-0.083, high=-0.012, p=0.01)

    assert sure == "We are 95% sure that order rate falls by between 1.2% and 8.3%."


def test_an_effect_that_may_go_both_ways_is_not_called_sure() -> None:
    sure, noise = told(low=-0.03, high=0.052, p=0.6)

    assert "by something between −3.0% and +5.2%, and so not whether it rises or falls" in sure
    assert noise == "If this were noise, we would see it in 6 of 10 tests."


@pytest.mark.parametrize(
    ("p", "words"),
    [
        (1e-9, "in fewer than 1 of a million tests."),
        (0.00001, "in 1 of 100,000 tests."),
        (0.043, "in 1 of 23 tests."),
        (0.13, "in 1 of 10 tests."),
        (0.999, "in nearly every test."),
    ],
)
def test_a_p_value_is_a_number_of_tests(p: float, words: str) -> None:
    assert told(low=0.01, high=0.02, p=p)[1].endswith(words)


def test_what_was_looked_at_often_counts_all_looks() -> None:
    assert told(low=0.01, high=0.02, p=0.01, method="sequential")[1] == (
        "If this were noise, we would see it in at most 1 of 100 tests, however often one looks."
    )


def test_a_corrected_level_is_the_one_that_is_told() -> None:
    (sure, noise) = told(low=0.01, high=0.02, p=0.01, alpha=0.025, p_corrected=0.02)

    assert sure.startswith("We are 97.5% sure")
    assert "1 of 50 tests" in noise


def test_a_belief_says_the_chance_and_what_either_choice_costs() -> None:
    assert told(
        low=-0.002,
        high=0.09,
        p=None,
        method="bayesian",
        chance_to_win=0.973,
        expected_loss=0.0004,
        control_loss=0.0443,
    ) == (
        "The chance that Early is better for order rate is 97.3%.",
        "With a chance of 95% the lift lies between −0.2% and +9.0%.",
        "Choosing Early costs 0.04% on average, as it may be worse; staying costs 4.43%.",
    )


def test_what_may_not_be_read_says_nothing() -> None:
    assert told(low=0.01, high=0.02, p=0.01, withheld="not before the planned end") == ()
    assert plain_of({"alpha": 0.05}, {"relative": None}, metric="M", variant="b") == ()


def test_a_look_at_which_nothing_could_end_the_test_says_so() -> None:
    effect = {"relative": {"value": 0.1, "low": None, "high": None}, "p": 1.0}
    (said,) = plain_of({"alpha": 0.05}, effect, metric="M", variant="b")

    assert said.startswith("At this look nothing can be said yet")


@pytest.mark.parametrize(("level", "words"), [(0.95, "95%"), (0.975, "97.5%"), (0.9833, "98.3%")])
def test_a_level_has_no_more_digits_than_it_needs(level: float, words: str) -> None:
    assert sureness(level) == words


@pytest.mark.parametrize(
    ("share", "words"), [(0.99999, "more than 99.9%"), (0.0, "less than 0.1%"), (0.5, "50.0%")]
)
def test_a_chance_is_never_certain(share: float, words: str) -> None:
    assert chance(share) == words
