"""Where a funnel loses people that it need not lose."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from truelift.questions.funnel import Funnel, FunnelAnswer, FunnelGroup, Step, StepCount
from truelift.questions.leaks import (
    Against,
    hardest_step,
    leaks_between_segments,
    leaks_since,
)
from truelift.questions.matching import Events
from truelift.questions.shares import difference, share_of


NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
NAMES = ("begin", "shipping", "purchase")


def answer(
    groups: dict[str | None, tuple[int, ...]],
    *,
    by: str = "device",
    immature: dict[str | None, tuple[int, ...]] | None = None,
    still_open: dict[str | None, tuple[int, ...]] | None = None,
    others: int = 0,
) -> FunnelAnswer:
    question = Funnel(
        steps=tuple(Step(Events(names=(name,))) for name in NAMES),
        window_s=86_400,
        as_of=NOON,
        by=by,
    )
    return FunnelAnswer(
        question=question,
        groups=tuple(
            FunnelGroup(
                value=value,
                steps=tuple(
                    StepCount(
                        step=n + 1,
                        event=NAMES[n],
                        units=count,
                        immature=(immature or {}).get(value, (0,) * len(counts))[n],
                        optional=False,
                        open=sum((still_open or immature or {}).get(value, ())[n:]),
                    )
                    for n, count in enumerate(counts)
                ),
                others=others if value is None else 0,
            )
            for value, counts in groups.items()
        ),
    )


def test_the_worst_leak_is_the_step_and_segment_that_costs_most_at_the_end() -> None:
    asked = answer({"desktop": (1000, 900, 800), "phone": (2000, 1200, 1000)})

    worst = leaks_between_segments([asked], weeks=2, worth_minor=5000)[0]

    assert (worst.after, worst.before, worst.segment) == ("begin", "shipping", "phone")
    assert worst.against is Against.SEGMENT
    assert (worst.standard, worst.standard_rate, worst.rate) == ("desktop", 0.9, 0.6)
    assert worst.lost_per_week.value == pytest.approx(2000 * 0.3 / 2)
    assert worst.ends_per_week.value == pytest.approx(300 * 1000 / 1200)
    assert worst.value_per_week_minor is not None
    assert worst.value_per_week_minor.value == pytest.approx(250 * 5000)


def test_a_gap_has_newcombes_interval() -> None:
    # Newcombe (1998), table II, method 10: 56/70 against 48/80.
    gap = difference(share_of(70, 56), share_of(80, 48))

    assert gap.value == pytest.approx(0.2)
    assert (gap.low, gap.high) == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_a_gap_within_chance_is_no_leak() -> None:
    asked = answer({"desktop": (200, 120, 100), "phone": (200, 116, 97)})

    assert leaks_between_segments([asked], weeks=1, worth_minor=None) == ()


def test_a_segment_with_few_people_neither_leaks_nor_sets_the_standard() -> None:
    asked = answer({"desktop": (1000, 800, 700), "phone": (1000, 790, 690), "tv": (99, 99, 99)})

    assert leaks_between_segments([asked], weeks=1, worth_minor=None) == ()


def test_a_small_segment_does_not_set_the_standard_by_chance() -> None:
    asked = answer(
        {"desktop": (5000, 4400, 4000), "phone": (5000, 3000, 2700), "tablet": (110, 99, 90)}
    )

    worst = leaks_between_segments([asked], weeks=1, worth_minor=None)[0]

    assert worst.standard == "desktop"


def test_units_that_may_still_go_on_are_not_lost() -> None:
    groups: dict[str | None, tuple[int, ...]] = {"a": (1000, 900, 900), "b": (1000, 600, 600)}
    waiting: dict[str | None, tuple[int, ...]] = {"b": (333, 0, 0)}

    (whole,) = leaks_between_segments([answer(groups)], weeks=1, worth_minor=None)

    assert whole.segment == "b"
    assert leaks_between_segments([answer(groups, immature=waiting)], weeks=1,
                                  worth_minor=None) == ()  # fmt: skip


def test_the_group_of_all_the_rest_takes_no_part() -> None:
    asked = answer({"a": (1000, 900, 900), None: (1000, 100, 100)}, others=7)

    assert leaks_between_segments([asked], weeks=1, worth_minor=None) == ()


def test_leaks_of_several_dimensions_are_ranked_together() -> None:
    device = answer({"desktop": (1000, 900, 800), "phone": (1000, 800, 711)})
    channel = answer({"email": (1000, 900, 800), "social": (1000, 500, 444)}, by="channel")

    found = leaks_between_segments([device, channel], weeks=1, worth_minor=None)

    assert [(leak.by, leak.segment) for leak in found] == [
        ("channel", "social"),
        ("device", "phone"),
    ]


def test_a_segment_is_compared_with_its_own_past() -> None:
    before = answer({"desktop": (1000, 900, 800), "phone": (1000, 800, 700)})
    now = answer({"desktop": (1000, 905, 800), "phone": (1000, 600, 525), "tv": (500, 5, 5)})

    (leak,) = leaks_since(now, before, weeks=1, worth_minor=None)

    assert (leak.segment, leak.against, leak.standard) == ("phone", Against.EARLIER, None)
    assert leak.standard_rate == 0.8


def test_a_document_is_plain_json() -> None:
    asked = answer({"desktop": (1000, 900, 800), "phone": (2000, 1200, 1000)})

    document = leaks_between_segments([asked], weeks=2, worth_minor=5000)[0].document()

    assert document["by"] == {"device": "phone"}
    assert document["rate"] == 0.6
    assert set(document["value_per_week_minor"]) == {"value", "low", "high"}  # type: ignore[arg-type]


@pytest.mark.simulation
def test_equal_segments_are_rarely_called_leaks() -> None:
    generator = np.random.default_rng(7)
    false = 0
    for _ in range(2000):
        passed = generator.binomial(1000, 0.6, 2)
        asked = answer({"a": (1000, int(passed[0]), 0), "b": (1000, int(passed[1]), 0)})
        found = leaks_between_segments([asked], weeks=1, worth_minor=None)
        false += any(leak.step == 2 for leak in found)

    assert false / 2000 < 0.065


def test_who_went_on_in_a_window_that_is_still_open_raises_no_rate() -> None:
    # Of 1,000 in each group 400 have time left and went on: they say nothing of the others.
    groups: dict[str | None, tuple[int, ...]] = {
        "desktop": (1000, 900, 900),
        "phone": (1000, 760, 760),
    }
    standing: dict[str | None, tuple[int, ...]] = dict.fromkeys(groups, (0, 0, 400))

    (leak,) = leaks_between_segments(
        [answer(groups, still_open=standing)], weeks=1, worth_minor=None
    )

    assert (leak.segment, leak.arrived, leak.passed) == ("phone", 600, 360)
    assert leak.rate == 0.6


def test_the_hardest_step_is_a_place_after_the_entrance_where_many_have_come() -> None:
    everybody = answer({"desktop": (1000, 300, 120), "phone": (1000, 200, 80)})
    few = answer({"desktop": (1000, 29, 10)})

    found = hardest_step(everybody)

    assert found is not None
    assert (found.after, found.before, found.arrived, found.passed) == (
        "shipping",
        "purchase",
        500,
        200,
    )
    assert hardest_step(few) is None


def test_what_channels_lose_at_the_entrance_is_of_who_came_and_no_place_to_mend() -> None:
    groups: dict[str | None, tuple[int, ...]] = {"mail": (1000, 900, 800), "ads": (1000, 500, 300)}

    channels = leaks_between_segments([answer(groups, by="channel")], weeks=1, worth_minor=None)
    devices = leaks_between_segments([answer(groups)], weeks=1, worth_minor=None)

    assert [(each.step, each.is_of_arrival) for each in channels] == [(2, True), (3, False)]
    assert not any(each.is_of_arrival for each in devices)
