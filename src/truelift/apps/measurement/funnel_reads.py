"""What the funnel explorer asks the lake, and who may see the people behind a step."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast

from truelift.apps.accounts.audit import record
from truelift.apps.accounts.models import User
from truelift.apps.measurement import reads
from truelift.apps.sites.models import Site
from truelift.errors import Refusal
from truelift.questions.document import Json
from truelift.questions.forms import Context
from truelift.questions.funnel import Funnel, FunnelAnswer
from truelift.questions.funnel_people import Dropped, FunnelPeopleAnswer
from truelift.questions.leaks import Leak, leaks_between_segments
from truelift.questions.parse import parse_question
from truelift.questions.question import Question
from truelift.questions.remarks import Remark
from truelift.questions.within import Within, WithinAnswer


if TYPE_CHECKING:
    from truelift.lake.lake import Asked


PER_PAGE: Final = 100
"""People on one page of a list."""

PER_QUESTION: Final = 10_000
"""People that a file asks for at once."""

MOST_EXPORTED: Final = 100_000
"""People in one file."""

Answer = TypeVar("Answer")


class TooManyPeople(Refusal):
    """A list is longer than one file may be."""

    code = "measurement.too_many_people"

    def __init__(self, *, people: int) -> None:
        super().__init__(
            f"{people:,} people are more than the {MOST_EXPORTED:,} of one file. Choose a shorter"
            " period or a segment.",
            people=people,
        )


@dataclass(frozen=True, slots=True)
class Found(Generic[Answer]):
    """An answer, a segment's like everybody's.

    Attributes:
        answer: The question's own.
        took_ms: What it took when it was computed.
        lake_version: What it is true of.
        unread: Files of the lake that could not be read.
        remarks: What is said first: names that the site has never seen.
    """

    answer: Answer
    took_ms: float
    lake_version: int
    unread: tuple[str, ...] = ()
    remarks: tuple[Remark, ...] = ()


def checked(document: Mapping[str, Json], context: Context) -> Funnel:
    """Give the funnel that a document asks for, also where it is a segment's.

    Raises:
        BadQuestion: With everything that is wrong with it.
        NoSuchSegment: Its segment was never saved.
    """
    question = checked_as("funnel", document, context)
    return cast("Funnel", question.question if isinstance(question, Within) else question)


def checked_as(name: str, document: Mapping[str, Json], context: Context) -> object:
    """Give any question about a funnel without asking it.

    Raises:
        BadQuestion: With everything that is wrong with it.
        NoSuchSegment: Its segment was never saved.
    """
    return parse_question({**document, "question": name}, context)


def answer(site: Site, name: str, document: Mapping[str, Json], context: Context) -> Found[Any]:
    """Ask one of the questions about a funnel.

    Raises:
        BadQuestion: With everything that is wrong with it.
    """
    return _unwrapped(reads.ask(site.name, _question(name, document, context)))


def leaks(site: Site, found: FunnelAnswer, *, is_segment: bool, weeks: float) -> tuple[Leak, ...]:
    """Find where groups lose more than they need, the worst first.

    What a person of a segment is worth is not asked: its leaks are counted in people.
    """
    if is_segment:
        return leaks_between_segments([found], weeks=weeks, worth_minor=None)
    return reads.leaks_of(site.name, [found], weeks=weeks, currency=site.currency)


def dropped(
    site: Site,
    document: Mapping[str, Json],
    context: Context,
    *,
    step: int,
    after: str,
    by: User,
    now: datetime,
) -> Found[FunnelPeopleAnswer]:
    """List a page of those who did not go on after a step, and write down who looked.

    Whoever calls this has checked that the person may. Answers that name people are not
    remembered.
    """
    further: dict[str, Json] = {"step": step, "limit": PER_PAGE}
    further |= {"after": after} if after else {}
    found = _asked_once(site, {**document, **further}, context)
    _written(site, "people_list.seen", found.answer, document, len(found.answer.listed), by, now)
    return found


def every_dropped(
    site: Site,
    document: Mapping[str, Json],
    context: Context,
    *,
    step: int,
    by: User,
    now: datetime,
) -> tuple[Dropped, ...]:
    """List all who did not go on after a step, for a file, and write down who took it.

    Raises:
        TooManyPeople: They are more than one file may hold.
    """
    people: list[Dropped] = []
    further: dict[str, Json] = {"step": step, "limit": PER_QUESTION}
    while True:
        found = _asked_once(site, {**document, **further}, context)
        if found.answer.people > MOST_EXPORTED:
            raise TooManyPeople(people=found.answer.people)
        people += found.answer.listed
        if found.answer.following is None:
            break
        further["after"] = found.answer.following
    _written(site, "people_list.exported", found.answer, document, len(people), by, now)
    return tuple(people)


def _asked_once(
    site: Site, document: Mapping[str, Json], context: Context
) -> Found[FunnelPeopleAnswer]:
    question = _question("funnel_people", document, context)
    return _unwrapped(reads.lake().ask(site.name, question))


def _question(name: str, document: Mapping[str, Json], context: Context) -> Question[Any, Any]:
    found = parse_question({**document, "question": name}, context)
    return cast("Question[Any, Any]", found)


def _unwrapped(asked: Asked[Any]) -> Found[Any]:
    inner = asked.answer
    return Found(
        answer=inner.answer if isinstance(inner, WithinAnswer) else inner,
        took_ms=asked.took_ms,
        lake_version=asked.lake_version,
        unread=asked.unread,
        remarks=asked.remarks,
    )


def _written(
    site: Site,
    action: str,
    found: FunnelPeopleAnswer,
    document: Mapping[str, Json],
    listed: int,
    by: User,
    now: datetime,
) -> None:
    """Write down who saw how many people, and of which question: what it asks only as a digest.

    Conditions may hold what a visitor typed, which never goes into the audit.
    """
    names = [list(step.events.names) for step in found.question.funnel.steps]
    asked = {name: value for name, value in document.items() if name != "as_of"}
    digest = hashlib.sha256(repr(sorted(asked.items())).encode()).hexdigest()
    record(
        by,
        action,
        f"site:{site.name}",
        after={
            "steps": [" | ".join(each) for each in names],
            "after_step": found.question.step,
            "people": listed,
            "of": found.people,
            "question_sha256": digest,
        },
        site=site.name,
        now=now,
    )
