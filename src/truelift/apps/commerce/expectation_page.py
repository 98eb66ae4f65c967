"""The page of what visitors of a surface expect as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from truelift.apps.commerce.models import ExpectationRecord
from truelift.apps.commerce.reviews import Sources
from truelift.apps.drawing.wording import count, day, percent
from truelift.lifecycle.expectation import SIGNERS, VALID_DAYS
from truelift.lifecycle.functions import Function
from truelift.stats.page_or_traffic import Verdict


@dataclass(frozen=True, slots=True)
class ExpectationPage:
    """Everything that the page shows.

    Attributes:
        review: The newest; None before the first.
        signatures: Function, and who signed when; empty where nobody has.
        may_sign: Functions for which the person may sign now: value and words.
        sources: Where visitors come from, as the last snapshot has it.
        of_site: Whether these are the sources of the whole site.
    """

    answer: str
    grounds: str
    review: ExpectationRecord | None
    reviewed_sources: tuple[tuple[str, str], ...]
    reviewed: str
    signatures: tuple[tuple[str, str], ...]
    may_sign: tuple[tuple[str, str], ...]
    sources: tuple[tuple[str, str, str], ...]
    covered: str
    verdict: str
    of_site: bool


def expectation_page(
    surface: str,
    record: ExpectationRecord | None,
    found: Sources | None,
    *,
    signs: tuple[Function, ...],
    now: datetime,
    zone: ZoneInfo,
) -> ExpectationPage:
    """Lay out the newest review of a surface, and what a new one would begin with."""
    signed = {each.function: each for each in record.signatures.all()} if record else {}
    return ExpectationPage(
        answer=_answer(surface, record, now=now, zone=zone),
        grounds=f"A test that takes 5% of a page’s traffic or more is ready when this is at most"
        f" {VALID_DAYS} days old and signed by {' and '.join(each.called for each in SIGNERS)},"
        " where the programme asks for it.",
        review=record,
        reviewed_sources=tuple(
            (source or "not said", percent(share, digits=0))
            for source, _, share in (record.sources if record else ())
        ),
        reviewed=""
        if record is None
        else f"{day(record.made_at.astimezone(zone).date())}"
        f"{f', by {record.made_by}' if record.made_by else ''}",
        signatures=tuple((each.called, _signed(signed, each, zone=zone)) for each in SIGNERS)
        if record
        else (),
        may_sign=tuple(
            (each.value, each.called) for each in signs if record and each.value not in signed
        ),
        sources=tuple(
            (source or "not said", count(sessions), percent(share, digits=0))
            for source, sessions, share in (found.rows if found else ())
        ),
        covered=percent(found.covered, digits=0) if found else "",
        verdict=Verdict(found.verdict).said if found and found.verdict else "",
        of_site=found is not None and found.snapshot is None,
    )


def _signed(signed: Mapping[str, Any], function: Function, *, zone: ZoneInfo) -> str:
    found = signed.get(function.value)
    if found is None:
        return ""
    return f"{found.by or 'the operator'}, {day(found.at.astimezone(zone).date())}"


def _answer(
    surface: str, record: ExpectationRecord | None, *, now: datetime, zone: ZoneInfo
) -> str:
    if record is None:
        return f"Nobody has reviewed what visitors of {surface} expect."
    told = record.as_domain()
    if now > told.valid_until():
        return f"The review of {surface} is older than {VALID_DAYS} days: review it anew."
    if told.missing:
        who = " and ".join(each.called for each in told.missing)
        return f"The review of {surface} waits for the signature of {who}."
    until = day(told.valid_until().astimezone(zone).date())
    return f"What visitors of {surface} expect is reviewed and signed until {until}."
