"""What the connect page says about the events that came in."""

from __future__ import annotations

from typing import Any

import pytest

from tests.questions.asking import ask, event
from truelift.questions.checks import CheckName, Checks, CheckStatus, RecentEvents


def statuses(events: list[dict[str, Any]], *, buckets: int = 1) -> dict[CheckName, CheckStatus]:
    answer = ask(Checks(currency="EUR"), events, buckets=buckets)
    return {check.name: check.status for check in answer.checks}


def order(**columns: object) -> dict[str, Any]:
    sent = {"value_minor": 500, "currency": "EUR", "properties": {"currency": "EUR"}}
    return event(1, 0, "purchase", **{**sent, **columns})


def test_everything_waits_before_the_first_event() -> None:
    assert set(statuses([]).values()) == {CheckStatus.WAITING}


def test_a_site_that_sends_everything_passes_over_all_buckets() -> None:
    events = [
        event(1, 0, "page_view"),
        order(),
        event(2, 1, "identify", user_id="u1"),
        event(3, 1, "page_view", is_bot=True),
    ]

    assert set(statuses(events, buckets=3).values()) == {CheckStatus.PASSED}


def test_robots_pages_do_not_pass_the_check_on_pages() -> None:
    found = statuses([event(1, 0, "page_view", is_bot=True)])

    assert found[CheckName.PAGE] is CheckStatus.WAITING
    assert found[CheckName.BOTS] is CheckStatus.WATCH


@pytest.mark.parametrize(
    ("columns", "word"),
    [
        ({"value_minor": None, "currency": None}, "no value"),
        ({"currency": "USD", "properties": {"currency": "USD"}}, "not in EUR"),
        ({"properties": {}}, "EUR is assumed"),
    ],
)
def test_orders_without_value_or_currency_are_to_be_watched(
    columns: dict[str, object], word: str
) -> None:
    answer = ask(Checks(currency="EUR"), [order(**columns)])

    value = next(check for check in answer.checks if check.name is CheckName.VALUE)
    assert value.status is CheckStatus.WATCH
    assert word in value.says


@pytest.mark.parametrize(
    ("deducted", "status"),
    [(("tax", "shipping"), CheckStatus.WATCH), (("tax",), CheckStatus.PASSED),
     ((), CheckStatus.PASSED)],
)  # fmt: skip
def test_orders_with_more_tax_and_shipping_than_revenue_are_to_be_watched_where_those_come_off(
    deducted: tuple[str, ...], status: CheckStatus
) -> None:
    sent = {"currency": "EUR", "revenue": "5.00", "tax": 1, "shipping": 4.5}

    answer = ask(Checks(currency="EUR", deducted=deducted), [order(properties=sent), order()])

    value = next(check for check in answer.checks if check.name is CheckName.VALUE)
    assert value.status is status
    assert answer.findings.orders_below_deductions == (status is CheckStatus.WATCH)


def test_unreadable_items_count_for_nothing() -> None:
    assert set(statuses([event(1, 0, "page_view", state="quarantined")]).values()) == {
        CheckStatus.WAITING
    }


def test_the_last_events_come_newest_first_from_all_buckets_unreadable_ones_too() -> None:
    events = [event(n, n, f"e{n}") for n in range(5)]
    events.append(event(9, 9, "bad", state="quarantined", reason="bad_timestamp"))

    rows = ask(RecentEvents(max_rows=3), events, buckets=2).rows

    assert [(row.event, row.reason) for row in rows] == [
        ("bad", "bad_timestamp"),
        ("e4", None),
        ("e3", None),
    ]
