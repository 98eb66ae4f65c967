"""The shop's planted facts, worked out from its parameters and from nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod

from truelift.worlds.history import Trial, head_of, instant_of
from truelift.worlds.shop.parameters import (
    DEVICES,
    DISTURBED,
    LEFT_OF_SEARCH,
    REASONS,
    STEPS,
    SURFACE_OF,
    Shop,
)
from truelift.worlds.shop.works import LATE, MOVED, UNRESOLVED, WORKS


def truth_of(shop: Shop) -> dict[str, object]:
    """Say what is true of the shop, before a single event exists.

    Rates are per visit. A visitor who comes again has another try, so rates that
    count people lie a little above these, for every device alike.
    """
    running = next(trial for trial in shop.trials if shop.runs(trial))
    spoiled = next(trial for trial in shop.trials if trial.spoiled_after_days is not None)
    begin = STEPS.index("begin_checkout")
    return {
        **head_of("shop", shop),
        "steps": list(STEPS),
        "rates": {device: dict(zip(STEPS, shop.rates[device], strict=True)) for device in DEVICES},
        "leak": {
            "from": "begin_checkout",
            "step": "add_shipping_info",
            "segment": {"device": "phone"},
            "rate": shop.rate("phone", "add_shipping_info"),
            "best": shop.rate("desktop", "add_shipping_info"),
            "onward": shop.rate("phone", "add_payment_info") * shop.rate("phone", "purchase"),
            "why": "delivery cost is shown for the first time here",
        },
        "checkout_to_order": {
            device: _product(shop.rates[device][begin + 1 :]) for device in DEVICES
        },
        "channels": {
            channel.key: {
                "share": channel.share,
                "intent": channel.intent,
                "phone_share": channel.phone,
            }
            for channel in shop.channels
        },
        "experiments": {trial.key: _trial(shop, trial) for trial in shop.trials},
        "running_experiment": running.key,
        "contaminated": {
            "experiment": spoiled.key,
            "surface": SURFACE_OF[spoiled.key],
            "at": instant_of(shop.spoiled_ms(spoiled)),
            "verdict": "fatal",
            "scope": "page",
            "why": "a new product page was deployed in the first week",
        },
        "disturbed": {
            "experiment": DISTURBED,
            "surface": SURFACE_OF["order-summary"],
            "at": instant_of(shop.disturbed_ms[0]),
            "until": instant_of(shop.disturbed_ms[1]),
            "verdict": "suspect",
            "scope": "shared_bundle",
            "device": "phone",
            "slower": shop.hung,
            "why": "a new payment form hung on phones, in both variants, until it was taken back",
        },
        "payments": {
            "failing": {device: round(shop.failing(device), 6) for device in DEVICES},
            "median_ms": dict(shop.payment_ms),
            "spread": shop.payment_spread,
            "reasons": dict(REASONS),
        },
        "refunds": {"share_of_orders": shop.refunded, "after_30_days": shop.refunded_late},
        "lcp": {
            "median_ms": dict(shop.lcp_ms),
            "spread": shop.lcp_spread,
            "old_product_page": shop.old_page_slower,
            "sampled": shop.vitals_sampled,
        },
        "metric_conflict": {
            "metric": "Cost per click",
            "kind": "latent",
            "search_left": LEFT_OF_SEARCH,
            "why": "in every second week of the year before, what was left of the budget bought"
            " cheap clicks: a click cost less, and a session brought less",
        },
        "roadmap": {
            "unresolved": {"rule": "c6", "experiment": running.key, "what": _what(UNRESOLVED)},
            "moved": {"rule": "c6", "experiment": running.key, "what": _what(MOVED)},
            "late": {"rule": "c13", "what": _what(LATE)},
        },
        "deploy": {
            "deny": {"surface": SURFACE_OF[running.key], "at": instant_of(shop.ends_at_ms)},
            "allow": {"surface": SURFACE_OF[spoiled.key], "at": instant_of(shop.ends_at_ms)},
        },
        "bots": {"visits_per_visit": shop.bots},
        "doubled": shop.doubled,
        "broken": {"share": shop.broken, "what": "the event has no name"},
        "logins": {"share_of_orders": shop.login, "second_device": shop.second_device},
    }


def _what(work: str) -> str:
    return next(each.what for each in WORKS if each.key == work)


def _trial(shop: Shop, trial: Trial) -> dict[str, object]:
    start, end = shop.span_of(trial)
    place = STEPS.index(trial.acts_on)
    seen = STEPS.index(trial.seen_at)
    steps: dict[str, object] = {}
    for device in DEVICES:
        rate = shop.rates[device][place]
        rest = _product(
            value for n, value in enumerate(shop.rates[device]) if n > seen and n != place
        )
        steps[device] = {
            "control": rate,
            "treatment": rate + trial.lift[device],
            "order_control": rate * rest,
            "order_treatment": (rate + trial.lift[device]) * rest,
        }
    return {
        "control": trial.control,
        "treatment": trial.treatment,
        "seen_at": trial.seen_at,
        "acts_on": trial.acts_on,
        "since": instant_of(start),
        "until": instant_of(end),
        "running": shop.runs(trial),
        "direction": "up" if any(lift > 0 for lift in trial.lift.values()) else "none",
        "rates": steps,
    }


def _product(rates: Iterable[float]) -> float:
    return round(prod(rates), 6)
