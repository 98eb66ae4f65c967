"""The conflicts of a roadmap of two thousand items: a year of a large company, made by a seed.

.venv/bin/python bench/conflicts.py
.venv/bin/python bench/conflicts.py --items 4000
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from datetime import date, timedelta

import numpy as np

from truelift.lifecycle.conflict import Conflict, ConflictContext, Season, conflicts
from truelift.lifecycle.conflict_rules import Rule
from truelift.lifecycle.roadmap_item import (
    Asset,
    Audience,
    ItemKind,
    ItemStage,
    RoadmapItem,
    Touch,
)
from truelift.lifecycle.surface import Surface


BEGIN = date(2026, 1, 5)
TODAY = date(2026, 1, 1)
SURFACES = tuple(
    Surface(
        f"Surface {number}",
        funnel=f"funnel {number % 20}",
        step=1 + number // 20 % 3,
        bundle=f"bundle {number % 30}" if number % 2 else "",
    )
    for number in range(120)
)
CONTEXT = ConflictContext(
    seasons=(Season("Christmas", date(2026, 11, 23), date(2026, 12, 27)),),
    capacity={"build": 260.0, "qa": 90.0, "analysis": 60.0},
    washout_days=2,
)
LENGTHS = {
    ItemKind.EXPERIMENT: (14, 36),
    ItemKind.RELEASE: (1, 8),
    ItemKind.CAMPAIGN: (5, 22),
    ItemKind.CONTENT: (2, 11),
    ItemKind.FREEZE: (14, 36),
}
SHARES = (0.45, 0.3, 0.08, 0.12, 0.05)


def roadmap(items: int, *, seed: int = 7) -> list[RoadmapItem]:
    """Make a year of work; the same for the same seed."""
    draw = np.random.default_rng(seed)
    return [_item(number, draw) for number in range(items)]


def _item(number: int, draw: np.random.Generator) -> RoadmapItem:
    kind = list(ItemKind)[int(draw.choice(len(SHARES), p=SHARES))]
    start = BEGIN + timedelta(days=int(draw.integers(0, 360)))
    low = float(draw.integers(0, 4)) / 4
    test = kind is ItemKind.EXPERIMENT
    return RoadmapItem(
        key=f"RM-{number}",
        kind=kind,
        what=f"Work number {number}",
        stage=ItemStage.PLANNED,
        surfaces=tuple(f"Surface {each}" for each in draw.integers(0, 120, draw.integers(1, 3))),
        elements=(f"element {draw.integers(0, 12)}",),
        start=start,
        end=start + timedelta(days=int(draw.integers(*LENGTHS[kind]))),
        metric=f"metric {draw.integers(0, 12)}",
        owner=f"person {draw.integers(0, 80)}",
        audience={"device": Audience(frozenset({str(draw.choice(["mobile", "desktop"]))}))}
        if draw.random() < 0.3
        else {},
        allocation=float(draw.choice([0.2, 0.5, 1.0])),
        layer=f"layer {draw.integers(0, 5)}" if test and draw.random() < 0.4 else "",
        low=low,
        high=low + 0.25,
        touches=frozenset({Touch.TRACKING}) if draw.random() < 0.05 else frozenset(),
        traffic_change=float(draw.choice([0.0, 0.1, 0.3])),
        features=(f"feature {draw.integers(0, 200)}",),
        references=(f"feature {draw.integers(0, 200)}",) if test else (),
        events=(f"event {draw.integers(0, 30)}",),
        agreed=True,
        assets=(Asset("picture", due=start - timedelta(days=int(draw.integers(-1, 9)))),)
        if draw.random() < 0.2
        else (),
        effort={"build": float(draw.integers(1, 12)), "qa": 2.0, "analysis": 2.0},
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=2_000)
    parser.add_argument("--times", type=int, default=5)
    options = parser.parse_args()
    items = roadmap(options.items)
    took: list[float] = []
    found: tuple[Conflict, ...] = ()
    for _ in range(options.times):
        began = time.process_time()
        found = conflicts(items, surfaces=SURFACES, today=TODAY, context=CONTEXT)
        took.append((time.process_time() - began) * 1000)
    by_rule = Counter(each.rule for each in found)
    print(f"{len(items):,} items, {len(found):,} conflicts: {min(took):.0f} ms of processor time")
    print(", ".join(f"{rule} {by_rule[rule]:,}" for rule in Rule))


if __name__ == "__main__":
    main()
