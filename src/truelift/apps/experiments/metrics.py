"""The registry of metrics: definitions are written once, a change is the next version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from django.db import models, transaction

from truelift.apps.accounts.audit import record as audit
from truelift.apps.experiments.models import MetricRecord
from truelift.apps.experiments.publish_metrics import publish_metrics_after_commit
from truelift.apps.experiments.spec import BadSpec, MetricSpec
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import event_names_of


LIBRARY: Final[Mapping[str, tuple[MetricSpec, ...]]] = MappingProxyType(
    {
        "shop": (
            MetricSpec("order_rate", "proportion", "purchase", "Order rate", window_days=7),
            MetricSpec(
                "revenue_per_visitor",
                "sum",
                "purchase",
                "Revenue per visitor",
                property="value",
                window_days=7,
            ),
            MetricSpec(
                "order_value",
                "ratio",
                "purchase",
                "Order value",
                property="value",
                denominator_event="purchase",
                window_days=7,
            ),
            MetricSpec("cart_rate", "proportion", "add_to_cart", "Add-to-cart rate", window_days=7),
            MetricSpec(
                "checkout_rate", "proportion", "begin_checkout", "Checkout rate", window_days=7
            ),
            MetricSpec("page_views", "count", "page_view", "Pages per visitor", window_days=7),
        ),
        "leads": (
            MetricSpec("lead_rate", "proportion", "generate_lead", "Lead rate", window_days=30),
            MetricSpec("demo_rate", "proportion", "demo_requested", "Demo rate", window_days=30),
            MetricSpec("page_views", "count", "page_view", "Pages per visitor"),
        ),
        "saas": (
            MetricSpec("sign_up_rate", "proportion", "sign_up", "Sign-up rate"),
            MetricSpec("activation_rate", "proportion", "activated", "Activation rate"),
            MetricSpec(
                "subscription_rate", "proportion", "subscribe", "Subscription rate", window_days=30
            ),
        ),
    }
)
"""Definitions to start from, per kind of business; event names as GA4 and Segment use them."""

_FIELDS: Final = (
    "name",
    "kind",
    "event",
    "property",
    "denominator_event",
    "denominator_property",
    "window_days",
    "better",
    "unit_label",
    "from_days",
    "steps",
    "level",
    "per",
    "cap",
    "denominator_cap",
    "cap_percentile",
)


@transaction.atomic
def define_metric(site: Site, spec: MetricSpec, *, by: Actor, now: datetime) -> MetricRecord:
    """Give the version of a metric that this definition is, and store it when it is new.

    The same definition twice is one version; experiments stay on the version they
    were planned with.
    """
    Site.objects.select_for_update().get(pk=site.pk)
    latest = MetricRecord.objects.filter(site=site, key=spec.key).order_by("-version").first()
    wanted = _written(spec)
    wanted["name"] = spec.name or (
        latest.name if latest else spec.key.replace("_", " ").capitalize()
    )
    before = {name: getattr(latest, name) for name in _FIELDS} if latest else None
    if latest is not None and before == wanted:
        return latest
    metric = MetricRecord.objects.create(
        site=site,
        key=spec.key,
        version=latest.version + 1 if latest else 1,
        made_by=by.user,
        made_at=now,
        **wanted,
    )
    audit(
        action="metric.defined",
        target=f"metric:{metric}",
        before=before,
        after=wanted,
        now=now,
        site=site.name,
        **by.audited,
    )
    publish_metrics_after_commit()
    return metric


@transaction.atomic
def take_library(site: Site, name: str, *, by: Actor, now: datetime) -> tuple[MetricRecord, ...]:
    """Define the metrics of a kind of business, with the names that the site has for events.

    What the site has already stays as it is, but for a metric that stands exactly as the
    library gives it: where the site calls an event of it otherwise by now, it gets its
    next version.

    Raises:
        BadSpec: There is no such library, or the site has several names for one of its events.
    """
    if name not in LIBRARY:
        raise BadSpec({"library": f"It is one of {', '.join(LIBRARY)}."})
    has = {metric.key: metric for metric in current_metrics(site)}
    taken = []
    for spec in LIBRARY[name]:
        had = has.get(spec.key)
        if had is None or _stands_as_given(had, spec):
            metric = define_metric(site, _called(spec, site), by=by, now=now)
            if had is None or metric.version > had.version:
                taken.append(metric)
    return tuple(taken)


def _written(spec: MetricSpec) -> dict[str, Any]:
    """Give the definition as a version of a metric holds it."""
    written = {name: getattr(spec, name) for name in _FIELDS}
    written["steps"] = list(spec.steps)
    if spec.kind in {"sum", "mean", "quantile"} and not spec.property:
        written["property"] = "value"
    return written


def _stands_as_given(metric: MetricRecord, spec: MetricSpec) -> bool:
    return all(getattr(metric, name) == value for name, value in _written(spec).items())


def _called(spec: MetricSpec, site: Site) -> MetricSpec:
    """Put what the site calls the events of a metric into its definition.

    Raises:
        BadSpec: It has several names for one; a metric of an experiment counts one event.
    """
    ours = event_names_of(site)
    found = {}
    for member in ("event", "denominator_event"):
        usual = getattr(spec, member)
        names = ours.get(usual, (usual,))
        if len(names) > 1:
            raise BadSpec(
                {
                    "library": f"This site has {len(names)} names for {usual}"
                    f" ({', '.join(names)}), and a metric of an experiment counts one event."
                    f" Keep one name under Settings, or define {spec.key} yourself."
                }
            )
        found[member] = names[0]
    return replace(spec, **found)


def current_metrics(site: Site) -> tuple[MetricRecord, ...]:
    """List the newest version of every metric of the site, by key."""
    newest = (
        MetricRecord.objects.filter(site=site, key=models.OuterRef("key"))
        .order_by("-version")
        .values("pk")[:1]
    )
    return tuple(MetricRecord.objects.filter(site=site, pk=models.Subquery(newest)).order_by("key"))
