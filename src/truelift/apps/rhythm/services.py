"""What may be done to meetings: agree on when, begin, write, promise, freeze, close, add."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import Max

from truelift.apps.accounts.audit import record as audit
from truelift.apps.accounts.models import Json, Membership, User
from truelift.apps.accounts.reads import functions_in
from truelift.apps.drawing.wording import day as day_in_words
from truelift.apps.experiments.domain import day_at
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import is_storable
from truelift.apps.rhythm.agenda import agenda_of
from truelift.apps.rhythm.models import (
    LONGEST_ACTION,
    LONGEST_NOTE,
    ActionRecord,
    AdditionRecord,
    MeetingRecord,
    MinutesRecord,
    PackRecord,
    RhythmRecord,
)
from truelift.apps.rhythm.planning import plan_meetings, standing_of
from truelift.apps.roadmap.models import RoadmapVersionRecord
from truelift.apps.sites.models import Site
from truelift.errors import Refusal
from truelift.lifecycle.obstacle import MoveRefused, Obstacle
from truelift.lifecycle.rhythm import (
    Meeting,
    Quorum,
    Stage,
    Topic,
    closing_obstacles,
    first_day,
    is_in_time,
    quorum,
)


FURTHEST: Final = timedelta(days=366)
"""Nobody promises anything for later."""

BEFORE: Final = timedelta(days=1)
"""An agenda is read so long before a meeting, and every hour until it begins; a review's is read
and frozen once."""

MOST_PRESENT: Final = 60


class NoSuchMeeting(Refusal):
    """The site has no such meeting."""

    code = "rhythm.no_such_meeting"

    def __init__(self) -> None:
        super().__init__("No such meeting was due. The list of meetings shows those that are.")


class NoSuchAction(Refusal):
    """The site has no such action."""

    code = "rhythm.no_such_action"

    def __init__(self, *, number: int) -> None:
        super().__init__(f"There is no action AC-{number}.", number=str(number))


class ChangedMeanwhile(Refusal):
    """Somebody else changed when a meeting stands after this person had read it."""

    code = "rhythm.changed_meanwhile"

    def __init__(self) -> None:
        super().__init__("Somebody changed it meanwhile. Read it again, then change it.")


class BadMeeting(Refusal):
    """Something does not fit into its field; every field at once.

    Attributes:
        wrong: Field → what is wrong.
    """

    code = "rhythm.bad_fields"

    def __init__(self, wrong: Mapping[str, str]) -> None:
        self.wrong = dict(wrong)
        said = " ".join(f"{field}: {what}" for field, what in wrong.items())
        super().__init__(f"Some fields do not fit. {said}", fields=tuple(wrong))


@dataclass(frozen=True, slots=True)
class When:
    """When a meeting stands, as somebody wants it.

    Attributes:
        weekday: Monday is 0.
        nth: Which of these weekdays in its month.
        at: By the clocks of the site.
        owner: E-mail address of who calls it; empty for nobody.
        stands: Whether it is held at all.
    """

    weekday: int
    nth: int
    at: time
    owner: str = ""
    stands: bool = True


@transaction.atomic
def set_rhythm(
    site: Site, kind: Meeting, when: When, *, seen: int, by: Actor, now: datetime
) -> RhythmRecord:
    """Agree on when a meeting stands; those to come are moved, those of before stay.

    Args:
        site: Where.
        kind: Which.
        when: When.
        seen: The version that the person had read; 0 before the first.
        by: Who.
        now: The moment.

    Raises:
        BadRhythm: A meeting cannot stand so.
        BadMeeting: Nobody on the site has this address.
        ChangedMeanwhile: Another version is in force.
    """
    Site.objects.select_for_update().get(pk=site.pk)
    row = RhythmRecord.objects.filter(site=site, kind=kind.value).first() or RhythmRecord(
        site=site, kind=kind.value, version=0, since=day_at(site, now)
    )
    if row.version != seen:
        raise ChangedMeanwhile
    before = _rhythm_document(row) if row.version else None
    if not row.stands and when.stands:
        # While it did not stand nothing was due, and nothing was missed.
        row.since = day_at(site, now)
    row.weekday, row.nth, row.at = when.weekday, when.nth, when.at
    row.owner = _member(site, when.owner, "owner") if when.owner else None
    row.stands = when.stands
    row.version += 1
    standing_of(row)
    row.save()
    _audit(site, "rhythm.set", kind.value, before, _rhythm_document(row), by=by, now=now)
    plan_meetings(site, now=now)
    return row


def _rhythm_document(row: RhythmRecord) -> dict[str, Json]:
    return {
        "weekday": row.weekday,
        "nth": row.nth,
        "at": f"{row.at:%H:%M}",
        "owner": row.owner.email if row.owner else None,
        "stands": row.stands,
    }


@transaction.atomic
def begin(site: Site, kind: Meeting, period: str, *, by: Actor, now: datetime) -> MeetingRecord:
    """Begin a meeting: the time runs, and its agenda is read anew.

    The figures of a review are frozen, unless they were on its eve.

    Raises:
        NoSuchMeeting: None such was due.
        MoveRefused: It has begun, or its week, month or quarter is another one.
    """
    row = _locked(site, kind, period)
    obstacles = begin_obstacles(row, today=day_at(site, now))
    if obstacles:
        raise MoveRefused(subject=f"The {kind.called.lower()}", action="begin", obstacles=obstacles)
    row.stage, row.begun_at = Stage.BEGUN.value, now
    if by.user is not None and by.user.pk not in row.present:
        row.present = [*row.present, by.user.pk]
    frozen = kind is Meeting.REVIEW and row.packs.filter(made_at__gt=now - BEFORE).exists()
    if not frozen:
        _read_agenda(row, now=now)
    row.save()
    if kind is Meeting.REVIEW and not frozen:
        _freeze(row, by=by, now=now)
    _audit(site, "meeting.begun", row.key, None, {"day": row.day.isoformat()}, by=by, now=now)
    return row


def begin_obstacles(row: MeetingRecord, *, today: date) -> tuple[Obstacle, ...]:
    """Say why a meeting cannot begin."""
    if row.stage != Stage.PLANNED.value:
        said = "It has begun already." if row.stage == Stage.BEGUN.value else "It is closed."
        return (Obstacle("rhythm.has_begun", said, "Open it as it is."),)
    kind = row.meeting
    if today < first_day(kind, row.day):
        return (
            Obstacle(
                "rhythm.other_period",
                f"It belongs to another {kind.every}.",
                f"It can begin from {day_in_words(first_day(kind, row.day))} on.",
            ),
        )
    if not is_in_time(kind, row.day, today=today):
        return (
            Obstacle(
                "rhythm.other_period",
                f"It belongs to another {kind.every}, which is over: it counts as not held.",
                f"Hold the one of this {kind.every}.",
            ),
        )
    return ()


@transaction.atomic
def read_agenda(site: Site, kind: Meeting, period: str, *, now: datetime) -> MeetingRecord:
    """Put the agenda together anew; of a closed meeting it stays.

    Raises:
        NoSuchMeeting: None such was due.
        MoveRefused: It is closed.
    """
    row = _locked(site, kind, period)
    _must_be_open(row, "have another agenda")
    _read_agenda(row, now=now)
    row.save(update_fields=["agenda", "agenda_at"])
    return row


def _read_agenda(row: MeetingRecord, *, now: datetime) -> None:
    row.agenda, row.agenda_at = as_text(agenda_of(row.site, row, now=now)), now


@transaction.atomic
def set_present(
    site: Site, kind: Meeting, period: str, people: Collection[int], *, by: Actor, now: datetime
) -> MeetingRecord:
    """Say who is there.

    Raises:
        NoSuchMeeting: None such was due.
        MoveRefused: It has not begun, or is closed.
        BadMeeting: Somebody does not belong to the site.
    """
    del by, now
    row = _locked(site, kind, period)
    _must_go_on(row, "say who is there")
    wanted = set(people)
    members = set(
        Membership.objects.filter(site=site, user__is_active=True).values_list("user_id", flat=True)
    )
    # Whoever left since they came was there all the same.
    if wanted - members - set(row.present) or len(wanted) > MOST_PRESENT:
        raise BadMeeting({"present": "Choose among the people of the site."})
    row.present = sorted(wanted)
    row.save(update_fields=["present"])
    return row


@transaction.atomic
def write_notes(
    site: Site,
    kind: Meeting,
    period: str,
    notes: Mapping[str, str],
    *,
    by: Actor,
    now: datetime,
) -> MeetingRecord:
    """Write what the minutes say of topics; empty takes it out, what is not named stays.

    Raises:
        NoSuchMeeting: None such was due.
        MoveRefused: It has not begun, or is closed.
        BadMeeting: It has no such topic, or a text is too long.
    """
    del by, now
    row = _locked(site, kind, period)
    _must_go_on(row, "have minutes")
    wrong: dict[str, str] = {}
    known = {each.value for each in kind.topics}
    said = {topic: _text(text, LONGEST_NOTE, topic, wrong) for topic, text in notes.items()}
    if not known >= set(notes):
        wrong["topic"] = f"A topic is one of {', '.join(each.value for each in kind.topics)}."
    if wrong:
        raise BadMeeting(wrong)
    row.notes = {topic: text for topic, text in {**row.notes, **said}.items() if text}
    row.save(update_fields=["notes"])
    return row


@transaction.atomic
def promise(
    site: Site,
    kind: Meeting,
    period: str,
    *,
    what: str,
    owner: str,
    due: str,
    topic: str = "",
    by: Actor,
    now: datetime,
) -> ActionRecord:
    """Write down what somebody will do and by when.

    Args:
        site: Where.
        kind: In which meeting.
        period: Of which week, month or quarter.
        what: As an order to its owner.
        owner: Their e-mail address.
        due: ISO day.
        topic: Under which topic it came up; empty for none.
        by: Who writes it down.
        now: When.

    Raises:
        NoSuchMeeting: None such was due.
        MoveRefused: It has not begun, or is closed.
        BadMeeting: It has no owner, no day, or says nothing.
    """
    row = _locked(site, kind, period)
    _must_go_on(row, "have actions")
    wrong: dict[str, str] = {}
    said = _text(what, LONGEST_ACTION, "what", wrong)
    if not said and "what" not in wrong:
        wrong["what"] = "Say in a sentence what is to be done."
    if topic and topic not in {each.value for each in kind.topics}:
        wrong["topic"] = "The meeting has no such topic."
    person = _person(site, owner, "owner", wrong)
    day = _day(due, wrong, today=day_at(site, now))
    if wrong or person is None or day is None:
        raise BadMeeting(wrong)
    Site.objects.select_for_update().get(pk=site.pk)
    last = ActionRecord.objects.filter(site=site).aggregate(Max("number"))["number__max"] or 0
    made = ActionRecord.objects.create(
        site=site,
        number=last + 1,
        meeting=row,
        topic=topic,
        what=said,
        owner=person,
        due=day,
        made_by=by.user,
        made_at=now,
    )
    _audit(site, "action.promised", made.key, None, _action_facts(made), by=by, now=now)
    return made


@transaction.atomic
def finish_action(
    site: Site, number: int, *, outcome: str = "", by: Actor, now: datetime
) -> ActionRecord:
    """Say that something promised is done; saying it again changes nothing.

    Raises:
        NoSuchAction: The site has none of this number.
        BadMeeting: The outcome is too long.
    """
    row = _action(site, number)
    wrong: dict[str, str] = {}
    said = _text(outcome, LONGEST_ACTION, "outcome", wrong)
    if wrong:
        raise BadMeeting(wrong)
    if row.done_at is None:
        row.done_at, row.done_by, row.outcome = now, by.user, said
        row.save(update_fields=["done_at", "done_by", "outcome"])
        _audit(site, "action.done", row.key, None, {"outcome": said}, by=by, now=now)
    return row


@transaction.atomic
def hand_over(
    site: Site, number: int, *, owner: str, due: str, by: Actor, now: datetime
) -> ActionRecord:
    """Give an open action to somebody else, or another day.

    Raises:
        NoSuchAction: The site has none of this number.
        MoveRefused: It is done.
        BadMeeting: Nobody has this address, or the day does not fit.
    """
    row = _action(site, number)
    if row.done_at is not None:
        done = Obstacle("rhythm.action_done", "It is done.", "Promise another one.")
        raise MoveRefused(subject=row.key, action="be handed over", obstacles=[done])
    wrong: dict[str, str] = {}
    person = _person(site, owner, "owner", wrong)
    day = _day(due, wrong, today=day_at(site, now))
    if wrong or person is None or day is None:
        raise BadMeeting(wrong)
    before = _action_facts(row)
    row.owner, row.due = person, day
    row.save(update_fields=["owner", "due"])
    _audit(site, "action.handed_over", row.key, before, _action_facts(row), by=by, now=now)
    return row


@transaction.atomic
def freeze_pack(site: Site, kind: Meeting, period: str, *, by: Actor, now: datetime) -> PackRecord:
    """Freeze what the agenda says now, as the next version; versions of before stay.

    Raises:
        NoSuchMeeting: None such was due.
        MoveRefused: It is closed.
    """
    row = _locked(site, kind, period)
    _must_be_open(row, "have another pack")
    _read_agenda(row, now=now)
    row.save(update_fields=["agenda", "agenda_at"])
    made = _freeze(row, by=by, now=now)
    _audit(site, "pack.frozen", row.key, None, {"snapshot": made.snapshot}, by=by, now=now)
    return made


def _freeze(row: MeetingRecord, *, by: Actor, now: datetime) -> PackRecord:
    last = row.packs.aggregate(Max("version"))["version__max"] or 0
    document = json.loads(row.agenda)
    snapshot = f"{row.period}-{_letters(last)}"
    text = as_text({**document, "pack": {"snapshot": snapshot, "version": last + 1}})
    return PackRecord.objects.create(
        meeting=row,
        version=last + 1,
        snapshot=snapshot,
        text=text,
        digest=digest(text),
        made_by=by.user,
        made_at=now,
    )


def _letters(number: int) -> str:
    """Count in letters: a to z, then aa."""
    first, last = divmod(number, 26)
    return (_letters(first - 1) if first else "") + chr(ord("a") + last)


@transaction.atomic
def close(site: Site, kind: Meeting, period: str, *, by: Actor, now: datetime) -> MeetingRecord:
    """Close a meeting: from then on its minutes can only be added to.

    Without quorum it can be closed; it then counts as not held.

    Raises:
        NoSuchMeeting: None such was due.
        MoveRefused: Every reason at once.
    """
    row = _locked(site, kind, period)
    obstacles = refusals_of(row)
    if obstacles:
        subject = f"The {kind.called.lower()}"
        raise MoveRefused(subject=subject, action="be closed", obstacles=obstacles)
    people, there = quorum_of(row)
    if kind is Meeting.REBUILD:
        # What came of it is known now: the version, and how much of it was carried over.
        _read_agenda(row, now=now)
    row.stage, row.closed_at, row.quorate = Stage.CLOSED.value, now, there.reached
    row.save()
    text = as_text(minutes_document(row, people, there, now=now))
    MinutesRecord.objects.create(
        meeting=row, text=text, digest=digest(text), closed_by=by.user, closed_at=now
    )
    after: dict[str, Json] = {"quorate": there.reached, "present": len(row.present)}
    _audit(site, "meeting.closed", row.key, None, after, by=by, now=now)
    return row


def refusals_of(row: MeetingRecord) -> tuple[Obstacle, ...]:
    """Give every reason why a meeting cannot be closed."""
    rebuild = row.meeting is Meeting.REBUILD
    members = Membership.objects.filter(site=row.site, user__is_active=True).values("user_id")
    left = ActionRecord.objects.filter(site=row.site, meeting__kind=row.kind, done_at=None)
    return closing_obstacles(
        row.meeting,
        Stage(row.stage),
        present=len(row.present),
        noted=[Topic(each) for each in row.notes],
        frozen=row.meeting is not Meeting.REVIEW or row.packs.exists(),
        rebuilt=not rebuild
        or RoadmapVersionRecord.objects.filter(site=row.site, quarter=row.period).exists(),
        unowned=[
            each.what for each in left.exclude(owner__in=members).only("what").order_by("number")
        ],
    )


def quorum_of(row: MeetingRecord) -> tuple[tuple[Membership, ...], Quorum]:
    """Say who is there, and whether everybody who has to be."""
    people = tuple(
        Membership.objects.filter(site=row.site, user_id__in=row.present)
        .select_related("user")
        .order_by("user__name", "user__email")
    )
    does = {str(each.user_id): functions_in(each.functions) for each in people}
    return people, quorum(row.meeting, does)


def minutes_document(
    row: MeetingRecord, people: Collection[Membership], there: Quorum, *, now: datetime
) -> dict[str, Any]:
    """Write the minutes as they are kept, with names as they were on the day."""
    packs = row.packs.order_by("-version").first()
    return {
        "meeting": row.key,
        "day": row.day.isoformat(),
        "begun_at": row.begun_at.isoformat() if row.begun_at else None,
        "closed_at": now.isoformat(),
        "quorate": there.reached,
        "missing": [each.value for each in there.missing],
        "present": [
            {
                "name": str(each.user),
                "functions": [one.value for one in functions_in(each.functions)],
            }
            for each in people
        ],
        "minutes": [
            {"topic": each.value, "text": row.notes.get(each.value, "")}
            for each in row.meeting.topics
        ],
        "actions": [
            {
                "key": each.key,
                "what": each.what,
                "owner": str(each.owner),
                "due": each.due.isoformat(),
            }
            for each in row.actions.select_related("owner").order_by("number")
        ],
        "agenda": digest(row.agenda) if row.agenda else None,
        "pack": packs.snapshot if packs else None,
    }


@transaction.atomic
def add(
    site: Site, kind: Meeting, period: str, text: str, *, by: Actor, now: datetime
) -> AdditionRecord:
    """Add something to the minutes of a closed meeting; what stands there stays.

    Raises:
        NoSuchMeeting: None such was due.
        MoveRefused: It is not closed yet.
        BadMeeting: It says nothing, or too much.
    """
    row = _locked(site, kind, period)
    if row.stage != Stage.CLOSED.value:
        still = Obstacle("rhythm.not_closed", "It is not closed.", "Write it into the minutes.")
        raise MoveRefused(subject="The minutes", action="be added to", obstacles=[still])
    wrong: dict[str, str] = {}
    said = _text(text, LONGEST_NOTE, "text", wrong)
    if not said and not wrong:
        wrong["text"] = "Say what is to be added."
    if wrong:
        raise BadMeeting(wrong)
    made = AdditionRecord.objects.create(meeting=row, text=said, by=by.user, at=now)
    _audit(site, "minutes.added_to", row.key, None, {"addition": made.pk}, by=by, now=now)
    return made


def as_text(document: Mapping[str, Any]) -> str:
    """Write a document as the text that is kept: the same document is the same bytes."""
    return json.dumps(
        document, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")
    )


def digest(text: str) -> str:
    """Give the SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def _locked(site: Site, kind: Meeting, period: str) -> MeetingRecord:
    row = (
        MeetingRecord.objects.select_for_update(of=("self",))
        .filter(site=site, kind=kind.value, period=period)
        .first()
        if "\x00" not in period
        else None
    )
    if row is None:
        raise NoSuchMeeting
    row.site = site
    return row


