"""Turns what the statistics advise into what was agreed before the launch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from truelift.apps.drawing.wording import lift
from truelift.apps.experiments.models import ExperimentRecord
from truelift.lifecycle.brief import MetricClass, Situation
from truelift.lifecycle.decision_table import Agreed, Shown, agreed_for
from truelift.lifecycle.experiment import Advice, Choice


def settle_recommendation(document: dict[str, Any], record: ExperimentRecord) -> None:
    """Let the brief speak in a snapshot's document before it is kept.

    The decision table says what is done after such a result; and a micro metric that won
    while harm to the business cannot be ruled out is not shipped (R024).
    """
    # The room of briefs knows experiments; loading it at once would close a circle.
    from truelift.apps.briefs.reads import brief_record, class_of_metric, metric_classes

    recommendation = document.get("recommendation")
    if not recommendation:
        return
    row = brief_record(record)
    agreed = agreed_for(
        {Situation(each): Choice(choice) for each, choice in row.decisions.items()} if row else {},
        shown_by(document),
        computed=Advice(recommendation["action"]),
    )
    if agreed is not None:
        recommendation = _by_table(recommendation, agreed, document)
    known = metric_classes(record.site)
    worth = {
        each.metric.key: (each.metric.name, class_of_metric(each.metric, known))
        for each in record.metrics.select_related("metric")
    }
    conflict = macro_conflict(document, worth)
    if conflict:
        document["macro_conflict"] = conflict
        if recommendation["action"] == Advice.SHIP:
            recommendation = {
                **recommendation,
                "action": Advice.ITERATE.value,
                "because": [conflict, *recommendation["because"]],
                "variant": None,
            }
    document["recommendation"] = recommendation


def _by_table(
    recommendation: Mapping[str, Any], agreed: Agreed, document: Mapping[str, Any]
) -> dict[str, Any]:
    variant = recommendation.get("variant")
    if agreed.choice is Choice.SHIP and variant is None:
        variant = _furthest(document)
    return {
        **recommendation,
        "action": agreed.choice.value,
        "because": [agreed.sentence, *recommendation["because"]],
        "variant": variant if agreed.choice is Choice.SHIP else None,
        "agreed": {
            "situation": agreed.situation.value,
            "choice": agreed.choice.value,
            "computed": agreed.computed.value,
        },
    }


def shown_by(document: Mapping[str, Any]) -> tuple[Shown, ...]:
    """Say of each treatment how it ended; none whose effect may not be read or is undefined."""
    harmed = {
        effect["variant"]
        for metric in document.get("metrics", [])
        for effect in metric["effects"]
        if effect.get("guardrail") == "broken"
    }
    return tuple(
        Shown(Situation(effect["outcome"]), harmed=effect["variant"] in harmed)
        for effect in _primary_effects(document)
        if "withheld" not in effect
    )


def macro_conflict(
    document: Mapping[str, Any], worth: Mapping[str, tuple[str, MetricClass]]
) -> str:
    """Say which outcome may have paid for the win of a micro metric; empty for none.

    Args:
        document: The snapshot.
        worth: Metric → its name and what it is worth.
    """
    primary = next((m for m in document.get("metrics", []) if m["role"] == "primary"), None)
    if primary is None or worth.get(primary["metric"], ("", None))[1] is not MetricClass.MICRO:
        return ""
    won = {
        effect["variant"]: effect
        for effect in primary["effects"]
        if "withheld" not in effect and effect["outcome"] == "win"
    }
    for metric in document["metrics"]:
        name, its_worth = worth.get(metric["metric"], ("", None))
        if metric["role"] != "guardrail" or its_worth is not MetricClass.MACRO:
            continue
        for effect in metric["effects"]:
            unruled = effect.get("guardrail") in {"broken", "undecided"}
            if unruled and effect["variant"] in won:
                micro = worth[primary["metric"]][0]
                return _conflict(micro, won[effect["variant"]], name, effect)
    return ""


def _conflict(micro: str, gain: Mapping[str, Any], macro: str, effect: Mapping[str, Any]) -> str:
    margin = effect.get("margin")
    beyond = f" by more than the agreed {margin['relative']:.1%}" if margin else ""
    verb = "got worse" if effect["guardrail"] == "broken" else "may have got worse"
    lost, won = ((each.get("relative") or {}).get("value") for each in (effect, gain))
    both = f" ({lift(lost)} beside {lift(won)})" if lost is not None and won is not None else ""
    return f"{micro} is a micro metric and won, but {macro} {verb}{beyond}{both}."


def _furthest(document: Mapping[str, Any]) -> str | None:
    """Give the treatment whose primary effect lies furthest to the good side."""
    metrics: Sequence[Mapping[str, Any]] = document.get("metrics", [])
    primary = next((m for m in metrics if m["role"] == "primary"), None)
    sign = -1 if primary and primary.get("direction") == "decrease" else 1
    told = [e for e in _primary_effects(document) if (e.get("absolute") or {}).get("value")]
    best = max(told, key=lambda each: sign * each["absolute"]["value"], default=None)
    return str(best["variant"]) if best else None


def _primary_effects(document: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return next((m["effects"] for m in document.get("metrics", []) if m["role"] == "primary"), ())
