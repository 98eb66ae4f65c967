"""What may be done about watched pages: watch one, change what is left out, look, call noise."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from truelift.apps.accounts.audit import record as audit
from truelift.apps.accounts.models import Json
from truelift.apps.changes.models import ChangeRecord
from truelift.apps.changes.services import record_change
from truelift.apps.experiments.job_kinds import queue
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.qa.hosts import verified_hosts
from truelift.apps.qa.models import AddressRecord
from truelift.apps.qa.pictures import keep_picture
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.apps.surfaces.reads import surfaces_of
from truelift.apps.watching.models import PageChangeRecord, WatchedPageRecord
from truelift.apps.watching.reads import difference_from, look_from, page_of, row_of
from truelift.browsing.visit import Outside, Visit, Wanted, synthetic_id, visit
from truelift.egress.gate import of_hosts
from truelift.errors import Refusal
from truelift.lifecycle.change import Change, ChangeKind, ChangeState, Trust
from truelift.lifecycle.experiment import Stage
from truelift.lifecycle.page_look import (
    Difference,
    Loaded,
    PageLook,
    difference,
    look_of,
    steady,
)
from truelift.lifecycle.surface import surfaces_at


LOOK: Final = "watching.look"

HOURS: Final = (1, 2, 6, 12, 24)
"""How often a page can be looked at."""

MOST_PAGES: Final = 100
MOST_PARTS: Final = 30
MOST_IGNORED: Final = 500

SOURCE: Final = "watcher"
"""Who says so, of a change that was seen and not told."""

TOLD_EARLY: Final = timedelta(hours=1)
"""A pipeline tells of a release before the last page of it is out."""

ANSWERED: Final = range(200, 400)
"""Statuses of a page that is there; an outage is no change of a page."""


class BadPage(Refusal):
    """A page that cannot be watched."""

    code = "watching.bad_page"


class NoSuchPage(Refusal):
    """The site watches none such."""

    code = "watching.no_such_page"

    def __init__(self, *, number: int) -> None:
        super().__init__(f"No page {number} is watched here.", number=number)


@transaction.atomic
def watch(
    site: Site,
    url: str,
    *,
    by: Actor,
    now: datetime,
    without: Sequence[str] = (),
    every_hours: int = 6,
    experiment: ExperimentRecord | None = None,
) -> WatchedPageRecord:
    """Look at a page again and again; asking again for one that is watched gives that one.

    Raises:
        BadPage: The address is none of a host that the site has verified, or there are too many.
        HostNotVerified: It is of another host.
        BadAddress: It is none.
    """
    address = url.strip()
    if len(address) > 2000:
        raise BadPage("An address has at most 2,000 characters.")
    hosts = verified_hosts(site)
    if not hosts:
        raise BadPage("No host of this site is verified. Verify it in the settings, under Hosts.")
    of_hosts(address, hosts=hosts)
    known = WatchedPageRecord.objects.filter(site=site, url=address, ended_at=None).first()
    if known is not None:
        return known
    if WatchedPageRecord.objects.filter(site=site, ended_at=None).count() >= MOST_PAGES:
        raise BadPage(f"{MOST_PAGES} pages are watched. End one that nobody needs.")
    claimed = surfaces_at(address, surfaces_of(site))
    page = WatchedPageRecord.objects.create(
        site=site,
        experiment=experiment,
        surface=(experiment.surface if experiment else "") or next(iter(claimed), ""),
        url=address,
        without=_parts(without),
        every_hours=_hours(every_hours),
        made_by=by.user,
        made_at=now,
    )
    _audit(page, "page.watched", {"url": address}, by=by, now=now)
    look_now(page, by=by, now=now)
    return page


@transaction.atomic
def change_page(
    site: Site,
    number: int,
    *,
    without: Sequence[str],
    ignored: Sequence[str],
    every_hours: int,
    by: Actor,
    now: datetime,
) -> WatchedPageRecord:
    """Change what is left out of a page and how often it is looked at; the next look is a first.

    Raises:
        NoSuchPage: The site watches none such.
        BadPage: There are too many parts.
    """
    page = _watched(site, number)
    before = {"without": page.without, "every_hours": page.every_hours}
    parts = _parts(without)
    if parts != page.without:
        # What was seen holds parts that are left out from now on.
        page.seen, page.steady_since = {}, None
    page.without = parts
    page.ignored = list(dict.fromkeys(line.strip() for line in ignored if line.strip()))[
        :MOST_IGNORED
    ]
    page.every_hours = _hours(every_hours)
    page.save(update_fields=["without", "ignored", "every_hours", "seen", "steady_since"])
    after = {"without": page.without, "every_hours": page.every_hours, "was": before}
    _audit(page, "page.watch_changed", after, by=by, now=now)
    look_now(page, by=by, now=now)
    return page


@transaction.atomic
def end(site: Site, number: int, *, by: Actor, now: datetime) -> None:
    """Look at a page no more; what was found stays.

    Raises:
        NoSuchPage: The site watches none such.
    """
    page = _watched(site, number)
    page.ended_at = now
    page.save(update_fields=["ended_at"])
    _audit(page, "page.watch_ended", {"url": page.url}, by=by, now=now)


@transaction.atomic
def call_noise(
    site: Site, number: int, change: int, *, note: str, by: Actor, now: datetime
) -> PageChangeRecord:
    """Say that what was other says nothing; it is left out from now on.

    The change that was opened for it stays for engineering and analytics to judge.

    Raises:
        NoSuchPage: The site watches none such, or it never changed so.
        BadPage: Nobody says why.
    """
    page = _watched(site, number)
    found = page.changes.filter(pk=change, noise_at=None).first()
    if found is None:
        raise NoSuchPage(number=number)
    if not note.strip():
        raise BadPage("Say why it is noise; the next person will ask.")
    parts = difference_from(found.difference)
    lines = [line for group in asdict(parts).values() for line in group]
    page.ignored = list(dict.fromkeys([*page.ignored, *lines]))[-MOST_IGNORED:]
    page.save(update_fields=["ignored"])
    found.noise_note, found.noise_by, found.noise_at = note.strip()[:300], by.user, now
    found.save(update_fields=["noise_note", "noise_by", "noise_at"])
    _audit(page, "page.change_called_noise", {"change": found.change}, by=by, now=now)
    return found


def look_now(page: WatchedPageRecord, *, by: Actor, now: datetime) -> None:
    """Let the worker look at a page at once."""
    queue(LOOK, f"page:{page.pk}", by=by.user, now=now)


def follow_tests(site: Site, *, now: datetime) -> None:
    """Watch the control of every running test whose address is known; end what is over."""
    machine = Actor(None, machine=True)
    running = {Stage.RUNNING.value, Stage.PAUSED.value}
    for page in WatchedPageRecord.objects.filter(site=site, ended_at=None).exclude(experiment=None):
        if page.experiment is not None and page.experiment.stage not in running:
            end(site, page.pk, by=machine, now=now)
    controls = (
        AddressRecord.objects.filter(
            plan__experiment__site=site,
            plan__experiment__stage__in=running,
            plan__experiment__watched_pages__isnull=True,
        )
        .select_related("plan__experiment")
        .prefetch_related("plan__experiment__variants")
    )
    for address in controls:
        experiment = address.plan.experiment
        control = next((each.key for each in experiment.variants.all() if each.is_control), "")
        if address.variant != control:
            continue
        try:
            watch(site, address.url, experiment=experiment, by=machine, now=now)
        except Refusal:
            # The check of its events says so already, and tells people what to do.
            continue


def due(site: Site, *, now: datetime) -> list[WatchedPageRecord]:
    """List the pages whose turn it is."""
    rows = WatchedPageRecord.objects.filter(site=site, ended_at=None).select_related("site")
    return [
        page
        for page in rows
        if page.looked_at is None or now - page.looked_at >= timedelta(hours=page.every_hours)
    ]


def look(page: WatchedPageRecord, *, now: datetime, outside: Outside) -> PageChangeRecord | None:
    """Look at a page, and write down that it is another page than before; call it from a job.

    Every look is two visits, so that what rotates is told from what changed; a difference is
    looked at twice more.

    Raises:
        Outage: There is no browser, or it broke; the worker tries again.
    """
    try:
        first, second, shown = _two_looks(page, outside=outside, now=now)
        before = look_from(page.seen)
        found = None if before is None else _difference(page, before, first, second)
        if before is not None and found:
            first, second, shown = _two_looks(page, outside=outside, now=now)
            found = found.confirmed_by(_difference(page, before, first, second))
    except Refusal as refusal:
        page.problem, page.looked_at = str(refusal)[:500], now
        page.save(update_fields=["problem", "looked_at"])
        return None
    with transaction.atomic():
        changed = None
        if before is None or found:
            picture = keep_picture(page.site, shown.screenshot, by=None, now=now)
            if found:
                since = page.looked_at or page.made_at
                known = _explaining(page, since=since, until=now)
                changed = PageChangeRecord.objects.create(
                    page=page,
                    since=since,
                    at=now,
                    difference={name: list(lines) for name, lines in asdict(found).items()},
                    sentence=found.sentence()[:300],
                    before=page.picture,
                    after=picture,
                    change=known,
                    explained=bool(known),
                )
                if not known:
                    changed.change = _told(changed, now=now)
                    changed.save(update_fields=["change"])
            page.picture, page.steady_since = picture, now
            page.seen = row_of(steady(first, second))
        page.problem, page.looked_at = "", now
        page.save(update_fields=["picture", "steady_since", "seen", "problem", "looked_at"])
    return changed


def _explaining(page: WatchedPageRecord, *, since: datetime, until: datetime) -> str:
    """Name the change of that surface that somebody has told of; empty where nobody has."""
    told = ChangeRecord.objects.filter(
        site=page.site,
        state=ChangeState.RECORDED.value,
        at__gte=since - TOLD_EARLY,
        at__lte=until,
    ).exclude(source=SOURCE)
    here = (each for each in told.order_by("-at") if page.surface in each.surfaces)
    return next((each.key for each in here), "")


def _told(changed: PageChangeRecord, *, now: datetime) -> str:
    """Open a change that nobody has told of, for engineering to say what it was; give its key."""
    page = changed.page
    unexplained = Change(
        kind=ChangeKind.UNKNOWN,
        external_id=f"page-change-{changed.pk}",
        what=f"{changed.sentence} Seen on {page.url}"[:300],
        surfaces=(page.surface,) if page.surface else (),
        urls=(page.url,),
        # It may have been there from the last look on: no share of visitors is made too small.
        started_at=changed.since,
        finished_at=now,
    )
    machine = Actor(None, machine=True)
    made = record_change(
        page.site, unexplained, source=SOURCE, trust=Trust.TOKEN, by=machine, now=now
    )
    return made.record.key


class _Away(Refusal):
    """A page that is not there now."""

    code = "watching.page_away"

    def __init__(self, *, status: int | None) -> None:
        said = f"answered {status}" if status else "did not answer"
        super().__init__(f"It {said}; it is compared again when it is back.", status=status)


def _two_looks(
    page: WatchedPageRecord, *, outside: Outside, now: datetime
) -> tuple[PageLook, PageLook, Visit]:
    first, second = (_visited(page, outside=outside, now=now) for _ in range(2))
    return _taken(first, outside), _taken(second, outside), second


def _visited(page: WatchedPageRecord, *, outside: Outside, now: datetime) -> Visit:
    seen = visit(
        Wanted(
            url=page.url,
            # Its events are told from those of people by this name.
            visitor=synthetic_id(at_ms=int(now.timestamp() * 1000), token=secrets.token_hex(12)),
            without=tuple(page.without),
            digests=True,
        ),
        outside=outside,
    )
    if seen.status not in ANSWERED:
        raise _Away(status=seen.status)
    return seen


def _taken(seen: Visit, outside: Outside) -> PageLook:
    return look_of(
        text=seen.text,
        source=seen.source,
        loaded=[Loaded(each.url, each.kind, each.digest) for each in seen.requests],
        hosts=outside.hosts,
    )


def _difference(
    page: WatchedPageRecord, before: PageLook, first: PageLook, second: PageLook
) -> Difference:
    return difference(before, first, second, ignored=frozenset(page.ignored))


def _watched(site: Site, number: int) -> WatchedPageRecord:
    page = page_of(site, number)
    if page is None or page.ended_at is not None:
        raise NoSuchPage(number=number)
    return page


def _parts(without: Sequence[str]) -> list[str]:
    parts = list(dict.fromkeys(part.strip() for part in without if part.strip()))
    if len(parts) > MOST_PARTS or any(len(part) > 200 for part in parts):
        raise BadPage(f"At most {MOST_PARTS} parts are left out, each in 200 characters.")
    return parts


def _hours(given: int) -> int:
    if given not in HOURS:
        raise BadPage(f"A page is looked at every {', '.join(map(str, HOURS))} hours.")
    return given


def _audit(
    page: WatchedPageRecord, action: str, after: dict[str, Json], *, by: Actor, now: datetime
) -> None:
    audit(
        action=action,
        target=f"watched_page:{page.pk}",
        after=after,
        now=now,
        site=page.site.name,
        **by.audited,
    )
