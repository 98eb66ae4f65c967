"""What became of every item that was ever received, as counts that add up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of the items of one stretch of journal; stretches add up.

    Attributes:
        received: Items taken from the journal.
        stored: Rows that questions may read, bots and internal traffic among them.
        duplicates: Items whose id had been stored before.
        reasons: Quarantined rows by reason.
        bots: Stored rows that a robot sent.
        internal: Stored rows of the company's own traffic.
        last_received_at: Epoch milliseconds of the last arrival; 0 for none.
        erased: Rows that were removed because a person was erased.
        expired: Rows that were removed because their time was over.
    """

    received: int = 0
    stored: int = 0
    duplicates: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)
    bots: int = 0
    internal: int = 0
    last_received_at: int = 0
    erased: int = 0
    expired: int = 0

    @property
    def quarantined(self) -> int:
        """Items kept apart because something was wrong with them."""
        return sum(self.reasons.values())

    def __add__(self, other: Counts) -> Counts:
        """Count both stretches as one."""
        reasons = dict(self.reasons)
        for reason, count in other.reasons.items():
            reasons[reason] = reasons.get(reason, 0) + count
        return Counts(
            received=self.received + other.received,
            stored=self.stored + other.stored,
            duplicates=self.duplicates + other.duplicates,
            reasons={reason: count for reason, count in sorted(reasons.items()) if count},
            bots=self.bots + other.bots,
            internal=self.internal + other.internal,
            last_received_at=max(self.last_received_at, other.last_received_at),
            erased=self.erased + other.erased,
            expired=self.expired + other.expired,
        )

    def document(self) -> dict[str, object]:
        """Write the counts as they travel in commits and beside tail files."""
        return {
            "received": self.received,
            "stored": self.stored,
            "duplicates": self.duplicates,
            "reasons": dict(self.reasons),
            "bots": self.bots,
            "internal": self.internal,
            "last_received_at": self.last_received_at,
            "erased": self.erased,
            "expired": self.expired,
        }

    @classmethod
    def parse(cls, document: Mapping[str, object]) -> Counts:
        """Read what `document` wrote."""

        def number(key: str) -> int:
            value = document.get(key, 0)
            return value if isinstance(value, int) else 0

        reasons = document.get("reasons")
        return cls(
            received=number("received"),
            stored=number("stored"),
            duplicates=number("duplicates"),
            reasons={str(k): int(v) for k, v in reasons.items()}
            if isinstance(reasons, dict)
            else {},
            bots=number("bots"),
            internal=number("internal"),
            last_received_at=number("last_received_at"),
            erased=number("erased"),
            expired=number("expired"),
        )


@dataclass(frozen=True, slots=True)
class Ledger:
    """Where every item of a site is.

    `received = stored + duplicates + quarantined + erased + expired + waiting`.

    Attributes:
        received: Items acknowledged to a sender or appended by an import.
        stored: Rows in the lake and its fresh tail.
        duplicates: Items whose id had been stored before.
        quarantined: Items kept apart because something was wrong with them.
        waiting: Items in the journal that the loader has not taken yet.
        reasons: The quarantined by reason.
        bots: Stored rows that a robot sent.
        internal: Stored rows of the company's own traffic.
        last_received_at: Epoch milliseconds of the last arrival taken; None before the first.
        erased: Rows that were removed because a person was erased.
        expired: Rows that were removed because their time was over.
    """

    received: int
    stored: int
    duplicates: int
    quarantined: int
    waiting: int
    reasons: Mapping[str, int]
    bots: int
    internal: int
    last_received_at: int | None
    erased: int = 0
    expired: int = 0

    @property
    def balanced(self) -> bool:
        """Whether everything received is accounted for."""
        kept = self.stored + self.duplicates + self.quarantined + self.waiting
        return self.received == kept + self.erased + self.expired
