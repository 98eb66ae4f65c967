"""Which releases touch what is being tested on a site, and who has said that they know."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any, Final

from django.db import transaction

from truelift.apps.accounts.audit import record as audit
from truelift.apps.accounts.models import Membership, User
from truelift.apps.accounts.reads import functions_in, functions_of, people_with, role_of
from truelift.apps.accounts.roles import Role
from truelift.apps.experiments.domain import day_at
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import is_storable
from truelift.apps.roadmap.fields import BadRoadmapFields
from truelift.apps.roadmap.models import RoadmapItemRecord
from truelift.apps.roadmap.planning_models import AcknowledgementRecord
from truelift.apps.roadmap.services import NoSuchRoadmapItem
from truelift.apps.sites.models import Site
from truelift.apps.surfaces.models import SurfaceRecord
from truelift.errors import Refusal
from truelift.lifecycle.experiment import Origin, Stage
from truelift.lifecycle.functions import Function
from truelift.lifecycle.liaison import Owned, Touching, touching, without_liaison
from truelift.lifecycle.roadmap_item import ItemKind, ItemStage, RoadmapItem


LONGEST_NOTE: Final = 500

_UPCOMING: Final = (ItemStage.PROPOSED.value, ItemStage.PLANNED.value, ItemStage.SCHEDULED.value)
_TESTED: Final = (Stage.SCHEDULED.value, Stage.RUNNING.value, Stage.PAUSED.value)


class NotTheLiaison(Refusal):
    """Somebody acknowledges a release for whom it is not."""

    code = "roadmap.not_the_liaison"


class NothingToAcknowledge(Refusal):
    """No test is touched, or it was acknowledged for all of them."""

    code = "roadmap.nothing_to_acknowledge"

    def __init__(self, *, key: str) -> None:
        super().__init__(f"{key} touches no test for which it was not acknowledged.", key=key)


def touching_of(site: Site, *, now: datetime) -> tuple[Touching, ...]:
    """Find the upcoming releases that touch a surface of a running or scheduled test.

    Four queries at most, whatever stands on the roadmap, and one where no release is to come.
    """
    releases = list(
        RoadmapItemRecord.objects.filter(
            site=site,
            kind=ItemKind.RELEASE.value,
            number__isnull=False,
            stage__in=_UPCOMING,
            starts_on__isnull=False,
        )
    )
    if not releases:
        return ()
    tests = list(
        ExperimentRecord.objects.filter(
            site=site, stage__in=_TESTED, starts_on__isnull=False, origin=Origin.TRUELIFT.value
        ).exclude(surface="")
    )
    if not tests:
        return ()
    names = {
        name.lower(): name
        for name in SurfaceRecord.objects.filter(site=site).values_list("name", flat=True)
    }
    items = [
        *(_release(each, names) for each in releases),
        *(_test(each, names) for each in tests),
    ]
    return touching(items, acknowledged=_acknowledged(site), today=day_at(site, now))


def touching_among(
    site: Site, items: Iterable[RoadmapItem], *, today: date
) -> tuple[Touching, ...]:
    """Find the same among items that were read already: one query."""
    return touching(items, acknowledged=_acknowledged(site), today=today)


def _release(row: RoadmapItemRecord, names: dict[str, str]) -> RoadmapItem:
    return RoadmapItem(
        row.key,
        ItemKind.RELEASE,
        row.what,
        stage=ItemStage(row.stage),
        surfaces=_named(row.surfaces, names),
        start=row.starts_on,
        end=row.ends_on,
        benign=frozenset(row.benign),
    )


def _test(row: ExperimentRecord, names: dict[str, str]) -> RoadmapItem:
    scheduled = row.stage == Stage.SCHEDULED
    return RoadmapItem(
        row.key,
        ItemKind.EXPERIMENT,
        row.name,
        stage=ItemStage.SCHEDULED if scheduled else ItemStage.RUNNING,
        surfaces=_named([row.surface], names),
        start=row.starts_on,
        end=row.ends_on,
    )


def _named(surfaces: Iterable[str], names: dict[str, str]) -> tuple[str, ...]:
    return tuple(names.get(each.strip().lower(), each.strip()) for each in surfaces)


def _acknowledged(site: Site) -> dict[str, set[str]]:
    seen: dict[str, set[str]] = defaultdict(set)
    rows = AcknowledgementRecord.objects.filter(site=site).values_list("item", "tests")
    for item, tests in rows:
        seen[item].update(tests)
    return seen


def acknowledgements_of(site: Site, key: str) -> tuple[AcknowledgementRecord, ...]:
    """List who has acknowledged a release and when, the newest first."""
    rows = AcknowledgementRecord.objects.filter(site=site, item=key).select_related("by")
    return tuple(rows.order_by("-pk"))


@transaction.atomic
def acknowledge(
    site: Site, key: str, *, by: Actor, now: datetime, note: str = ""
) -> AcknowledgementRecord:
    """Say that one knows which tests a release touches; it holds for those that it touches now.

    Raises:
        NoSuchRoadmapItem: The site has no such release.
        NotTheLiaison: It is for somebody else.
        NothingToAcknowledge: No test waits for it.
        BadRoadmapFields: The note is too long.
    """
    Site.objects.select_for_update().get(pk=site.pk)
    note = note.strip()
    if len(note) > LONGEST_NOTE or not is_storable(note):
        raise BadRoadmapFields({"note": f"At most {LONGEST_NOTE} letters."})
    number = key.removeprefix("RM-")
    known = RoadmapItemRecord.objects.filter(site=site, kind=ItemKind.RELEASE.value)
    is_key = key.startswith("RM-") and number.isascii() and number.isdigit() and len(number) < 10
    if not is_key or not known.filter(number=int(number)).exists():
        raise NoSuchRoadmapItem(key=key)
    if by.user is not None and not may_acknowledge(by.user, site):
        raise NotTheLiaison("The liaison acknowledges releases. Ask them, or become it.")
    found = next((each for each in touching_of(site, now=now) if each.release == key), None)
    if found is None or not found.waits:
        raise NothingToAcknowledge(key=key)
    made = AcknowledgementRecord.objects.create(
        site=site,
        item=key,
        tests=list(found.tests),
        starts_on=found.starts,
        note=note,
        by=by.user,
        at=now,
    )
    audit(
        action="roadmap.release_acknowledged",
        target=f"roadmap:{key}",
        after={"tests": list(found.tests), "starts": found.starts.isoformat(), "note": note},
        now=now,
        site=site.name,
        **by.audited,
    )
    return made


def may_acknowledge(user: User, site: Site) -> bool:
    """Say whether a person may acknowledge releases.

    Where nobody is liaison an owner of the site does it; where nobody has any function yet,
    whoever edits.
    """
    role = role_of(user, site)
    if role is None or not role.covers(Role.ANALYST):
        return False
    held = _held(site)
    if not held:
        return role.covers(Role.EDITOR)
    if Function.LIAISON in held:
        return Function.LIAISON in functions_of(user, site)
    return role is Role.OWNER


def liaisons_of(site: Site) -> tuple[User, ...]:
    """List for whom releases wait to be acknowledged; the owners where nobody is liaison."""
    if Function.LIAISON in _held(site):
        return people_with(site, frozenset({Function.LIAISON}))
    return people_with(site, frozenset(), least=Role.OWNER)


def unaccompanied_of(site: Site) -> tuple[str, ...]:
    """Name the surfaces that engineers own while nobody on the site is liaison."""
    held = _held(site)
    if Function.LIAISON in held:
        return ()
    rows = list(SurfaceRecord.objects.filter(site=site).order_by("name"))
    engineers = {
        row.user_id
        for row in Membership.objects.filter(site=site, user__is_active=True)
        if Function.ENGINEERING in functions_in(row.functions)
    }
    owned = [
        Owned(
            row.name,
            team=row.team,
            has_code=bool(row.code),
            owner_is_engineering=row.owner_id in engineers,
        )
        for row in rows
    ]
    return without_liaison(owned, held=False)


def _held(site: Site) -> frozenset[Function]:
    rows = Membership.objects.filter(site=site, user__is_active=True).exclude(functions=[])
    return frozenset(
        each for words in rows.values_list("functions", flat=True) for each in functions_in(words)
    )


def touching_document(found: Touching) -> dict[str, Any]:
    """Write a release that touches tests."""
    return {
        "release": found.release,
        "what": found.what,
        "starts": found.starts,
        "tests": list(found.tests),
        "surfaces": list(found.surfaces),
        "unseen": list(found.unseen),
        "due": found.due,
        "state": found.word.value,
    }


def acknowledgement_document(row: AcknowledgementRecord) -> dict[str, Any]:
    """Write that somebody has acknowledged a release."""
    return {
        "release": row.item,
        "tests": list(row.tests),
        "starts": row.starts_on,
        "note": row.note or None,
        "by": row.by.email if row.by else None,
        "at": row.at,
    }


def is_due(found: Touching, *, today: date) -> bool:
    """Say whether it is so near that it stands in the liaison's inbox by itself."""
    return found.waits and (found.due - today).days <= _IN_THE_INBOX


_IN_THE_INBOX: Final = 12
"""Two weeks before it goes out."""
