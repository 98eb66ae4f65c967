"""Gathers what the site's home answers from."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from truelift.apps.backlog.reads import first_to_test
from truelift.apps.experiments.monitoring_hiding import shown_to_all
from truelift.apps.experiments.reads import experiments_of, learnings_of
from truelift.apps.measurement import reads
from truelift.apps.measurement.funnel_form import FunnelForm, default_form
from truelift.apps.measurement.home_page import HomePage, best_of, home_page, ranked_by
from truelift.apps.programme.reads import policy_of
from truelift.apps.research.reads import HypothesisRow, hypothesis_rows, untested
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import event_names_of
from truelift.questions.funnel import Funnel, FunnelAnswer
from truelift.questions.leaks import Leak
from truelift.questions.metric import Amount, AmountKind
from truelift.questions.trend import Interval, Trend, TrendAnswer
from truelift.questions.zone import day_begins, local_day


MOST_TESTS = 12
"""Rows of the table of experiments on the home page."""

_OF_EACH_TEST: Final = ("metrics__metric", "variants")
"""What a row of that table needs, fetched for all rows at once."""

MINUTE = timedelta(minutes=1)

TREND_DAYS: Final = 28
"""How many whole days orders are counted and drawn; today comes on top as far as it has come."""


def home_of(site: Site, *, now: datetime) -> HomePage:
    """Answer the four questions of a site; empty while it has no events."""
    zone = ZoneInfo(site.time_zone)
    form = _form_of(site, now=now)
    leaks: tuple[Leak, ...] = ()
    funnels: tuple[FunnelAnswer, ...] = ()
    orders: TrendAnswer | None = None
    last_step = ""
    if len(form.steps) >= 2:
        question = form.question(now=now, zone=zone)
        funnels, leaks = _leaks_by(site, question)
        last_step = question.steps[-1].events.title
        orders = reads.ask(
            site.name,
            Trend(
                events=question.steps[-1].events,
                interval=Interval.DAY,
                time_zone=site.time_zone,
                amount=Amount(kind=AmountKind.MONEY, currency=site.currency),
                since=day_begins(local_day(now, site.time_zone) - TREND_DAYS, site.time_zone),
                until=now + MINUTE,  # `now` is cut to its minute, which is not over
            ),
        ).answer
    policy = policy_of(site)
    hypotheses = hypothesis_rows(site, tuple(untested(site)))
    return home_page(
        site.name,
        now=now,
        zone=zone,
        currency=site.currency,
        leaks=leaks,
        funnels=funnels,
        hypotheses=hypotheses,
        first=first_to_test(site) if hypotheses else None,
        experiments=[
            (
                record,
                shown_to_all(record, json.loads(text), now=now, policy=policy)
                if (text := getattr(record, "newest_text", None))
                else None,
            )
            for record in experiments_of(site).prefetch_related(*_OF_EACH_TEST)[:MOST_TESTS]
        ],
        learnings=list(learnings_of(site)[:1]),
        orders=orders,
        last_step=last_step,
        measured=bool(form.steps),
    )


def leaks_on_home(site: Site, *, now: datetime) -> tuple[Leak, ...]:
    """Give the leaks that the home page names, the worst first."""
    form = _form_of(site, now=now)
    if len(form.steps) < 2:
        return ()
    return _leaks_by(site, form.question(now=now, zone=ZoneInfo(site.time_zone)))[1]


def next_on_home(site: Site) -> tuple[HypothesisRow, str | None] | None:
    """Give the hypothesis that the home page proposes to test next, and who ranked it."""
    first = first_to_test(site)
    best = best_of(hypothesis_rows(site, tuple(untested(site))), first)
    return (best, ranked_by(best, first)) if best is not None else None


def _form_of(site: Site, *, now: datetime) -> FunnelForm:
    return default_form(reads.events_seen(site.name), now=now, called=event_names_of(site))


def _leaks_by(site: Site, question: Funnel) -> tuple[tuple[FunnelAnswer, ...], tuple[Leak, ...]]:
    asked, leaks = reads.site_leaks(
        site.name,
        question,
        weeks=reads.weeks_of(site.name, question),
        currency=site.currency,
    )
    if len(question.steps) > 2:
        # What the traffic explains has pages of its own; here stands what somebody can mend.
        leaks = tuple(each for each in leaks if not each.is_of_arrival)
    return tuple(each.answer for each in asked), leaks
