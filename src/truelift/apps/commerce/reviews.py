"""Reviews of what visitors expect of a surface: made from facts, signed by two, asked by a gate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction

from truelift.apps.accounts.audit import record as audit
from truelift.apps.accounts.reads import functions_in_use, functions_of
from truelift.apps.commerce.models import (
    ExpectationRecord,
    ExpectationSignatureRecord,
    SnapshotRecord,
)
from truelift.apps.commerce.reads import latest
from truelift.apps.experiments.domain import day_at, midnight_at
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.facts.reads import traffic
from truelift.apps.measurement.reads import ask
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import is_storable
from truelift.apps.sites.models import Site
from truelift.apps.surfaces.models import SurfaceRecord
from truelift.apps.surfaces.reads import records_of
from truelift.errors import Refusal
from truelift.lake.lake import NoSuchSite
from truelift.lifecycle.expectation import SIGNERS, WANTED_SHARE, expectation_obstacles
from truelift.lifecycle.functions import Function
from truelift.lifecycle.obstacle import Obstacle
from truelift.questions.sessions import Sessions


LONGEST: Final = 2_000

RECENTLY: Final = timedelta(weeks=4)


class NothingKnown(Refusal):
    """Nothing says where the visitors of a surface come from."""

    code = "expectation.nothing_known"

    def __init__(self, *, surface: str) -> None:
        super().__init__(
            f"Nobody knows where visitors of {surface} come from: no visit of the site is known."
            " Connect the site, or bring daily traffic by source under Feeds; then review it.",
            surface=surface,
        )


class BadReview(Refusal):
    """A review does not say what is expected, or says too much."""

    code = "expectation.bad_review"

    def __init__(self, *, why: str) -> None:
        super().__init__(why)


class NotASigner(Refusal):
    """The person does not have the function for which they would sign."""

    code = "expectation.not_a_signer"

    def __init__(self, *, function: str) -> None:
        super().__init__(
            f"A review is signed by {' and '.join(each.called for each in SIGNERS)}; you do not"
            f" sign for {function[:20]!r}. Ask somebody who does.",
            function=function[:20],
        )


@dataclass(frozen=True, slots=True)
class Sources:
    """Where visitors of a surface come from.

    Attributes:
        rows: Source, sessions, share; as many as cover 80 % of sessions.
        covered: What they cover.
        verdict: A word of `Verdict`; empty where none was computed.
        snapshot: From which they are; None where they are those of the whole site.
    """

    rows: tuple[tuple[str, int, float], ...]
    covered: float
    verdict: str
    snapshot: SnapshotRecord | None = None


def sources_for(site: Site, surface: str, *, now: datetime) -> Sources | None:
    """Give the top sources of a surface, else of the whole site; None where no visit is known.

    On most steps of a checkout nobody lands: who comes there came to the site from somewhere.
    """
    row = latest(site)
    found = None if row is None else sources_of(row.document, surface)
    if found is not None:
        return replace(found, snapshot=row)
    sessions = _sessions_by_source(site, now)
    total = sum(sessions.values())
    rows: list[tuple[str, int, float]] = []
    covered = 0.0
    for source, count in sorted(sessions.items(), key=lambda each: (-each[1], each[0])):
        if covered >= WANTED_SHARE or not count:
            break
        rows.append((source, count, count / total))
        covered += count / total
    return Sources(tuple(rows), min(covered, 1.0), "") if rows else None


def _sessions_by_source(site: Site, now: datetime) -> dict[str, int]:
    """Count four weeks of sessions by source: from facts, else from the site's own events."""
    today = day_at(site, now)
    since = today - RECENTLY
    known = traffic(site, since=since, until=today)
    if len(known):
        found: Counter[str] = Counter()
        for source, count in zip(known.source, known.sessions.tolist(), strict=True):
            found[str(source)] += count
        return dict(found)
    question = Sessions(
        since=midnight_at(site, since),
        until=midnight_at(site, today + timedelta(days=1)),
        time_zone=site.time_zone,
        by="source",
    )
    try:
        rows = ask(site.name, question).answer.rows
    except NoSuchSite:
        return {}
    return {each.values[0] or "": each.tally.sessions for each in rows if not each.others}


def sources_of(document: Mapping[str, Any], surface: str) -> Sources | None:
    """Read the top sources of a surface from a snapshot; None where nobody landed there."""
    page = next(
        (each for each in document["page_or_traffic"]["pages"] if each["page"] == surface), None
    )
    total = page["sessions"][1] if page else 0
    if page is None or not total:
        return None
    rows: list[tuple[str, int, float]] = []
    covered = 0.0
    for each in page["cells"]:
        if covered >= WANTED_SHARE or not each["sessions"][1]:
            break
        share = each["sessions"][1] / total
        rows.append((each["source"], each["sessions"][1], share))
        covered += share
    return Sources(tuple(rows), min(covered, 1.0), page["verdict"])


