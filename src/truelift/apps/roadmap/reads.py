"""Puts a site's roadmap together from what the apps know: experiments, items, freezes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final
from zoneinfo import ZoneInfo

from django.db.models import Prefetch, Q, QuerySet

from truelift.apps.accounts.models import Membership, User
from truelift.apps.experiments.models import ExperimentRecord, MetricRole, PlannedMetricRecord
from truelift.apps.freezes.reads import as_item as freeze_as_item
from truelift.apps.freezes.reads import freeze_rows
from truelift.apps.roadmap.models import AssetRecord, DependencyRecord, RoadmapItemRecord
from truelift.apps.sites.models import Site
from truelift.apps.surfaces.models import SurfaceRecord
from truelift.lifecycle.experiment import Origin, Stage
from truelift.lifecycle.roadmap_item import (
    Asset,
    Dependency,
    DependencyKind,
    ItemKind,
    ItemStage,
    RoadmapItem,
    Touch,
)


RUNS: Final = frozenset({Stage.RUNNING, Stage.PAUSED})
PREPARED: Final = frozenset({Stage.BRIEFED, Stage.DESIGNED, Stage.BUILD, Stage.QA, Stage.READY})
_BEFORE_THE_END: Final = frozenset(each.value for each in {*RUNS, *PREPARED, Stage.SCHEDULED})


@dataclass(frozen=True, slots=True)
class _Around:
    """What items are put together with.

    Attributes:
        members: Numbers of the people who are active on the site.
        surfaces: Name in small letters → as the surface is called.
        assets: Key of an item → its assets.
        dependencies: Key of an item → its dependencies.
        zone: Of the site.
    """

    members: frozenset[int]
    surfaces: Mapping[str, str]
    assets: Mapping[str, tuple[Asset, ...]]
    dependencies: Mapping[str, tuple[Dependency, ...]]
    zone: ZoneInfo

    def named(self, names: Iterable[str]) -> tuple[str, ...]:
        """Call surfaces as they are called, whatever somebody typed."""
        return tuple(
            dict.fromkeys(self.surfaces.get(each.strip().lower(), each.strip()) for each in names)
        )

    def is_active(self, person: User | None) -> bool:
        """Say whether a person still works on the site; nobody has not left."""
        return person is None or person.pk in self.members


def items_of(
    site: Site, *, since: date | None = None, until: date | None = None
) -> tuple[RoadmapItem, ...]:
    """Give a site's items as values: experiments, releases, campaigns, content, freezes.

    The number of queries does not grow with the number of items.

    Args:
        site: Where.
        since: What is over on this day is left out; None: everything that is over, is.
        until: What starts on this day or later is left out.

    Returns:
        By first day, those without one last; then by key.
    """
    around = _around(site)
    found = [
        *(_experiment(each, around) for each in _experiments(site, since)),
        *(_item(each, around) for each in _items(site, since)),
        *_freezes(site, since),
    ]
    wanted = [each for each in found if _is_within(each, since, until)]
    return tuple(
        sorted(wanted, key=lambda each: (each.start is None, each.start or date.max, each.key))
    )


def item_of(site: Site, key: str) -> RoadmapItem | None:
    """Find one item of the site, whatever keeps it, also one that is over."""
    if "\x00" in key:  # PostgreSQL cannot even be asked
        return None
    around = _around(site, key=key)
    record = item_record(site, key)
    if record is not None:
        return _item(record, around)
    experiment = _experiment_rows(site).filter(key=key).first()
    if experiment is not None:
        return _experiment(experiment, around)
    if key.startswith("F-") and key[2:].isascii() and key[2:].isdigit() and len(key) < 12:
        freeze = freeze_rows(site).filter(number=int(key[2:])).first()
        return None if freeze is None else freeze_as_item(freeze)
    return None


def item_record(site: Site, key: str) -> RoadmapItemRecord | None:
    """Find the row of a release, a campaign or content."""
    number = number_in(key)
    if number is None:
        return None
    return _item_rows(site).filter(number=number).first()


def number_in(key: str) -> int | None:
    """Give the number of `RM-4`; None where it is no such key."""
    digits = key.removeprefix("RM-")
    if key.startswith("RM-") and digits.isascii() and digits.isdigit() and len(digits) < 10:
        return int(digits)
    return None


def _around(site: Site, *, key: str | None = None) -> _Around:
    of = {} if key is None else {"item": key}
    members = frozenset(
        Membership.objects.filter(site=site, user__is_active=True).values_list("user_id", flat=True)
    )
    assets: dict[str, list[Asset]] = defaultdict(list)
    for row in AssetRecord.objects.filter(site=site, **of).select_related("owner"):
        assets[row.item].append(
            Asset(
                what=row.what,
                owner=row.owner.email if row.owner else "",
                due=row.due,
                lead_days=row.lead_days,
                done=row.done_at is not None,
            )
        )
    hangs: dict[str, list[Dependency]] = defaultdict(list)
    for item, on, kind in (
        DependencyRecord.objects.filter(site=site, **of)
        .order_by("pk")
        .values_list("item", "on", "kind")
    ):
        hangs[item].append(Dependency(on, DependencyKind(kind)))
    return _Around(
        members=members,
        surfaces={
            name.lower(): name
            for name in SurfaceRecord.objects.filter(site=site).values_list("name", flat=True)
        },
        assets={item: tuple(each) for item, each in assets.items()},
        dependencies={item: tuple(each) for item, each in hangs.items()},
        zone=ZoneInfo(site.time_zone),
    )


def _experiment_rows(site: Site) -> QuerySet[ExperimentRecord]:
    return (
        ExperimentRecord.objects.filter(site=site)
        .select_related("hypothesis", "on_roadmap", "on_roadmap__priority")
        .prefetch_related(
            "decision_owner",
            "deputy",
            Prefetch("metrics", PlannedMetricRecord.objects.prefetch_related("metric")),
        )
    )


def _experiments(site: Site, since: date | None) -> Iterable[ExperimentRecord]:
    rows = _experiment_rows(site)
    stands = Q(stage__in=_BEFORE_THE_END)
    if since is not None:
        stands |= Q(stopped_at__date__gte=since) | Q(stopped_at=None, ends_on__gt=since)
    return rows.filter(stands)


def _item_rows(site: Site) -> QuerySet[RoadmapItemRecord]:
    return RoadmapItemRecord.objects.filter(site=site, number__isnull=False).select_related(
        "site", "owner", "deputy", "priority"
    )


def _items(site: Site, since: date | None) -> Iterable[RoadmapItemRecord]:
    # People and priorities are few and rows are many: each is read once, not once per row.
    rows = RoadmapItemRecord.objects.filter(site=site, number__isnull=False).prefetch_related(
        "owner", "deputy", "priority"
    )
    over = [ItemStage.DONE.value, ItemStage.CANCELLED.value]
    if since is None:
        return rows.exclude(stage__in=over)
    ended = Q(stage__in=over)
    return rows.exclude(ended & (Q(ends_on=None) | Q(ends_on__lte=since)))


def _freezes(site: Site, since: date | None) -> Iterable[RoadmapItem]:
    rows = freeze_rows(site)
    if since is None:
        rows = rows.filter(stage__in=["proposed", "agreed", "active"])
    else:
        rows = rows.filter(Q(ends_at=None) | Q(ends_at__date__gte=since))
    return [freeze_as_item(each) for each in rows]


def _is_within(item: RoadmapItem, since: date | None, until: date | None) -> bool:
    if since is not None and item.end is not None and item.end <= since:
        return False
    return until is None or item.start is None or item.start < until


def _experiment(record: ExperimentRecord, around: _Around) -> RoadmapItem:
    more = getattr(record, "on_roadmap", None)
    planned = list(record.metrics.all())
    primary = next((each.metric for each in planned if each.role == MetricRole.PRIMARY), None)
    hypothesis = record.hypothesis
    element = hypothesis.element if hypothesis else ""
    start, end = _time_of(record, around.zone)
    events = dict.fromkeys(
        [
            *(more.events if more else ()),
            *(each.metric.event for each in planned if each.role != MetricRole.SECONDARY),
        ]
    )
    return RoadmapItem(
        key=record.key,
        kind=ItemKind.EXPERIMENT,
        what=record.name,
        stage=_stage_of(record),
        surfaces=around.named([record.surface] if record.surface else []),
        elements=tuple(more.elements if more and more.elements else filter(None, [element])),
        why=(hypothesis.key,) if hypothesis else (),
        start=start,
        end=end,
        metric=primary.key if primary else "",
        owner=record.decision_owner.email if record.decision_owner else "",
        deputy=_acting(record.deputy, around),
        owner_active=around.is_active(record.decision_owner),
        team=more.team if more else "",
        squad=more.squad if more else "",
        priority=more.priority.key if more and more.priority else "",
        audience=more.shown_to() if more else {},
        allocation=record.allocation,
        layer=more.layer if more else "",
        low=more.low if more else 0.0,
        high=more.high if more else 1.0,
        shared_code=bool(more and more.shared_code),
        holdout=bool(more and more.holdout),
        changes_reach=more.changes_reach if more else True,
        features=tuple(more.features) if more else (),
        references=tuple(more.refers) if more else (),
        events=tuple(events),
        assets=around.assets.get(record.key, ()),
        dependencies=around.dependencies.get(record.key, ()),
        effort=dict(more.effort) if more else {},
    )


def _stage_of(record: ExperimentRecord) -> ItemStage:
    stage = Stage(record.stage)
    if record.origin == Origin.IMPORTED:
        return ItemStage.DONE
    if stage in RUNS:
        return ItemStage.RUNNING
    if stage is Stage.SCHEDULED:
        return ItemStage.SCHEDULED
    if stage in PREPARED:
        return ItemStage.PLANNED if record.starts_on else ItemStage.PROPOSED
    return ItemStage.DONE


def _time_of(record: ExperimentRecord, zone: ZoneInfo) -> tuple[date | None, date | None]:
    """Give the days of an experiment: as it was, else as it is planned."""
    start, end = record.starts_on, record.ends_on
    if record.started_at is not None:
        start = record.started_at.astimezone(zone).date()
    if record.stopped_at is not None:
        stopped = record.stopped_at.astimezone(zone).date()
        end = stopped if start is None else max(stopped, start)
    return start, end


def _acting(person: User | None, around: _Around) -> str:
    """Name a deputy who is still there; who has left stands in for nobody."""
    return person.email if person is not None and around.is_active(person) else ""


def _item(record: RoadmapItemRecord, around: _Around) -> RoadmapItem:
    return RoadmapItem(
        key=record.key,
        kind=ItemKind(record.kind),
        what=record.what,
        stage=ItemStage(record.stage),
        surfaces=around.named(record.surfaces),
        elements=tuple(record.elements),
        why=tuple(record.why),
        start=record.starts_on,
        end=record.ends_on,
        metric=record.metric,
        owner=record.owner.email if record.owner else "",
        deputy=_acting(record.deputy, around),
        owner_active=around.is_active(record.owner),
        team=record.team,
        squad=record.squad,
        priority=record.priority.key if record.priority else "",
        audience=record.shown_to(),
        allocation=record.allocation,
        layer=record.layer,
        low=record.low,
        high=record.high,
        shared_code=record.shared_code,
        holdout=record.holdout,
        changes_reach=record.changes_reach,
        touches=frozenset(Touch(each) for each in record.touches),
        traffic_change=record.traffic_change,
        features=tuple(record.features),
        references=tuple(record.refers),
        events=tuple(record.events),
        landing=tuple(record.landing),
        benign=frozenset(record.benign),
        assets=around.assets.get(record.key, ()),
        dependencies=around.dependencies.get(record.key, ()),
        effort=dict(record.effort),
    )
