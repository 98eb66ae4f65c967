"""What drove revenue over HTTP."""

from __future__ import annotations

from typing import Any, Literal

from django.http import Http404, HttpRequest
from ninja import Router

from truelift.apps.commerce import reads
from truelift.apps.commerce.models import SnapshotRecord
from truelift.apps.commerce.periods import Against
from truelift.apps.sites.reads import site_for


router = Router(tags=["commerce"])

Document = dict[str, Any]
Weeks = Literal[2, 4, 8]


@router.get("/drivers")
def drivers(
    request: HttpRequest,
    site: str,
    weeks: Weeks | None = None,
    against: Against = Against.BEFORE,
    snapshot: int = 0,
) -> Document:
    """Give what took revenue per session from one period to the next; parts add up exactly.

    Of the newest snapshot (of these weeks, else of as many as there are facts for), or of the
    one with this number. `drivers` is null before the first.
    """
    row = _row(request, site, weeks, against, snapshot)
    short = None if row is None else reads.explained_by(row)
    return {**_head(row), "sentence": short.sentence if short else None, **_part(row, "drivers")}


@router.get("/acquisition")
def acquisition(
    request: HttpRequest,
    site: str,
    weeks: Weeks | None = None,
    against: Against = Against.BEFORE,
    snapshot: int = 0,
) -> Document:
    """Give what each source costs and earns in both periods; undefined numbers are null."""
    row = _row(request, site, weeks, against, snapshot)
    return {**_head(row), **_part(row, "acquisition")}


@router.get("/page-or-traffic")
def page_or_traffic(
    request: HttpRequest,
    site: str,
    weeks: Weeks | None = None,
    against: Against = Against.BEFORE,
    snapshot: int = 0,
) -> Document:
    """Give of every surface whether the page or the traffic changed; observational."""
    row = _row(request, site, weeks, against, snapshot)
    return {**_head(row), "observational": True, **_part(row, "page_or_traffic")}


def _row(
    request: HttpRequest, site: str, weeks: int | None, against: Against, snapshot: int
) -> SnapshotRecord | None:
    place = site_for(request.user, site)
    if not snapshot:
        return reads.latest(place, weeks=weeks, against=against)
    row = reads.snapshot_of(place, snapshot)
    if row is None:
        raise Http404
    return row


def _head(row: SnapshotRecord | None) -> Document:
    if row is None:
        return {"snapshot": None}
    return {
        "snapshot": row.pk,
        "digest": row.digest,
        "weeks": row.weeks,
        "against": row.against,
        "made_at": row.made_at,
    }


def _part(row: SnapshotRecord | None, name: str) -> Document:
    return (
        {name: None}
        if row is None
        else {"currency": row.document["currency"], name: row.document[name]}
    )
