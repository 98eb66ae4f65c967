"""The pages of the memory as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from truelift.apps.drawing.forest import Effect, Forest, Group, Interval
from truelift.apps.drawing.knowledge import Knowledge
from truelift.apps.drawing.wording import Kind, Measure, count, lift, percent, rough_money
from truelift.apps.experiments.models import LearningRecord
from truelift.apps.experiments.wording import CHOICES, counted, sentence_case
from truelift.apps.memory.library import FACETS, Choice, Shelf, Wanted
from truelift.apps.memory.models import EntryRecord, GuidelineRecord, Outcome, UseState
from truelift.apps.memory.principles import (
    Adoption,
    Elsewhere,
    Judged,
    Reuse,
    Tested,
    adoption_of,
    cited_by,
)
from truelift.apps.sites.models import Site
from truelift.lifecycle.principle import PrincipleStatus, Reading
from truelift.stats.pooling import Pooled


GLYPHS: Final[Mapping[str, str]] = {
    Outcome.WIN: "win",
    Outcome.LOSS: "loss",
    Outcome.NULL: "null",
    Outcome.INCONCLUSIVE: "inconclusive",
    Outcome.INVALID: "invalid",
    Outcome.NONE: "missing",
}

STATUS_GLYPHS: Final[Mapping[PrincipleStatus, str]] = {
    PrincipleStatus.PROPOSED: "waiting",
    PrincipleStatus.SUPPORTED: "passed",
    PrincipleStatus.CONTESTED: "watch",
    PrincipleStatus.RETIRED: "missing",
}

_FACET_NAMES: Final = {
    "outcome": "Outcome",
    "surface": "Surface",
    "element": "Part of the page",
    "audience": "Audience",
    "metric": "Metric",
    "principle": "Principle",
    "season": "Season",
    "year": "Year",
}


@dataclass(frozen=True, slots=True)
class Narrowing:
    """A value of a facet as a link that narrows, or widens again."""

    choice: Choice
    href: str


@dataclass(frozen=True, slots=True)
class Facet:
    """A facet and its values."""

    label: str
    choices: tuple[Narrowing, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """An experiment as the library shows it.

    Attributes:
        effect: In words; empty where there is none, or none that may be claimed.
        pictures: Variant and the digest of its picture.
        watermark: What stands over an invalid one.
        documented: How much of the documentation is there, in words; empty where all is.
    """

    entry: EntryRecord
    glyph: str
    outcome: str
    when: str
    effect: str
    choice: str
    learnings: tuple[LearningRecord, ...]
    principles: tuple[str, ...]
    pictures: tuple[tuple[str, str], ...]
    watermark: str
    documented: str


@dataclass(frozen=True, slots=True)
class LibraryPage:
    """The library of results."""

    answer: str
    grounds: str
    rows: tuple[Row, ...]
    facets: tuple[Facet, ...]
    number: int
    pages: int
    before: str
    after: str
    file: str
    empty: bool


def library_page(wanted: Wanted, shelf: Shelf) -> LibraryPage:
    """Lay out what was found."""
    number = min(wanted.page, shelf.pages)
    found = sentence_case(counted(shelf.total, "experiment"))
    answer = (
        f"{found} {'fits' if shelf.total == 1 else 'fit'}."
        if wanted.narrowed
        else f"{found} {'is' if shelf.total == 1 else 'are'} on record."
    )
    if not shelf.total:
        answer = "Nothing fits." if wanted.narrowed else "No experiment is on record yet."
    grounds = []
    if shelf.invalid:
        grounds.append(
            f"{sentence_case(counted(shelf.invalid, 'of them is', 'of them are'))} invalid and"
            f" {'is' if shelf.invalid == 1 else 'are'} no finding."
        )
    if shelf.left:
        grounds.append(f"{sentence_case(counted(shelf.left, 'more is', 'more are'))} being read.")
    return LibraryPage(
        answer=answer,
        grounds=" ".join(grounds),
        rows=tuple(_row(each, shelf) for each in shelf.entries),
        facets=tuple(
            Facet(
                _FACET_NAMES[name],
                tuple(
                    Narrowing(
                        each,
                        "?"
                        + urlencode(
                            wanted.query(**{name: "" if each.chosen else each.value, "page": ""})
                        ),
                    )
                    for each in shelf.facets[name]
                ),
            )
            for name in FACETS
            if shelf.facets[name]
        ),
        number=number,
        pages=shelf.pages,
        before="?" + urlencode(wanted.query(page=number - 1)) if number > 1 else "",
        after="?" + urlencode(wanted.query(page=number + 1)) if number < shelf.pages else "",
        file="?" + urlencode(wanted.query(page="", format="csv")),
        empty=not wanted.narrowed and not shelf.total,
    )


def _row(entry: EntryRecord, shelf: Shelf) -> Row:
    record = entry.experiment
    decision = getattr(record, "decision", None)
    return Row(
        entry=entry,
        glyph=GLYPHS[entry.outcome],
        outcome=dict(Outcome.choices)[entry.outcome],
        when=f"{entry.began_on:%-d %b %Y}" if entry.began_on else "not begun",
        effect=_effect_of(entry),
        choice=CHOICES[decision.choice] if decision else "",
        learnings=shelf.learnings.get(record.pk, ()),
        principles=shelf.principles.get(record.pk, ()),
        pictures=tuple(sorted(shelf.pictures.get(record.pk, {}).items())),
        watermark=entry.watermark,
        documented=f"{entry.documented:.0%} documented; missing: {', '.join(entry.missing)}"
        if entry.missing
        else "",
    )


def _effect_of(entry: EntryRecord) -> str:
    """Write an effect; what is invalid has no number anywhere."""
    if not entry.valid or entry.value is None or entry.low is None or entry.high is None:
        return ""
    return f"{lift(entry.value)}, {lift(entry.low)} to {lift(entry.high)}"


@dataclass(frozen=True, slots=True)
class PrincipleRow:
    """A principle in the list."""

    found: Judged
    glyph: str
    status: str
    effect: str
    range: str


@dataclass(frozen=True, slots=True)
class PrinciplesPage:
    """The principles of a site."""

    answer: str
    grounds: str
    rows: tuple[PrincipleRow, ...]


def principles_page(found: tuple[Judged, ...], reuse: Reuse) -> PrinciplesPage:
    """Lay out the list of principles: what can be relied on first."""
    order = [
        PrincipleStatus.SUPPORTED,
        PrincipleStatus.CONTESTED,
        PrincipleStatus.PROPOSED,
        PrincipleStatus.RETIRED,
    ]
    rows = sorted(found, key=lambda each: (order.index(each.status), each.record.number))
    firm = sum(each.status is PrincipleStatus.SUPPORTED for each in found)
    answer = (
        f"{sentence_case(counted(firm, 'principle'))} can be relied on."
        if firm
        else "No principle can be relied on yet."
        if found
        else "No principle is written down yet."
    )
    grounds = (
        f"{percent(reuse.rate)} of the hypotheses build on a learning ({reuse.citing} of"
        f" {reuse.hypotheses})."
        if reuse.rate is not None
        else ""
    )
    return PrinciplesPage(
        answer,
        grounds,
        tuple(
            PrincipleRow(
                each,
                STATUS_GLYPHS[each.status],
                "Draft of a machine" if each.record.machine else status_words(each),
                lift(each.expected.mean) if each.expected else "",
                f"{lift(each.expected.low)} to {lift(each.expected.high)}" if each.expected else "",
            )
            for each in rows
        ),
    )


def status_words(found: Judged) -> str:
    """Say where a principle stands and how many tests say so."""
    support, against = found.count(Reading.SUPPORTS), found.count(Reading.CONTRADICTS)
    name = found.status.value.capitalize()
    if found.status is PrincipleStatus.RETIRED or not found.tests:
        return name
    said = counted(support, "supports", "support") if support else "no support yet"
    if against:
        said += f", {counted(against, 'contradicts', 'contradict')}"
    return f"{name}: {said}"


@dataclass(frozen=True, slots=True)
class SurfaceRow:
    """A surface that a principle concerns."""

    where: Elsewhere
    glyph: str
    state: str
    units: str
    worth: str


@dataclass(frozen=True, slots=True)
class GuidelineRow:
    """A guideline task."""

    record: GuidelineRecord
    due: str
    who: str
    late: bool


@dataclass(frozen=True, slots=True)
class PrinciplePage:
    """A principle with everything that is known about it."""

    found: Judged
    glyph: str
    status: str
    heading: str
    forest: Forest | None
    left_out: tuple[Tested, ...]
    adoption: Adoption
    adopted: str
    surfaces: tuple[SurfaceRow, ...]
    scope: tuple[tuple[str, str], ...]
    guidelines: tuple[GuidelineRow, ...]
    cited: tuple[tuple[str, str], ...]
    drafted: str
    use: str


def principle_page(found: Judged, *, now: datetime) -> PrinciplePage:
    """Lay out a principle."""
    record = found.record
    site = record.site
    adoption = adoption_of(found)
    return PrinciplePage(
        found=found,
        glyph=STATUS_GLYPHS[found.status],
        status=status_words(found),
        heading=_heading(found),
        forest=_forest(found, site),
        left_out=tuple(each for each in found.tests if each.reading is Reading.INVALID),
        adoption=adoption,
        adopted=sentence_case(_part(adoption.live, adoption.eligible, "surface", "follow"))
        if adoption.eligible
        else "No surface that it concerns is known yet",
        surfaces=tuple(_surface(each, site) for each in adoption.surfaces),
        scope=tuple(
            (term, text)
            for term, text in (
                ("Where", record.holds_for),
                ("Types of pages", ", ".join(record.types)),
                ("Parts of pages", ", ".join(record.elements)),
                ("Not", record.not_for),
                ("Unknown", record.unknown),
            )
            if text
        ),
        guidelines=tuple(
            _guideline(each, now, site) for each in record.guidelines.select_related("owner")
        ),
        cited=cited_by(found),
        drafted=_drafted(found),
        use=urlencode(
            {"change": record.statement, "reason": f"{record.key}: {record.detail}"[:300]}
        ),
    )


def _part(number: int, whole: int, noun: str, verb: str) -> str:
    """Say how many of all do it: "one of two tests supports it", "no test supports it"."""
    if not number:
        return f"no {noun} {verb}s it"
    ending = "s" if number == 1 else ""
    return f"{counted(number, 'of', 'of')} {counted(whole, noun)} {verb}{ending} it"


def _heading(found: Judged) -> str:
    counted_tests = len(found.tests) - found.count(Reading.INVALID)
    if not counted_tests:
        return "No valid test has tried it yet"
    support, against = found.count(Reading.SUPPORTS), found.count(Reading.CONTRADICTS)
    silent = found.count(Reading.CANNOT_SAY)
    said = _part(support, counted_tests, "test", "support")
    if against:
        said += f", {counted(against, 'contradicts', 'contradict')} it"
    if silent:
        said += f", {counted(silent, 'cannot say', 'cannot say')}"
    return sentence_case(said)


_KNOWLEDGE: Final = {
    Reading.SUPPORTS: Knowledge.BETTER,
    Reading.CONTRADICTS: Knowledge.WORSE,
    Reading.CANNOT_SAY: Knowledge.INCONCLUSIVE,
}


def _forest(found: Judged, site: Site) -> Forest | None:
    shown = [each for each in found.tests if each.reading is not Reading.INVALID]
    if not shown:
        return None
    groups = [Group("", tuple(_effect(each, site) for each in shown))]
    together = []
    if found.strength is not None:
        together.append(_together("All together", "random effects", found.strength))
    if found.scoped is not None:
        together.append(
            _together("Within its scope", "the scope was chosen after looking", found.scoped)
        )
    expected = found.expected
    if expected is not None and expected.expected_low is not None:
        assert expected.expected_high is not None  # noqa: S101 - both or none
        together.append(
            Effect(
                label="What to expect on a new page",
                knowledge=Knowledge.INCONCLUSIVE,
                interval=Interval(expected.mean, expected.expected_low, expected.expected_high),
                detail="95% prediction interval",
                reading="Expected",
                status="waiting",
            )
        )
    if together:
        groups.append(Group("Together", tuple(together)))
    return Forest(
        groups=tuple(groups),
        measure=Measure(Kind.LIFT),
        head="Effect, 95%",
        label="Test",
    )


def _effect(each: Tested, site: Site) -> Effect:
    record = each.record.experiment
    about = [record.key]
    if each.entry is not None and each.entry.surface:
        about.append(each.entry.surface)
    if each.entry is not None and each.entry.year:
        about.append(str(each.entry.year))
    if not each.record.applied:
        about.append("did the opposite, so its sign is turned")
    if each.record.outside:
        about.append("outside of the scope")
    has_effect = None not in (each.value, each.low, each.high)
    return Effect(
        label=record.name,
        knowledge=_KNOWLEDGE[each.reading] if has_effect else Knowledge.TOO_FEW,
        interval=Interval(each.value or 0.0, each.low or 0.0, each.high or 0.0)
        if has_effect
        else None,
        detail=" · ".join(about),
        reason=each.problem,
        reading=each.reading.called,
        href=f"/s/{site.name}/experiments/{record.key}/",
    )


def _together(label: str, detail: str, found: Pooled) -> Effect:
    knowledge = Knowledge.INCONCLUSIVE
    if found.low > 0:
        knowledge = Knowledge.BETTER
    elif found.high < 0:
        knowledge = Knowledge.WORSE
    i2 = "" if found.i2 is None else f", I² = {percent(found.i2)}"
    return Effect(
        label=label,
        knowledge=knowledge,
        interval=Interval(found.mean, found.low, found.high),
        detail=f"{detail}{i2}",
    )


_STATES: Final = {
    UseState.LIVE.value: ("passed", "Follows it"),
    UseState.NOT_YET.value: ("missing", "Not yet"),
    UseState.UNFIT.value: ("invalid", "Does not fit"),
}


def _surface(each: Elsewhere, site: Site) -> SurfaceRow:
    glyph, state = _STATES[each.state]
    worth = ""
    if each.worth_minor is not None:
        worth = rough_money(each.worth_minor, site.currency) if each.worth_minor else "nothing sure"
    return SurfaceRow(
        each, glyph, state, count(each.weekly_units) if each.weekly_units is not None else "", worth
    )


def _guideline(record: GuidelineRecord, now: datetime, site: Site) -> GuidelineRow:
    today = now.astimezone(ZoneInfo(site.time_zone)).date()
    late = record.done_at is None and record.due is not None and record.due < today
    due = "done" if record.done_at else (f"{record.due:%-d %b %Y}" if record.due else "no date")
    return GuidelineRow(record, due, str(record.owner) if record.owner else "Nobody yet", late)


def _drafted(found: Judged) -> str:
    record = found.record
    if not record.drafted_by:
        return ""
    made_of = f" from {', '.join(map(str, record.drafted_from))}" if record.drafted_from else ""
    taken = f", accepted by {record.accepted_by}" if record.accepted_by else ""
    return f"Drafted by {record.drafted_by}{made_of}{taken}."


@dataclass(frozen=True, slots=True)
class SurpriseRow:
    """A test that came out otherwise than expected."""

    entry: EntryRecord
    glyph: str
    expected: str
    found: str
    apart: str


def surprise_rows(entries: tuple[EntryRecord, ...]) -> tuple[SurpriseRow, ...]:
    """Lay out the most surprising tests."""
    return tuple(
        SurpriseRow(
            each,
            GLYPHS[each.outcome],
            lift(each.expected or 0.0),
            lift(each.value or 0.0),
            lift((each.value or 0.0) - (each.expected or 0.0)),
        )
        for each in entries
    )
