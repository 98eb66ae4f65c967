"""The page of page or traffic as values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from truelift.apps.commerce.drivers_page import Asked, Choice
from truelift.apps.commerce.periods import Against, period_label
from truelift.apps.commerce.wording import span
from truelift.apps.drawing.wording import count, percent, signed
from truelift.lifecycle.functions import Function
from truelift.lifecycle.vocabulary import Vocabulary, words_of
from truelift.stats.page_or_traffic import Verdict


GLYPHS: Final = {
    Verdict.TRAFFIC: "failed",
    Verdict.PAGE: "failed",
    Verdict.MISMATCH: "watch",
    Verdict.GLOBAL: "watch",
    Verdict.MIXED: "watch",
    Verdict.UNDETERMINED: "missing",
    Verdict.NO_CHANGE: "null",
}
MOST_CELLS: Final = 8


@dataclass(frozen=True, slots=True)
class CellRow:
    """A source on a page."""

    source: str
    n: str
    change: str
    elsewhere: str
    others: str
    said: str


@dataclass(frozen=True, slots=True)
class PageRow:
    """A surface with its verdict.

    Attributes:
        href: The review of what its visitors expect; empty where it is no surface of the site.
        moved: Its conversion, before and after.
        change: The change with its interval.
        because: Why the verdict is what it is, in a sentence.
        who: Who should look first.
    """

    page: str
    anchor: str
    href: str
    team: str
    n: str
    moved: str
    change: str
    between: str
    glyph: str
    said: str
    because: str
    who: str
    response: str
    device: str
    cells: tuple[CellRow, ...]


@dataclass(frozen=True, slots=True)
class VerdictsPage:
    """Everything that the page shows."""

    answer: str
    grounds: str
    rows: tuple[PageRow, ...]
    bounces: tuple[tuple[str, str, str, str], ...]
    knows_bounces: bool
    periods: tuple[Choice, ...]
    snapshot: str


def verdicts_page(
    document: Mapping[str, Any],
    asked: Asked,
    *,
    number: int,
    made: str,
    kept: Sequence[tuple[int, Against]],
    reviews: Mapping[str, str],
) -> VerdictsPage:
    """Lay out the verdict on every surface; `reviews` leads from its name to its review."""
    found = document["page_or_traffic"]
    first, last = document["drivers"]["before"], document["drivers"]["after"]
    nowhere = "the whole site" if len(found["pages"]) == 1 else "landing page not said"
    words = words_of(document.get("kind"))
    rows = tuple(
        _page(each, at, reviews.get(each["page"], ""), nowhere=nowhere, words=words)
        for at, each in enumerate(found["pages"], 1)
    )
    return VerdictsPage(
        answer=_answer(found["pages"]),
        grounds=f"{span(last)} against {span(first)}. Observational: it says where a change sits"
        " and who should look first, not what caused it; check that tracking held in both periods.",
        rows=rows,
        bounces=tuple(
            (
                each["source"] or "not said",
                each["page"] or "not said",
                f"{percent(each['bounced'], digits=0)} of {count(each['sessions'])}",
                percent(each["expected"], digits=0),
            )
            for each in found["bounces"]
        ),
        knows_bounces=found["knows_bounces"],
        periods=tuple(
            Choice(
                asked.address(weeks=weeks, against=against),
                period_label(weeks, against),
                (weeks, against) == (asked.weeks, asked.against),
            )
            for weeks, against in kept
        ),
        snapshot=f"Snapshot {number}, made {made}",
    )


def _answer(pages: Sequence[Mapping[str, Any]]) -> str:
    if not pages:
        return "No feed says on which pages visitors land."
    fell = [
        each
        for each in pages
        if Verdict(each["verdict"]) not in {Verdict.UNDETERMINED, Verdict.NO_CHANGE}
    ]
    if not fell:
        open_ = sum(each["verdict"] == Verdict.UNDETERMINED for each in pages)
        if open_:
            of = f"{open_} of {len(pages)} surfaces"
            if open_ == len(pages):
                of = "the only surface" if open_ == 1 else f"any of {open_} surfaces"
            return f"The data cannot tell of {of} whether the page or the traffic changed."
        return "Conversion held on every surface."
    worst = fell[0]
    more = f", and {len(fell) - 1} more" if len(fell) > 1 else ""
    nowhere = "The whole site" if len(pages) == 1 else "Where no feed says the landing page"
    return f"{worst['page'] or nowhere}: {worst['said']}{more}."


def _page(
    each: Mapping[str, Any], at: int, href: str, *, nowhere: str, words: Vocabulary
) -> PageRow:
    verdict = Verdict(each["verdict"])
    owner = Function(each["owner"]).called if each["owner"] else ""
    team = each["team"] if verdict is Verdict.PAGE else ""
    return PageRow(
        page=each["page"] or nowhere,
        anchor=f"page-{at}",
        href=href,
        team=each["team"],
        n=f"{count(each['orders'][0])}, then {count(each['orders'][1])} {words.many}",
        moved=" → ".join(_share(value) for value in each["conversion"]),
        change=_change(each["change"]),
        between=f"{_change(each['change_low'])} to {_change(each['change_high'])}"
        if each["change_low"] is not None
        else "",
        glyph=GLYPHS[verdict],
        said=verdict.said,
        because=_because(each, verdict, words),
        who=f"{owner}, {team}" if team and owner else owner,
        response=verdict.response,
        device=_device(each["device"]),
        cells=tuple(
            CellRow(
                source=cell["source"] or "not said",
                n=f"{count(cell['orders'][0])}, then {count(cell['orders'][1])}",
                change=_change(cell["change"]),
                elsewhere=_change(cell["elsewhere"]),
                others=_change(cell["others"]),
                said=Verdict(cell["verdict"]).said,
            )
            for cell in each["cells"][:MOST_CELLS]
        ),
    )


def _because(each: Mapping[str, Any], verdict: Verdict, words: Vocabulary) -> str:
    share, source = each["tqi_log_share"], each["source"]
    match verdict:
        case Verdict.TRAFFIC if each["explained"] is None:
            told = f"{share:.0%}" if share is not None and share <= 1 else "All"
            most = f", most of it {source}" if source else ""
            return f"{told} of the change is the mix of sources{most}."
        case Verdict.TRAFFIC:
            return f"{source or 'One source'} changed alike on other pages; other sources did not."
        case Verdict.PAGE:
            return "Sources changed here alike, and not on other pages."
        case Verdict.MISMATCH:
            return f"{source or 'One source'} changed here alone, and no other source did."
        case Verdict.GLOBAL:
            return "Sources changed here, and elsewhere too."
        case Verdict.UNDETERMINED if each["more_orders"]:
            times = each["more_orders"]
            return f"It would take about {max(times, 1.1):.1f} times as many {words.many}."
        case Verdict.UNDETERMINED if each["change"] is None:
            return f"A period has fewer than 10 {words.many}."
        case Verdict.UNDETERMINED:
            return "No cell of source and page changed clearly enough to be read."
        case _:
            return ""


def _device(device: str | None) -> str:
    if not device:
        return ""
    return f"Only on {device} it fell: look for a technical fault there first."


def _share(value: float | None) -> str:
    return "no value" if value is None else percent(value, digits=2)


def _change(value: float | None) -> str:
    return "no value" if value is None else signed(f"{value:+.0%}")
