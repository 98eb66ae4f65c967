"""What may be asked about watched pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from truelift.apps.sites.models import Site
from truelift.apps.watching.models import WatchedPageRecord
from truelift.lifecycle.page_look import Difference, PageLook


def pages_of(site: Site) -> tuple[WatchedPageRecord, ...]:
    """List the pages that are watched, those of tests first."""
    return tuple(
        WatchedPageRecord.objects.filter(site=site, ended_at=None)
        .select_related("experiment")
        .prefetch_related("changes")
        .order_by("experiment__key", "url")
    )


def page_of(site: Site, number: int) -> WatchedPageRecord | None:
    """Find a watched page of the site by its number, also one that is watched no more."""
    return (
        WatchedPageRecord.objects.filter(site=site, pk=number)
        .select_related("site", "experiment", "picture")
        .first()
    )


def look_from(row: Mapping[str, object]) -> PageLook | None:
    """Read a look as it is kept; None before the first one."""
    if not row:
        return None
    return PageLook(
        text=_lines(row.get("text")),
        structure=_lines(row.get("structure")),
        assets=_digests(row.get("assets")),
        bundles=_digests(row.get("bundles")),
    )


def row_of(look: PageLook) -> dict[str, object]:
    """Give the form in which a look is kept."""
    return {
        "text": list(look.text),
        "structure": list(look.structure),
        "assets": dict(look.assets),
        "bundles": dict(look.bundles),
    }


def difference_from(row: Mapping[str, object]) -> Difference:
    """Read a difference as it is kept."""
    return Difference(**{name: _lines(row.get(name)) for name in asdict(Difference())})


def _lines(found: object) -> tuple[str, ...]:
    return tuple(map(str, found)) if isinstance(found, list) else ()


def _digests(found: object) -> dict[str, str]:
    return (
        {str(url): str(digest) for url, digest in found.items()} if isinstance(found, dict) else {}
    )
