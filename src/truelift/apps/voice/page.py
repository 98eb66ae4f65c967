"""The pages of the customer's voice as values: findings as sentences, with their grounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from truelift.apps.accounts.models import User
from truelift.apps.drawing.curves import Curves
from truelift.apps.drawing.series import Line
from truelift.apps.drawing.wording import (
    Kind,
    Measure,
    amount,
    count,
    day,
    lift,
    number,
    p_value,
    percent,
    rough_money,
)
from truelift.apps.research.models import EvidenceKind
from truelift.apps.sites.models import Site
from truelift.apps.voice.codes import (
    Code,
    codebook_of,
    codes_in,
    may_see_codes,
    month_of,
    sample_of,
)
from truelift.apps.voice.figures import FEWEST_TESTS
from truelift.apps.voice.models import (
    CallRecord,
    CodebookRecord,
    CodingRecord,
    Family,
    NoteRecord,
    PhraseRecord,
    ThemeRecord,
    ThemeState,
)
from truelift.apps.voice.reads import (
    Claimed,
    Listener,
    calls_of,
    claims_of,
    figures_of,
    listeners_of,
    phrases_of,
)
from truelift.apps.voice.themes import Acceptance, acceptance_of, spiking
from truelift.lifecycle.obstacle import Obstacle
from truelift.lifecycle.voice import Call, Question, call_obstacles
from truelift.stats.agreement import ENOUGH_AGREEMENT, FEWEST_PAIRS


MOST_THEMES: Final = 25
ROWS_MORE: Final = 2
"""Empty rows after those that are filled, of the call and of the codebook."""

TO_CODE: Final = 12
"""Notes on the page of coding at once."""


@dataclass(frozen=True, slots=True)
class ThemeRow:
    """A theme.

    Attributes:
        glyph: Shape of what is said of it.
        said: Whether it is told more often.
        draft: Whether no person has accepted it.
        recent: Notes of the last 28 days.
        before: The rate of the 84 days before, for 28 days.
        change: Ratio with its p; words where there is none.
        exposed: Notes per 1,000 sessions; empty where sessions are not known.
        called: Notes of the telephone per 1,000 calls; empty where calls are not known.
    """

    record: ThemeRecord
    glyph: str
    said: str
    draft: bool
    recent: str
    before: str
    change: str
    exposed: str
    called: str


@dataclass(frozen=True, slots=True)
class CostRow:
    """What was said against buying under one code.

    Attributes:
        lost: Deals that were lost over it.
        worth: What they were worth; words where nobody said.
        unvalued: How many of them have no value; empty for none.
    """

    name: str
    notes: str
    lost: str
    worth: str
    unvalued: str


@dataclass(frozen=True, slots=True)
class YieldRow:
    """What tests came to that rest on one kind of evidence; words where there are too few."""

    name: str
    n: int
    few: bool
    learning: str = ""
    win: str = ""
    lift: str = ""


@dataclass(frozen=True, slots=True)
class ListenerRow:
    """Who answers for what sales or service hears."""

    found: Listener
    name: str
    meter: str
    state: str
    glyph: str


@dataclass(frozen=True, slots=True)
class HomePage:
    """The page of the customer's voice."""

    answer: str
    grounds: str
    any: bool
    themes: tuple[ThemeRow, ...]
    themes_source: str
    machine: str
    costs: tuple[CostRow, ...]
    costs_said: str
    claims: tuple[Claimed, ...]
    evidence: tuple[YieldRow, ...]
    evidence_said: str
    listeners: tuple[ListenerRow, ...]
    calls: Sequence[CallRecord]
    agreement: str
    agreement_glyph: str


