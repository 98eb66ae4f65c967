"""The shared metric's rules: who signs, what it comes to, how far from the ledger is too far."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from truelift.lifecycle.functions import Function
from truelift.lifecycle.shared_metric import (
    SIGNING,
    Definition,
    Drift,
    MetricKind,
    Signature,
    State,
    Totals,
    definition_obstacles,
    in_force,
    read_by,
    signing_obstacles,
    state_among,
    value_of,
    within_window,
)


AT = datetime(2026, 5, 4, tzinfo=UTC)
DAY = date(2026, 5, 4)


def _version(
    number: int, *functions: Function, kind: MetricKind = MetricKind.REVENUE
) -> Definition:
    signatures = tuple(Signature(each, str(n), AT) for n, each in enumerate(functions))
    return Definition(number, kind, 30, signatures=signatures)


def test_without_finance_a_version_is_proposed_and_the_one_before_stays_in_force() -> None:
    first, second = _version(1, *SIGNING), _version(2, Function.MARKETING, Function.SALES)
    both = (first, second)

    assert second.missing == (Function.FINANCE,)
    assert (in_force(both), read_by(both), read_by((second,))) == (first, first, second)
    assert [state_among(each, both) for each in both] == [State.IN_FORCE, State.PROPOSED]
    third = _version(3, *SIGNING)
    assert state_among(first, (*both, third)) is State.REPLACED


def test_every_reason_against_a_signature_is_said() -> None:
    version = _version(1, Function.SALES)

    reasons = signing_obstacles(
        version, function=Function.SALES, person="0", functions=(), newest=2
    )
    other = signing_obstacles(
        version, function=Function.LIAISON, person="9", functions={Function.LIAISON}, newest=1
    )

    assert [each.code.partition(".")[2] for each in reasons] == [
        "replaced",
        "function",
        "signed",
        "signed_by_one",
    ]
    assert [each.code for each in other] == ["shared_metric.no_signer"]


@pytest.mark.parametrize(
    ("analytics", "ledger", "beyond"),
    [
        (102_00, 100_00, False),
        (98_00, 100_00, False),
        (102_01, 100_00, True),
        (103_00, 100_00, True),
        (0, 0, False),
        (1, 0, True),
    ],
)
def test_two_per_cent_from_the_ledger_is_allowed_and_no_cent_more(
    analytics: int, ledger: int, beyond: bool
) -> None:
    drift = Drift(DAY, DAY + timedelta(days=28), analytics, ledger)

    assert drift.beyond is beyond
    assert (drift.share is None) is (ledger == 0)


def test_a_refund_counts_to_the_last_day_of_its_window() -> None:
    days = [DAY + timedelta(days=each) for each in (0, 30, 31)]

    assert [within_window(order=DAY, refund=day, maturity_days=30) for day in days] == [
        True,
        True,
        False,
    ]


def test_each_kind_is_computed_or_says_why_it_is_not() -> None:
    totals = Totals(sessions=200, people=100, orders=6, revenue_minor=50_000)
    leads = Totals(sessions=100, leads=10)
    behind = Totals(closed=20, won=5, won_minor=500_000)
    of_leads = _version(1, kind=MetricKind.LEADS)
    activated = Definition(1, MetricKind.ACTIVATED, 0, value_minor=1_000)

    assert value_of(_version(1), totals).minor == 250
    # 10 × 5/20 × 1,000.00 ÷ 100.
    assert value_of(of_leads, leads, behind=behind).minor == 2_500
    assert value_of(activated, totals).minor == 60
    for definition, known, why in (
        (_version(1), Totals(), "No eligible session"),
        (_version(1), Totals(sessions=1), "what was sold"),
        (of_leads, leads, "P(close) is unknown"),
        (activated, Totals(sessions=9), "visitors"),
    ):
        found = value_of(definition, known)
        assert found.minor is None
        assert why in found.why


def test_a_definition_that_is_none_is_refused_with_every_reason() -> None:
    said = definition_obstacles(
        kind=MetricKind.ACTIVATED, maturity_days=400, close_rate=1.5, value_minor=None
    )

    assert len(said) == 4
    assert not definition_obstacles(
        kind=MetricKind.LEADS, maturity_days=0, close_rate=0.25, value_minor=100
    )
