"""Drawings of a report: shares with their chance, and lines over something that grows."""

from __future__ import annotations

import html
from collections.abc import Sequence

from tests.simulation.calibrated import Drawing, Row


INKS = ("#1d4ed8", "#b45309", "#047857", "#be185d", "#6d28d9", "#0e7490")
WIDTH = 760
GREY = "#d4d4d8"


def dots(heading: str, rows: Sequence[Row]) -> str:
    """Draw each share with two Monte-Carlo errors to both sides, and the band that was promised."""
    left, top, step = 360, 50, 18
    shown = [row for row in rows if row.share]
    ends = [end for row in shown for end in (row.measured - 0.004, row.measured + 0.004)]
    ends += [end for row in shown for end in _band(row)]
    low, high = min(ends), max(ends)
    across, height = WIDTH - left - 30, top + step * len(shown) + 40

    def place(share: float) -> float:
        return left + across * (share - low) / (high - low)

    parts = _opened(heading, height)
    for nth, row in enumerate(shown):
        y = top + step * nth
        start, end = _band(row)
        ink = INKS[0] if row.held else INKS[1]
        reach = 2 * row.error
        width = max(place(end) - place(start), 1)
        ends_at = f"M{place(row.measured - reach):.1f} {y}H{place(row.measured + reach):.1f}"
        said = html.escape(f"{row.what}, {row.n}")
        box = f'x="{place(start):.1f}" y="{y - 7}" width="{width:.1f}" height="14"'
        words = f'x="{left - 10}" y="{y + 4}" text-anchor="end" font-size="11"'
        parts += [
            f'<rect {box} fill="#e0e7ff"/>',
            f"<text {words}>{said}</text>",
            f'<path d="{ends_at}" stroke="{ink}"/>',
            f'<circle cx="{place(row.measured):.1f}" cy="{y}" r="3" fill="{ink}"/>',
        ]
    for share in _ticks(low, high):
        x, y = place(share), top + step * len(shown)
        parts.append(f'<path d="M{x:.1f} {top - 12}V{y - 4}" stroke="{GREY}" opacity="0.6"/>')
        parts.append(f'<text x="{x:.1f}" y="{y + 14}" text-anchor="middle">{share:.1%}</text>')
    return "\n".join([*parts, "</svg>", ""])


def lines(drawing: Drawing) -> str:
    """Draw shares over something, with the promised level dashed."""
    left, top, height = 60, 50, 380
    across, down = WIDTH - left - 30, height - top - 60
    end = max(max(line.x) for line in drawing.lines)
    most = max(drawing.level, *(max(line.y) for line in drawing.lines)) * 1.08

    def place(x: float, y: float) -> tuple[float, float]:
        return left + across * x / end, top + down * (1 - y / most)

    def spot(x: float, y: float) -> str:
        across, down = place(x, y)
        return f"{across:.1f},{down:.1f}"

    parts = _opened(drawing.heading, height)
    for share in _ticks(0.0, most):
        x, y = place(0, share)
        parts.append(f'<path d="M{x:.1f} {y:.1f}h{across}" stroke="{GREY}"/>')
        parts.append(f'<text x="{x - 8:.1f}" y="{y + 4:.1f}" text-anchor="end">{share:.0%}</text>')
    for at in _ticks(0.0, end):
        x, y = place(at, 0)
        parts.append(f'<text x="{x:.1f}" y="{y + 18:.1f}" text-anchor="middle">{at:,.0f}</text>')
    parts.append(f'<text x="{left + across}" y="{top + down + 36}" text-anchor="end">')
    parts.append(f"{html.escape(drawing.across)}</text>")
    x, y = place(0, drawing.level)
    parts.append(f'<path d="M{x:.1f} {y:.1f}h{across}" stroke="#111827" stroke-dasharray="4 4"/>')
    solid = [line for line in drawing.lines if not line.dots]
    for nth, line in enumerate(solid):
        ink = INKS[nth % len(INKS)]
        points = " ".join(spot(*at) for at in zip(line.x, line.y, strict=True))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{ink}" stroke-width="1.5"/>')
        parts.append(
            f'<text x="{left + 12}" y="{top + 12 + 16 * nth}" fill="{ink}">'
            f"{html.escape(line.name)}</text>"
        )
    dotted = [line for line in drawing.lines if line.dots]
    for nth, line in enumerate(dotted):
        ink = INKS[nth % len(INKS)]
        for sampled in zip(line.x, line.y, strict=True):
            x, y = place(*sampled)
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{ink}"/>')
    return "\n".join([*parts, "</svg>", ""])


def _opened(heading: str, height: int) -> list[str]:
    said = html.escape(heading)
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"',
        f' aria-label="{said}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="20" y="22" font-size="14">{said}</text>',
    ]


def _band(row: Row) -> tuple[float, float]:
    """Give the promised band; one that is open on a side ends half a point beside the number."""
    least, most = row.promise.least, row.promise.most
    low, high = min(row.measured, most) - 0.005, max(row.measured, least) + 0.005
    return (low if least == float("-inf") else least), (high if most == float("inf") else most)


def _ticks(low: float, high: float) -> list[float]:
    """Give some five round numbers between two."""
    rough = (high - low) / 5
    size = 10.0 ** len(f"{int(rough)}") / 10 if rough >= 1 else 1.0
    while size > rough:
        size /= 10
    step = next(size * times for times in (1, 2, 2.5, 5, 10) if size * times >= rough * 0.8)
    first = int(low / step) + (low > 0 and low % step > 1e-12)
    return [step * at for at in range(first, int(high / step) + 1)]
