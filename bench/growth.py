"""How the time of questions grows from half a million events to fifty million, as a drawing.

Lakes of 500,000, 5 million and 50 million events are written, each with four buckets and its
sequence index, and the same three questions are asked of each, several times. Wanted: ten
times the events take no more than ten times as long, and a hundred times no more than a
hundred. The drawing goes to `docs/growth.svg`, both of its axes in powers of ten.

    .venv/bin/python bench/growth.py
    .venv/bin/python bench/growth.py --homes /tmp/a,/tmp/b,/tmp/c    lakes that are there already
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path


sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.made.lake import SITE, write_lake
from bench.questions import Timed, index, races, timed
from truelift.lake.home import Home
from truelift.lake.lake import Lake


SIZES = (500_000, 5_000_000, 50_000_000)
DRAWING = Path(__file__).parents[1] / "docs" / "growth.svg"
INKS = ("#1d4ed8", "#b45309", "#047857")
WIDTH, HEIGHT, LEFT, TOP = 640, 380, 80, 50


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--homes", default="", help="of the sizes in order, with commas")
    parser.add_argument("--times", type=int, default=5)
    options = parser.parse_args()
    found: dict[str, list[Timed]] = {}
    with tempfile.TemporaryDirectory(prefix="truelift-bench-") as scratch:
        named = [Path(name) for name in options.homes.split(",") if name]
        roots = named or [Path(scratch) / str(size) for size in SIZES]
        for root, size in zip(roots, SIZES, strict=True):
            home = Home(root=root, lake=root / "lake")
            if not home.events_table(SITE).exists():
                home.make()
                write_lake(home, size)
            index(home)
            lake = Lake(home)
            for race in races():
                title = race.title.split(",")[0]
                took = timed(partial(lake.ask, SITE, race.question), options.times)
                found.setdefault(title, []).append(took)
    for title, times in found.items():
        each = [
            f"{size / 1e6:g} M: CPU {took.least_cpu_ms:.0f} ms, wall {took.best_ms:.0f} ms"
            for size, took in zip(SIZES, times, strict=True)
        ]
        first, middle, last = (took.least_cpu_ms for took in times)
        print(f"{title}: {', '.join(each)}; 10 x: {last / middle:.1f}, 100 x: {last / first:.1f}")
    cpu = {title: [took.least_cpu_ms for took in times] for title, times in found.items()}
    DRAWING.write_text(drawing(cpu), encoding="utf-8")
    print(f"drawn: {DRAWING}")


def drawing(lines: Mapping[str, Sequence[float]]) -> str:
    """Draw times over sizes, and beside each what growing in proportion would be."""
    low = math.floor(math.log10(min(min(times) for times in lines.values())))
    high = math.ceil(math.log10(max(max(times) for times in lines.values())))
    across, down = WIDTH - LEFT - 30, HEIGHT - TOP - 60

    def place(size: float, ms: float) -> str:
        x = LEFT + across * (math.log10(size) - math.log10(SIZES[0])) / 2
        y = TOP + down * (high - math.log10(max(ms, 10**low))) / (high - low)
        return f"{x:.1f},{y:.1f}"

    heading = "Processor time of a question over the number of events (dashed: in proportion)"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"',
        f' aria-label="{heading}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="22" font-size="14">{heading}</text>',
    ]
    for power in range(low, high + 1):
        x, y = place(SIZES[0], 10.0**power).split(",")
        parts.append(f'<path d="M{x} {y}h{across}" stroke="#d4d4d8"/>')
        parts.append(
            f'<text x="{LEFT - 8}" y="{float(y) + 4}" text-anchor="end">{said(power)}</text>'
        )
    for size in SIZES:
        x = place(size, 10.0**low).split(",")[0]
        text = f"{size / 1e6:g} million"
        parts.append(f'<text x="{x}" y="{TOP + down + 20}" text-anchor="middle">{text}</text>')
    for nth, (title, times) in enumerate(lines.items()):
        ink = INKS[nth % len(INKS)]
        straight = [times[0] * size / SIZES[0] for size in SIZES]
        for values, dashes in ((straight, ' stroke-dasharray="4 4" opacity="0.5"'), (times, "")):
            points = " ".join(place(size, ms) for size, ms in zip(SIZES, values, strict=True))
            parts.append(f'<polyline points="{points}" fill="none" stroke="{ink}"{dashes}/>')
        parts += [
            f'<circle cx="{x}" cy="{y}" r="3" fill="{ink}"/>'
            for size, ms in zip(SIZES, times, strict=True)
            for x, y in [place(size, ms).split(",")]
        ]
        parts.append(f'<text x="{LEFT + 12}" y="{TOP + 16 + 16 * nth}" fill="{ink}">{title}</text>')
    return "\n".join([*parts, "</svg>", ""])


def said(power: int) -> str:
    return f"{10 ** (power - 3):g} s" if power >= 3 else f"{10**power:g} ms"


if __name__ == "__main__":
    main()
