"""What Ctrl K finds beside the rail: everything of a site that has a key of its own."""

from __future__ import annotations

from typing import Final, TypedDict
from urllib.parse import quote

from django.db.models import CharField, F, Value
from django.db.models.functions import Cast, Concat

from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.intake.models import IdeaRecord, SignalRecord
from truelift.apps.research.models import HypothesisRecord, InsightRecord
from truelift.apps.sites.models import Site


NEWEST: Final = 200
"""More would make every page heavier; older ones are found on their lists."""

LONGEST: Final = 100
"""Letters of a label; the search shows it in one line."""


class JumpItem(TypedDict):
    """Somewhere to go, as `islands/hot-keys` reads it."""

    label: str
    href: str
    group: str


def jump_items(site: Site) -> list[JumpItem]:
    """List the newest experiments, hypotheses, insights, signals and ideas in one query.

    Labels are what people typed: the template writes them with `json_script`.
    """
    kinds = (
        (ExperimentRecord, "Experiments", "experiments", F("key"), F("name")),
        (HypothesisRecord, "Hypotheses", "hypotheses", _numbered("H-"), F("change")),
        (InsightRecord, "Insights", "insights", _numbered("I-"), F("problem")),
        (SignalRecord, "Signals", "signals", _numbered("S-"), F("title")),
        (IdeaRecord, "Ideas", "ideas", _numbered("ID-"), F("change")),
    )
    first, *others = (
        model.objects.filter(site=site)
        .order_by()
        .values_list(
            Value(group, CharField()),
            Value(folder, CharField()),
            Cast(key, CharField()),
            Cast(title, CharField()),
            "made_at",
        )
        for model, group, folder, key, title in kinds
    )
    rows = first.union(*others, all=True).order_by("-made_at")[:NEWEST]
    return [
        JumpItem(
            label=_label(key, title, named=folder == "experiments")[:LONGEST],
            href=f"/s/{site.name}/{folder}/{quote(key, safe='')}/",
            group=group,
        )
        for group, folder, key, title, _ in rows
    ]


def _label(key: str, title: str, *, named: bool) -> str:
    """Put the number first, but the name of an experiment before the key that its events carry."""
    return f"{title} · {key}" if named else f"{key} {title}".strip()


def _numbered(prefix: str) -> Concat:
    return Concat(Value(prefix), Cast("number", CharField()))
