"""When a company's people met, who was missing, what they promised, and what they froze."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import partial
from typing import Final
from zoneinfo import ZoneInfo

from truelift.apps.research.actor import Actor
from truelift.apps.rhythm import services
from truelift.apps.rhythm.models import MeetingRecord, MinutesRecord, RhythmRecord
from truelift.apps.rhythm.planning import plan_meetings, standing_of
from truelift.apps.rhythm.services import When
from truelift.apps.roadmap.models import Verdict
from truelift.apps.roadmap.priorities import current_priorities, register_of, write_priorities
from truelift.apps.roadmap.rebuilding import (
    begin_rebuild,
    decide_candidate,
    progress_of,
    publish_rebuild,
)
from truelift.apps.sites.models import Site
from truelift.lifecycle.rhythm import Due, Meeting, Stage, due_between
from truelift.worlds.calendar import Calendar


BEGAN: Final = 189
"""Days before the last one on which they agreed to meet."""

WRITTEN: Final = 58
"""Stand-ups of before are in the minutes alone: nothing was measured then."""

MISSED: Final = range(27, 41)
"""Two weeks in which nobody held the stand-up."""

MOVED: Final = 22
"""Days before the last one on which they moved it."""

ALONE: Final = (100, 16)
"""In the weeks of these days somebody was missing."""

FRIDAY, TUESDAY, THURSDAY, MONDAY = 4, 1, 3, 0
_NOTHING: Final = "Nothing to say."


@dataclass(frozen=True, slots=True)
class Promise:
    """What somebody promised at a stand-up.

    Attributes:
        ago: In the week of this day.
        who: First name.
        what: As an order to them.
        within: Days until it is due.
        done: Days until it was done; None while it is open.
        outcome: What came of it.
    """

    ago: int
    who: str
    what: str
    within: int
    done: int | None = None
    outcome: str = ""


PROMISES: Final = (
    Promise(50, "priya", "Say from which size on a test of the cart is worth its weeks", 7, 6,
            "Below an eighth more orders it is not."),
    Promise(43, "tom", "Tell the carrier’s people when we deploy", 7, 9, "They have the calendar."),
    Promise(20, "ines", "Find out who changed the sender of the receipts", 7, 5, "Our shop did."),
    Promise(13, "jonas", "Agree with the checkout who moves: pick-up points or the test", 5),
    Promise(6, "felix", "Bring the cut of the Ember film", 10),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class People:
    """First names of who comes to what.

    Attributes:
        lead: Calls everything.
        stand_up: Who stands up each week, the lead first; the last is missing at times.
        review: Who looks at the money.
        rebuild: Who builds the quarter.
    """

    lead: str
    stand_up: tuple[str, ...]
    review: tuple[str, ...]
    rebuild: tuple[str, ...]


class Meetings:
    """Stand-ups, reviews with their packs, and rebuilt quarters, put on the calendar."""

    def __init__(
        self,
        site: Site,
        *,
        calendar: Calendar,
        who: Mapping[str, Actor],
        people: People,
        goals: Sequence[tuple[str, str]],
        promises: Sequence[Promise] = PROMISES,
    ) -> None:
        """Put it on the calendar.

        Args:
            site: The company's.
            calendar: Its days.
            who: First name → person.
            people: Who comes to what.
            goals: What the business went for before it agreed on something else.
            promises: What somebody promised at which stand-up.
        """
        self.promises = tuple(promises)
        self.site, self.days, self.who, self.people = site, calendar, who, people
        self.goals = tuple(goals)
        self.days.at(self.days.ago(BEGAN, hour=9), self._agree)
        self.days.at(self.days.ago(MOVED, hour=11), self._move)
        self.days.at(self.days.ends, self._looks_ahead)

    @property
    def lead(self) -> Actor:
        """Who calls the meetings."""
        return self.who[self.people.lead]

    def _agree(self) -> None:
        for kind, when in (
            (Meeting.STAND_UP, When(FRIDAY, 1, time(9, 30), self._address(self.people.lead))),
            (Meeting.REVIEW, When(THURSDAY, 2, time(14), self._address(self.people.lead))),
            (Meeting.REBUILD, When(MONDAY, 2, time(10), self._address(self.people.lead))),
        ):
            self._stands(kind, when, seen=0)
        self._wrote(self._due(Meeting.STAND_UP, until=self._day(WRITTEN)))
        for due in self._due(Meeting.STAND_UP, since=self._day(WRITTEN), until=self._day(MOVED)):
            self.days.at(due.starts_at, partial(self._stands_up, due))
        for due in self._due(Meeting.REVIEW):
            self.days.at(due.starts_at, partial(self._reviews, due))
        for due in self._due(Meeting.REBUILD):
            self.days.at(due.starts_at, partial(self._rebuilds, due))

    def _move(self) -> None:
        when = When(TUESDAY, 1, time(9, 30), self._address(self.people.lead))
        self._stands(Meeting.STAND_UP, when, seen=1)
        for due in self._due(Meeting.STAND_UP, since=self.days.today):
            self.days.at(due.starts_at, partial(self._stands_up, due))

    def _stands(self, kind: Meeting, when: When, *, seen: int) -> None:
        services.set_rhythm(self.site, kind, when, seen=seen, by=self.lead, now=self.days.moment())

    def _due(
        self, kind: Meeting, *, since: date | None = None, until: date | None = None
    ) -> tuple[Due, ...]:
        row = RhythmRecord.objects.get(site=self.site, kind=kind.value)
        return due_between(
            standing_of(row),
            since=since or row.since,
            until=until or self.days.ends.date() + timedelta(days=1),
            zone=ZoneInfo(self.site.time_zone),
        )

    def _wrote(self, found: Collection[Due]) -> None:
        """Keep the minutes of the first months, when there was little to speak of."""
        names = self.people.stand_up
        rows = [
            MeetingRecord(
                site=self.site,
                kind=each.kind.value,
                period=each.period,
                day=each.day,
                starts_at=each.starts_at,
                owner=self.lead.user,
                stage=Stage.CLOSED.value,
                begun_at=each.starts_at,
                closed_at=each.starts_at + timedelta(minutes=20),
                quorate=not self._is_short(each.day),
                present=self._present(names[:-1] if self._is_short(each.day) else names),
                notes={topic.value: _NOTHING for topic in each.kind.topics},
            )
            for each in found
        ]
        MeetingRecord.objects.filter(
            site=self.site, kind=Meeting.STAND_UP.value, period__in=[each.period for each in rows]
        ).delete()
        minutes = []
        for row in MeetingRecord.objects.bulk_create(rows):
            assert row.closed_at is not None  # noqa: S101 - it is, above
            people, there = services.quorum_of(row)
            document = services.minutes_document(row, people, there, now=row.closed_at)
            text = services.as_text(document)
            minutes.append(
                MinutesRecord(
                    meeting=row,
                    text=text,
                    digest=services.digest(text),
                    closed_by=self.lead.user,
                    closed_at=row.closed_at,
                )
            )
        MinutesRecord.objects.bulk_create(minutes)

    def _stands_up(self, due: Due) -> None:
        if self._ago(due.day) in MISSED:
            return
        names = self.people.stand_up
        self._begins(due, names[:-1] if self._is_short(due.day) else names)
        for each in self.promises:
            if self._in_week(due.day, each.ago):
                self._promises(due, each)
        self._ends(due, {})

    def _promises(self, due: Due, each: Promise) -> None:
        made = services.promise(
            self.site,
            due.kind,
            due.period,
            what=each.what,
            owner=self._address(each.who),
            due=(due.day + timedelta(days=each.within)).isoformat(),
            by=self.lead,
            now=self.days.moment(),
        )
        if each.done is not None:
            self.days.at(
                self.days.on(due.day, hour=16, days=each.done),
                partial(self._does, made.number, each),
            )

    def _does(self, number: int, each: Promise) -> None:
        services.finish_action(
            self.site, number, outcome=each.outcome, by=self.who[each.who], now=self.days.moment()
        )

    def _reviews(self, due: Due) -> None:
        self._begins(due, self.people.review)
        self._ends(due, {"shared-metric": "We look at the same number, all three of us."})

    def _looks_ahead(self) -> None:
        """Freeze what the next review would see: it is frozen again on its eve."""
        coming = MeetingRecord.objects.filter(
            site=self.site, kind=Meeting.REVIEW.value, stage=Stage.PLANNED.value
        )
        row = coming.filter(day__gte=self.days.today).order_by("day").first()
        if row is not None:
            now = self.days.moment()
            services.freeze_pack(self.site, row.meeting, row.period, by=self.lead, now=now)

    def _rebuilds(self, due: Due) -> None:
        """Build the quarter; what the whole company kept as it was is said to be no rebuild."""
        self._begins(due, self.people.rebuild)
        now, by = self.days.moment(), self.lead
        register = register_of(self.site)
        if register is None or register.quarter != due.period:
            write_priorities(self.site, due.period, self.goals, by=by, now=now)
        rebuild = begin_rebuild(self.site, by=by, now=now)
        goals = [each.key for each in current_priorities(self.site)]
        for each in progress_of(self.site, rebuild).open:
            before = each.before["priority"]
            goal = before if before in goals else goals[0]
            decide_candidate(
                self.site, each.pk, Verdict.KEPT, priority=goal, by=by, now=self.days.moment()
            )
        publish_rebuild(self.site, by=by, now=self.days.moment())
        self._ends(due, {"candidates": "We went through all of it. It stays."})

    def _begins(self, due: Due, names: Sequence[str]) -> None:
        plan_meetings(self.site, now=self.days.moment())
        at = (self.site, due.kind, due.period)
        services.begin(*at, by=self.lead, now=self.days.moment())
        present = self._present(names)
        services.set_present(*at, present, by=self.lead, now=self.days.moment())

    def _ends(self, due: Due, said: Mapping[str, str]) -> None:
        at = (self.site, due.kind, due.period)
        notes = {topic.value: said.get(topic.value, _NOTHING) for topic in due.kind.topics}
        services.write_notes(*at, notes, by=self.lead, now=self.days.moment())
        now = self.days.moment(later=due.kind.minutes // 2)
        services.close(*at, by=self.lead, now=now)

    def _present(self, names: Sequence[str]) -> list[int]:
        users = [self.who[each].user for each in names]
        return [each.pk for each in users if each is not None]

    def _is_short(self, day: date) -> bool:
        return any(self._in_week(day, ago) for ago in ALONE)

    def _in_week(self, day: date, ago: int) -> bool:
        return day.isocalendar()[:2] == self._day(ago).isocalendar()[:2]

    def _day(self, ago: int) -> date:
        return self._local(self.days.ends).date() - timedelta(days=ago)

    def _ago(self, day: date) -> int:
        return (self._local(self.days.ends).date() - day).days

    def _local(self, at: datetime) -> datetime:
        return at.astimezone(ZoneInfo(self.site.time_zone))

    def _address(self, name: str) -> str:
        user = self.who[name].user
        return user.email if user else ""
