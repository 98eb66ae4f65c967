"""What the demo company counts."""

from __future__ import annotations

from typing import Final

from truelift.apps.experiments.spec import MetricSpec
from truelift.worlds.company import Worth
from truelift.worlds.shop.parameters import FAILED
from truelift.worlds.shop.paying import REFUND, VITALS


METRICS: Final = (
    MetricSpec("order_rate", "proportion", "purchase", "Order rate", window_days=3),
    MetricSpec("cart_rate", "proportion", "add_to_cart", "Add-to-cart rate", window_days=3),
    MetricSpec("checkout_rate", "proportion", "begin_checkout", "Checkout rate", window_days=3),
    MetricSpec(
        "delivery_rate", "proportion", "add_shipping_info", "Delivery step passed", window_days=3
    ),
    MetricSpec(
        "order_value",
        "ratio",
        "purchase",
        "Order value",
        property="value",
        denominator_event="purchase",
        window_days=3,
    ),
    MetricSpec(
        "revenue_per_visitor",
        "sum",
        "purchase",
        "Revenue per visitor",
        property="value",
        window_days=3,
    ),
    MetricSpec(
        "payment_errors",
        "ratio",
        FAILED,
        "Payments that fail",
        denominator_event="add_payment_info",
        window_days=3,
        better="decrease",
    ),
    MetricSpec(
        "payment_p95",
        "quantile",
        "purchase",
        "Time to pay, 95th percentile",
        property="payment_ms",
        level=0.95,
        per="event",
        window_days=3,
        better="decrease",
        unit_label="ms",
    ),
    MetricSpec(
        "lcp_p75",
        "quantile",
        VITALS,
        "Main content shown (LCP), 75th percentile",
        property="lcp",
        level=0.75,
        per="event",
        window_days=3,
        better="decrease",
        unit_label="ms",
    ),
    MetricSpec(
        "refund_rate",
        "ratio",
        REFUND,
        "Refund rate, 30 days",
        denominator_event="purchase",
        window_days=30,
        better="decrease",
    ),
)


WORTHS: Final = (
    Worth("order_rate", "macro", guards="commercial"),
    Worth("revenue_per_visitor", "macro", guards="commercial"),
    Worth("order_value", "macro", guards="commercial"),
    Worth("refund_rate", "macro", guards="commercial"),
    Worth("payment_errors", "diagnostic", guards="technical"),
    Worth("payment_p95", "diagnostic", guards="technical"),
    Worth("lcp_p75", "diagnostic", guards="technical"),
    Worth(
        "cart_rate",
        "micro",
        proxy_of="order_rate",
        because="Over three seasons a tenth more carts were followed by six in a hundred more"
        " orders.",
    ),
    Worth("checkout_rate", "micro"),
    Worth("delivery_rate", "diagnostic"),
)
