"""What holds for a site until somebody says otherwise; the settings page states these."""

from __future__ import annotations

from typing import Final


PAYMENT_REFERRERS: Final = (
    "paypal.com",
    "checkout.stripe.com",
    "hooks.stripe.com",
    "klarna.com",
    "sofort.com",
    "mollie.com",
    "adyen.com",
    "payments.amazon.com",
    "pay.amazon.com",
    "secure.payu.com",
    "worldpay.com",
    "giropay.de",
    "ideal.nl",
    "3dsecure.io",
)
"""Hosts of payment providers from which visitors return; subdomains are included."""

RATE_LIMIT_PER_MINUTE: Final = 6_000
"""Requests per key and address."""

DAILY_QUOTA: Final = 5_000_000
"""Events per site and day."""

SENDERS: Final = {
    "Experiment Viewed": "Segment, RudderStack, Optimizely, Statsig",
    "$feature_flag_called": "PostHog",
    "experience_impression": "GA4 and tools behind a tag manager",
    "experiment_viewed": "GrowthBook",
    "exposure": "Truelift’s own tracker",
}
"""Which test tools send the exposure events that are understood without a rule."""


def payment_referrers() -> list[str]:
    """Give a new site its own copy of the list."""
    return list(PAYMENT_REFERRERS)
