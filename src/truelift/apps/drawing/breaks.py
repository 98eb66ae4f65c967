"""Where a metric was defined anew while it was being counted, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from truelift.apps.drawing.wording import clock


@dataclass(frozen=True, slots=True)
class Break:
    """One change of a metric's definition.

    Attributes:
        metric: What the metric is called.
        at: When, as it is written in the site's zone.
        stamp: The same for programs.
        before: The version that held until then.
        after: And the one from then on.
    """

    metric: str
    at: str
    stamp: str
    before: int
    after: int


def breaks_of(
    found: Mapping[str, Sequence[Mapping[str, object]]] | None, zone: ZoneInfo
) -> tuple[Break, ...]:
    """Read the `metric_breaks` of an analysis; the earliest change comes first.

    Args:
        found: Key of a metric → its changes; None of an analysis that did not look.
        zone: In which moments are written.
    """
    changes = [
        (datetime.fromisoformat(str(each["at"])), key, each)
        for key, of_it in (found or {}).items()
        for each in of_it
    ]
    return tuple(
        Break(
            metric=key.replace("_", " ").capitalize(),
            at=clock(at.astimezone(zone)),
            stamp=at.isoformat(),
            before=int(str(each["from_version"])),
            after=int(str(each["to_version"])),
        )
        for at, key, each in sorted(changes, key=lambda one: one[:2])
    )
