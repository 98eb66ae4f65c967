"""What the worker computes of a site's notes at night: yield of evidence, agreement, costs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from statistics import median
from typing import Any, Final
from zoneinfo import ZoneInfo

from truelift.apps.progress.history import History, history_of
from truelift.apps.research.models import EvidenceKind
from truelift.apps.sites.models import Site
from truelift.apps.voice.codes import codebook_of, codes_in, drawn, month_of
from truelift.apps.voice.models import (
    CodingRecord,
    Confirmed,
    Family,
    FiguresRecord,
    NoteRecord,
    PhraseUseRecord,
)
from truelift.stats.agreement import cohens_kappa, saturation, table_of
from truelift.stats.outcome import Outcome
from truelift.stats.programme import rates


FEWEST_TESTS: Final = 5
"""With fewer tests of a kind of evidence nothing is said of its rates (R051)."""

MONTHS: Final = 12
AGREED_OVER: Final = 3
"""Months of double coding that the agreement is computed of."""

LATELY: Final = 20
"""The newest coded notes, of which it is asked how many codes they brought that were new."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A test that counts.

    Attributes:
        kinds: Kinds of evidence that its hypothesis rests on.
        outcome: What it came to.
        lift: Its relative effect; above 0 is better.
    """

    kinds: frozenset[str]
    outcome: Outcome
    lift: float | None


def yield_of(tests: Iterable[Ended]) -> list[dict[str, Any]]:
    """Say for each kind of evidence how often tests that rest on it taught something, and won.

    A test that rests on two kinds counts for both.
    """
    by_kind: dict[str, list[Ended]] = defaultdict(list)
    for each in tests:
        for kind in each.kinds:
            by_kind[kind].append(each)
    found = []
    for kind in EvidenceKind.values:
        rows = by_kind.get(kind, [])
        if not rows:
            continue
        row: dict[str, Any] = {"kind": kind, "n": len(rows), "few": len(rows) < FEWEST_TESTS}
        if not row["few"]:
            told = rates([each.outcome for each in rows])
            lifts = [each.lift for each in rows if each.lift is not None]
            row |= {
                "learning": [told.learning_rate, told.learning_low, told.learning_high],
                "win": [told.win_rate, told.win_low, told.win_high],
                "median_lift": median(lifts) if lifts else None,
            }
        found.append(row)
    return sorted(found, key=lambda each: (-each["n"], each["kind"]))


def tested_of(history: History) -> tuple[Ended, ...]:
    """Give the tests of a programme that count, with what they rest on."""
    kinds = {each.key: each.kinds for each in history.hypotheses}
    return tuple(
        Ended(
            frozenset(kind.value for kind in kinds.get(each.hypothesis, frozenset())),
            each.result.outcome,
            each.result.value,
        )
        for each in history.tests
        if each.counted and each.result is not None and each.result.outcome is not None
    )


@dataclass(frozen=True, slots=True)
class Coded:
    """A note with what people said of it.

    Attributes:
        codes: Coder → code, as they say now.
        blind: Coder → code, as each said it before seeing the other's.
    """

    number: int
    day: date
    times: int
    lost: bool | None
    value_minor: int | None
    refund: bool | None
    claim: str
    codes: Mapping[int, str]
    blind: Mapping[int, str]

    @property
    def settled(self) -> str | None:
        """The code on which everybody who coded it agrees; None while they do not."""
        said = set(self.codes.values())
        return said.pop() if len(said) == 1 else None


def coded_of(site: Site) -> tuple[Coded, ...]:
    """Read every note that somebody coded, by day."""
    rows: dict[int, list[CodingRecord]] = defaultdict(list)
    for coding in CodingRecord.objects.filter(note__site=site).select_related("note", "claim"):
        rows[coding.note_id].append(coding)
    found = []
    for codings in rows.values():
        note = codings[0].note
        found.append(
            Coded(
                number=note.number,
                day=note.day,
                times=note.times,
                lost=note.lost,
                value_minor=note.value_minor,
                refund=note.refund,
                claim=next((each.claim.key for each in codings if each.claim), ""),
                codes={each.coder_id: each.code for each in codings},
                blind={each.coder_id: each.first for each in codings if each.blind},
            )
        )
    return tuple(sorted(found, key=lambda each: (each.day, each.number)))


def costs_of(coded: Sequence[Coded], families: Mapping[str, str]) -> list[dict[str, Any]]:
    """Add up by code what is known: lost deals and their worth, refunds.

    A note that two people read differently counts for no code until they agree.
    """
    by_code: dict[str, list[Coded]] = defaultdict(list)
    for each in coded:
        if each.settled:
            by_code[each.settled].append(each)
    found = []
    for code, rows in by_code.items():
        lost = [each for each in rows if each.lost]
        found.append(
            {
                "code": code,
                "family": families.get(code, ""),
                "notes": len(rows),
                "lost": len(lost),
                "lost_minor": sum(each.value_minor or 0 for each in lost),
                "unvalued": sum(each.value_minor is None for each in lost),
                "refunds": sum(bool(each.refund) for each in rows),
            }
        )
    return sorted(found, key=lambda each: (-each["lost_minor"], -each["notes"], each["code"]))


def agreement_of(
    site: str, notes: Mapping[date, Sequence[int]], coded: Sequence[Coded]
) -> dict[str, Any]:
    """Compare what two people said of the samples of the last months, unseen by each other.

    Args:
        site: Name of the site.
        notes: First day of a month that is over → numbers of its notes.
        coded: What people said.

    Returns:
        κ with its interval over the last three months, and for each month how many notes of the
        sample were coded twice.
    """
    by_number = {each.number: each for each in coded}
    months, one, other = [], [], []
    for month in sorted(notes, reverse=True)[:MONTHS]:
        sample = drawn(site, list(notes[month]))
        twice = [
            by_number[each] for each in sorted(sample) if len(by_number.get(each, _NOT).blind) > 1
        ]
        months.append({"month": month.isoformat(), "sample": len(sample), "twice": len(twice)})
        if len(months) <= AGREED_OVER:
            for each in twice:
                first, second = sorted(each.blind)[:2]
                one.append(each.blind[first])
                other.append(each.blind[second])
    found = cohens_kappa(table_of(one, other)) if one else None
    return {
        "months": months,
        "over": AGREED_OVER,
        "kappa": None if found is None else {**asdict(found), "enough": found.enough},
    }


_NOT: Final = Coded(0, date.min, 1, None, None, None, "", {}, {})


def saturation_of(coded: Sequence[Coded]) -> dict[str, Any]:
    """Say whether newer notes still bring codes that nobody had seen."""
    settled = [each.settled for each in coded if each.settled]
    curve = saturation(sorted(Counter(settled).values()))
    seen: set[str] = set()
    new = []
    for each in settled:
        new.append(each not in seen)
        seen.add(each)
    return {
        "n": len(settled),
        "codes": len(seen),
        "lately": min(len(settled), LATELY),
        "new_lately": sum(new[-LATELY:]),
        "curve": [round(each, 3) for each in _thinned(curve)],
        "step": _step(len(curve)),
    }


def _step(n: int) -> int:
    return max(1, -(-n // 60))


def _thinned(curve: Sequence[float]) -> list[float]:
    return list(curve[:: _step(len(curve))])


def claims_of(coded: Sequence[Coded]) -> dict[str, dict[str, int]]:
    """Count by claim the notes that say it was not kept, and the refunds among them."""
    found: dict[str, dict[str, int]] = {}
    for each in coded:
        if each.claim:
            row = found.setdefault(each.claim, {"notes": 0, "refunds": 0})
            row["notes"] += 1
            row["refunds"] += bool(each.refund)
    return found


def phrases_of(site: Site, history: History) -> dict[str, int]:
    """Count the phrases that were tested, and those of which a test won."""
    outcomes: dict[str, set[Outcome]] = defaultdict(set)
    for each in history.tests:
        if each.counted and each.result is not None and each.result.outcome is not None:
            outcomes[each.hypothesis].add(each.result.outcome)
    tested, won = set(), set()
    rows = PhraseUseRecord.objects.filter(phrase__site=site, state=Confirmed.CONFIRMED)
    for use in rows.select_related("hypothesis"):
        came = outcomes.get(use.hypothesis.key, set())
        tested |= {use.phrase_id} if came else set()
        won |= {use.phrase_id} if Outcome.WIN in came else set()
    return {"tested": len(tested), "won": len(won)}


def compute(site: Site, *, now: datetime) -> FiguresRecord:
    """Compute and keep everything that the page of the customer's voice says in numbers."""
    history = history_of(site, as_of=now)
    coded = coded_of(site)
    codebook = codebook_of(site)
    codes = {each.key: each for each in codes_in(codebook)}
    this_month = month_of(now.astimezone(ZoneInfo(site.time_zone)).date())
    notes: dict[date, list[int]] = defaultdict(list)
    since = month_of(this_month - timedelta(days=31 * MONTHS))
    for number, day in NoteRecord.objects.filter(
        site=site, erased_at=None, day__gte=since, day__lt=this_month
    ).values_list("number", "day"):
        notes[month_of(day)].append(number)
    document = {
        "yield": yield_of(tested_of(history)),
        "costs": costs_of(coded, {key: each.family for key, each in codes.items()}),
        "agreement": agreement_of(site.name, notes, coded),
        "saturation": saturation_of(coded),
        "claims": claims_of(coded),
        "phrases": phrases_of(site, history),
        "unsettled": sum(each.settled is None for each in coded),
        "coded": len(coded),
        "coded_since": coded[0].day.isoformat() if coded else None,
    }
    made, _ = FiguresRecord.objects.update_or_create(
        site=site, defaults={"document": document, "computed_at": now}
    )
    return made


def objections(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Give the rows of the objections, the dearest first."""
    return [each for each in rows if each["family"] == Family.OBJECTION]
