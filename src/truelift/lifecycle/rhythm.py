"""The standing meetings of a programme: when each is due, who has to be there, what was missed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from truelift.errors import Refusal
from truelift.lifecycle.functions import Function
from truelift.lifecycle.obstacle import Obstacle
from truelift.lifecycle.working_days import is_working_day


class BadRhythm(Refusal):
    """A meeting cannot stand so."""

    code = "rhythm.bad_rhythm"


class Meeting(StrEnum):
    """What a programme meets for, again and again."""

    STAND_UP = "stand-up"
    REVIEW = "review"
    REBUILD = "rebuild"

    @property
    def called(self) -> str:
        """The meeting as it stands on a page."""
        return _CALLED[self]

    @property
    def minutes(self) -> int:
        """How long it takes."""
        return _MINUTES[self]

    @property
    def every(self) -> str:
        """How often it is due: `week`, `month` or `quarter`."""
        return _EVERY[self]

    @property
    def topics(self) -> tuple[Topic, ...]:
        """What is spoken of, in this order."""
        return _TOPICS[self]

    @property
    def seats(self) -> tuple[Function, ...]:
        """Who has to be there, one person each."""
        return _SEATS[self]

    @property
    def trailing(self) -> str:
        """Over how long adherence is counted, in words."""
        return _TRAILING[self]


class Topic(StrEnum):
    """A part of an agenda."""

    CONFLICTS = "conflicts"
    STATUS = "status"
    BLOCKERS = "blockers"
    RELEASES = "releases"
    SHARED_METRIC = "shared-metric"
    METRIC_CONFLICTS = "metric-conflicts"
    WARNINGS = "warnings"
    UNREALISED = "unrealised"
    DECISIONS = "decisions"
    PRIORITIES = "priorities"
    CANDIDATES = "candidates"
    ACTIONS = "actions"

    @property
    def called(self) -> str:
        """The topic as it stands at the head of a part."""
        return _TOPICS_CALLED[self]


_M = Meeting
_T = Topic
_F = Function

_CALLED: Final[Mapping[Meeting, str]] = MappingProxyType(
    {
        _M.STAND_UP: "Weekly stand-up",
        _M.REVIEW: "Monthly commercial review",
        _M.REBUILD: "Quarterly rebuild",
    }
)
_MINUTES: Final[Mapping[Meeting, int]] = MappingProxyType(
    {_M.STAND_UP: 20, _M.REVIEW: 45, _M.REBUILD: 90}
)
_EVERY: Final[Mapping[Meeting, str]] = MappingProxyType(
    {_M.STAND_UP: "week", _M.REVIEW: "month", _M.REBUILD: "quarter"}
)
_TOPICS: Final[Mapping[Meeting, tuple[Topic, ...]]] = MappingProxyType(
    {
        _M.STAND_UP: (_T.CONFLICTS, _T.STATUS, _T.BLOCKERS, _T.RELEASES, _T.ACTIONS),
        _M.REVIEW: (
            _T.SHARED_METRIC,
            _T.METRIC_CONFLICTS,
            _T.WARNINGS,
            _T.UNREALISED,
            _T.DECISIONS,
            _T.ACTIONS,
        ),
        _M.REBUILD: (_T.PRIORITIES, _T.CANDIDATES, _T.ACTIONS),
    }
)
_SEATS: Final[Mapping[Meeting, tuple[Function, ...]]] = MappingProxyType(
    {
        _M.STAND_UP: (_F.CRO_LEAD, _F.ENGINEERING, _F.PRODUCT_UX, _F.ANALYTICS),
        _M.REVIEW: (_F.MARKETING, _F.SALES, _F.FINANCE),
        # The source names nobody; these are who keep the roadmap and who pay for it.
        _M.REBUILD: (_F.CRO_LEAD, _F.MARKETING, _F.PRODUCT_UX, _F.ENGINEERING),
    }
)
_TRAILING: Final[Mapping[Meeting, str]] = MappingProxyType(
    {_M.STAND_UP: "13 weeks", _M.REVIEW: "6 months", _M.REBUILD: "4 quarters"}
)
_TRAILING_COUNT: Final[Mapping[Meeting, int]] = MappingProxyType(
    {_M.STAND_UP: 13, _M.REVIEW: 6, _M.REBUILD: 4}
)
_TOPICS_CALLED: Final[Mapping[Topic, str]] = MappingProxyType(
    {
        _T.CONFLICTS: "Conflicts",
        _T.STATUS: "Test status",
        _T.BLOCKERS: "Blockers",
        _T.RELEASES: "Releases and freezes to come",
        _T.SHARED_METRIC: "What a session brings",
        _T.METRIC_CONFLICTS: "Metrics in conflict",
        _T.WARNINGS: "Warnings",
        _T.UNREALISED: "Unrealised value",
        _T.DECISIONS: "Decisions due",
        _T.PRIORITIES: "Commercial priorities",
        _T.CANDIDATES: "The roadmap, from an empty list",
        _T.ACTIONS: "Actions carried over",
    }
)

MISSES_THAT_WARN: Final = 2
"""So many misses in a row are a warning (R114)."""


@dataclass(frozen=True, slots=True)
class Standing:
    """When a meeting is due.

    Attributes:
        kind: Which.
        weekday: On which day of the week, Monday is 0.
        nth: Which of these weekdays in its month; a weekly meeting has no use for it. The
            quarterly one is in the quarter's first month.
        at: By the clocks of the site.
        since: The first day on which it can be due.
    """

    kind: Meeting
    weekday: int
    nth: int
    at: time
    since: date

    def __post_init__(self) -> None:
        if not 0 <= self.weekday < 5:
            raise BadRhythm("A meeting is on a working day, Monday to Friday.")
        if not 1 <= self.nth <= 4:
            raise BadRhythm("It is on the first to fourth such day of its month.")


@dataclass(frozen=True, slots=True)
class Due:
    """One meeting that is due.

    Attributes:
        kind: Which.
        period: The week, month or quarter that it belongs to: `2026-W47`, `2026-11`, `2026-Q4`.
        day: Its day, by the clocks of the site.
        starts_at: The instant, in UTC.
    """

    kind: Meeting
    period: str
    day: date
    starts_at: datetime


def period_of(kind: Meeting, day: date) -> str:
    """Name the week, month or quarter of a day."""
    if kind is Meeting.STAND_UP:
        year, week, _ = day.isocalendar()
        return f"{year}-W{week:02d}"
    if kind is Meeting.REVIEW:
        return f"{day:%Y-%m}"
    return f"{day.year}-Q{(day.month + 2) // 3}"


def first_day(kind: Meeting, day: date) -> date:
    """Give the first day of the week, month or quarter of a day."""
    if kind is Meeting.STAND_UP:
        return day - timedelta(days=day.weekday())
    month = day.month if kind is Meeting.REVIEW else 3 * ((day.month - 1) // 3) + 1
    return date(day.year, month, 1)


def next_first_day(kind: Meeting, day: date) -> date:
    """Give the first day of the week, month or quarter after that of a day."""
    # The longest of each, and a little more, counted from its first day.
    reach = {Meeting.STAND_UP: 7, Meeting.REVIEW: 32, Meeting.REBUILD: 93}[kind]
    return first_day(kind, first_day(kind, day) + timedelta(days=reach))


def is_in_time(kind: Meeting, due: date, *, today: date) -> bool:
    """Say whether a meeting can still be begun, or already: within its week, month or quarter."""
    return first_day(kind, due) <= today < next_first_day(kind, due)


def due_between(
    standing: Standing,
    *,
    since: date,
    until: date,
    zone: ZoneInfo,
    free: Collection[date] = (),
) -> tuple[Due, ...]:
    """List when a meeting is due, from one day until before another.

    A day on which nobody works moves it to the next working day of the same week, month or
    quarter, or to the one before where there is none later; where nobody works all the time, it
    is not due.

    Args:
        standing: When it is due.
        since: The first day.
        until: The first day no more.
        zone: The site's.
        free: Days besides weekends on which nobody works.
    """
    return tuple(
        Due(
            standing.kind,
            period_of(standing.kind, wanted),
            day,
            datetime.combine(day, standing.at, zone).astimezone(UTC),
        )
        for wanted in _wanted(standing, since - _LONGEST, until + _LONGEST)
        if (day := _worked(standing.kind, wanted, free)) is not None
        and max(since, standing.since) <= day < until
    )


_LONGEST: Final = timedelta(days=93)
"""No meeting is moved further than a quarter."""


def _wanted(standing: Standing, since: date, until: date) -> Iterator[date]:
    first = first_day(standing.kind, since)
    while first < until:
        ahead = (standing.weekday - first.weekday()) % 7
        weeks = 0 if standing.kind is Meeting.STAND_UP else standing.nth - 1
        yield first + timedelta(days=ahead + 7 * weeks)
        first = next_first_day(standing.kind, first)


def _worked(kind: Meeting, wanted: date, free: Collection[date]) -> date | None:
    later = (next_first_day(kind, wanted) - wanted).days
    earlier = (wanted - first_day(kind, wanted)).days
    days = (
        *(wanted + timedelta(days=each) for each in range(later)),
        *(wanted - timedelta(days=each + 1) for each in range(earlier)),
    )
    return next((day for day in days if is_working_day(day, free=free)), None)


# Who is there.


@dataclass(frozen=True, slots=True)
class Quorum:
    """Whether those who have to be there are.

    Attributes:
        seated: Function → key of the person who sits for it.
        missing: Functions for which nobody sits.
    """

    seated: Mapping[Function, str]
    missing: tuple[Function, ...]

    @property
    def reached(self) -> bool:
        """Whether nobody is missing."""
        return not self.missing


def quorum(kind: Meeting, present: Mapping[str, Collection[Function]]) -> Quorum:
    """Say who sits for which function; one person sits for one, whatever else they do.

    Args:
        kind: Which meeting.
        present: Key of a person → what they do.
    """
    seats: dict[Function, str] = {}

    def seat(function: Function, asked: set[str]) -> bool:
        for person, does in present.items():
            if function not in does or person in asked:
                continue
            asked.add(person)
            held = next((each for each, who in seats.items() if who == person), None)
            # Whoever sits somewhere moves here where somebody else can take that seat.
            if held is None or seat(held, asked):
                seats[function] = person
                return True
        return False

    for function in kind.seats:
        seat(function, set())
    return Quorum(
        seated={each: seats[each] for each in kind.seats if each in seats},
        missing=tuple(each for each in kind.seats if each not in seats),
    )


# Whether it stands.


class Outcome(StrEnum):
    """What became of a meeting that was due."""

    HELD = "held"
    NO_QUORUM = "no-quorum"
    MISSED = "missed"
    OPEN = "open"

    @property
    def called(self) -> str:
        """The outcome as it stands on a page."""
        return {
            Outcome.HELD: "held with quorum",
            Outcome.NO_QUORUM: "held without quorum",
            Outcome.MISSED: "not held",
            Outcome.OPEN: "to come",
        }[self]


@dataclass(frozen=True, slots=True)
class Kept:
    """A meeting that was due, as it is known.

    Attributes:
        day: When it was due.
        closed: Whether it took place and is closed.
        quorate: Whether everybody was there who has to be.
    """

    day: date
    closed: bool = False
    quorate: bool = False


def outcome(kept: Kept, *, today: date) -> Outcome:
    """Say what became of a meeting; it is missed from the day after it was due."""
    if kept.closed:
        return Outcome.HELD if kept.quorate else Outcome.NO_QUORUM
    return Outcome.OPEN if kept.day >= today else Outcome.MISSED


@dataclass(frozen=True, slots=True)
class Adherence:
    """How a meeting stands.

    Attributes:
        held: How many were held with quorum.
        due: Of how many that were due.
    """

    held: int
    due: int

    @property
    def share(self) -> float | None:
        """Held with quorum of what was due; None while nothing was."""
        return self.held / self.due if self.due else None


def trailing_since(kind: Meeting, today: date) -> date:
    """Give the first day of the weeks, months or quarters over which adherence is counted."""
    if kind is Meeting.STAND_UP:
        return today - timedelta(weeks=_TRAILING_COUNT[kind]) + timedelta(days=1)
    months = _TRAILING_COUNT[kind] * (1 if kind is Meeting.REVIEW else 3)
    whole = today.year * 12 + today.month - 1 - months
    year, month = divmod(whole, 12)
    following = date(year + (month == 11), (month + 1) % 12 + 1, 1)
    # The 31st of a month that has fewer days is its last.
    return min(date(year, month + 1, 1) + timedelta(days=today.day - 1), following - _DAY) + _DAY


_DAY: Final = timedelta(days=1)


def adherence(kind: Meeting, meetings: Iterable[Kept], *, today: date) -> Adherence:
    """Count what was held with quorum of what was due, over the trailing time of its kind."""
    since = trailing_since(kind, today)
    found = [
        how
        for each in meetings
        if since <= each.day <= today and (how := outcome(each, today=today)) is not Outcome.OPEN
    ]
    return Adherence(held=found.count(Outcome.HELD), due=len(found))


@dataclass(frozen=True, slots=True)
class Trailed:
    """How a meeting stood on the day on which one was due.

    Attributes:
        day: That day, or today.
        adherence: Over the trailing time that ended then.
        misses: How many in a row were missed by then; 0 where it was held with quorum.
    """

    day: date
    adherence: Adherence
    misses: int

    @property
    def warned(self) -> bool:
        """Whether misses in a row are a warning."""
        return self.misses >= MISSES_THAT_WARN


def adherence_over_time(
    kind: Meeting, meetings: Iterable[Kept], *, today: date
) -> tuple[Trailed, ...]:
    """Give adherence as it stood on each day on which a meeting was due, and as it stands today."""
    meetings = list(meetings)
    known = [
        (each.day, how is Outcome.HELD)
        for each in sorted(meetings, key=lambda one: one.day)
        if each.day <= today and (how := outcome(each, today=today)) is not Outcome.OPEN
    ]
    found: list[Trailed] = []
    misses = 0
    for day, held in known:
        misses = 0 if held else misses + 1
        since = trailing_since(kind, day)
        inside = [each for at, each in known if since <= at <= day]
        found.append(Trailed(day, Adherence(held=sum(inside), due=len(inside)), misses))
    if found and found[-1].day < today:
        found.append(Trailed(today, adherence(kind, meetings, today=today), misses))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Missed:
    """Meetings missed in a row, which is a warning.

    Attributes:
        kind: Which.
        days: When each was due, the first first.
    """

    kind: Meeting
    days: tuple[date, ...]

    @property
    def sentence(self) -> str:
        """What is the matter."""
        return (
            f"{self.kind.called}: the last {len(self.days)} were not held with quorum,"
            f" the first of them on {self.days[0].day} {self.days[0]:%B %Y}."
        )


def missed_in_a_row(kind: Meeting, meetings: Iterable[Kept], *, today: date) -> Missed | None:
    """Say whether the newest meetings were missed, two or more; without quorum is missed, too."""
    known = [
        (each.day, how)
        for each in sorted(meetings, key=lambda one: one.day, reverse=True)
        if (how := outcome(each, today=today)) is not Outcome.OPEN
    ]
    days: list[date] = []
    for day, how in known:
        if how is Outcome.HELD:
            break
        days.append(day)
    return Missed(kind, tuple(reversed(days))) if len(days) >= MISSES_THAT_WARN else None


# How one goes.


class Stage(StrEnum):
    """Where a meeting stands."""

    PLANNED = "planned"
    BEGUN = "begun"
    CLOSED = "closed"


def minutes_left(kind: Meeting, begun_at: datetime, *, now: datetime) -> int:
    """Give the whole minutes that are left; below 0 it takes longer than it should."""
    return int((begun_at + timedelta(minutes=kind.minutes) - now).total_seconds() // 60)


def closing_obstacles(
    kind: Meeting,
    stage: Stage,
    *,
    present: int,
    noted: Collection[Topic],
    frozen: bool,
    rebuilt: bool,
    unowned: Sequence[str] = (),
) -> tuple[Obstacle, ...]:
    """Give every reason why a meeting cannot be closed; too few functions is none, it is counted.

    Args:
        kind: Which meeting.
        stage: Where it stands.
        present: How many people are written down as there.
        noted: Topics that have a line in the minutes.
        frozen: Whether its figures were frozen.
        rebuilt: Whether a version of the roadmap was published in its quarter.
        unowned: Open actions whose owner has left.
    """
    if stage is not Stage.BEGUN:
        said = "It has not begun." if stage is Stage.PLANNED else "It is closed already."
        do = "Begin it." if stage is Stage.PLANNED else "Add to its minutes instead."
        return (Obstacle("rhythm.not_going_on", said, do),)
    found = []
    if not present:
        found.append(
            Obstacle("rhythm.nobody_there", "Nobody is written down as there.", "Say who came.")
        )
    found += [
        Obstacle(
            "rhythm.no_minutes",
            f"The minutes say nothing of “{topic.called}”.",
            "Write a line, if only that there is nothing.",
        )
        for topic in kind.topics
        if topic not in noted
    ]
    if kind is Meeting.REVIEW and not frozen:
        found.append(
            Obstacle("rhythm.no_pack", "Its figures are not frozen.", "Freeze the pack first.")
        )
    if kind is Meeting.REBUILD and not rebuilt:
        found.append(
            Obstacle(
                "rhythm.nothing_published",
                "No roadmap was published in this quarter.",
                "Go through every candidate, and publish the version.",
            )
        )
    found += [
        Obstacle(
            "rhythm.owner_left",
            f"The owner of “{what}” has left.",
            "Give the action to somebody who is here.",
        )
        for what in unowned
    ]
    return tuple(found)
