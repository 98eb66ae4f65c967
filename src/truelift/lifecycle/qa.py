"""What has to be looked at before an experiment may start, and what the looking found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from truelift.lifecycle.obstacle import Obstacle


COVERED: Final = 0.9
"""The matrix covers at least this share of sessions."""

MOST_CELLS: Final = 24
"""No matrix has more cells: a traffic that is spread wider is covered as far as this reaches."""

RUN_HOLDS: Final = timedelta(days=14)
"""An older instrumentation check says nothing about today's page."""


@dataclass(frozen=True, slots=True)
class MatrixCell:
    """A kind of device with a browser that visitors use.

    Attributes:
        device: `phone`, `desktop`, `tablet`.
        browser: As the user agent says it.
        share: Of all sessions, 0 to 1.
    """

    device: str
    browser: str
    share: float

    @property
    def label(self) -> str:
        """How people call it."""
        return f"{self.browser} on {self.device}"


def matrix_of(
    sessions: Mapping[tuple[str, str], int], *, total: int, covered: float = COVERED
) -> tuple[MatrixCell, ...]:
    """Choose the fewest cells that cover a share of sessions, the largest first.

    Args:
        sessions: (device, browser) → sessions; those of unknown ones are left out.
        total: All sessions, the unknown ones among them.
        covered: The share to be reached, of all of them where it can be.
    """
    if total <= 0:
        return ()
    ranked = sorted(sessions.items(), key=lambda item: (-item[1], item[0]))
    chosen: list[MatrixCell] = []
    reached = 0
    for (device, browser), count in ranked:
        if count <= 0 or reached / total >= covered or len(chosen) == MOST_CELLS:
            break
        chosen.append(MatrixCell(device, browser, count / total))
        reached += count
    return tuple(chosen)


@dataclass(frozen=True, slots=True)
class MissingEvent:
    """An event that a visit of a variant should have caused and did not.

    Attributes:
        variant: Key of the variant.
        size: `desktop` or `phone`.
        role: `exposure`, `primary` or `guardrail`.
        event: Its name.
        because: What was seen instead; empty when nothing was.
    """

    variant: str
    size: str
    role: str
    event: str
    because: str = ""

    @property
    def sentence(self) -> str:
        """What is the matter, as a full sentence."""
        what = f"The {self.role} event {self.event}" if self.event else f"The {self.role} event"
        found = f" {self.because}" if self.because else ""
        return f"{what} of variant {self.variant} did not arrive ({self.size}).{found}"


@dataclass(frozen=True, slots=True)
class QaEvidence:
    """What is known of an experiment's quality before its start.

    Attributes:
        has_matrix: Whether traffic has said which cells there are.
        covered: Share of sessions that the matrix covers.
        missing_cells: Variant and cell that nobody other than its author has tested.
        blocking_failures: Variant and cell that failed, in the tester's words.
        run_at: When the latest instrumentation check ended; None before one.
        running: Whether one is under way.
        missing_events: What it missed, each by name.
        broken_visits: Variants that could not be opened, in words.
        stale: Whether the latest check is too old, or older than the addresses it opened.
    """

    has_matrix: bool = False
    covered: float = 0.0
    missing_cells: tuple[tuple[str, str], ...] = ()
    blocking_failures: tuple[str, ...] = ()
    run_at: datetime | None = None
    running: bool = False
    missing_events: tuple[MissingEvent, ...] = ()
    broken_visits: tuple[str, ...] = ()
    stale: bool = False

    @property
    def matrix_complete(self) -> bool:
        """Every variant was tested in every cell, and nothing failed that blocks."""
        return self.has_matrix and not self.missing_cells and not self.blocking_failures

    @property
    def instrumented(self) -> bool:
        """The latest check saw every event it looked for."""
        return (
            self.run_at is not None
            and not self.running
            and not self.stale
            and not self.missing_events
            and not self.broken_visits
        )

    @property
    def complete(self) -> bool:
        """Nothing stands in the way of the start."""
        return not qa_obstacles(self)


def qa_obstacles(evidence: QaEvidence) -> tuple[Obstacle, ...]:
    """Say what is missing; nothing said means that the experiment may become ready."""
    found: list[Obstacle] = []
    if not evidence.has_matrix:
        found.append(
            Obstacle(
                "qa.no_matrix",
                "Nobody has asked which devices and browsers visitors use.",
                "Build the matrix from traffic.",
            )
        )
    elif evidence.missing_cells:
        found.append(
            Obstacle(
                "qa.cells_missing",
                f"{_count(len(evidence.missing_cells), 'cell')} of the matrix"
                f" {_is(len(evidence.missing_cells))} not tested:"
                f" {_some([f'{v} in {c}' for v, c in evidence.missing_cells])}.",
                "Let somebody else test it there.",
            )
        )
    if evidence.blocking_failures:
        found.append(
            Obstacle(
                "qa.cells_failed",
                f"It failed in {_some(evidence.blocking_failures)}.",
                "Repair it and test it again.",
            )
        )
    if evidence.running:
        found.append(
            Obstacle(
                "qa.run_under_way",
                "The instrumentation check is under way.",
                "Wait for it: six minutes at most.",
            )
        )
    elif evidence.run_at is None:
        found.append(
            Obstacle(
                "qa.no_run",
                "No browser has opened its variants and looked for their events.",
                "Give addresses, then run the check.",
            )
        )
    elif evidence.stale:
        found.append(
            Obstacle(
                "qa.run_too_old",
                "The instrumentation check is too old, or the addresses changed since.",
                "Run it again.",
            )
        )
    else:
        found += [
            Obstacle("qa.visit_broken", sentence, "Correct it, and run again.")
            for sentence in evidence.broken_visits
        ]
        found += [
            Obstacle(
                "qa.event_missing",
                missing.sentence,
                "Let it be sent, and run again.",
            )
            for missing in evidence.missing_events
        ]
    return tuple(found)


def _some(names: Sequence[str], *, most: int = 4) -> str:
    """Name a few, and say how many more there are."""
    left = len(names) - most
    return ", ".join(names[:most]) + (f" and {left} more" if left > 0 else "")


def _count(number: int, what: str) -> str:
    return f"One {what}" if number == 1 else f"{number} {what}s"


def _is(number: int) -> str:
    return "is" if number == 1 else "are"
