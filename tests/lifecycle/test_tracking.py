"""Coverage is what is tracked by what happened, by day and device; the worst device is named."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from truelift.lifecycle.tracking import (
    Counted,
    Coverage,
    Light,
    Part,
    coverage,
    plan_coverage,
)


FIRST = date(2026, 11, 1)


def of_four_weeks(lost: dict[str, float], *, feed: str = "phone", called: bool = True) -> Coverage:
    """Give 28 days of 50 orders on phones and 50 on desktops, some of them not tracked."""
    rows = []
    for day in range(28):
        for device, name in (("phone", feed), ("desktop", "desktop")):
            tracked = round(50 * (1 - lost.get(device, 0.0)))
            at = FIRST + timedelta(days=day)
            rows += [
                Counted(at, device, tracked, 0),
                Counted(at, name if called else "", 0, 50),
            ]
    return coverage(rows)


def test_four_per_cent_of_mobile_purchases_dropped_is_amber_and_names_mobile() -> None:
    found = of_four_weeks({"phone": 0.04}, feed="Mobile")

    assert found.light is Light.AMBER
    assert found.whole.share == pytest.approx(0.98)
    assert found.worst is not None
    assert found.worst.name == "phone"
    assert found.worst.share == pytest.approx(0.96)
    assert [each.truth for each in found.days] == [100] * 28


def test_what_is_lost_everywhere_alike_is_no_matter_of_a_device() -> None:
    found = of_four_weeks({"phone": 0.08, "desktop": 0.08})

    assert found.light is Light.RED
    assert found.worst is None


def test_devices_are_told_apart_only_where_the_ground_truth_does() -> None:
    found = of_four_weeks({"phone": 0.2}, called=False)

    assert found.devices == ()
    assert found.light is Light.RED


@pytest.mark.parametrize(
    ("tracked", "truth", "light"),
    [
        (98, 100, Light.GREEN),
        (979, 1000, Light.AMBER),
        (95, 100, Light.AMBER),
        (949, 1000, Light.RED),
        (103, 100, Light.AMBER),
        (10, 99, None),
        (5, 0, None),
    ],
)
def test_the_limits_are_where_they_are_said_to_be(
    tracked: int, truth: int, light: Light | None
) -> None:
    assert Part("", tracked, truth).light is light


def test_of_nothing_there_is_no_coverage() -> None:
    found = coverage([])

    assert (found.light, found.whole.share, found.worst) == (None, None, None)
    assert plan_coverage([], ["page_view"]).share is None


def test_planned_events_that_never_came_are_named() -> None:
    found = plan_coverage(["purchase", "add_to_cart", "purchase"], ["purchase", "page_view"])

    assert (found.seen, found.missing, found.share) == (1, ("add_to_cart",), 0.5)
