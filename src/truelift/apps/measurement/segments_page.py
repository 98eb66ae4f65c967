"""The page of a site's saved segments: who they are, how many now, and the one being written."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from django.http import QueryDict

from truelift.apps.drawing.wording import count, day, percent
from truelift.apps.explorers.asking import first_form
from truelift.apps.explorers.catalogue import EXPLORERS
from truelift.apps.measurement.funnel_form import default_form
from truelift.apps.measurement.models import SegmentRecord
from truelift.apps.measurement.segments_form import Sentence, sentence_of
from truelift.apps.measurement.segments_reads import (
    Held,
    context_of,
    people_in,
    segments_of,
    versions_of,
)
from truelift.apps.measurement.segments_services import wrong_with
from truelift.apps.measurement.segments_words import depends_on_period, people_in_words
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import event_names_of
from truelift.errors import Refusal
from truelift.questions.events_seen import EventSeen
from truelift.questions.matching import BadQuestion
from truelift.questions.segment import Segment
from truelift.questions.segment_form import parse_segment


MOST_COUNTED: Final = 30
"""Segments of the list whose people are counted while the page is made."""

LONGEST_JSON: Final = 50_000
EXAMPLE: Final = '{"did": "purchase", "within": {"last": "30d"}}'
_SOUND_NAME: Final = "a"
"""Stands in for a name where only a condition is judged."""


@dataclass(frozen=True, slots=True)
class Draft:
    """The segment that is being written.

    Attributes:
        sentence: In the form.
        text: As JSON.
        is_json: Whether the form cannot say it, or it was written as JSON.
        name: It is going to have.
        description: And its words.
        version: The one that it starts from; 0 for none.
        problems: Everything that keeps it from being asked or kept.
        words: Who is meant; empty until it was asked.
        held: How many they are; None until it was asked.
        of_all_time: Whether another period, when it is asked for, holds other people.
    """

    sentence: Sentence = Sentence()  # noqa: RUF009 - frozen, and of no state
    text: str = EXAMPLE
    is_json: bool = False
    name: str = ""
    description: str = ""
    version: int = 0
    problems: tuple[str, ...] = ()
    words: str = ""
    held: Held | None = None
    of_all_time: bool = False

    @property
    def people(self) -> str:
        """How many they are, with the word."""
        return "" if self.held is None else people_said(self.held.people)

    @property
    def share(self) -> str:
        """Which part of everybody they are, in words; empty while there is nobody."""
        share = "" if self.held is None else share_of(self.held)
        return (
            f"{share} of {people_said(self.held.everybody)} with any event"
            if self.held and share
            else ""
        )


@dataclass(frozen=True, slots=True)
class SegmentRow:
    """A line of the list.

    Attributes:
        record: The segment's newest version.
        words: Who is meant.
        people: How many, in words; empty where they were not counted.
        share: Of everybody; or that they are counted over all time, where the period decides.
        owner: Who answers for it.
        when: It was kept.
        uses: Where it can be asked about: address and words.
    """

    record: SegmentRecord
    words: str
    people: str
    share: str
    owner: str
    when: str
    uses: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class SegmentsPage:
    """The segments that a site keeps.

    Attributes:
        answer: In a sentence.
        rows: The newest version of each, by name.
        counted: What "people now" are a share of, and when.
        versions: Of one segment, the newest first.
    """

    answer: str
    rows: tuple[SegmentRow, ...]
    counted: str = ""
    versions: tuple[SegmentRow, ...] = ()


def drafted(place: Site, query: QueryDict, start: SegmentRecord | None, *, now: datetime) -> Draft:
    """Read the form from an address, and count its people when it is complete.

    Args:
        place: The site.
        query: The address.
        start: The kept version that is being changed; None for a new segment.
        now: The moment.
    """
    draft = Draft()
    if start is not None:
        draft = replace(
            draft, name=start.name, description=start.description, version=start.version
        )
    if "kind-1" not in query:
        return draft if start is None else asked(place, draft, start.definition, now=now)
    sentence = Sentence.of(query)
    draft = replace(draft, sentence=sentence)
    if "add" in query or "remove" in query:
        return draft
    if problems := sentence.problems():
        return replace(draft, problems=problems)
    return replace(asked(place, draft, sentence.document(), now=now), sentence=sentence)


def typed(place: Site, given: QueryDict, *, now: datetime, is_kept: bool) -> Draft:
    """Read JSON with its name, and say everything that is wrong with them.

    Args:
        place: The site.
        given: What was sent.
        now: The moment.
        is_kept: Whether it is going to be kept, so that its name counts.
    """
    text = given.get("definition", "")[:LONGEST_JSON]
    draft = Draft(
        text=text,
        is_json=True,
        name=given.get("name", "").strip()[:200],
        description=given.get("description", "").strip()[:2000],
    )
    definition, unread = decoded(text)
    name = draft.name if is_kept else _SOUND_NAME
    wrong = wrong_with(place, name, definition, now=now, description=draft.description)
    if unread:
        wrong["definition"] = unread
    places = {"name": "Name", "description": "In words", "definition": "Condition"}
    problems = tuple(f"{places.get(each, each)}: {what}" for each, what in wrong.items())
    if "definition" in wrong:
        return replace(draft, problems=problems)
    return replace(asked(place, draft, definition, now=now), problems=problems)


def decoded(text: str) -> tuple[object, str]:
    """Give what JSON says, or why it says nothing."""
    try:
        return json.loads(text), ""
    except (ValueError, RecursionError) as error:
        return None, f"This is not JSON: {error}."


def asked(place: Site, draft: Draft, definition: object, *, now: datetime) -> Draft:
    """Say whom a condition means, and how many they are."""
    try:
        segment = parse_segment(definition, context_of(place, now=now))
    except BadQuestion as refusal:
        reasons = refusal.facts.get("reasons", ())
        listed = reasons if isinstance(reasons, tuple) else (str(refusal),)
        return replace(draft, problems=tuple(f"{each}." for each in listed))
    kept = segment.condition.document()
    sentence = sentence_of(kept)
    text = json.dumps(kept, ensure_ascii=False, indent=2)
    draft = replace(draft, text=text, is_json=sentence is None, sentence=sentence or draft.sentence)
    try:
        held = people_in(place, segment, now=now)
    except Refusal as refusal:
        return replace(draft, problems=(str(refusal),))
    return replace(
        draft,
        words=_words(segment, place),
        held=held,
        of_all_time=depends_on_period(segment.condition),
    )


def segments_page(
    site: Site, seen: Sequence[EventSeen], *, now: datetime, versions: str = ""
) -> SegmentsPage:
    """Lay out the newest versions of a site's segments, and all versions of one.

    Args:
        site: Whose.
        seen: Its events, the most frequent first.
        now: The moment.
        versions: Of which segment every version is shown; empty for none.
    """
    records = segments_of(site)
    whole: Held | None = None
    rows: list[SegmentRow] = []
    for record in records:
        segment = _segment(record, site, now=now)
        held = None
        if segment is not None and len(rows) < MOST_COUNTED:
            held = people_in(site, segment, now=now, waits=False)
        whole = held or whole
        uses = _uses(site, record.name, seen, now=now)
        rows.append(replace(_row(record, segment, held, site), uses=uses))
    many = "segment is" if len(rows) == 1 else "segments are"
    answer = f"{count(len(rows))} {many} kept." if rows else "No segment is kept yet."
    counted = ""
    if whole is not None:
        part = "" if whole.is_whole else ", without files that cannot be read"
        counted = f"Share of {count(whole.everybody)} people with any event{part}"
    of = tuple(versions_of(site, versions)) if versions and "\0" not in versions else ()
    older = tuple(_row(each, _segment(each, site, now=now), None, site) for each in of)
    return SegmentsPage(answer, tuple(rows), counted, older)


def share_of(held: Held) -> str:
    """Say which part of everybody a segment holds."""
    return percent(held.people / held.everybody) if held.everybody else ""


def people_said(number: int) -> str:
    """Say how many people there are."""
    return f"{count(number)} {'person' if number == 1 else 'people'}"


def _row(
    record: SegmentRecord, segment: Segment | None, held: Held | None, site: Site
) -> SegmentRow:
    share = "" if held is None else share_of(held)
    if segment is not None and depends_on_period(segment.condition):
        share = "over all time"
    return SegmentRow(
        record=record,
        words="A condition of another release" if segment is None else _words(segment, site),
        people="" if held is None else count(held.people),
        share=share,
        owner=str(record.owner) if record.owner else "The operator",
        when=day(record.made_at.astimezone(ZoneInfo(site.time_zone)).date()),
    )


def _segment(record: SegmentRecord, site: Site, *, now: datetime) -> Segment | None:
    """Give a kept version as it is asked; None where this release cannot read it."""
    try:
        found = parse_segment(record.definition, context_of(site, now=now))
    except BadQuestion:
        return None
    return Segment(found.condition, record.name, record.version)


def _words(segment: Segment, site: Site) -> str:
    return people_in_words(segment.condition, ZoneInfo(site.time_zone))


def _uses(
    site: Site, name: str, seen: Sequence[EventSeen], *, now: datetime
) -> tuple[tuple[str, str], ...]:
    """Give addresses of first looks at a segment's people only."""
    if not seen:
        return ()
    trend, called = EXPLORERS["trend"], event_names_of(site)
    empty = replace(trend.empty(), has_segment=True)
    drawn = replace(first_form(trend, empty, seen, now=now, called=called), segment=name)
    found = [(f"/s/{site.name}/{trend.folder}/?{drawn.address}", "Trend")]
    funnel = replace(default_form(seen, now=now, called=called), segment=name)
    if len(funnel.steps) > 1:
        found.insert(0, (f"/s/{site.name}/funnels/?{funnel.address}", "Funnel"))
    return tuple(found)
