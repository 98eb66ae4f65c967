"""What may be asked about the backlog: its order, one item, the ranks that people gave."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from truelift.apps.accounts.models import User
from truelift.apps.accounts.reads import role_of
from truelift.apps.accounts.roles import Role
from truelift.apps.backlog.models import OverrideRecord, PriorityRecord, ScoreRecord
from truelift.apps.backlog.rule import Agreed, agreed_of
from truelift.apps.backlog.services import item_called
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.sites.models import Site
from truelift.lifecycle.hypothesis import HypothesisStage
from truelift.lifecycle.idea import OPEN
from truelift.lifecycle.scoring import Origin
from truelift.lifecycle.scoring_route import Route


PAGE: Final = 50
"""Rows of a page."""

ELSEWHERE: Final = (Route.SHIP, Route.LADDER, Route.DROP)
"""What is better not tested; it is listed apart from the ranking."""

SORTS: Final = ("rank", "newest", "oldest", "leak", "traffic")
KINDS: Final = ("", "hypotheses", "ideas")

_ORDERS: Final[Mapping[str, tuple[object, ...]]] = {
    "rank": ("solution_only", F("score").desc(nulls_last=True), "pk"),
    "newest": ("-made_at", "-pk"),
    "oldest": ("made_at", "pk"),
    "leak": (F("leak_minor").desc(nulls_last=True), "pk"),
    "traffic": (F("weekly_units").desc(nulls_last=True), "pk"),
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which items a list shows; as it stands in the address.

    Attributes:
        kind: One of `KINDS`; empty for both.
        route: A `Route`; empty for what competes for a test.
        surface: Where; empty for anywhere.
        text: In the change.
        waits: `score` for what nobody has scored, `discuss` for what scorers disagree about.
        sort: One of `SORTS`.
        page: From 1.
    """

    kind: str = ""
    route: str = ""
    surface: str = ""
    text: str = ""
    waits: str = ""
    sort: str = "rank"
    page: int = 1


@dataclass(frozen=True, slots=True)
class Placed:
    """An item with its rank in the list.

    Attributes:
        rank: From 1; in a filtered list among what it shows.
        override: The rank that a person gave it, if one did.
    """

    rank: int
    item: PriorityRecord
    override: OverrideRecord | None = None


def open_items(site: Site, agreed: Agreed) -> QuerySet[PriorityRecord]:
    """Give what competes for a slot: open ideas, and hypotheses that no test has.

    Only what the active framework has scored: two frameworks have no common order.
    """
    tests = ExperimentRecord.objects.filter(hypothesis=OuterRef("hypothesis"))
    return PriorityRecord.objects.filter(
        Q(idea__stage__in=[stage.value for stage in OPEN])
        | (Q(hypothesis__isnull=False) & ~Q(hypothesis__stage=HypothesisStage.TESTED.value)),
        ~Exists(tests),
        site=site,
        version=agreed.rule.version,
        framework=agreed.rule.framework.value,
    )


def wanted_items(site: Site, agreed: Agreed, wanted: Wanted) -> QuerySet[PriorityRecord]:
    """Give the items that a list shows, without their order."""
    found = open_items(site, agreed)
    if wanted.route:
        found = found.filter(route=wanted.route)
    else:
        found = found.exclude(route__in=[each.value for each in ELSEWHERE])
    if wanted.kind:
        found = found.filter(idea__isnull=wanted.kind != "ideas")
    if wanted.surface:
        found = found.filter(surface__iexact=wanted.surface)
    if wanted.text:
        found = found.filter(
            Q(hypothesis__change__icontains=wanted.text) | Q(idea__change__icontains=wanted.text)
        )
    if wanted.waits == "score":
        found = found.filter(score=None)
    elif wanted.waits == "discuss":
        found = found.filter(discuss=True)
    return found


def placed(
    site: Site, agreed: Agreed, wanted: Wanted, *, first: int = 0, most: int | None = PAGE
) -> tuple[Placed, ...]:
    """Give a stretch of the list, each with its rank.

    Ranks that people gave stand where they were put; everything else keeps its order
    around them (the same rule as `lifecycle.scoring.ranked`, on pages of the database).

    Args:
        site: The site.
        agreed: How it scores.
        wanted: Which items, in which order.
        first: Items before the stretch.
        most: How many; None for all that follow.
    """
    found = wanted_items(site, agreed, wanted)
    ordered = found.select_related("hypothesis", "idea").order_by(*_ORDERS[wanted.sort])  # type: ignore[arg-type]
    pins = _pins(site, found) if wanted.sort == "rank" else ()
    last = None if most is None else first + most
    if not pins:
        return tuple(Placed(first + i, item) for i, item in enumerate(ordered[first:last], start=1))
    pinned = {each.priority_id: each for each in pins}
    free = ordered.exclude(pk__in=list(pinned))
    # A pin stands at most at the end of the others, so its place needs their number.
    total = free.count() + len(pins)
    spots = _spots(pins, total)
    before = sum(spot < first for spot in spots)
    inside = [spot for spot in spots if spot >= first and (last is None or spot < last)]
    end = None if last is None else last - before - len(inside)
    others = iter(free[first - before : end])
    stretch = range(first, total if last is None else min(last, total))
    return tuple(
        Placed(at + 1, spots[at].priority, spots[at])
        if at in spots
        else Placed(at + 1, next(others))
        for at in stretch
    )


