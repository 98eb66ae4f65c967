"""What the ledger page shows: what became of everything that was received."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from truelift.apps.drawing.wording import clock
from truelift.lake.ledger import Ledger


FEW: Final = 0.001
"""A quarantined share below this is the ordinary weather of the web."""


@dataclass(frozen=True, slots=True)
class Line:
    """One term of the sum, or one reason inside it.

    Attributes:
        label: What became of these events.
        meaning: One sentence, with what to do where there is something to do.
        count: Events.
        share: Of all received, 0 to 1.
        tone: `ink`, `quiet` or `worse`: how its bar is drawn.
    """

    label: str
    meaning: str
    count: int
    share: float
    tone: str

    @property
    def percent(self) -> str:
        """The share as the length of a bar."""
        return f"{100 * self.share:.2f}"


@dataclass(frozen=True, slots=True)
class LedgerPage:
    """The ledger as the page shows it.

    Attributes:
        answer: The page's sentence.
        grounds: The line under it.
        lines: The terms of the sum, in order.
        reasons: The quarantined by reason, most first.
        received: The sum.
        bots: Stored, and kept out of every answer because a robot sent them.
        internal: Stored, and kept out because they are the company's own traffic.
        last_received: When the newest event arrived, in the site's zone; empty before the first.
        balanced: Whether the sum is right.
    """

    answer: str
    grounds: str
    lines: tuple[Line, ...]
    reasons: tuple[Line, ...]
    received: int
    bots: int
    internal: int
    last_received: str
    balanced: bool


def ledger_page(ledger: Ledger, *, time_zone: str) -> LedgerPage:
    """Lay out a site's ledger for people; nothing here is counted again."""
    received = ledger.received

    def share(count: int) -> float:
        return count / received if received else 0.0

    return LedgerPage(
        answer=_answer(ledger),
        grounds=(
            "Received = stored + duplicate + quarantined + waiting"
            f"{_removed_words(ledger)}. Every term is read from"
            " what is on disk, none is counted on the side."
        ),
        lines=(
            Line(
                "Stored",
                "In the lake or its fresh tail; every question reads them.",
                ledger.stored,
                share(ledger.stored),
                "ink",
            ),
            Line(
                "Duplicate",
                "The same message id came again within 48 hours; kept once.",
                ledger.duplicates,
                share(ledger.duplicates),
                "quiet",
            ),
            Line(
                "Quarantined",
                "Something was wrong with them; kept apart with the reason below.",
                ledger.quarantined,
                share(ledger.quarantined),
                "worse" if share(ledger.quarantined) > FEW else "quiet",
            ),
            Line(
                "Waiting",
                "Safe in the journal; the loader takes them within seconds.",
                ledger.waiting,
                share(ledger.waiting),
                "quiet",
            ),
            *removed_lines(ledger),
        ),
        reasons=reason_lines(ledger.reasons, of=ledger.quarantined),
        received=received,
        bots=ledger.bots,
        internal=ledger.internal,
        last_received=(
            clock(datetime.fromtimestamp(ledger.last_received_at / 1000, ZoneInfo(time_zone)))
            if ledger.last_received_at
            else ""
        ),
        balanced=ledger.balanced,
    )


def removed_lines(ledger: Ledger) -> tuple[Line, ...]:
    """List what was removed on purpose, where anything was."""
    lines = (
        ("Erased", "Of persons who were erased; nothing of them is left.", ledger.erased),
        ("Expired", "Older than the site keeps them; removed for good.", ledger.expired),
    )
    return tuple(
        Line(label, meaning, count, count / ledger.received, "quiet")
        for label, meaning, count in lines
        if count
    )


def _removed_words(ledger: Ledger) -> str:
    terms = ((" + erased", ledger.erased), (" + expired", ledger.expired))
    return "".join(word for word, count in terms if count)


def reason_lines(reasons: Mapping[str, int], *, of: int) -> tuple[Line, ...]:
    """List the reasons for quarantine, most frequent first."""
    return tuple(
        Line(reason.replace("_", " "), "", count, count / of if of else 0.0, "worse")
        for reason, count in sorted(reasons.items(), key=lambda each: (-each[1], each[0]))
        if count
    )


def _answer(ledger: Ledger) -> str:
    if not ledger.balanced:
        return (
            "The sum is off: what was received is not what is stored, duplicate, quarantined"
            " and waiting. Run truelift doctor on the server."
        )
    if not ledger.received:
        return "No event has arrived yet."
    if not ledger.quarantined:
        return f"All {ledger.received:,} events received are accounted for; none was bad."
    share = ledger.quarantined / ledger.received
    shown = f"{share:.1%}" if share >= FEW else "fewer than one in a thousand"
    return (
        f"All {ledger.received:,} events received are accounted for;"
        f" {ledger.quarantined:,} are quarantined ({shown})."
    )