def home_page(site: Site, *, now: datetime) -> HomePage:
    """Say what customers say, what it costs, and who listens."""
    figures = figures_of(site)
    document: Mapping[str, Any] = figures.document if figures else {}
    themes = list(ThemeRecord.objects.filter(site=site))
    shown = [each for each in themes if each.state != ThemeState.DISMISSED and each.figures]
    listeners = tuple(_listener(each, now) for each in listeners_of(site, now=now))
    codes = {each.key: each for each in codes_in(codebook_of(site))}
    costs = tuple(
        _cost(each, codes, site)
        for each in document.get("costs", ())
        if each["family"] == Family.OBJECTION
    )
    evidence = tuple(_yield(each) for each in document.get("yield", ()))
    notes = NoteRecord.objects.filter(site=site, day__gt=now.date() - timedelta(days=365))
    total = notes.count()
    glyph, agreement = agreement_said(document.get("agreement"))
    return HomePage(
        answer=_answer(site, total, shown, document, codes),
        grounds=_grounds(total, figures.computed_at if figures else None, site),
        any=bool(total),
        themes=tuple(_theme(each) for each in _ordered(shown)[:MOST_THEMES]),
        themes_source=_themes_source(shown),
        machine=_machine(acceptance_of(themes), shown),
        costs=costs,
        costs_said=_costs_said(document),
        claims=tuple(each for each in claims_of(site) if each.notes)[:10],
        evidence=evidence,
        evidence_said=_compared(document.get("yield", ())),
        listeners=listeners,
        calls=calls_of(site, most=6),
        agreement=agreement,
        agreement_glyph=glyph,
    )


def _ordered(themes: Sequence[ThemeRecord]) -> list[ThemeRecord]:
    return sorted(
        themes,
        key=lambda each: (
            not each.figures["spike"],
            -each.figures["recent"],
            -each.figures["n"],
            each.number,
        ),
    )


def _answer(
    site: Site,
    total: int,
    themes: Sequence[ThemeRecord],
    document: Mapping[str, Any],
    codes: Mapping[str, Code],
) -> str:
    if not total:
        return "Nobody has written down yet what customers say."
    lately = spiking(themes)
    if lately:
        first = lately[0]
        ratio = first.figures["ratio"]
        more = (
            "and was not told before"
            if ratio is None
            else f"{number(ratio, digits=1)} times as often as before"
        )
        times = amount(first.figures["recent"], "time")
        return f"“{first.name.rstrip('.')}”: told {times} in four weeks, {more}."
    dear = next(
        (
            each
            for each in document.get("costs", ())
            if each["family"] == Family.OBJECTION and each["lost_minor"]
        ),
        None,
    )
    if dear is not None:
        name = codes[dear["code"]].name if dear["code"] in codes else dear["code"]
        worth = rough_money(dear["lost_minor"], site.currency)
        return f"Deals worth {worth} were lost with “{name}” as the objection."
    return "Nothing is told more often than before."


def _grounds(total: int, computed: datetime | None, site: Site) -> str:
    if not total:
        return "Sales and service hear every day why people buy and why not. Here it is kept."
    kept = (
        f"Computed on {day(computed.astimezone(ZoneInfo(site.time_zone)).date())}."
        if computed
        else "Themes and figures follow tonight."
    )
    return f"{amount(total, 'note')} in the last year. {kept}"


def _theme(theme: ThemeRecord) -> ThemeRow:
    figures = theme.figures
    ratio, fires = figures["ratio"], figures["spike"]
    if ratio is None:
        change = "not told before" if figures["recent"] else "not told lately"
    else:
        change = f"{number(ratio, digits=1)} times, {p_value(figures['p'])}"
    per, called = figures.get("per_1000_sessions"), figures.get("per_1000_calls")
    return ThemeRow(
        record=theme,
        glyph="loss" if fires else "inconclusive",
        said="more often" if fires else "no clear change",
        draft=theme.state == ThemeState.DRAFT,
        recent=count(figures["recent"]),
        before=number(figures["prior"] / 3, digits=1),
        change=change,
        exposed="" if per is None else number(per, digits=2),
        called="" if called is None else number(called, digits=1),
    )


def _themes_source(themes: Sequence[ThemeRecord]) -> str:
    if not themes:
        return ""
    figures = themes[0].figures
    monday = date.fromisoformat(figures["as_of"])
    until = day(monday - timedelta(days=1), year=monday.year)
    by = (
        "per 1,000 sessions of the traffic feed"
        if figures["unit"] == "session"
        else "per day, because no traffic feed covers all of these weeks"
    )
    return (
        f"The 28 days to {until} against the 84 before, {by}. More often: at least 5 notes,"
        " at least 1.5 times the rate, and p below 0.005 by the exact test of two Poisson rates,"
        " looked at once a week."
    )


