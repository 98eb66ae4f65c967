"""Which lists there are, for what leads there: saved views, files, steps for many."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Place:
    """Where a list is.

    Attributes:
        folder: Its address under the site's.
        home: The module that has it as `LISTINGS[name]`; empty for one of another form.
    """

    title: str
    folder: str
    home: str = ""


LISTS: Final[Mapping[str, Place]] = MappingProxyType(
    {
        "signals": Place("Evidence inbox", "signals", "truelift.apps.intake.lists"),
        "insights": Place("Insights", "insights", "truelift.apps.research.lists"),
        "ideas": Place("Ideas", "ideas", "truelift.apps.intake.lists"),
        "hypotheses": Place("Hypotheses", "hypotheses", "truelift.apps.research.lists"),
        "experiments": Place("Experiments", "experiments", "truelift.apps.experiments.lists"),
        "decisions": Place("Decisions", "decisions", "truelift.apps.experiments.lists"),
        "learnings": Place("Learnings", "learnings", "truelift.apps.experiments.lists"),
        "rollouts": Place("Winners to live", "winners", "truelift.apps.rollouts.lists"),
        "board": Place("Board", "board"),
        "roadmap": Place("Roadmap", "roadmap"),
    }
)
"""Lists by name; their views are saved beside those of the explorers."""
