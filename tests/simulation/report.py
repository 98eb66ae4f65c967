"""The report of what was sampled: docs/calibration.md and its drawings."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tests.simulation.calibrated import Row, Section
from tests.simulation.drawing import dots, lines


DOCS = Path(__file__).parents[2] / "docs"

HEAD = """# Calibration

What the statistics promise, held against repeated sampling: experiments are drawn whose truth is
known, and analysed by the same functions as real ones. `make simulate` draws them again ({runs:,}
runs where that is cheap), gives the same table, and fails where a promise is missed and the miss is
not explained below. Detectors are tuned by looking at samples; they are held against others as
well, drawn from the day's date.

**n** is units per variant unless it says otherwise; **±** is the Monte-Carlo standard error of what
was measured, in points. "Held, within chance" lies outside of the promised band by less than three
of these errors. Experiments are drawn by their sufficient statistics where these have a known
distribution (shares, normal means, order statistics, discrete values), unit by unit elsewhere.
"""


def document(sections: Iterable[Section], *, runs: int) -> str:
    """Write the report."""
    sections = list(sections)
    rows = [row for section in sections for row in section.rows]
    missed = [row for row in rows if not row.held]
    rest = ", each explained below its table" if missed else ""
    count = f"{len(rows)} numbers, of which {len(missed)} miss their promise{rest}.\n"
    parts = [HEAD.format(runs=runs), count]
    for section in sections:
        parts.append(f"## {section.title}\n\n{section.text}\n")
        if section.dots:
            parts.append(f"![{section.title}](calibration/{section.dots}.svg)\n")
        parts.extend(
            f"![{each.heading}](calibration/{each.file}.svg)\n" for each in section.drawings
        )
        parts.append(
            "| What | n | Runs | Measured | ± | Promised | |\n|---|---|---|---|---|---|---|"
        )
        parts.append("\n".join(map(told, section.rows)) + "\n")
        explained = [row for row in section.rows if row.why and row.verdict != "held"]
        if explained:
            parts += [*(f"* **{row.what}, n = {row.n}.** {row.why}" for row in explained), ""]
    return "\n".join(parts).rstrip() + "\n"


def told(row: Row) -> str:
    """Write one row of the table."""
    if row.share:
        measured, error = f"{100 * row.measured:.2f} %", f"{100 * row.error:.2f}"
    else:
        measured, error = f"{row.measured:.3f}", f"{row.error:.3f}"
    cells = (row.what, row.n, f"{row.runs:,}", measured, error, row.promise.said, row.verdict)
    return f"| {' | '.join(cells)} |"


def write(sections: Iterable[Section], *, runs: int) -> None:
    """Write the report with its drawings."""
    sections = list(sections)
    folder = DOCS / "calibration"
    folder.mkdir(exist_ok=True)
    for section in sections:
        if section.dots:
            drawn = dots(section.title, section.rows)
            (folder / f"{section.dots}.svg").write_text(drawn, encoding="utf-8")
        for each in section.drawings:
            (folder / f"{each.file}.svg").write_text(lines(each), encoding="utf-8")
    (DOCS / "calibration.md").write_text(document(sections, runs=runs), encoding="utf-8")
