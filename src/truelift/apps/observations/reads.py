"""What may be asked about interactions and comparisons before and after."""

from __future__ import annotations

from typing import Any, Final

from django.conf import settings

from truelift.apps.experiments.models import Job
from truelift.apps.measurement.reads import known_events
from truelift.apps.observations.models import BeforeAfter, InteractionReport
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import event_names_of
from truelift.lake.home import Home
from truelift.lake.metrics import published_metrics
from truelift.questions.metric_library import METRIC_LIBRARY


NOT: Final = "not:"
"""Before the name of a segment: everybody who is not in it."""


def metric_titles(site: Site) -> dict[str, str]:
    """Give the metrics that a day has a value of, the site's own first: key → title."""
    own = published_metrics(Home.of(settings.TRUELIFT), site.name)
    found = {key: each.title for key, each in own.items()}
    built_in = {key: m.title for key, m in METRIC_LIBRARY.items() if m.definition is not None}
    return found | {key: title for key, title in built_in.items() if key not in found}


def countable_metrics(site: Site) -> dict[str, str]:
    """Give those of them whose events the site has; the site's own always."""
    from truelift.lake.lake import NoSuchSite

    own = published_metrics(Home.of(settings.TRUELIFT), site.name)
    try:
        seen = {each.event for each in known_events(site.name)}
    except NoSuchSite:
        # It was made a moment ago, and the processes with the data have not heard of it.
        seen = set()
    called = event_names_of(site)

    def has(key: str) -> bool:
        needed = METRIC_LIBRARY[key].expects
        return all(not seen.isdisjoint(called.get(name, (name,))) for name in needed)

    return {key: title for key, title in metric_titles(site).items() if key in own or has(key)}


def newest_report(site: Site) -> InteractionReport | None:
    """Give the newest report of a site's interactions."""
    found = InteractionReport.objects.filter(site=site).select_related("made_by")
    return found.order_by("-number").first()


def before_afters_of(site: Site) -> tuple[BeforeAfter, ...]:
    """List the comparisons of a site, the newest first."""
    found = BeforeAfter.objects.filter(site=site).select_related("made_by", "owner")
    return tuple(found.order_by("-number")[:200])


def interventions_of(site: Site) -> tuple[BeforeAfter, ...]:
    """List what people changed by decision and without a test, the newest first."""
    found = BeforeAfter.objects.filter(site=site).exclude(kind="").select_related("owner")
    return tuple(found.order_by("-changed_on", "-number")[:50])


def before_after_of(site: Site, number: int) -> BeforeAfter | None:
    """Find a comparison of a site."""
    found = BeforeAfter.objects.filter(site=site, number=number)
    return found.select_related("site", "made_by", "owner").first()


def newest_job(kind: str, subject: str) -> Job | None:
    """Give the newest work of a kind on a subject."""
    return Job.objects.filter(kind=kind, subject=subject).order_by("-pk").first()


def report_document(report: InteractionReport) -> dict[str, Any]:
    """Give a report as the API shows it."""
    return {
        "number": report.number,
        "as_of": report.as_of,
        "digest": report.digest,
        "made_at": report.made_at,
        "document": report.document,
    }


def before_after_document(record: BeforeAfter, *, whole: bool = False) -> dict[str, Any]:
    """Give a comparison as the API shows it; its result with `whole`."""
    document = record.document
    effect = document["effect"] if document else None
    found: dict[str, Any] = {
        "key": record.key,
        "number": record.number,
        "label": "observational",
        "name": record.name,
        "metric": record.metric,
        "segment": record.segment or None,
        "design": record.design,
        "changed_on": record.changed_on.isoformat(),
        "since": record.since.isoformat(),
        "until": record.until.isoformat(),
        "controls": record.controls,
        "kind": record.kind or None,
        "owner": record.owner.email if record.owner else None,
        "expected": record.expected or None,
        "made_at": record.made_at,
        "computed_at": record.computed_at,
        "sentence": effect["sentence"] if effect else None,
    }
    return found | ({"digest": record.digest or None, "result": document} if whole else {})
