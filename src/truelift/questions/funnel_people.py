"""Who got to a step of a funnel and not to the next one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Final

import numpy as np
import pyarrow as pa

from truelift.questions.document import Json, instant
from truelift.questions.forms import Context, Field, record, text, whole
from truelift.questions.funnel import MEMBERS, STEP_NUMBER, Funnel, Walked, funnel_of, pieces
from truelift.questions.matching import BadQuestion
from truelift.questions.members import Members
from truelift.questions.question import Scan
from truelift.questions.table import integers
from truelift.sequences.funnels import NOWHERE


MOST_PEOPLE: Final = 10_000
"""On one page; the next page goes on where it ended."""

_CURSOR: Final = re.compile(r"(-?\d{1,19})\.(-?\d{1,19})")
_LARGEST: Final = (1 << 63) - 1
_COLUMNS: Final = ("visitor_id", "user_id")

Place = tuple[int, int]
"""Person and instant: what the list is ordered by, and no two entries share."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """A unit that got to a step and, its window being over, not to the next one.

    Attributes:
        person: In the lake.
        reached_ms: When it got to the step.
        group: Its value of what was asked by; None where there was none.
        visitor_id: Of the event that served the step.
        user_id: Of the latest of the attempt's events up to there that had one; or None.
    """

    person: int
    reached_ms: int
    group: str | None
    visitor_id: str | None
    user_id: str | None

    @property
    def place(self) -> Place:
        """Where it stands in the list."""
        return self.person, self.reached_ms

    def document(self) -> dict[str, Json]:
        """Write it as a row; the person as text, for a program may not hold so large a number."""
        reached = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=self.reached_ms)
        return {
            "person": str(self.person),
            "visitor_id": self.visitor_id,
            "user_id": self.user_id,
            "reached_at": instant(reached),
            "group": self.group,
        }


@dataclass(frozen=True, slots=True)
class Found:
    """What buckets tell: how many there are, and the first of those still to be listed."""

    people: int
    listed: tuple[Dropped, ...]


@dataclass(frozen=True, slots=True)
class FunnelPeopleAnswer:
    """A page of the list.

    Attributes:
        question: What was asked.
        people: How long the whole list is.
        listed: This page, by person, then by instant.
        following: Asks for the next page as `after`; None on the last one.
    """

    question: FunnelPeople
    people: int
    listed: tuple[Dropped, ...]
    following: str | None

    def document(self) -> dict[str, Json]:
        """Write it in the shape of `ask funnel --dropped`."""
        question = self.question
        step, onward = question.step, question.onward
        steps = question.funnel.steps
        return {
            "question": question.name,
            "semantics": question.funnel.semantics(),
            "reached": {"step": step, "event": steps[step - 1].events.title},
            "not_reached": {"step": onward, "event": steps[onward - 1].events.title},
            "by": question.funnel.by,
            "units": self.people,
            "rows": [each.document() for each in self.listed],
            "next": self.following,
        }


@dataclass(frozen=True, slots=True)
class FunnelPeople:
    """The list of those who dropped out after a step; it names persons.

    **Whoever lets somebody ask this must check first that they may see who visitors
    are.** The question is pure: it knows neither who asks nor what the site's privacy
    settings allow. `names_people` says so of any question. It never stands behind anything
    that only shows numbers.

    Attributes:
        funnel: Which.
        step: The step that was reached, from 1; later ones need it.
        limit: Entries on a page.
        after: `following` of the page before; None for the first one.
    """

    funnel: Funnel
    step: int
    limit: int = 100
    after: str | None = None

    def __post_init__(self) -> None:
        found = self.funnel.one_group_obstacles()
        required = self.funnel.rules.required
        if self.step - 1 not in required:
            found.append(f"step {self.step} is none that later steps need")
        elif self.step - 1 == required[-1]:
            found.append(f"nothing follows step {self.step} that could be missed")
        if not 1 <= self.limit <= MOST_PEOPLE:
            found.append(f"a page has 1 to {MOST_PEOPLE} entries")
        if self.after is not None and self._place() is None:
            found.append("`after` is not the `next` of another page")
        if found:
            raise BadQuestion(question="funnel", reasons=found)

    @property
    def name(self) -> str:
        """The word that its document is asked by."""
        return "funnel_people"

    @property
    def names_people(self) -> bool:
        """Whether the answer says who visitors are; only this kind of question has it."""
        return True

    @property
    def onward(self) -> int:
        """The step that was missed, from 1."""
        return min(step for step in self.funnel.rules.required if step >= self.step) + 1

    @property
    def since(self) -> datetime | None:
        """No attempt began before this."""
        return self.funnel.since

    @property
    def until(self) -> datetime | None:
        """No attempt began at or after this."""
        return self.funnel.until

    @property
    def as_of(self) -> datetime:
        """Windows that end at or after this instant are still open."""
        return self.funnel.as_of

    def scan(self) -> Scan:
        """Read what the funnel reads, and who visitors said they are."""
        return self.funnel.scan_with(_COLUMNS)

    def partial(self, rows: pa.Table) -> Found:
        """List the first of one bucket, and count all."""
        return reduce(self.merge, map(self._piece, pieces(rows)))

    def _piece(self, rows: pa.Table) -> Found:
        walked = self.funnel.walk(rows, chains=True)
        found, rules = walked.attempts, self.funnel.rules
        dropped = found.at_least(self.step - 1, rules) & ~found.is_open
        dropped &= ~found.at_least(self.onward - 1, rules)
        which = np.flatnonzero(dropped)
        person = integers(walked.rows, "person")[found.start[which]]
        reached_ms = walked.instants(self.step - 1, dropped)
        left = np.arange(len(which))
        after = self._place()
        if after is not None:
            later = (person == after[0]) & (reached_ms > after[1])
            left = np.flatnonzero((person > after[0]) | later)
        order = left[np.lexsort((reached_ms[left], person[left]))][: self.limit + 1]
        listed = tuple(
            _dropped(walked, int(which[nth]), self.step, int(person[nth]), int(reached_ms[nth]))
            for nth in order
        )
        return Found(people=len(which), listed=listed)

    def merge(self, left: Found, right: Found) -> Found:
        """Keep the first of two buckets."""
        listed = sorted((*left.listed, *right.listed), key=lambda each: each.place)
        return Found(left.people + right.people, tuple(listed[: self.limit + 1]))

    def answer(self, partial: Found) -> FunnelPeopleAnswer:
        """Cut a page, and say where the next one begins."""
        listed = partial.listed[: self.limit]
        is_more = len(partial.listed) > self.limit
        following = f"{listed[-1].person}.{listed[-1].reached_ms}" if is_more else None
        return FunnelPeopleAnswer(self, partial.people, listed, following)

    def _place(self) -> Place | None:
        found = _CURSOR.fullmatch(self.after or "")
        if found is None:
            return None
        person, reached_ms = int(found[1]), int(found[2])
        fits = max(abs(person), abs(reached_ms)) <= _LARGEST
        return (person, reached_ms) if fits else None


def _dropped(walked: Walked, nth: int, step: int, person: int, reached_ms: int) -> Dropped:
    """Say who one attempt is of."""
    chain = [int(row) for row in walked.chains[nth, :step] if row != NOWHERE]
    users = [walked.rows["user_id"][row].as_py() for row in sorted(chain)]
    code = int(walked.group.code[nth])
    return Dropped(
        person=person,
        reached_ms=reached_ms,
        group=walked.group.titles[code].as_py() if code >= 0 else None,
        visitor_id=walked.rows["visitor_id"][int(walked.chains[nth, step - 1])].as_py(),
        user_id=next((user for user in reversed(users) if user is not None), None),
    )


def _funnel_people(given: Mapping[str, object], context: Context) -> FunnelPeople:
    members = Members(given)
    return FunnelPeople(
        funnel=funnel_of(given, context),
        step=members.get("step", 1),
        limit=members.get("limit", 100),
        after=members.maybe("after", str),
    )


FORM: Final = record(
    _funnel_people,
    {
        **MEMBERS,
        "step": Field(STEP_NUMBER, "Reached, and the next one not; 1."),
        "limit": Field(whole(least=1, most=MOST_PEOPLE), "Entries on a page; 100."),
        "after": Field(text(), "`next` of the page before."),
    },
)
"""How it stands in JSON."""
