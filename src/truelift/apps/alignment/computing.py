"""Computes team metrics, their conflicts and the losses of the journey; call it from jobs."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
from django.db import transaction

from truelift.apps.alignment.models import JourneyRecord, MetricConflictRecord, TeamMetricRecord
from truelift.apps.alignment.reads import metrics_of
from truelift.apps.alignment.weekly import Mixed, Shared, SiteWeeks
from truelift.apps.drawing.wording import percent
from truelift.apps.facts.from_lake import goal_of
from truelift.apps.measurement import reads as measurement
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import event_names_of
from truelift.apps.surfaces.counting import counted_paths
from truelift.apps.surfaces.models import SurfaceRecord
from truelift.errors import Outage, Refusal
from truelift.lake.lake import NoSuchSite
from truelift.lifecycle.touchpoint import placed_losses
from truelift.questions.funnel import Funnel, Step
from truelift.questions.leaks import Leak
from truelift.questions.matching import Comparison, Condition, Events
from truelift.stats.effects import Floats
from truelift.stats.metric_conflict import (
    FEWEST_WEEKS,
    BadMetricWeeks,
    Looked,
    Moved,
    Weekly,
    look,
    window_of,
)


ALL: Final = 0.995
"""From this share on it is all of it; more is what the sources themselves gained meanwhile."""

JOURNEY_DAYS: Final = 28
"""Losses of the journey are those of four weeks."""


def compute_metrics(site: Site, *, now: datetime) -> tuple[MetricConflictRecord, ...]:
    """Compute every metric of a site and what is against the shared one.

    Returns:
        The conflicts that stand.
    """
    weeks = SiteWeeks(site, now=now)
    found = []
    for record in metrics_of(site):
        document, looked, mixed = _reading(record, weeks)
        text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        with transaction.atomic():
            held = TeamMetricRecord.objects.select_for_update().get(pk=record.pk)
            if held.version != record.version:
                # Somebody changed it while it was computed: the next night sees the new one.
                continue
            held.reading, held.computed_at = text, now
            held.save(update_fields=["reading", "computed_at"])
            conflict = _kept(held, looked, mixed, weeks.shared, now=now)
        if conflict is not None:
            found.append(conflict)
    return tuple(found)


def _reading(
    record: TeamMetricRecord, weeks: SiteWeeks
) -> tuple[dict[str, Any], Looked | None, Mixed | None]:
    """Give what is kept of a metric, and what was found beside the shared one."""
    document: dict[str, Any] = {"weeks": [], "values": [], "missing": ""}
    if not len(weeks):
        return document | {"missing": "no whole week of sessions has come in"}, None, None
    try:
        numbers = weeks.of(record)
    except (Refusal, Outage) as error:
        return document | {"missing": str(error)[:300]}, None, None
    if numbers is None:
        return document | {"missing": "the facts that it is made of do not come in"}, None, None
    above, below = numbers
    with np.errstate(divide="ignore", invalid="ignore"):
        values = np.where(below > 0, above / below, np.nan)
    document["weeks"] = [each.isoformat() for each in weeks.starts]
    document["values"] = [_number(each) for each in values]
    shared = weeks.shared
    if shared is None:
        return document | {"missing": "the shared metric is not known"}, None, None
    whole = np.array(shared.weekly.each)
    document["shared"] = {
        "called": shared.called,
        "values": [_number(each) for each in whole],
    }
    run = _run(values)
    window = window_of(run)
    if window is None:
        missing = f"it has {run} weeks in a row, and it takes {2 * FEWEST_WEEKS}"
        return document | {"missing": missing}, None, None
    mixed = weeks.mixed(record, weeks=window)
    try:
        looked = look(
            Weekly.of(above[-run:], below[-run:]),
            shared.weekly.part(len(weeks) - run, len(weeks)),
            good=record.direction,
            weeks=window,
            mixing=mixed.found if mixed else None,
        )
    except BadMetricWeeks as refusal:
        return document | {"missing": str(refusal)}, None, None
    document |= {
        "window_weeks": window,
        "team": _moved(looked.team),
        "of_shared": _moved(looked.shared),
        "better": looked.better,
        "kinds": [each.value for each in looked.kinds],
        "at_stake_minor": None if looked.at_stake is None else round(looked.at_stake),
        "mix": _mixed(mixed),
        "paired": None
        if looked.paired is None
        else {"r": looked.paired.r, "p": looked.paired.p, "steps": looked.paired.steps},
        "sentence": sentence(record, looked, shared, mixed) if looked.kinds else None,
    }
    return document, looked, mixed


def sentence(record: TeamMetricRecord, looked: Looked, shared: Shared, mixed: Mixed | None) -> str:
    """Say a conflict in one sentence."""
    name, team, metric = record.name, record.team_called, shared.called.lower()
    own, all_ = looked.team, looked.shared
    both = own is not None and all_ is not None and {"direct", "structural"} & set(looked.kinds)
    if own is None or all_ is None or not both:
        r = looked.paired.r if looked.paired else 0.0
        return (
            f"{team}’s {_small(name)} and {metric} step against each other week by week"
            f" (correlation {r:.2f}".replace("-", "−")
            + "): what betters the one worsens the other."
        )
    said = (
        f"{team}’s {_small(name)} is {percent(abs(own.change), digits=0)} better while {metric} is"
        f" {percent(abs(all_.change), digits=0)} worse"
    )
    share = looked.mixing.share if looked.mixing else None
    if share is None or share <= 0:
        return f"{said}."
    source = f" from {mixed.source}" if mixed and mixed.source else ""
    part = "all" if share >= ALL else percent(share, digits=0)
    return f"{said}; {part} of that is mix{source}."


def _small(name: str) -> str:
    """Begin a name in small letters inside a sentence, unless it is an abbreviation."""
    return name if name[1:2].isupper() else name[:1].lower() + name[1:]


def _kept(
    record: TeamMetricRecord,
    looked: Looked | None,
    mixed: Mixed | None,
    shared: Shared | None,
    *,
    now: datetime,
) -> MetricConflictRecord | None:
    """Open, renew or end the conflict of a metric; what cannot be judged today stays."""
    open_ = MetricConflictRecord.objects.filter(metric=record, ended_at=None)
    if looked is None or shared is None:
        return open_.first()
    if not looked.kinds:
        open_.update(ended_at=now)
        return None
    share = looked.mixing.share if looked.mixing else None
    told = {
        "kinds": [each.value for each in looked.kinds],
        "sentence": sentence(record, looked, shared, mixed)[:600],
        "at_stake_minor": None if looked.at_stake is None else round(looked.at_stake),
        "mix_share": share,
        "last_at": now,
    }
    return MetricConflictRecord.objects.update_or_create(
        metric=record,
        ended_at=None,
        defaults=told,
        create_defaults={**told, "first_at": now},
    )[0]


def compute_journey(site: Site, *, now: datetime) -> JourneyRecord | None:
    """Count what is lost at each step of the funnels that surfaces are, and lay it on them.

    Returns:
        None where no surface is a step of a funnel, or the lake has not heard of the site.
    """
    funnels: dict[str, list[SurfaceRecord]] = defaultdict(list)
    for each in SurfaceRecord.objects.filter(site=site, step__gt=0).order_by("step", "pk"):
        funnels[each.funnel].append(each)
    losses: dict[str, float] = {}
    for records in funnels.values():
        losses |= _losses_of(site, records, now=now)
    if not losses:
        return None
    document = {"losses": losses, "weeks": JOURNEY_DAYS / 7, "funnels": sorted(funnels)}
    text = json.dumps(document, ensure_ascii=False, allow_nan=False)
    return JourneyRecord.objects.update_or_create(
        site=site, defaults={"text": text, "computed_at": now}
    )[0]


def _losses_of(site: Site, records: Sequence[SurfaceRecord], *, now: datetime) -> dict[str, float]:
    """Ask one funnel: every step is whoever sees a surface of it, and the last one the goal."""
    until = measurement.this_minute(now)
    goal = goal_of(site)
    numbers = sorted({each.step for each in records})
    steps = [
        Step(
            Events(
                where=(
                    Condition(
                        "path",
                        Comparison.CONTAINS,
                        tuple(
                            path
                            for each in records
                            if each.step == number
                            for path in counted_paths(each)
                        ),
                    ),
                )
            )
        )
        for number in numbers
    ]
    question = Funnel(
        steps=(*steps, Step(Events(names=event_names_of(site).get(goal, (goal,))))),
        window_s=7 * 86_400,
        as_of=until,
        since=until - timedelta(days=JOURNEY_DAYS),
        until=until,
    )
    try:
        asked, leaks = measurement.site_leaks(
            site.name, question, weeks=JOURNEY_DAYS / 7, currency=site.currency
        )
    except NoSuchSite:
        return {}
    if not any(each.answer.groups for each in asked):
        return {}
    by_step = {numbers[place - 1]: loss for place, loss in losses_by_step(leaks).items()}
    points = [(str(each.pk), each.step, each.weekly_units) for each in records]
    found, _ = placed_losses(by_step, points)
    # A step without a leak loses nothing that another segment does not lose.
    return {name: found.get(name, 0.0) for name, *_ in points}


def losses_by_step(leaks: Sequence[Leak]) -> Mapping[int, float]:
    """Give the money a week that is lost after each step, which a better segment does not lose.

    Dimensions cut the same people in different ways, so that a step's losses are those of the
    one dimension in which they are largest, and never a sum over dimensions.
    """
    found: dict[int, dict[str | None, float]] = defaultdict(lambda: defaultdict(float))
    for each in leaks:
        value = each.value_per_week_minor
        if value is not None:
            found[each.step - 1][each.by] += max(value.value, 0.0)
    return {step: max(by.values()) for step, by in sorted(found.items())}


def _run(values: Floats) -> int:
    """Count the weeks up to the newest of which everything is known."""
    gone = np.flatnonzero(~np.isfinite(values))
    return len(values) - (int(gone[-1]) + 1 if len(gone) else 0)


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _moved(found: Moved | None) -> dict[str, float] | None:
    if found is None:
        return None
    return {
        "before": found.before,
        "now": found.now,
        "change": found.change,
        "se": found.se,
        "z": found.z,
    }


def _mixed(found: Mixed | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "total": found.found.total,
        "mix": found.found.mix,
        "rate": found.found.rate,
        "driven": found.found.driven,
        "share": found.found.share,
        "source": found.source or None,
    }
