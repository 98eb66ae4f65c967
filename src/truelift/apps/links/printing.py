"""Makes the PDF of a brief or a result."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Final

from django.conf import settings
from django.contrib.staticfiles import finders
from django.template.loader import render_to_string
from django.utils.safestring import mark_safe

from truelift.apps.experiments.wording import moment
from truelift.apps.links.models import PrintRecord, ShareKind
from truelift.apps.links.shown import Shown, shown
from truelift.apps.sites.models import Site
from truelift.browsing.printing import printed


STYLES: Final = (
    "css/tokens.css",
    "css/base.css",
    "css/layout.css",
    "css/components.css",
    "css/charts.css",
    "drawing/charts.css",
    "experiments/experiments.css",
    "links/links.css",
    "css/print.css",
)


def make_print(record: PrintRecord, *, now: datetime) -> None:
    """Make a PDF and keep it; call it from a job.

    Raises:
        NothingToShow: The thing is gone.
        Outage: There is no browser, or it broke; the worker tries again.
    """
    page = shown(record.site, ShareKind(record.kind), record.key, record.number, now=now)
    html = whole_page(page, site=record.site, now=now)
    record.content = printed(html, chromium=settings.TRUELIFT.chromium)
    record.finished_at, record.problem = now, ""
    record.save()


def whole_page(page: Shown, *, site: Site, now: datetime) -> str:
    """Write a page with its styles inside, so that nothing has to be fetched for it."""
    found = [finders.find(name) for name in STYLES]
    styles = "\n".join(
        Path(path).read_text(encoding="utf-8") for path in found if isinstance(path, str)
    )
    return render_to_string(
        "links/print.html",
        {
            "page": page,
            "site": site,
            "made": moment(now, site.time_zone),
            # Our own files.
            "styles": mark_safe(styles),  # noqa: S308
        },
    )
