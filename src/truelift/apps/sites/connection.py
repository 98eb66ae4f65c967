"""Whether events of a site arrive, and whether they say enough: what the connect page shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from truelift.apps.measurement.reads import lake
from truelift.apps.sites.keys_seen import KeysSeen
from truelift.apps.sites.models import Site
from truelift.apps.sites.publish import settings_of
from truelift.errors import Outage, Refusal
from truelift.lake.sites import parse_site
from truelift.questions.checks import CheckName, Checks, CheckStatus, Findings, orders_of


_NAMES: Final = {
    CheckName.PAGE: "Page views",
    CheckName.ORDER: "Orders",
    CheckName.VALUE: "Value and currency",
    CheckName.USER: "Known users",
    CheckName.BOTS: "Robots",
}
_DRAWN: Final = {
    CheckStatus.PASSED: ("passed", "Passed"),
    CheckStatus.WATCH: ("watch", "Look at it"),
    CheckStatus.WAITING: ("waiting", "Waiting"),
}


@dataclass(frozen=True, slots=True)
class Check:
    """One of the five things that a site's events should say.

    Attributes:
        name: What is looked at.
        status: A status of the glyphs: `passed`, `watch`, `failed`, `waiting`, `missing`.
        word: The status in a word or two.
        says: What was found, and what to do where something is missing.
    """

    name: str
    status: str
    word: str
    says: str


@dataclass(frozen=True, slots=True)
class Connection:
    """What has come in of a site.

    Attributes:
        sentence: The answer, as the page says it.
        status: The glyph beside it.
        receiving: At least one event was stored.
        complete: All checks have passed; the page asks less often then.
        received: Items acknowledged so far.
        quarantined: Of these, kept apart because something was wrong with them.
        last_received_at: When the last one arrived.
        checks: The five checks, in their order.
    """

    sentence: str
    status: str
    receiving: bool
    complete: bool
    received: int
    quarantined: int
    last_received_at: datetime | None
    checks: tuple[Check, ...]


def connection(site: Site) -> Connection:
    """Ask the lake what has come in of a site, and how complete it is."""
    try:
        ledger = lake().ledger(site.name)
        checks = five_checks(site) if ledger.stored else _all_waiting()
    except Outage as outage:
        return _silent(f"Whether events arrive cannot be told now: {outage}", status="failed")
    except Refusal:
        return _silent("Waiting for the first event…", status="waiting")
    if not ledger.stored:
        sentence = (
            f"{ledger.quarantined:,} arrived, but none could be used; the ledger says why."
            if ledger.quarantined
            else "The first event has arrived and is being read…"
            if ledger.waiting
            else "Waiting for the first event…"
        )
        return Connection(
            sentence=sentence,
            status="watch" if ledger.quarantined else "waiting",
            receiving=False,
            complete=False,
            received=ledger.received,
            quarantined=ledger.quarantined,
            last_received_at=None,
            checks=checks,
        )
    passed = sum(check.status == "passed" for check in checks)
    stored = f"{ledger.stored:,} event{'s' if ledger.stored != 1 else ''}"
    return Connection(
        sentence=(
            f"Events are arriving: {stored} so far, and all {len(checks)} checks have passed."
            if passed == len(checks)
            else f"Events are arriving: {stored} so far. {passed} of {len(checks)} checks have"
            " passed."
        ),
        status="passed",
        receiving=True,
        complete=passed == len(checks),
        received=ledger.received,
        quarantined=ledger.quarantined,
        last_received_at=datetime.fromtimestamp(ledger.last_received_at / 1000, UTC)
        if ledger.last_received_at
        else None,
        checks=checks,
    )


def keys_last_used(site: Site, *, now: datetime) -> Mapping[str, datetime]:
    """Say when each key last brought an event, within 30 days; empty when nothing can be told."""
    try:
        return lake().ask(site.name, KeysSeen(since=now - timedelta(days=30))).answer
    except (Outage, Refusal):
        return {}


def five_checks(site: Site) -> tuple[Check, ...]:
    """Hold what has arrived against what funnels, revenue and experiments need."""
    published = parse_site(settings_of(site))
    question = Checks(
        currency=published.currency,
        orders=orders_of(dict(published.event_names)),
        deducted=published.deducted,
    )
    answer = lake().ask(site.name, question).answer
    return tuple(
        Check(_NAMES[check.name], *_DRAWN[check.status], check.says) for check in answer.checks
    )


def _all_waiting() -> tuple[Check, ...]:
    """Say the same before the first event as the question would say of nothing."""
    nothing = Checks(currency="").answer(Findings())
    return tuple(
        Check(_NAMES[check.name], *_DRAWN[check.status], check.says) for check in nothing.checks
    )


def _silent(sentence: str, *, status: str) -> Connection:
    return Connection(
        sentence=sentence,
        status=status,
        receiving=False,
        complete=False,
        received=0,
        quarantined=0,
        last_received_at=None,
        checks=_all_waiting(),
    )