def _machine(found: Acceptance, themes: Sequence[ThemeRecord]) -> str:
    by = themes[0].drafted_by if themes else ""
    if not by:
        return ""
    said = f"Put together by “{by}”, which works without any service."
    if not found.decided:
        return f"{said} {amount(found.waiting, 'draft')} wait for a person."
    return (
        f"{said} People accepted {found.accepted} of {amount(found.decided, 'draft')} that they"
        f" decided about, and renamed {found.edited} of these; {found.waiting} wait."
    )


def _cost(row: Mapping[str, Any], codes: Mapping[str, Code], site: Site) -> CostRow:
    named = codes.get(row["code"])
    valued = row["lost"] - row["unvalued"]
    return CostRow(
        name=named.name if named else row["code"],
        notes=count(row["notes"]),
        lost=count(row["lost"]),
        worth=rough_money(row["lost_minor"], site.currency)
        if valued
        else "not known"
        if row["lost"]
        else "none lost",
        unvalued=f"{row['unvalued']} without a value" if row["unvalued"] and valued else "",
    )


def _costs_said(document: Mapping[str, Any]) -> str:
    coded, unsettled = document.get("coded", 0), document.get("unsettled", 0)
    first = document.get("coded_since")
    since = f", the oldest of {day(date.fromisoformat(first))}" if first else ""
    said = f"{amount(coded, 'note')} coded{since}."
    if unsettled:
        said += f" {count(unsettled)} on which two people disagree count for no code."
    return (
        f"{said} The value is that of deals said to be lost; other reasons may have stood beside."
    )


def _yield(row: Mapping[str, Any]) -> YieldRow:
    name = str(EvidenceKind(row["kind"]).label)
    if row["few"]:
        return YieldRow(name, row["n"], few=True)
    return YieldRow(
        name,
        row["n"],
        few=False,
        learning=_share(row["learning"]),
        win=_share(row["win"]),
        lift="not known" if row["median_lift"] is None else lift(row["median_lift"]),
    )


def _share(found: Sequence[float]) -> str:
    value, low, high = found
    return f"{percent(value, digits=0)} ({percent(low, digits=0)} to {percent(high, digits=0)})"


def _compared(rows: Sequence[Mapping[str, Any]]) -> str:
    """Compare what customers say with replays and heatmaps, as far as the data can tell."""
    found = {each["kind"]: each for each in rows}
    voice, seen = found.get("voice"), found.get("behaviour")
    fewer = [
        name
        for name, row in (("customers’ words", voice), ("replays and heatmaps", seen))
        if row is None or row["few"]
    ]
    if voice is None or seen is None or fewer:
        return (
            f"Too few tests rest on {' and on '.join(fewer)} to compare the two:"
            f" {FEWEST_TESTS} of each are needed."
        )
    _, v_low, v_high = voice["learning"]
    _, s_low, s_high = seen["learning"]
    if v_low > s_high:
        return "Tests that rest on customers’ words teach more often than those on replays."
    if s_low > v_high:
        return "Tests that rest on replays teach more often than those on customers’ words."
    return "Whether customers’ words or replays teach more often, the data cannot tell yet."


def _listener(found: Listener, now: datetime) -> ListenerRow:
    name = found.function.called
    if found.owner is None:
        return ListenerRow(found, name, "", "nobody is named", "missing")
    meter = (
        f"{amount(found.month, 'note')} in 28 days, {count(found.year)} in a year;"
        f" {count(found.all_month)} in 28 days from anybody"
    )
    if found.silent_days is not None:
        return ListenerRow(
            found, name, meter, f"silent for {amount(found.silent_days, 'day')}", "watch"
        )
    if found.last is None:
        return ListenerRow(found, name, meter, "nothing yet", "waiting")
    ago = (now - found.last).days
    return ListenerRow(
        found,
        name,
        meter,
        "heard today" if not ago else f"heard {amount(ago, 'day')} ago",
        "passed",
    )