def first_to_test(site: Site) -> Placed | None:
    """Give the accepted hypothesis that the ranking puts first, by its score or by a person.

    None where no accepted one on the first page of hypotheses has either.
    """
    return next(
        (
            each
            for each in placed(site, agreed_of(site), Wanted(kind="hypotheses"))
            if each.item.hypothesis is not None
            and each.item.hypothesis.stage == HypothesisStage.ACCEPTED
            and (each.item.score is not None or each.override is not None)
        ),
        None,
    )


def _pins(site: Site, found: QuerySet[PriorityRecord]) -> tuple[OverrideRecord, ...]:
    if not OverrideRecord.objects.filter(priority__site=site, withdrawn_at=None).exists():
        return ()
    return tuple(
        OverrideRecord.objects.filter(priority__in=found.values("pk"), withdrawn_at=None)
        .select_related("priority__hypothesis", "priority__idea", "made_by")
        .order_by("rank", "pk")
    )


def _spots(pins: Sequence[OverrideRecord], total: int) -> dict[int, OverrideRecord]:
    """Give the place, from 0, of every given rank: the next free one where two want the same."""
    spots: dict[int, OverrideRecord] = {}
    for each in pins:
        at = min(each.rank - 1, total - 1)
        while at in spots:
            at += 1
        spots[at] = each
    # What was pushed beyond the end takes the last free places instead.
    late = [at for at in spots if at >= total]
    for at in late:
        spots[next(i for i in range(total - 1, -1, -1) if i not in spots)] = spots.pop(at)
    return spots


def item_of(site: Site, key: str) -> PriorityRecord | None:
    """Find an item by the key of its hypothesis or idea."""
    return (
        PriorityRecord.objects.filter(site=site)
        .filter(item_called(key))
        .select_related("hypothesis", "idea", "idea__insight", "idea__signal")
        .first()
    )


def better_not_tested(site: Site, agreed: Agreed) -> tuple[PriorityRecord, ...]:
    """List the newest items that should go elsewhere."""
    return tuple(
        open_items(site, agreed)
        .filter(route__in=[each.value for each in ELSEWHERE])
        .select_related("hypothesis", "idea")
        .order_by("-made_at")[:5]
    )


def overrides_of(site: Site) -> tuple[OverrideRecord, ...]:
    """List the ranks that people gave, the newest first."""
    return tuple(
        OverrideRecord.objects.filter(priority__site=site)
        .select_related("priority__hypothesis", "priority__idea__hypothesis", "made_by")
        .order_by("-pk")[:500]
    )


def blind_to(
    user: User | None, items: Iterable[PriorityRecord], agreed: Agreed, *, site: Site
) -> frozenset[int]:
    """Give the items whose score a person may not see yet: others answered, they did not.

    Who only looks has nothing to be influenced in, and sees every score.
    """
    role = role_of(user, site) if user is not None else None
    if user is None or role is None or not role.covers(Role.ANALYST):
        return frozenset()
    scorers: dict[int, set[int]] = {}
    for item, scorer in ScoreRecord.objects.filter(
        priority__in=[each.pk for each in items], framework=agreed.rule.framework.value
    ).values_list("priority_id", "scorer_id"):
        scorers.setdefault(item, set()).add(scorer)
    return frozenset(item for item, who in scorers.items() if user.pk not in who)


def waiting(site: Site) -> Mapping[str, QuerySet[Any]]:
    """Give what waits for a person in the backlog: what scorers should talk about."""
    return {"backlog": PriorityRecord.objects.filter(site=site, discuss=True)}


def item_document(
    place: Placed, agreed: Agreed, *, hidden: frozenset[int] = frozenset()
) -> dict[str, object]:
    """Give an item as the API shows it; of a hidden one nothing that others answered."""
    item = place.item
    blind = item.pk in hidden
    return {
        "key": item.key,
        "change": item.title,
        "rank": place.rank,
        "framework": item.framework,
        "version": item.version,
        "hidden": blind,
        "score": None if blind else item.score,
        "low": None if blind else item.low,
        "high": None if blind else item.high,
        "missing": list(item.missing),
        "inputs": [
            each for each in item.inputs if not (blind and each["origin"] == Origin.JUDGEMENT)
        ],
        "surface": item.surface,
        "weekly_units": item.weekly_units,
        "leak_minor": item.leak_minor,
        "mde": item.mde,
        "mde_weeks": agreed.policy.max_weeks,
        "route": item.route,
        "reasons": list(item.reasons),
        "solution_only": item.solution_only,
        "discuss": not blind and item.discuss,
        "scorers": item.scorers,
        "override": None
        if place.override is None
        else {
            "rank": place.override.rank,
            "reason": place.override.reason,
            "by": str(place.override.made_by) if place.override.made_by else "operator",
            "at": place.override.made_at,
        },
    }
