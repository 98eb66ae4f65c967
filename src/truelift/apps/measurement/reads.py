"""What measurement pages ask the lake."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Final, TypeVar, cast

from django.conf import settings

from truelift.apps.measurement import running
from truelift.lake.home import Home
from truelift.questions.events_seen import EventSeen, EventsSeen
from truelift.questions.funnel import Funnel
from truelift.questions.leaks import Leak, leaks_between_segments
from truelift.questions.metric import Amount, AmountKind
from truelift.questions.question import Question
from truelift.questions.trend import Interval, Trend


if TYPE_CHECKING:
    from truelift.apps.measurement.running import Answering
    from truelift.lake.lake import Asked, Lake
    from truelift.questions.funnel import FunnelAnswer


LEAKS_BY: Final = ("device", "channel")
"""Dimensions in which a site's own leak is looked for."""

WEEK_S: Final = 7 * 86_400


LARGE: Final = 5_000_000
"""Events from which on a page is shown before its answer is there."""

MOST_REMEMBERED: Final = 256
"""Answers kept per process; each is a few numbers."""

Partial = TypeVar("Partial")
Answer = TypeVar("Answer")
_remembered: dict[tuple[object, ...], object] = {}


def lake() -> Lake:
    """Give the installation's lake, opened once per process."""
    return _lake_of(Home.of(settings.TRUELIFT), settings.TRUELIFT.executor)


@lru_cache(maxsize=8)
def _lake_of(home: Home, executor: str) -> Lake:
    # Imported here, so that commands which only touch rows do not load the engine.
    from truelift.lake.lake import Lake

    return Lake(home, executor)


def ask(site: str, question: Question[Partial, Answer]) -> Asked[Answer]:
    """Ask the lake, or give the answer that it gave while nothing new has come in.

    An answer is true of one position of the site's journal. While that stands, the
    same question has the same answer; a refusal is never remembered, and neither is an
    answer that lacks a file, because the file may be restored.

    Raises:
        ComesLater: It takes long, and the page that asks does not wait.
        Busy: It takes long, and others do already.
        Cancelled: Who asked does not want it any more.
    """
    return _ask(site, question, running.current())


def _ask(
    site: str, question: Question[Partial, Answer], answering: Answering | None
) -> Asked[Answer]:
    opened = lake()
    key = _key(opened, site, question)
    found = _remembered.get(key)
    if found is None:
        if answering is not None:
            answering.begin(is_long=partial(is_large, site))
        found = asked = opened.ask(
            site, question, stop=None if answering is None else answering.stop
        )
        if asked.unread:
            return asked
        _remembered[key] = found
        while len(_remembered) > MOST_REMEMBERED:
            with suppress(KeyError, StopIteration):  # another thread was quicker
                del _remembered[next(iter(_remembered))]
    return cast("Asked[Answer]", found)


def is_remembered(site: str, question: Question[Partial, Answer]) -> bool:
    """Say whether a question's answer is there without asking the lake."""
    return _key(lake(), site, question) in _remembered


def is_large(site: str) -> bool:
    """Say whether a site has so many events that a person may have to wait for an answer."""
    return lake().ledger(site).stored >= LARGE


def _key(opened: Lake, site: str, question: Question[Partial, Answer]) -> tuple[object, ...]:
    return (opened.home, site, question, opened.position(site))


def this_minute(now: datetime) -> datetime:
    """Cut a moment to its minute, so that a page asked again asks the same questions."""
    return now.replace(second=0, microsecond=0)


def events_seen(site: str) -> Sequence[EventSeen]:
    """List the names of a site's events, the most frequent first."""
    # Not with the question of a page: without the names there is no page to say anything on.
    return _ask(site, EventsSeen(), None).answer.rows


def known_events(site: str) -> Sequence[EventSeen]:
    """List the names of a site's events, the most frequent first where that is known already.

    How often each is takes long on a large site, and only to choose among them nobody waits.
    """
    question = EventsSeen()
    if not is_large(site) or is_remembered(site, question):
        return events_seen(site)
    names, last = lake().event_names(site)
    if last is None:
        return ()
    return tuple(EventSeen(name, count=0, people=0, last_at=last) for name in names)


def worth_minor(site: str, question: Funnel, *, currency: str) -> float | None:
    """Say what a person at the funnel's last step is worth; None where money is unknown.

    Money of the period's last-step events by the people who did them, in minor
    units. Amounts in other currencies are left out.
    """
    whole = ask(
        site,
        Trend(
            events=question.steps[-1].events,
            interval=Interval.WEEK,
            amount=Amount(kind=AmountKind.MONEY, currency=currency),
            since=question.since,
            until=question.until,
        ),
    ).answer.whole
    return whole.total / whole.people if whole.measured and whole.people else None


def leaks_of(
    site: str, answers: Sequence[FunnelAnswer], *, weeks: float, currency: str
) -> tuple[Leak, ...]:
    """Find where groups lose more than they need, the worst first."""
    if not answers or not any(answer.groups for answer in answers):
        return ()
    worth = worth_minor(site, answers[0].question, currency=currency)
    return leaks_between_segments(answers, weeks=weeks, worth_minor=worth)


def weeks_of(site: str, question: Funnel) -> float:
    """Give the length of a question's period in weeks, at least a day.

    A period without bounds runs from the first event of its first step to the last.
    """
    since, until = question.since, question.until
    if since is None or until is None:
        steps = Trend(events=question.steps[0].events, interval=Interval.DAY)
        days = [row.begins for row in ask(site, steps).answer.rows if row.point.count]
        since, until = (days[0], days[-1]) if days else (question.as_of, question.as_of)
    until = min(until, question.as_of)
    return max((until - since).total_seconds(), 86_400) / WEEK_S


def site_leaks(
    site: str, question: Funnel, *, weeks: float, currency: str
) -> tuple[tuple[Asked[FunnelAnswer], ...], tuple[Leak, ...]]:
    """Ask one funnel by each dimension in which leaks are looked for, and find them."""
    asked = tuple(ask(site, replace(question, by=by)) for by in LEAKS_BY)
    leaks = leaks_of(site, [each.answer for each in asked], weeks=weeks, currency=currency)
    return asked, leaks