def agreement_said(found: Mapping[str, Any] | None) -> tuple[str, str]:
    """Say how two coders agree, with a glyph."""
    kappa = found.get("kappa") if found else None
    if kappa is None:
        return "missing", "No note of the last months was coded by two people."
    n = kappa["n"]
    if kappa["kappa"] is None:
        return "missing", (
            f"Both gave all {amount(n, 'note')} the same code; κ is not defined then."
        )
    said = (
        f"κ = {number(kappa['kappa'], digits=2)}, {number(kappa['low'], digits=2)} to"
        f" {number(kappa['high'], digits=2)}, of {amount(n, 'note')} that two people coded"
    )
    if kappa["enough"] is None:
        return "missing", f"{said}; {FEWEST_PAIRS} are needed to judge the codebook."
    if kappa["enough"]:
        return "passed", f"{said}: two people mean the same by the codes."
    return "watch", (
        f"{said}: below {ENOUGH_AGREEMENT}, so the codes mean different things to two people."
    )


@dataclass(frozen=True, slots=True)
class NotePage:
    """One note.

    Attributes:
        seen: Who gave which code, where the reader may see it.
        mine: The reader's own coding; None before.
        hidden: Why codes are not shown; empty where they are.
    """

    record: NoteRecord
    said: str
    facts: tuple[tuple[str, str], ...]
    seen: tuple[tuple[str, str, str], ...]
    mine: CodingRecord | None
    hidden: str
    codes: tuple[Code, ...]
    claims: tuple[Claimed, ...]


def note_page(record: NoteRecord, *, reader: User) -> NotePage:
    """Show a note; of the monthly sample, codes are hidden until the reader has given theirs."""
    site = record.site
    codes = codes_in(codebook_of(site))
    names = {each.key: each.name for each in codes}
    codings = sorted(record.codings.all(), key=lambda each: each.pk)
    may_see = may_see_codes(record, reader)
    return NotePage(
        record=record,
        said=said_of(record),
        facts=tuple(_facts(record)),
        seen=tuple(
            (
                str(each.coder),
                names.get(each.code, each.code) or "none fits",
                each.claim.text if each.claim else "",
            )
            for each in codings
        )
        if may_see
        else (),
        mine=next((each for each in codings if each.coder_id == reader.pk), None),
        hidden=""
        if may_see
        else "It was drawn for two people: what others say of it is shown once you have coded it.",
        codes=codes,
        claims=claims_of(site),
    )


def said_of(record: NoteRecord) -> str:
    """Give its words, or why there are none."""
    return record.text or "The words were erased."


def _facts(record: NoteRecord) -> list[tuple[str, str]]:
    site = record.site
    found = [("Source", str(record.get_source_display())), ("Day", day(record.day))]
    if record.speaker:
        found.append(("Said by", str(record.get_speaker_display())))
    if record.times > 1:
        found.append(("How often", f"about {count(record.times)} times"))
    found += [
        (name, text)
        for name, text in (
            ("Where", record.surface),
            ("From whom", record.segment),
            ("Stage", record.stage),
        )
        if text
    ]
    if record.lost is not None:
        found.append(("Deal", "lost" if record.lost else "not lost"))
    if record.value_minor is not None:
        found.append(("Worth", rough_money(record.value_minor, site.currency)))
    if record.refund is not None:
        found.append(("Money went back", "yes" if record.refund else "no"))
    found.append(("Consent", str(record.get_consent_display())))
    if record.personal:
        found.append(("Personal", "the words describe a person"))
    if record.question:
        found.append(("Answers", Question(record.question).asked))
    if record.contact:
        found.append(("To reach", record.contact))
    found.append(("Came by", str(record.get_way_display())))
    if record.owner:
        found.append(("Brought by", str(record.owner)))
    return found


@dataclass(frozen=True, slots=True)
class AskedRow:
    """One row of a question: its names in the form, and what stands there."""

    name: str
    label: str
    text: str
    times: int | str
    segment: str
    surface: str


