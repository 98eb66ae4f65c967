"""Why a row of a file is not stored, and the file where such rows are kept."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Final, TextIO


TEXT_CHARACTERS: Final = 4096
"""How much of a rejected row is kept; enough to find and mend it."""


class RejectReason(StrEnum):
    """Every reason there is for leaving a row out."""

    WRONG_COLUMNS = "wrong_columns"
    OPEN_QUOTE = "open_quote"
    BAD_ENCODING = "bad_encoding"
    BAD_JSON = "bad_json"
    NO_EVENT = "no_event"
    NO_NAME = "no_name"
    NO_UNIT = "no_unit"
    BAD_TYPE = "bad_type"
    BAD_TIME = "bad_time"
    BAD_VALUE = "bad_value"
    BAD_CURRENCY = "bad_currency"
    HALF_EXPOSURE = "half_exposure"
    TOO_LARGE = "too_large"
    TOO_DEEP = "too_deep"
    UNREADABLE = "unreadable"


MEANINGS: Final[Mapping[RejectReason, str]] = MappingProxyType(
    {
        RejectReason.WRONG_COLUMNS: "the row has more or fewer columns than the header",
        RejectReason.OPEN_QUOTE: "a quoted field begins here and never ends",
        RejectReason.BAD_ENCODING: "the row is not text in the file's encoding",
        RejectReason.BAD_JSON: "what should be one JSON object is none",
        RejectReason.NO_EVENT: "no event of the map applies to this row",
        RejectReason.NO_NAME: "the event has no name",
        RejectReason.NO_UNIT: "the column that names the unit is empty",
        RejectReason.BAD_TYPE: "the type is not track, page, screen, identify, group or alias",
        RejectReason.BAD_TIME: "the time cannot be read or lies outside 1970 to 2100",
        RejectReason.BAD_VALUE: "the value is not a number in the file's notation",
        RejectReason.BAD_CURRENCY: "the currency is not a three-letter code",
        RejectReason.HALF_EXPOSURE: "an experiment without a variant, or a variant without one",
        RejectReason.TOO_LARGE: "the row is larger than 32 KB",
        RejectReason.TOO_DEEP: "objects and lists are nested more than 32 levels deep",
        RejectReason.UNREADABLE: "the engine refused the row; it is in quarantine",
    }
)
"""What each reason says to a person; the reject file carries the same words."""


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that was left out.

    Attributes:
        line: Line of the file, from 1 and with the header; row number for Parquet and for
            a list of JSON.
        reason: Why.
        text: The row as it stands in the file, cut to `TEXT_CHARACTERS`.
        element: Which one of the line's elements, from 1, where the map explodes a list.
    """

    line: int
    reason: RejectReason
    text: str
    element: int | None = None


class RejectFile:
    """Collects rejects, in the file's order, and appears only when it is finished.

    A file of that name from an earlier load is replaced: it described the same
    lines of the same file.
    """

    def __init__(self, path: Path | None) -> None:
        """Begin; without a path the rejects are only counted."""
        self.path = path
        self.reasons: Counter[RejectReason] = Counter()
        self.first: list[Reject] = []
        self._partial = path.with_suffix(".partial") if path is not None else None
        self._out: TextIO | None = None

    @property
    def count(self) -> int:
        """Rows left out so far."""
        return self.reasons.total()

    def add(self, rejects: Iterable[Reject]) -> None:
        """Keep some more rows, which lie after the earlier ones in the file."""
        for reject in rejects:
            self.reasons[reject.reason] += 1
            if len(self.first) < 5:
                self.first.append(reject)
            if self._partial is None:
                continue
            if self._out is None:
                self._partial.parent.mkdir(parents=True, exist_ok=True)
                self._out = self._partial.open("w", encoding="utf-8", errors="backslashreplace")
            self._out.write(json.dumps(as_document(reject), ensure_ascii=False) + "\n")

    def finish(self) -> Path | None:
        """Put the file in its place and say where; None when nothing was rejected."""
        if self._out is None or self._partial is None or self.path is None:
            return None
        self._out.close()
        self._partial.replace(self.path)
        return self.path


def as_document(reject: Reject) -> dict[str, str | int]:
    """Write one reject the way the file and `--dry-run` show it."""
    element = {"element": reject.element} if reject.element is not None else {}
    return {
        "line": reject.line,
        **element,
        "reason": reject.reason.value,
        "detail": MEANINGS[reject.reason],
        "text": reject.text[:TEXT_CHARACTERS],
    }
