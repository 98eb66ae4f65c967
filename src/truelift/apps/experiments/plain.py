"""A result in sentences that a person can read who has never heard of a p-value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from truelift.apps.drawing.wording import Kind, Measure, count, lift, percent
from truelift.apps.experiments.wording import inner


LIFT = Measure(Kind.LIFT)


def plain_of(
    document: Mapping[str, Any],
    effect: Mapping[str, Any],
    *,
    metric: str,
    variant: str,
) -> tuple[str, ...]:
    """Say how sure an effect is, and how easily chance alone would have made it.

    Args:
        document: The snapshot.
        effect: One of its effects.
        metric: Name of the metric.
        variant: Name of the treatment.

    Returns:
        Two or three sentences; none where nothing may be read.
    """
    relative = effect.get("relative")
    if effect.get("withheld") or relative is None:
        return ()
    level = 1 - effect.get("alpha", document["alpha"])
    if "chance_to_win" in effect:
        return _believed(effect, relative, level, metric=metric, variant=variant)
    low, high = relative["low"], relative["high"]
    if low is None or high is None:
        return ("At this look nothing can be said yet: its bound lies beyond everything.",)
    name = inner(metric)
    if low > 0 or high < 0:
        near, far = sorted((abs(low), abs(high)))
        verb = "rises" if low > 0 else "falls"
        sure = (
            f"We are {sureness(level)} sure that {name} {verb} by between {LIFT.size(near)} and"
            f" {LIFT.size(far)}."
        )
    else:
        sure = (
            f"We are {sureness(level)} sure that {name} changes by something between {lift(low)}"
            f" and {lift(high)}, and so not whether it rises or falls."
        )
    p = effect.get("p_corrected", effect.get("p"))
    return (sure,) if p is None else (sure, _if_noise(p, str(document.get("method", "fixed"))))


def sureness(level: float) -> str:
    """Write a level of confidence without decimals that say nothing: 95%, 98.3%."""
    text = f"{100 * level:.1f}"
    return f"{text.removesuffix('.0')}%"


def _if_noise(p: float, method: str) -> str:
    """Say how often chance alone shows as much."""
    looked = method in {"sequential", "group-sequential"}
    often = "at most " if looked else ""
    tail = ", however often one looks" if method == "sequential" else ""
    tail = ", all its looks together" if method == "group-sequential" else tail
    if p < 1e-6:
        return f"If this were noise, we would see it in fewer than 1 of a million tests{tail}."
    if p < 0.1:
        tests = float(f"{1 / p:.2g}")
        return f"If this were noise, we would see it in {often}1 of {count(tests)} tests{tail}."
    tenths = max(1, round(10 * p))
    if tenths >= 10:
        return "If this were noise, we would see as much in nearly every test."
    return f"If this were noise, we would see it in {often}{tenths} of 10 tests{tail}."


def _believed(
    effect: Mapping[str, Any],
    relative: Mapping[str, Any],
    level: float,
    *,
    metric: str,
    variant: str,
) -> tuple[str, ...]:
    better = chance(effect["chance_to_win"])
    low, high = lift(relative["low"]), lift(relative["high"])
    choosing, staying = percent(effect["expected_loss"]), percent(effect["control_loss"])
    costs = f"costs {choosing} on average, as it may be worse; staying costs {staying}"
    return (
        f"The chance that {variant} is better for {inner(metric)} is {better}.",
        f"With a chance of {sureness(level)} the lift lies between {low} and {high}.",
        f"Choosing {variant} {costs}.",
    )


def chance(share: float) -> str:
    """Write a chance that is never quite 0 or 1."""
    if share > 0.999:
        return "more than 99.9%"
    return "less than 0.1%" if share < 0.001 else f"{100 * share:.1f}%"
