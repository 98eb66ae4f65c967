"""Whether freezes are kept, what they cost each surface, and how often they are overridden."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from truelift.apps.experiments.domain import day_at, midnight_at
from truelift.apps.freezes.models import DeployCheckRecord
from truelift.apps.freezes.reads import (
    approvals_of,
    deploy_policy_of,
    freezes_within,
    surface_names,
    trials_of,
)
from truelift.apps.sites.models import Site
from truelift.apps.surfaces.reads import surfaces_of
from truelift.lifecycle.freeze_figures import (
    Checked,
    Compliance,
    Deploy,
    Frozen,
    compliance,
    frozen_of,
    overridden_share,
)


COUNTED_DAYS: Final = 90
"""Deploys and checks of so many trailing days are counted."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What freezes do to a site.

    Attributes:
        compliance: Whether the deploys of the last days kept to them.
        overridden: Share of denied releases that an emergency let through; None while there
            are none.
        frozen: Each surface, this quarter, the longest frozen first.
        mean_days: Of the surfaces; None where there is none.
        quarter: Its first day.
        until: Its first day that does not count.
    """

    compliance: Compliance
    overridden: float | None
    frozen: tuple[Frozen, ...]
    mean_days: float | None
    quarter: date
    until: date


def quarter_of(day: date) -> tuple[date, date]:
    """Give the first day of a quarter, and that of the next."""
    first = date(day.year, 3 * ((day.month - 1) // 3) + 1, 1)
    after = first + timedelta(days=95)
    return first, date(after.year, after.month, 1)


def figures_of(site: Site, *, now: datetime) -> Figures:
    """Work the figures out as they are now; the lake is not asked."""
    policy = deploy_policy_of(site)
    begins, over = quarter_of(day_at(site, now))
    since, until = midnight_at(site, begins), midnight_at(site, over)
    counted_from = now - timedelta(days=COUNTED_DAYS)
    first = min(since, counted_from)
    tests = trials_of(site, since=first, until=until, now=now)
    freezes = [each.as_domain() for each in freezes_within(site, since=first, until=until)]
    frozen = frozen_of(
        surface_names(site), freezes=freezes, tests=tests, policy=policy, since=since, until=until
    )
    kept = compliance(
        _deploys(site, since=counted_from, now=now),
        surfaces=surfaces_of(site),
        freezes=freezes,
        tests=tests,
        policy=policy,
        approvals=approvals_of(site, since=counted_from),
    )
    checks = DeployCheckRecord.objects.filter(site=site, asked_at__gte=counted_from, denied=True)
    said = [
        Checked(f"{repo}@{sha}" if sha else name, denied=True, overridden=emergency)
        for repo, sha, name, emergency in checks.values_list(
            "repo", "sha", "public_id", "emergency"
        )
    ]
    return Figures(
        compliance=kept,
        overridden=overridden_share(said),
        frozen=frozen,
        mean_days=sum(each.days for each in frozen) / len(frozen) if frozen else None,
        quarter=begins,
        until=over,
    )


def _deploys(site: Site, *, since: datetime, now: datetime) -> list[Deploy]:
    """List what was deployed, as changes were recorded."""
    from truelift.apps.changes.models import ChangeRecord

    rows = ChangeRecord.objects.filter(
        site=site, kind="deploy", state="recorded", at__gte=since, at__lte=now
    )
    return [
        Deploy(tuple(surfaces), at, sha)
        for surfaces, at, sha in rows.values_list("surfaces", "at", "sha")
    ]


def figures_document(figures: Figures) -> dict[str, Any]:
    """Give the figures as the API tells them."""
    return {
        "compliance": {
            "deploys": figures.compliance.deploys,
            "against": figures.compliance.against,
            "share_against": figures.compliance.share,
            "days": COUNTED_DAYS,
        },
        "denies_overridden": figures.overridden,
        "quarter": figures.quarter,
        "until": figures.until,
        "mean_freeze_days": figures.mean_days,
        "surfaces": [
            {
                "surface": each.surface,
                "days": round(each.days, 2),
                "share": each.share,
                "too_long": each.too_long,
            }
            for each in figures.frozen
        ],
    }