def _action(site: Site, number: int) -> ActionRecord:
    rows = ActionRecord.objects.select_for_update(of=("self",)).filter(site=site)
    found = rows.filter(number=number).first() if 0 < number < 2**31 else None
    if found is None:
        raise NoSuchAction(number=number)
    return found


def _must_be_open(row: MeetingRecord, action: str) -> None:
    if row.stage == Stage.CLOSED.value:
        closed = Obstacle("rhythm.is_closed", "It is closed.", "Add to its minutes instead.")
        raise MoveRefused(subject=f"The {row.called.lower()}", action=action, obstacles=[closed])


def _must_go_on(row: MeetingRecord, action: str) -> None:
    _must_be_open(row, action)
    if row.stage == Stage.PLANNED.value:
        planned = Obstacle("rhythm.not_begun", "It has not begun.", "Begin it first.")
        raise MoveRefused(subject=f"The {row.called.lower()}", action=action, obstacles=[planned])


def _text(text: str, longest: int, field: str, wrong: dict[str, str]) -> str:
    said = text.strip()
    if len(said) > longest or not is_storable(said):
        wrong[field] = f"It has at most {longest:,} letters, and none that cannot be stored."
    return said


def _member(site: Site, email: str, field: str) -> User:
    wrong: dict[str, str] = {}
    found = _person(site, email, field, wrong)
    if found is None:
        raise BadMeeting(wrong)
    return found


def _person(site: Site, email: str, field: str, wrong: dict[str, str]) -> User | None:
    known = User.objects.filter(memberships__site=site, is_active=True)
    found = known.filter(email=email.strip().lower()).first() if is_storable(email) else None
    if found is None:
        wrong[field] = "Choose somebody of the site."
    return found


def _day(said: str, wrong: dict[str, str], *, today: date) -> date | None:
    try:
        day = date.fromisoformat(said.strip())
    except ValueError:
        day = None
    if day is None or not today <= day <= today + FURTHEST:
        wrong["due"] = "Say by which day, from today on and within a year."
        return None
    return day


def _action_facts(row: ActionRecord) -> dict[str, Json]:
    return {"what": row.what, "owner": row.owner.email, "due": row.due.isoformat()}


def _audit(
    site: Site,
    action: str,
    target: str,
    before: Mapping[str, Json] | None,
    after: Mapping[str, Json],
    *,
    by: Actor,
    now: datetime,
) -> None:
    audit(
        action=action,
        target=f"rhythm:{target}",
        before=before,
        after=after,
        now=now,
        site=site.name,
        **by.audited,
    )
