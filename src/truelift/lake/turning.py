"""When the journal holds nothing any more from before some erasures were asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from truelift.lake.erasure_list import Request
from truelift.lake.home import Home
from truelift.lake.journal import seal, segments


@dataclass(frozen=True, slots=True)
class Turning:
    """Erasures that wait until segments have ended which may hold what they remove.

    Attributes:
        requests: Their keys.
        upto: Writer → first frame of the segment that was the newest when they were found.
    """

    requests: frozenset[str]
    upto: Mapping[str, int]

    @classmethod
    def of(cls, home: Home, asked: Iterable[Request]) -> Self:
        """Begin with what was asked for, and the segments that are open now."""
        return cls(
            requests=frozenset(request.key for request in asked),
            upto={segment.writer: segment.first_frame for segment in segments(home.journal)},
        )

    def is_over(self, home: Home) -> bool:
        """Say whether all of them have ended; asks those to end that have not."""
        for segment in segments(home.journal):
            if not segment.sealed and segment.first_frame == self.upto.get(segment.writer):
                seal(segment)
        return not any(
            segment.first_frame == self.upto.get(segment.writer)
            for segment in segments(home.journal)
            if not segment.sealed
        )

    def left(self, home: Home) -> list[Path]:
        """List those that are still there."""
        return [
            segment.path
            for segment in segments(home.journal)
            if segment.first_frame <= self.upto.get(segment.writer, -1)
        ]
