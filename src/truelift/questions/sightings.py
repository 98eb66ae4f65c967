"""Which events came from some visitors, those among them that no other question sees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import pyarrow as pa

from truelift.questions.dimensions import Placeholders
from truelift.questions.document import Json, instant
from truelift.questions.matching import BadQuestion
from truelift.questions.period import AT_MS, between, period_obstacles
from truelift.questions.question import Scan


MOST_VISITORS: Final = 200
MOST_EVENTS: Final = 5_000

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Sighting:
    """An event that came from one of the visitors.

    Attributes:
        visitor: Whose.
        event: Its name; empty for one that was refused without one.
        at: When it occurred.
        experiment: That it was an exposure to; None for any other event.
        variant: And the variant.
        refused: Why it was quarantined; empty when it is stored.
        counted: Whether questions about people count it.
    """

    visitor: str
    event: str
    at: datetime
    experiment: str | None = None
    variant: str | None = None
    refused: str = ""
    counted: bool = False


@dataclass(frozen=True, slots=True)
class SightingsAnswer:
    """The events in the order in which they occurred."""

    question: Sightings
    rows: tuple[Sighting, ...]

    def document(self) -> dict[str, Json]:
        """Write it as JSON."""
        return {
            "question": self.question.name,
            "rows": [
                {
                    "visitor": row.visitor,
                    "event": row.event,
                    "at": instant(row.at),
                    "experiment": row.experiment,
                    "variant": row.variant,
                    "refused": row.refused or None,
                    "counted": row.counted,
                }
                for row in self.rows
            ],
        }


@dataclass(frozen=True, slots=True)
class Sightings:
    """Every event of some visitors: robots', internal and refused ones too.

    Only for visitors who are none (synthetic visits): what people did is never listed so.

    Attributes:
        visitors: Their ids.
        since: No event before this.
        until: No event at or after this.
    """

    visitors: tuple[str, ...]
    since: datetime | None = None
    until: datetime | None = None

    def __post_init__(self) -> None:
        reasons = list(period_obstacles(self.since, self.until))
        if not 0 < len(self.visitors) <= MOST_VISITORS:
            reasons.append(f"it takes 1 to {MOST_VISITORS} visitors")
        if not all("-synthetic-" in each for each in self.visitors):
            reasons.append("it is about synthetic visitors alone")
        if reasons:
            raise BadQuestion(question="list of sightings", reasons=tuple(reasons))

    @property
    def name(self) -> str:
        """What the question is called."""
        return "sightings"

    def scan(self) -> Scan:
        """Read one row per event."""
        values = Placeholders()
        ids = ", ".join(values.add(each) for each in self.visitors)
        return Scan(
            sql=f"""
            SELECT
                visitor_id,
                coalesce(event, '') AS event,
                {AT_MS} AS at_ms,
                experiment,
                variant,
                CASE WHEN state = 'stored' THEN '' ELSE coalesce(reason, state) END AS refused,
                state = 'stored' AND NOT is_bot AND NOT is_internal AS counted
            FROM all_events
            WHERE visitor_id IN ({ids}) AND {between(self.since, self.until, values)}
            ORDER BY at_ms, position
            LIMIT {MOST_EVENTS}
            """,
            parameters=values.values,
            since=self.since,
            until=self.until,
        )

    def partial(self, rows: pa.Table) -> tuple[Sighting, ...]:
        """Take one bucket's events."""
        return tuple(_sighting(row) for row in rows.to_pylist())

    def merge(
        self, left: tuple[Sighting, ...], right: tuple[Sighting, ...]
    ) -> tuple[Sighting, ...]:
        """Put two buckets' events together."""
        return left + right

    def answer(self, partial: tuple[Sighting, ...]) -> SightingsAnswer:
        """Put them in order."""
        return SightingsAnswer(self, tuple(sorted(partial, key=lambda row: row.at)))


def _sighting(row: Mapping[str, object]) -> Sighting:
    at_ms, experiment, variant = row["at_ms"], row["experiment"], row["variant"]
    return Sighting(
        visitor=str(row["visitor_id"]),
        event=str(row["event"]),
        at=_EPOCH + timedelta(milliseconds=int(str(at_ms))),
        experiment=None if experiment is None else str(experiment),
        variant=None if variant is None else str(variant),
        refused=str(row["refused"]),
        counted=bool(row["counted"]),
    )
