"""How a test ran, as lines of the integrity card."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from truelift.apps.experiments.influence import caps_of
from truelift.apps.experiments.run_checks import (
    Quiet,
    novelty_check,
    quiet_days,
    tracking_check,
)
from truelift.questions.distribution import Distribution
from truelift.questions.matching import Events
from truelift.questions.metric import Counted, Metric, MetricKind
from truelift.questions.trend import Point, Trend, TrendAnswer, TrendRow
from truelift.questions.variant_summaries import VariantSummaries
from truelift.stats.plan import AnalysisData, AnalysisPlan, PlannedMetric, PlannedVariant
from truelift.stats.roles import MetricRole, VariantRole
from truelift.stats.status import Status
from truelift.stats.summary import ProportionSummary


PLAN = AnalysisPlan(
    experiment="x",
    variants=(PlannedVariant("a", VariantRole.CONTROL), PlannedVariant("b", VariantRole.TREATMENT)),
    metrics=(PlannedMetric("orders", MetricRole.PRIMARY, MetricKind.PROPORTION),),
)
FIRST = date(2026, 5, 4)
BEGINS = datetime(2026, 5, 4, tzinfo=UTC)


def came(*orders: int, n: int = 500) -> AnalysisData:
    """Days of 500 visitors a variant: 100 of the control order, and so many of the treatment."""
    days = {
        (FIRST + timedelta(days=nth)).isoformat(): {
            "orders": {
                "a": ProportionSummary(n=n, successes=n // 5),
                "b": ProportionSummary(n=n, successes=each),
            }
        }
        for nth, each in enumerate(orders)
    }
    return AnalysisData(units={"a": n, "b": n}, samples={}, days=days)


def test_an_effect_that_is_the_same_after_the_first_week_passes() -> None:
    check = novelty_check(PLAN, came(*[120] * 14), withheld=None)

    assert check.status is Status.OK
    assert check.value == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("orders", "word"), [([150] * 7 + [100] * 7, "fades"), ([100] * 7 + [150] * 7, "moves")]
)
def test_an_effect_that_is_another_one_after_the_first_week_deserves_a_look(
    orders: list[int], word: str
) -> None:
    check = novelty_check(PLAN, came(*orders), withheld=None)

    assert check.status is Status.WARN
    assert f"The effect {word}" in check.detail
    assert "p < 0.001" in check.detail


@pytest.mark.parametrize(
    ("data", "withheld", "why"),
    [
        (came(*[120] * 14), "not before the planned end", "as hidden as the effect"),
        (came(*[120] * 5), None, "of one week"),
        (came(*[1] * 8, n=5), None, "too few"),
    ],
)
def test_what_cannot_be_said_of_an_effect_over_time_says_why(
    data: AnalysisData, withheld: str | None, why: str
) -> None:
    check = novelty_check(PLAN, data, withheld=withheld)

    assert check.value is None
    assert check.detail.startswith("Not yet, because ")
    assert why in check.detail


def brought(*counts: int) -> Any:
    def ask(trend: Trend) -> TrendAnswer:
        begins = trend.since or BEGINS
        rows = tuple(
            TrendRow(begins=begins + timedelta(days=nth), point=Point(count=each))
            for nth, each in enumerate(counts)
        )
        return TrendAnswer(question=trend, rows=rows, whole=Point(), filled=True)

    return ask


QUESTION = VariantSummaries(
    experiment="x",
    variants=("a", "b"),
    metrics=(Metric("orders", MetricKind.PROPORTION, Counted(Events(names=("purchase",)))),),
    as_of=BEGINS + timedelta(days=60),
    since=BEGINS,
)
LEAD = (100,) * 14
"""The fortnight before the test."""


@pytest.mark.parametrize(
    ("during", "quiet"),
    [
        ((100, 90, 110, 95, 100, 100, 100), ()),
        ((100, 3, 100, 0, 100, 100, 100), (1, 3)),
        # Weekends of an office are quiet, and alike.
        ((100, 100, 100, 100, 100, 4, 4) * 3, ()),
        ((20, 1, 20, 20, 20, 20, 20), ()),
    ],
    ids=["steady", "outage", "office", "rare"],
)
def test_days_on_which_an_event_hardly_came_are_found(
    during: tuple[int, ...], quiet: tuple[int, ...]
) -> None:
    lead = {"office": (100, 100, 100, 100, 100, 4, 4) * 2, "rare": (20,) * 14}
    before = lead["office"] if 4 in during else lead["rare"] if 1 in during else LEAD

    found = quiet_days(QUESTION, brought(*before, *during))

    days = tuple(FIRST + timedelta(days=nth) for nth in quiet)
    assert found == ((Quiet("purchase", days),) if days else ())


def test_an_event_that_never_came_is_named() -> None:
    quiet = quiet_days(QUESTION, brought(*LEAD, 0, 0, 0))

    check = tracking_check(PLAN, came(), quiet=quiet, breaks={}, worth=None, withheld=None)

    assert check.status is Status.WARN
    assert check.detail == "purchase never came."


def test_a_break_says_whether_the_effect_was_another_one_before_it() -> None:
    breaks = {"orders": [{"at": "2026-05-11T10:00:00Z", "from_version": 1, "to_version": 2}]}

    told = tracking_check(
        PLAN, came(*[120] * 14), quiet=(), breaks=breaks, worth=0.1, withheld=None
    )
    hidden = tracking_check(
        PLAN, came(*[120] * 14), quiet=(), breaks=breaks, worth=0.1, withheld="not before"
    )

    assert told.status is Status.WARN
    assert "orders was defined anew on 11 May" in told.detail
    assert "which does not clear the test" in told.detail
    assert "50% of the units came after the change" in told.detail
    assert "effect" not in hidden.detail


@pytest.mark.parametrize(
    ("values", "counts", "cap"),
    [
        ([0, 10, 5000], [90, 30, 1], 10.0),
        ([0, 10, 20, 30], [900, 30, 2, 1], 20.0),
        # The largest tie, nobody stands above the others; or too few have any.
        ([0, 10], [90, 30], None),
        ([0, 10], [90, 2], None),
        ([], [], None),
    ],
)
def test_the_largest_count_as_the_last_of_them(
    values: list[float], counts: list[int], cap: float | None
) -> None:
    distribution = Distribution(np.array(values, float), np.array(counts, np.int64))

    assert caps_of({"revenue": distribution}) == {"revenue": cap}
