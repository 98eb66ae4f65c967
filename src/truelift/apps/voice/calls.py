"""The monthly call: begun, written during it, and closed when each question has its answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime

from django.db import models, transaction

from truelift.apps.accounts.audit import record as audit
from truelift.apps.intake.fields import Arrival
from truelift.apps.intake.models import Way
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import BadFields, is_storable
from truelift.apps.sites.models import Site
from truelift.apps.voice.models import CallRecord, NoteRecord, OwnerRecord, Speaker
from truelift.apps.voice.notes import LONGEST, NoteFields, NoteIsHere, receive_note
from truelift.errors import Refusal
from truelift.lifecycle.functions import Function
from truelift.lifecycle.obstacle import MoveRefused
from truelift.lifecycle.voice import (
    LISTENING,
    USUAL_MINUTES,
    Answer,
    Question,
    call_obstacles,
    check_may_close,
)


MOST_ROWS = 60


class NoSuchCall(Refusal):
    """The site has no call of this number."""

    code = "voice.no_such_call"

    def __init__(self) -> None:
        super().__init__("There is no such call; the page of the customer’s voice lists all.")


@transaction.atomic
def begin_call(
    site: Site, function: Function, *, day: date, by: Actor, now: datetime
) -> CallRecord:
    """Begin a call with sales or service; its owner is whoever is named for them.

    Raises:
        BadFields: The function hears no customers.
    """
    if function not in LISTENING:
        raise BadFields({"function": "The call is with sales or with service."})
    Site.objects.select_for_update().get(pk=site.pk)
    highest = CallRecord.objects.filter(site=site).aggregate(top=models.Max("number"))["top"]
    named = OwnerRecord.objects.filter(site=site, function=function.value).first()
    made = CallRecord.objects.create(
        site=site,
        number=int(highest or 0) + 1,
        function=function.value,
        day=day,
        owner=named.owner if named else by.user,
        made_by=by.user,
        made_at=now,
    )
    audit(
        action="call.begun",
        target=f"call:{made.key}",
        after={"function": made.function, "day": day.isoformat()},
        now=now,
        site=site.name,
        **by.audited,
    )
    return made


@transaction.atomic
def keep_call(
    site: Site,
    number: int,
    answers: Sequence[Answer],
    *,
    nothing_new: frozenset[Question] = frozenset(),
    minutes: int = USUAL_MINUTES,
) -> CallRecord:
    """Keep what was written so far; nothing is asked of it yet.

    Raises:
        NoSuchCall: The site has none of this number.
        MoveRefused: It is closed.
        BadFields: A row does not fit.
    """
    call = _for_update(site, number)
    if call.closed_at is not None:
        raise MoveRefused(
            subject=call.key, action="be changed", obstacles=call_obstacles(call.as_domain())
        )
    wrong = {}
    for each in answers:
        words = (each.text, each.segment, each.surface)
        if len(each.text) > LONGEST or max(len(each.segment), len(each.surface)) > 120:
            wrong[each.question.value] = f"A row has at most {LONGEST:,} letters, the others 120."
        if not all(map(is_storable, words)):
            wrong[each.question.value] = "It has a character that cannot be stored."
        if not 1 <= each.times <= 1_000_000:
            wrong[each.question.value] = "How often is a number from 1 to 1,000,000."
    if len(answers) > MOST_ROWS:
        wrong["rows"] = f"A call has at most {MOST_ROWS} rows."
    if not 0 <= minutes <= 1_000:
        wrong["minutes"] = "That is no length of a call."
    if wrong:
        raise BadFields(wrong)
    call.rows = [asdict(each) for each in answers if each.text.strip()]
    call.nothing_new = sorted(each.value for each in nothing_new)
    call.minutes = minutes
    call.save(update_fields=["rows", "nothing_new", "minutes"])
    return call


@transaction.atomic
def close_call(
    site: Site, number: int, *, by: Actor, now: datetime
) -> tuple[CallRecord, tuple[NoteRecord, ...]]:
    """Close a call: every row becomes a note that says which question it answers.

    Raises:
        NoSuchCall: The site has none of this number.
        MoveRefused: A question has no answer, with every reason.
        BadFields: Its day is still to come.
    """
    call = _for_update(site, number)
    found = call.as_domain()
    check_may_close(found)
    notes = []
    for each in found.answers:
        fields = NoteFields(
            text=each.text,
            source=call.function,
            day=call.day,
            speaker=Speaker.COLLEAGUE.value,
            times=each.times,
            segment=each.segment,
            surface=each.surface,
            question=each.question.value,
        )
        try:
            notes.append(
                receive_note(
                    site,
                    fields,
                    Arrival(Way.MEMBER, by=by),
                    now=now,
                    call=call,
                    owner=call.owner,
                )
            )
        except NoteIsHere:
            # The same answer twice in one call is one note.
            continue
    # The words live in the notes alone, from which they can be erased.
    call.rows, call.closed_at = [], now
    call.save(update_fields=["rows", "closed_at"])
    audit(
        action="call.closed",
        target=f"call:{call.key}",
        after={"notes": [each.key for each in notes], "nothing_new": call.nothing_new},
        now=now,
        site=site.name,
        **by.audited,
    )
    return call, tuple(notes)


def _for_update(site: Site, number: int) -> CallRecord:
    found = None
    if 0 < number < 2**31:
        found = CallRecord.objects.select_for_update().filter(site=site, number=number).first()
    if found is None:
        raise NoSuchCall
    return found
