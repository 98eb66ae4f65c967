from __future__ import annotations

import pytest

from truelift.lifecycle.ceiling import Ceiling, Outside, ceiling


OUTSIDE = (
    Outside("Delivery page", 0.2, "engineering"),
    Outside("Payment", 0.3),
    Outside("Returns", 0.05),
    Outside("E-mail", 0.1, "marketing"),
)


def judged(**given: object) -> Ceiling:
    usual: dict[str, object] = {
        "lift": 0.02,
        "lift_before": 0.05,
        "outside": OUTSIDE,
        "tests_inside": 9,
        "tests": 10,
    }
    return ceiling(**{**usual, **given})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_declining_lifts_with_the_money_outside_reach_the_ceiling() -> None:
    found = judged()

    assert found.reached
    assert found.sentence == (
        "Shipped lift of the last two quarters is 40% of the two before, 65% of the money at "
        "stake is on surfaces outside the remit, and 90% of tests ran inside it. What is left to "
        "win is outside: Payment (30%), Delivery page (20%, engineering), E-mail (10%, marketing)."
    )


@pytest.mark.parametrize(
    "given",
    [
        {"outside": (Outside("Payment", 0.1),)},
        {"lift": 0.025},
        {"lift": 0.06},
        {"tests_inside": 7},
    ],
)
def test_the_same_with_one_of_the_three_missing_does_not(given: dict[str, object]) -> None:
    assert not judged(**given).reached


def test_limits_themselves_count_for_gap_and_tests_and_not_for_lift() -> None:
    assert judged(outside=(Outside("Payment", 0.5),), tests_inside=8).reached
    assert not judged(lift=0.025).reached
    assert judged(lift=-0.01).reached


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"lift": None}, "no lift was shipped two quarters before"),
        ({"lift_before": 0.0}, "no lift was shipped two quarters before"),
        ({"lift": float("nan")}, "no lift was shipped two quarters before"),
        ({"outside": [Outside("Home", float("nan"))]}, "nobody has said who owns the surfaces"),
        ({"outside": None}, "nobody has said who owns the surfaces"),
        ({"tests": 0, "tests_inside": 0}, "no test ran in the last two quarters"),
    ],
)
def test_what_is_not_known_is_said(given: dict[str, object], missing: str) -> None:
    found = judged(**given)

    assert not found.reached
    assert found.sentence == f"The ceiling cannot be judged: {missing}."
