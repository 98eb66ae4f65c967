"""What a site's settings change in an answer, from the request to the question."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from tests.collector.conftest import NOON_MS, Bench, publish_site
from truelift.lake.lake import Lake
from truelift.lake.loader import Loader
from truelift.questions.matching import Comparison, Condition, Events
from truelift.questions.metric import Amount, AmountKind
from truelift.questions.trend import Point, Trend


EUROS = Amount(AmountKind.MONEY, currency="EUR")


def order(number: int, **properties: object) -> dict[str, object]:
    sent = {"order_id": str(number), "revenue": 119, "currency": "EUR", **properties}
    return {
        "event": "Order Completed",
        "anonymousId": f"v{number}",
        "messageId": f"m{number}",
        "properties": sent,
    }


def landing(number: int, *, referrer: str) -> Mapping[str, object]:
    page = {"url": "https://shop.example/thanks", "referrer": referrer}
    return {"anonymousId": f"v{number}", "messageId": f"m{number}", "context": {"page": page}}


def orders(bench: Bench, *, amount: Amount | None = None) -> Point:
    """Load what was received and ask for the orders that an answer counts."""
    return asked(bench, Trend(Events(("Order Completed",)), amount=amount))


def referrals(bench: Bench) -> int:
    """Load what was received and count the pages that began a visit from another site."""
    condition = Condition("channel", Comparison.IS, ("Referral",))
    return asked(bench, Trend(Events(("page_view",), where=(condition,)))).count


def asked(bench: Bench, question: Trend) -> Point:
    now = datetime.fromtimestamp(NOON_MS / 1000, tz=UTC)
    with Loader(bench.home, now=lambda: now) as loader:
        loader.flush()
    return Lake(bench.home).ask("shop", question).answer.whole


def test_orders_from_the_companys_own_addresses_are_in_no_answer(bench: Bench) -> None:
    publish_site(bench.home, internal={"addresses": ["10.0.0.0/8"]})

    bench.send("/v1/t", order(1), key="public", address="10.1.2.3")
    bench.send("/v1/t", order(2), key="public", address="203.0.113.7")

    assert orders(bench).count == 1


def test_test_orders_are_in_no_answer(bench: Bench) -> None:
    publish_site(bench.home, test_orders={"property": "test", "value": "true"})

    bench.send("/v1/batch", {"batch": [{"type": "track", **order(1, test=True)}]})
    bench.send("/v1/batch", {"batch": [{"type": "track", **order(2)}]})

    assert orders(bench).count == 1


def test_a_return_from_a_payment_provider_is_no_referral(bench: Bench) -> None:
    publish_site(bench.home, payment_referrers=["pay.example"])

    bench.send("/v1/p", landing(1, referrer="https://secure.pay.example/done"))
    bench.send("/v1/p", landing(2, referrer="https://blog.example/best-tents"))

    assert referrals(bench) == 1


def test_a_link_from_an_own_host_is_no_referral(bench: Bench) -> None:
    publish_site(bench.home, own_hosts=["checkout.example"])

    bench.send("/v1/p", landing(1, referrer="https://checkout.example/basket"))
    bench.send("/v1/p", landing(2, referrer="https://blog.example/best-tents"))

    assert referrals(bench) == 1


def test_only_orders_of_a_secret_key_are_money_where_the_site_wants_it(bench: Bench) -> None:
    publish_site(bench.home, server_orders_only=True)

    bench.send("/v1/t", order(1), key="public")
    bench.send("/v1/t", order(2), key="secret")

    answer = orders(bench, amount=EUROS)
    assert (answer.count, answer.measured, answer.total) == (2, 1, 11900)


def test_tax_and_shipping_are_out_of_the_money_where_the_site_wants_it(bench: Bench) -> None:
    publish_site(bench.home, revenue={"tax": "out", "shipping": "out"})

    bench.send("/v1/t", order(1, tax="19.00", shipping=4.9))
    bench.send("/v1/t", order(2, tax=0))

    assert orders(bench, amount=EUROS).total == 9510 + 11900