def newest_review(surface: SurfaceRecord) -> ExpectationRecord | None:
    """Give the newest review of a surface."""
    rows = ExpectationRecord.objects.filter(surface=surface).select_related("surface", "made_by")
    return rows.prefetch_related("signatures__by").order_by("-made_at", "-pk").first()


def review_of(site: Site, number: int) -> ExpectationRecord | None:
    """Find a review of the site by its number."""
    if not 0 < number < 2**63:
        return None
    rows = ExpectationRecord.objects.filter(site=site, pk=number)
    return rows.select_related("surface").prefetch_related("signatures__by").first()


@transaction.atomic
def review(
    surface: SurfaceRecord,
    *,
    terms: str,
    read_before: str,
    expectation: str,
    by: Actor,
    now: datetime,
) -> ExpectationRecord:
    """Write down what visitors of a surface expect; its sources come from the facts.

    Raises:
        BadReview: It does not say what is expected, or a text is too long.
        NothingKnown: No feed says where the visitors come from.
    """
    texts = [each.strip() for each in (terms, read_before, expectation)]
    if not texts[2]:
        raise BadReview(why="Say what visitors expect of the page when they arrive.")
    if any(len(each) > LONGEST or not is_storable(each) for each in texts):
        raise BadReview(why=f"Each text has at most {LONGEST:,} letters.")
    site = surface.site
    found = sources_for(site, surface.name, now=now)
    if found is None:
        raise NothingKnown(surface=surface.name)
    made = ExpectationRecord.objects.create(
        site=site,
        surface=surface,
        sources=[list(each) for each in found.rows],
        covered=found.covered,
        terms=texts[0],
        read_before=texts[1],
        expectation=texts[2],
        verdict=found.verdict,
        snapshot=found.snapshot,
        made_by=by.user,
        made_at=now,
    )
    audit(
        action="expectation.reviewed",
        target=f"surface:{surface.pk}",
        after={"review": made.pk, "covered": round(found.covered, 4), "verdict": found.verdict},
        now=now,
        site=site.name,
        **by.audited,
    )
    return made


def signs_for(by: Actor, site: Site) -> tuple[Function, ...]:
    """List for which functions somebody may sign; for both while nobody has a function."""
    if by.user is None:
        return ()
    if not functions_in_use(site):
        return SIGNERS
    held = functions_of(by.user, site)
    return tuple(each for each in SIGNERS if each in held)


@transaction.atomic
def sign(
    record: ExpectationRecord, function: str, *, by: Actor, now: datetime
) -> ExpectationSignatureRecord:
    """Sign a review for a function; once is enough.

    Raises:
        NotASigner: The person does not have it, or it is neither of the two.
    """
    if function not in {each.value for each in signs_for(by, record.site)}:
        raise NotASigner(function=function)
    made, is_new = ExpectationSignatureRecord.objects.get_or_create(
        review=record, function=function, defaults={"by": by.user, "at": now}
    )
    if is_new:
        audit(
            action="expectation.signed",
            target=f"surface:{record.surface_id}",
            after={"review": record.pk, "function": function},
            now=now,
            site=record.site.name,
            **by.audited,
        )
    return made


def missing_of(record: ExperimentRecord, *, now: datetime) -> tuple[Obstacle, ...]:
    """Say what the review of an experiment's visitors still lacks."""
    surface = surface_named(record.site, record.surface)
    found = None if surface is None else newest_review(surface)
    return expectation_obstacles(
        None if found is None else found.as_domain(),
        surface=surface.name if surface else record.surface,
        exposure=record.allocation,
        now=now,
    )


def surface_named(site: Site, name: str) -> SurfaceRecord | None:
    """Find a surface by the name that an experiment calls it."""
    return next(
        (each for each in records_of(site) if each.name.casefold() == name.strip().casefold()), None
    )


def review_document(record: ExpectationRecord) -> dict[str, Any]:
    """Give a review as JSON."""
    told = record.as_domain()
    return {
        "review": record.pk,
        "surface": record.surface.name,
        "sources": [
            {"source": source, "sessions": sessions, "share": share}
            for source, sessions, share in record.sources
        ],
        "covered": record.covered,
        "terms": record.terms,
        "read_before": record.read_before,
        "expectation": record.expectation,
        "verdict": record.verdict,
        "snapshot": record.snapshot_id,
        "made_at": record.made_at,
        "valid_until": told.valid_until(),
        "signed": [
            {"function": each.function, "by": str(each.by or ""), "at": each.at}
            for each in record.signatures.all()
        ],
        "missing": [each.value for each in told.missing],
    }
