"""Any question, asked of a segment's people only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Generic, Protocol, TypeVar

import pyarrow as pa

from truelift.questions.document import Json
from truelift.questions.matching import BadQuestion
from truelift.questions.question import People, Question, Scan
from truelift.questions.segment import Bounds, Moment, Segment


class Shown(Protocol):
    """An answer that can be written as JSON."""

    def document(self) -> Mapping[str, Json]:
        """Write it as JSON."""
        ...


Partial = TypeVar("Partial")
Answer = TypeVar("Answer", bound=Shown)


@dataclass(frozen=True, slots=True)
class WithinAnswer(Generic[Answer]):
    """What a question's answer is for the people of a segment.

    Attributes:
        answer: The question's own answer.
        segment: Whose it is.
    """

    answer: Answer
    segment: Segment

    def document(self) -> dict[str, Json]:
        """Write the question's own document, and whose it is."""
        return {**self.answer.document(), "segment": self.segment.document()}


@dataclass(frozen=True, slots=True)
class Within(Generic[Partial, Answer]):
    """A question about the people of a segment; it need not know of segments.

    Attributes:
        question: What is asked.
        segment: About whom.
        as_of: From where the segment's "last 30 days" are counted back.
    """

    question: Question[Partial, Answer]
    segment: Segment
    as_of: datetime

    def __post_init__(self) -> None:
        reasons = self.segment.obstacles()
        if "all_events" in self.question.scan().sql:
            # Bots and refused events have no people, so a segment would change nothing there
            # and still be named in the answer.
            reasons = (*reasons, f"{self.name} is about what arrives, not about people")
        if reasons:
            raise BadQuestion(question="segment", reasons=reasons)

    @property
    def name(self) -> str:
        """The word after `truelift ask`, which is the question's own."""
        return self.question.name

    def scan(self) -> Scan:
        """Read what the question reads, of the segment's people."""
        scan = self.question.scan()
        moment = Moment(
            as_of=self.as_of,
            since=_bound(self.question, "since"),
            until=_bound(self.question, "until"),
        )
        people = self.segment.people(moment)
        return replace(scan, people=people if scan.people is None else _both(scan.people, people))

    def partial(self, rows: pa.Table) -> Partial:
        """Leave it to the question."""
        return self.question.partial(rows)

    def merge(self, left: Partial, right: Partial) -> Partial:
        """Leave it to the question."""
        return self.question.merge(left, right)

    def answer(self, partial: Partial) -> WithinAnswer[Answer]:
        """Say whose answer it is."""
        return WithinAnswer(self.question.answer(partial), self.segment)


def within(
    question: Question[Partial, Answer], segment: Segment, *, now: datetime
) -> Within[Partial, Answer]:
    """Ask a question of a segment, as of the question's own moment where it has one.

    A segment that no moment changes is given none, so that the same question stays the
    same value.
    """
    as_of = _bound(question, "as_of") or now
    if not segment.is_relative:
        as_of = datetime(1970, 1, 1, tzinfo=UTC)
    return Within(question, segment, as_of)


def _bound(question: Question[Partial, Answer], name: str) -> datetime | None:
    found: object = getattr(question, name, None)
    return found if isinstance(found, datetime) else None


def _both(one: People, other: People) -> People:
    """Keep who is among both; their placeholders have different prefixes."""
    bounds = Bounds(one.since, one.until) | Bounds(other.since, other.until)
    return People(
        sql=f"SELECT person FROM ({one.sql}) INTERSECT SELECT person FROM ({other.sql})",
        parameters={**one.parameters, **other.parameters},
        since=bounds.since,
        until=bounds.until,
    )
