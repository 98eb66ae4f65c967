"""What may be done: keep what drove revenue, as the facts are now."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.db import transaction

from truelift.apps.commerce.cells import counted
from truelift.apps.commerce.crossing import crossing_document
from truelift.apps.commerce.economics import acquisition
from truelift.apps.commerce.explaining import explanation
from truelift.apps.commerce.models import SnapshotRecord
from truelift.apps.commerce.periods import LENGTHS, Against, Pair, pair
from truelift.apps.commerce.reads import latest
from truelift.apps.experiments.domain import day_at
from truelift.apps.explorers.events_text import escaped
from truelift.apps.facts import reads as facts
from truelift.apps.facts.defining import kind_of
from truelift.apps.measurement.funnel_form import default_steps
from truelift.apps.measurement.reads import known_events
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import event_names_of
from truelift.apps.surfaces.reads import records_of
from truelift.lake.lake import NoSuchSite


FORM: Final = 3
"""Of the document; a new one makes new snapshots of the same facts."""


def explain(site: Site, *, now: datetime) -> tuple[SnapshotRecord, ...]:
    """Keep what drove revenue in the last whole weeks, against those before and a year before.

    Where the facts say what they said before, nothing is written.

    Returns:
        The snapshots that were made just now.
    """
    span = facts.known_span(site)
    if span is None:
        return ()
    end = min(day_at(site, now), span[1])
    made = []
    for weeks in LENGTHS:
        for against in Against:
            when = pair(end=end, weeks=weeks, against=against)
            if when.before_since < span[0]:
                continue
            document = computed(site, when)
            if document is not None:
                row = _keep(site, weeks, against, when, document, now=now)
                made += [row] if row is not None else []
    return tuple(made)


def computed(site: Site, when: Pair) -> dict[str, Any] | None:
    """Compute what drove revenue between two periods; None where one of them had no sessions."""
    before = facts.traffic(site, since=when.before_since, until=when.before_until)
    after = facts.traffic(site, since=when.since, until=when.until)
    if not (before.sessions.sum() and after.sessions.sum()):
        return None
    told = counted(before, after)
    spent = (
        facts.spend(site, since=when.before_since, until=when.before_until),
        facts.spend(site, since=when.since, until=when.until),
    )
    customers = [
        facts.new_customers(site, since=since, until=until)
        for since, until in ((when.before_since, when.before_until), (when.since, when.until))
    ]
    new = tuple(each for each in customers if each is not None)
    records = records_of(site)
    surfaces = [each.as_domain() for each in records]
    return {
        "form": FORM,
        "site": site.name,
        "currency": site.currency,
        "kind": kind_of(site).value,
        "funnel": funnel_of(site),
        "drivers": explanation(told, when),
        "acquisition": acquisition(told, spent, new if len(new) == len(customers) else ()),
        "page_or_traffic": crossing_document(
            told, surfaces, {each.name: each.team for each in records}
        ),
    }


def funnel_of(site: Site) -> list[str]:
    """Name the steps of the site's usual funnel, to which every segment leads."""
    try:
        seen = known_events(site.name)
    except NoSuchSite:
        return []
    steps = default_steps([each.event for each in seen], event_names_of(site))
    return [" | ".join(map(escaped, names)) for names in steps]


def _keep(
    site: Site,
    weeks: int,
    against: Against,
    when: Pair,
    document: Mapping[str, Any],
    *,
    now: datetime,
) -> SnapshotRecord | None:
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    digest = hashlib.sha256(text.encode()).hexdigest()
    with transaction.atomic():
        last = latest(site, weeks=weeks, against=against)
        if last is not None and last.digest == digest:
            return None
        return SnapshotRecord.objects.create(
            site=site,
            weeks=weeks,
            against=against.value,
            since=when.since,
            until=when.until,
            text=text,
            digest=digest,
            made_at=now,
        )
