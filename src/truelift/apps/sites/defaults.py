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

BUILT_IN_EXPOSURES: Final = (
    ("Experiment Viewed", "experiment_id", "variation_id", "Segment, RudderStack, Optimizely"),
    ("$feature_flag_called", "$feature_flag", "$feature_flag_response", "PostHog"),
    ("experience_impression", "experience_id", "variant", "GA4 and most tag-managed tools"),
    ("experiment_viewed", "experiment_id", "variation_id", "GrowthBook"),
    ("exposure", "experiment", "variant", "Truelift’s own tracker"),
)
"""Exposure events that are understood without a rule: event, experiment, variant, who sends it."""


def payment_referrers() -> list[str]:
    """Give a new site its own copy of the list."""
    return list(PAYMENT_REFERRERS)
