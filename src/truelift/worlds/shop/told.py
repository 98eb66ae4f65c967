"""What the demo company wrote about each of its trials."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from truelift.apps.experiments.spec import JudgingSpec
from truelift.apps.research.fields import HypothesisFields, InsightFields, Piece
from truelift.lifecycle.experiment import Choice
from truelift.lifecycle.judging import Inference
from truelift.worlds.shop.parameters import STEPS
from truelift.worlds.told import Told


def funnel(by: str) -> str:
    """Give the address of the checkout's funnel by a dimension."""
    steps = "&".join(f"step={step}" for step in STEPS)
    return f"/s/shop/funnels/?{steps}&by={by}"


HARMS: Final = MappingProxyType(
    {"payment_errors": 0.5, "payment_p95": 0.2, "lcp_p75": 0.1, "refund_rate": 0.5}
)
"""What would not matter of a guardrail of the checkout: errors and refunds are rare."""

_TECHNICAL: Final = ("payment_errors", "payment_p95", "lcp_p75")


TOLD: Final[Mapping[str, Told]] = MappingProxyType(
    {
        "reviews-higher": Told(
            name="Reviews above the description",
            surface="Product page",
            insight=InsightFields(
                problem="People look at a product, find nobody who vouches for it, and leave.",
                surface="Product page",
                segment="everyone",
                size="four of five people who look at a product put nothing into the cart",
                evidence=(
                    Piece(
                        "analytics",
                        "The largest drop of the whole funnel in people.",
                        funnel("device"),
                    ),
                    Piece("behaviour", "Two thirds scroll past the description to the reviews."),
                ),
            ),
            hypothesis=HypothesisFields(
                change="show the reviews above the description",
                audience="everyone on a product page",
                outcome="more of them will put it into the cart",
                reason="most already scroll past the description to find them",
                metric="cart_rate",
                direction="increase",
                expected_lift=0.08,
            ),
            primary="cart_rate",
            guardrails=("order_value",),
            secondary=("order_rate", "revenue_per_visitor", "refund_rate"),
            variants={"control": "Description first", "treatment": "Reviews first"},
            minimum_effect=0.10,
            goal="More of the people whom we pay to bring here find a product they trust.",
            audience="Everyone on a product page",
            slot=("Two days in the week after the decision", 2.0),
            judging=JudgingSpec(covariate_days=14, segments=("device",)),
            reasons={
                Choice.SHIP: "More carts on every device, and the order value held.",
                Choice.STOP: "Not worth the layout it costs.",
                Choice.ITERATE: "The direction is right and the interval is wide; we try it with"
                " the rating in the headline.",
            },
            learning=(
                "Seeing that others like a product moves people more than reading what it is.",
                "Product pages, every device.",
                "Show the rating on category pages as well.",
            ),
        ),
        "urgency-timer": Told(
            name="A timer on the cart",
            surface="Cart",
            insight=InsightFields(
                problem="People fill a cart and put the order off.",
                surface="Cart",
                segment="everyone",
                size="half of all carts never see the checkout",
                evidence=(
                    Piece("analytics", "Half of the carts end there.", funnel("device")),
                    Piece("voice", "“I wanted to sleep on it.” – order survey"),
                ),
            ),
            hypothesis=HypothesisFields(
                change="hold the cart for thirty minutes and count down",
                audience="everyone with something in the cart",
                outcome="more of them will go to the checkout",
                reason="they put it off because nothing asks them to decide",
                metric="checkout_rate",
                direction="increase",
                expected_lift=0.10,
            ),
            primary="checkout_rate",
            guardrails=("order_value",),
            variants={"control": "No timer", "treatment": "Thirty-minute timer"},
            minimum_effect=0.12,
            goal="Carts become orders in the same visit.",
            audience="Everyone with something in the cart",
            adds_pressure=True,
            risks=("brand",),
            slot=("One day in the week after the decision", 1.0),
            inference=Inference.SEQUENTIAL,
            reasons={
                Choice.SHIP: "More checkouts without a cost that we can see.",
                Choice.STOP: "Three weeks show no gain, and the service desk was asked why we"
                " hurry people.",
                Choice.ITERATE: "It shows no gain so far; a reminder by e-mail is the kinder"
                " thing to try.",
            },
            learning=(
                "Hurrying people does not make them check out; they wait for pay day or a partner.",
                "Cart, every device.",
                "Try a saved cart by e-mail instead of pressure.",
            ),
        ),
        "order-summary": Told(
            name="Order summary beside the payment",
            surface="Checkout, payment step",
            insight=InsightFields(
                problem="Before they pay, people go back to the cart to look what they order.",
                surface="Checkout, payment step",
                segment="everyone",
                size="one of eight who reach the payment leaves it",
                tags=("anxiety",),
                cause="observed",
                evidence=(
                    Piece("behaviour", "A third of those who pay went back to the cart once."),
                    Piece(
                        "user_test",
                        "“Is the gas in it? I would rather look again.” – three of five testers",
                    ),
                ),
            ),
            hypothesis=HypothesisFields(
                change="show the order summary beside the payment form",
                audience="everyone who reaches the payment",
                outcome="more of them will order",
                reason="they see what they pay for without going back",
                metric="order_rate",
                direction="increase",
                expected_lift=0.05,
                surface="Checkout, payment step",
                element="Order summary",
            ),
            primary="order_rate",
            guardrails=("order_value", *_TECHNICAL),
            harms={name: HARMS[name] for name in _TECHNICAL},
            secondary=("revenue_per_visitor",),
            variants={"control": "Form alone", "treatment": "Summary beside the form"},
            minimum_effect=0.06,
            goal="Nobody leaves the payment to look something up.",
            audience="Everyone who has chosen a delivery",
            # It costs nothing to keep: they ship it unless it does harm.
            table={
                "win": "ship",
                "null": "ship",
                "inconclusive": "ship",
                "loss": "stop",
                "harm": "stop",
            },
            slot=("Two days in the sprint after the decision", 2.0),
            reasons={
                Choice.SHIP: "Fewer people leave the payment, and no guardrail shows harm. Where"
                " our traffic cannot rule it out, we watch time to pay and errors once it is live.",
                Choice.STOP: "It costs orders.",
                Choice.ITERATE: "It is not clear yet whether it helps.",
            },
        ),
        "delivery-cost-early": Told(
            name="Delivery cost in the cart",
            surface="Checkout, delivery step",
            insight=InsightFields(
                problem="The delivery cost appears for the first time at the delivery step, and"
                " people on a phone leave there.",
                surface="Checkout, delivery step",
                segment="Device: phone",
                size="four of ten phone checkouts end there, one of ten on a desktop",
                evidence=(
                    Piece("analytics", "The checkout by device.", funnel("device")),
                    Piece("voice", "“4.90 out of nowhere on the last page.” – service desk"),
                    Piece("user_test", "On a phone the total is below the fold until this step."),
                ),
            ),
            hypothesis=HypothesisFields(
                change="show the delivery cost in the cart already",
                audience="everyone who begins the checkout",
                outcome="more of them will order",
                reason="a cost that is known from the start is no reason to leave at the end",
                metric="order_rate",
                direction="increase",
                expected_lift=0.08,
            ),
            primary="order_rate",
            guardrails=("order_value", "refund_rate", *_TECHNICAL),
            harms=HARMS,
            variants={"control": "Cost at the delivery step", "treatment": "Cost in the cart"},
            minimum_effect=0.08,
            goal="Phones lose no more orders to a cost that they meet at the end.",
            audience="Everyone who begins the checkout",
            secondary=("delivery_rate", "revenue_per_visitor"),
            judging=JudgingSpec(segments=("device",)),
            risks=("revenue",),
            slot=("Three days in the sprint after the decision", 3.0),
            leak=("device", "phone", "add_shipping_info"),
        ),
        "arrival-date": Told(
            name="Arrival date on the product page",
            surface="Product page",
            insight=InsightFields(
                problem="People ask by when a tent is there before they put it into the cart, and"
                " the product page does not say it.",
                surface="Product page",
                segment="everyone",
                size="a third of the chats that begin on a product page",
                evidence=(
                    Piece("voice", "“Will it be here by Friday?” – thirty chats a week."),
                    Piece("analytics", "Four of five look and go.", funnel("channel")),
                ),
            ),
            hypothesis=HypothesisFields(
                change="say on the product page by when it arrives",
                audience="everyone on a product page",
                outcome="more of them will put it into the cart",
                reason="who knows that it comes in time need not ask first",
                metric="cart_rate",
                direction="increase",
                expected_lift=0.06,
                element="Arrival date",
            ),
            primary="cart_rate",
            guardrails=("order_value",),
            secondary=("order_rate", "revenue_per_visitor"),
            variants={"control": "No date", "treatment": "Arrives by Friday"},
            minimum_effect=0.10,
            goal="Nobody leaves a product page to ask when it comes.",
            audience="Everyone on a product page",
            slot=("Three days in the sprint after the decision", 3.0),
        ),
    }
)