@dataclass(frozen=True, slots=True)
class Asked:
    """One of the three questions with its rows."""

    question: Question
    rows: tuple[AskedRow, ...]
    nothing_new: bool
    notes: tuple[NoteRecord, ...]


@dataclass(frozen=True, slots=True)
class CallPage:
    """The monthly call."""

    record: CallRecord
    answer: str
    grounds: str
    asked: tuple[Asked, ...]
    minutes: int
    reasons: tuple[Obstacle, ...]


def call_page(record: CallRecord, *, typed: Call | None = None) -> CallPage:
    """Show a call: to be written while it is open, and its notes once it is closed.

    Args:
        record: The call.
        typed: What somebody typed that could not be kept; shown in place of what is.
    """
    call = typed or record.as_domain()
    notes = list(record.notes.order_by("number"))
    asked = []
    for question in Question:
        answers = [each for each in call.answers if each.question is question]
        rows = [(each.text, each.times, each.segment, each.surface) for each in answers]
        rows += [("", "", "", "")] * (ROWS_MORE if answers else ROWS_MORE + 1)  # type: ignore[list-item]
        asked.append(
            Asked(
                question,
                tuple(
                    AskedRow(f"{question.value}-{place}", f"answer {place + 1}", *row)
                    for place, row in enumerate(rows)
                ),
                question in call.nothing_new,
                tuple(each for each in notes if each.question == question.value),
            )
        )
    function = record.get_function_display().lower()
    closed = record.closed_at is not None
    if closed:
        answer = f"The call with {function} brought {amount(len(notes), 'note')}."
    else:
        answer = f"The call with {function}: three questions in thirty minutes"
    owner = f" {record.owner} answers." if record.owner else ""
    minutes = f" It took {amount(record.minutes, 'minute')}." if closed else ""
    return CallPage(
        record=record,
        answer=answer,
        grounds=f"{day(record.day)}.{owner}{minutes}",
        asked=tuple(asked),
        minutes=call.minutes,
        reasons=() if closed else call_obstacles(call),
    )


@dataclass(frozen=True, slots=True)
class CodeRow:
    """One row of the codebook's form."""

    place: int
    code: Code | None


@dataclass(frozen=True, slots=True)
class CodebookPage:
    """The codebook, what is to be coded, and how people agree.

    Attributes:
        sample: How much of last month's sample two people have coded.
        saturation: The curve; None before enough was coded.
    """

    answer: str
    record: CodebookRecord | None
    codes: tuple[Code, ...]
    rows: tuple[CodeRow, ...]
    families: tuple[tuple[str, str], ...]
    glyph: str
    agreement: str
    sample: str
    saturation: Curves | None
    saturation_said: str
    to_code: tuple[NoteRecord, ...]
    claims: tuple[Claimed, ...]
    versions: tuple[CodebookRecord, ...]


def codebook_page(site: Site, *, reader: User, now: datetime) -> CodebookPage:
    """Say whether the codes mean the same to two people, and what waits to be coded."""
    versions = tuple(
        CodebookRecord.objects.filter(site=site).select_related("made_by").order_by("-version")[:10]
    )
    record = versions[0] if versions else None
    codes = codes_in(record)
    figures = figures_of(site)
    document: Mapping[str, Any] = figures.document if figures else {}
    agreement: Mapping[str, Any] = document.get("agreement") or {}
    glyph, said = agreement_said(agreement)
    curve = document.get("saturation") or {}
    return CodebookPage(
        answer=_codebook_answer(record, glyph),
        record=record,
        codes=codes,
        rows=tuple(
            CodeRow(place, each)
            for place, each in enumerate([*codes, *([None] * (3 if codes else 5))])
        ),
        families=tuple((str(value), str(label)) for value, label in Family.choices),
        glyph=glyph,
        agreement=said,
        sample=_sample_said(agreement.get("months") or ()),
        saturation=_curve(curve),
        saturation_said=_saturation_said(curve),
        to_code=_to_code(site, reader=reader, now=now) if codes else (),
        claims=claims_of(site),
        versions=versions,
    )


