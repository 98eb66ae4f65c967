"""Reads a change of the policy as a person writes it on a command line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from truelift.apps.programme.reads import SETTINGS
from truelift.apps.programme.services import BadPolicy, PolicyChange
from truelift.lifecycle.gate import Gate


def change_from(parts: Sequence[str]) -> PolicyChange:
    """Read `name=value` parts; lists are parted by commas, weights are `key:number`.

    Raises:
        BadPolicy: A name is unknown, or a value is not what the setting takes; all at once.
    """
    given: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    for part in parts:
        name, equals, value = part.partition("=")
        if not equals or name not in SETTINGS:
            wrong[name[:40]] = f"Write name=value; names are {', '.join(SETTINGS)}."
            continue
        try:
            given[name] = _read(name, value)
        except ValueError:
            wrong[name] = f"“{value[:40]}” is not what it takes."
    if wrong:
        raise BadPolicy(wrong)
    return PolicyChange(**given)


def _read(name: str, value: str) -> Any:  # noqa: ANN401 - each setting has its own type
    items = [each.strip() for each in value.split(",") if each.strip()]
    match name:
        case "stale_after_days" | "triage_days" | "decision_days" | "max_weeks":
            return int(value)
        case "shallow_share":
            return float(value)
        case "early_hidden_from":
            return [] if items == ["nobody"] else items
        case "gates":
            return list(Gate) if items == ["all"] else [] if items == ["none"] else items
        case "weights":
            pairs = [each.partition(":") for each in items]
            return {key.strip(): float(number) for key, _, number in pairs}
        case _:
            return value
