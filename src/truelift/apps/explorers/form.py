"""An explorer's form: its address is the question, and the question its address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.http import QueryDict

from truelift.apps.explorers.inputs import Input, document_of
from truelift.apps.measurement.periods import Period, before
from truelift.questions.document import Json, instant


@dataclass(frozen=True, slots=True)
class ExplorerForm:
    """What a person asked for, as they asked it.

    Attributes:
        inputs: The question's own members, with what is typed into them.
        period: Which days.
        compare: Whether the period before is asked for as well.
        by: Dimension or property to break down by; empty for none.
        segment: A saved segment, only whose people are asked about; empty for everybody.
        has_period: Whether the question can be bounded at all.
        has_by: Whether it can be broken down.
        has_segment: Whether it can be about some people only.
    """

    inputs: tuple[Input, ...]
    period: Period
    compare: bool = False
    by: str = ""
    segment: str = ""
    has_period: bool = True
    has_by: bool = False
    has_segment: bool = False

    def typed(self, query: QueryDict) -> ExplorerForm:
        """Give the form as an address fills it in."""
        return replace(
            self,
            inputs=tuple(each.typed(query) for each in self.inputs),
            period=Period.of(query),
            compare=query.get("compare", "none") == "before",
            by=query.get("by", "").strip()[:200],
            segment=query.get("segment", "").strip()[:80],
        )

    def filled(self, document: Mapping[str, Json]) -> ExplorerForm:
        """Give the form as a question's JSON fills it in; its period stays as it is."""
        by = document.get("by")
        return replace(
            self,
            inputs=tuple(each.filled(document) for each in self.inputs),
            by=str(by) if isinstance(by, str) else self.by,
        )

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The parameters that bring the form back."""
        pairs = [(each.name, value) for each in self.inputs for value in each.values]
        pairs += self.period.pairs if self.has_period else []
        pairs += [("by", self.by)] if self.has_by and self.by else []
        pairs += [("segment", self.segment)] if self.has_segment and self.segment else []
        return [*pairs, ("compare", "before" if self.compare else "none")]

    @property
    def address(self) -> str:
        """The query that brings the form back: what a person shares."""
        return urlencode(self.pairs)

    def problems(self) -> list[str]:
        """Say what keeps the common part from being asked."""
        return self.period.problems() if self.has_period else []

    def document(self, *, now: datetime, zone: ZoneInfo) -> dict[str, Json]:
        """Give the question's JSON, the period as instants."""
        document = document_of(self.inputs)
        if self.has_by and self.by:
            document["by"] = self.by
        if self.has_segment and self.segment:
            document["segment"] = self.segment
        bounds = self.period.bounds(now=now, zone=zone) if self.has_period else (None, None)
        return document | bounded(*bounds)

    def document_before(self, *, now: datetime, zone: ZoneInfo) -> dict[str, Json] | None:
        """Give the same question about the period before; None where there is none."""
        since, until = self.period.bounds(now=now, zone=zone) if self.has_period else (None, None)
        earlier = before(since, until, zone=zone) if self.compare else None
        if earlier is None:
            return None
        return self.document(now=now, zone=zone) | bounded(*earlier)

    def main(self, names: Sequence[str]) -> tuple[Input, ...]:
        """Give the inputs that stand in the bar, in this order."""
        found = {each.name: each for each in self.inputs}
        return tuple(found[name] for name in names if name in found)

    def says_more(self, names: Sequence[str]) -> bool:
        """Whether something is typed into the inputs behind "More settings"."""
        return any(each.values for each in self.more(names))

    def more(self, names: Sequence[str]) -> tuple[Input, ...]:
        """Give the inputs behind "More settings"."""
        return tuple(each for each in self.inputs if each.name not in names)


def bounded(since: datetime | None, until: datetime | None) -> dict[str, Json]:
    """Write a period as members of a question's JSON."""
    bounds: dict[str, Json] = {}
    if since is not None:
        bounds["since"] = instant(since)
    if until is not None:
        bounds["until"] = instant(until)
    return bounds