def _codebook_answer(record: CodebookRecord | None, glyph: str) -> str:
    if record is None:
        return "There are no codes yet."
    if glyph == "watch":
        return "The codebook is unclear: two people read the same notes differently."
    if glyph == "passed":
        return "Two people mean the same by the codes."
    return (
        f"{amount(len(record.codes), 'code')}; whether two people mean the same is not known yet."
    )


def _sample_said(months: Sequence[Mapping[str, Any]]) -> str:
    if not months:
        return "Of each month that is over, up to 15 notes are drawn for two people to code."
    last = months[0]
    month = date.fromisoformat(last["month"])
    return (
        f"{month:%B %Y}: two people have coded {last['twice']} of the {last['sample']} notes that"
        " were drawn."
    )


def _curve(found: Mapping[str, Any]) -> Curves | None:
    if not found or found["codes"] < 2 or found["n"] < 10:
        return None
    values = tuple(float(each * found["step"]) for each in range(len(found["curve"])))
    return Curves(
        values=values,
        lines=(
            Line(
                "share of the codes",
                tuple(each / found["codes"] for each in found["curve"]),
                focus=True,
            ),
        ),
        across=Measure(Kind.COUNT),
        said=(
            f"How many of the {found['codes']} codes so many notes are expected to show; the line"
            " flattens where more notes bring nothing new."
        ),
        head="Notes",
    )


def _saturation_said(found: Mapping[str, Any]) -> str:
    if not found or not found["n"]:
        return "Nothing is coded yet."
    new = found["new_lately"]
    return (
        f"The newest {amount(found['lately'], 'coded note')} brought"
        f" {'no code that was new' if not new else amount(new, 'new code')};"
        f" {found['codes']} codes in {amount(found['n'], 'note')} so far."
    )


def _to_code(site: Site, *, reader: User, now: datetime) -> tuple[NoteRecord, ...]:
    """Give what the reader may code next: last month's sample first, then what nobody has coded."""
    today = now.astimezone(ZoneInfo(site.time_zone)).date()
    last_month = month_of(month_of(today) - timedelta(days=1))
    rows = NoteRecord.objects.filter(site=site, erased_at=None).exclude(codings__coder=reader)
    sample = list(rows.filter(number__in=sample_of(site, last_month)).prefetch_related("codings"))
    wanted = sorted(
        (each for each in sample if len(each.codings.all()) < 2),
        key=lambda each: (-len(each.codings.all()), each.number),
    )
    known = {each.number for each in wanted}
    rest = rows.filter(codings__isnull=True).order_by("-day", "-number")[:TO_CODE]
    return tuple([*wanted, *(each for each in rest if each.number not in known)][:TO_CODE])


@dataclass(frozen=True, slots=True)
class PhrasesPage:
    """Phrases that move people, and claims that disappoint them."""

    answer: str
    phrases: Sequence[PhraseRecord]
    suggested: int
    claims: tuple[Claimed, ...]
    tests: tuple[str, ...]


def phrases_page(site: Site) -> PhrasesPage:
    """Say which words of customers were tested, and which promises disappoint."""
    from truelift.apps.experiments.models import ExperimentRecord

    phrases = phrases_of(site)
    figures = figures_of(site)
    found = (figures.document.get("phrases") if figures else None) or {"tested": 0, "won": 0}
    suggested = sum(use.state == "suggested" for each in phrases for use in each.uses.all())
    if not phrases:
        answer = "No words that move people are kept yet."
    elif not found["tested"]:
        answer = f"{amount(len(phrases), 'phrase')}; none of them is tested yet."
    else:
        answer = (
            f"{found['tested']} of {amount(len(phrases), 'phrase')}"
            f" {_were(found['tested'])} tested; {found['won']} won."
        )
    return PhrasesPage(
        answer=answer,
        phrases=phrases,
        suggested=suggested,
        claims=claims_of(site),
        tests=tuple(
            ExperimentRecord.objects.filter(site=site)
            .order_by("-pk")
            .values_list("key", flat=True)[:50]
        ),
    )


def _were(n: int) -> str:
    return "was" if n == 1 else "were"
