"""The list of winners: filters, orders, its file, and steps for many."""

from __future__ import annotations

from datetime import datetime
from types import MappingProxyType
from typing import Final

from django.db.models import Case, IntegerField, Value, When

from truelift.apps.accounts.roles import Role
from truelift.apps.lists.listing import (
    Column,
    Filter,
    Given,
    Listing,
    Rows,
    Step,
    holding,
    person,
    words_in,
)
from truelift.apps.research.actor import Actor
from truelift.apps.rollouts import services
from truelift.apps.rollouts.models import RolloutRecord
from truelift.apps.rollouts.services import RolloutFields
from truelift.apps.sites.models import Site
from truelift.lifecycle.functions import Item
from truelift.lifecycle.rollout import OPEN, RolloutAction, RolloutStage
from truelift.lifecycle.stage_words import stage_word


_STAGES: Final = (
    ("", "Any"),
    ("open", "Not live yet"),
    ("over", "Live or given up"),
    *((each.value, stage_word(Item.ROLLOUT, each)) for each in RolloutStage),
)


def _rollouts(site: Site) -> Rows:
    return (
        RolloutRecord.objects.filter(site=site)
        .select_related("site", "owner", "experiment")
        .annotate(
            rank=Case(
                *(When(stage=stage, then=Value(place)) for place, stage in enumerate(RolloutStage)),
                default=Value(99),
                output_field=IntegerField(),
            ),
            over=Case(
                When(stage__in=list(OPEN), then=Value(0)),
                default=Value(1),
                output_field=IntegerField(),
            ),
        )
    )


def _in_stage(rows: Rows, value: str, now: datetime) -> Rows:
    del now
    if value in {"open", "over"}:
        return rows.filter(over=0 if value == "open" else 1)
    return rows.filter(stage=value)


def _overdue(rows: Rows, value: str, now: datetime) -> Rows:
    del value
    return rows.filter(over=0, due__lt=now.date())


def _line(record: RolloutRecord, now: datetime) -> dict[str, object]:
    return {
        "key": record.key,
        "experiment": record.experiment.key,
        "name": record.experiment.name,
        "stage": record.stage,
        "variant": record.variant,
        "owner": record.owner.email if record.owner else "",
        "due": record.due,
        "decided_at": record.decided_at,
        "days": ((record.verified_at or record.ended_at or now) - record.decided_at).days,
        "verified_at": record.verified_at,
        "lift": record.lift,
        "lift_low": record.lift_low,
        "lift_high": record.lift_high,
        "lift_absent": record.lift_problem,
        "ticket": record.ticket,
    }


def _mover(action: RolloutAction, label: str) -> Step:
    def run(site: Site, key: str, given: Given, by: Actor, now: datetime) -> object:
        return services.move(site, key, action, by=by, now=now, reason=given.reason)

    return Step(action.value, label, run, ("reason",), Role.EDITOR)


def _give(site: Site, key: str, given: Given, by: Actor, now: datetime) -> object:
    fields = RolloutFields(owner=given.owner)
    return services.edit_rollout(site, key, fields, by=by, now=now)


def _date(site: Site, key: str, given: Given, by: Actor, now: datetime) -> object:
    fields = RolloutFields(due=given.until.isoformat() if given.until else "")
    return services.edit_rollout(site, key, fields, by=by, now=now)


ROLLOUTS: Final = Listing(
    name="rollouts",
    rows=_rollouts,
    filters=(
        Filter("text", "Words", words_in("experiment__name", "experiment__key", key="R-")),
        Filter("stage", "State", _in_stage, _STAGES),
        Filter("surface", "Where", holding("experiment__surface")),
        Filter("who", "Whose", person("owner")),
        Filter("overdue", "Only overdue", _overdue, tick=True),
    ),
    columns=(
        Column("Winner", "name"),
        Column("Decided", "decided", "n only-wide"),
        Column("Lost so far", "lost", "n"),
        Column("State", "stage"),
        Column("Next step", "due"),
    ),
    sorts=MappingProxyType(
        {
            "lost": ("over", "decided_at", "-number"),
            "decided": ("-decided_at", "-number"),
            "name": ("experiment__name", "-number"),
            "stage": ("rank", "-number"),
            "due": ("due", "-number"),
        }
    ),
    labels=MappingProxyType({"lost": "Costliest first", "decided": "Newest", "due": "Due"}),
    usual="lost",
    record=_line,
    steps=(
        _mover(RolloutAction.START, "Start"),
        _mover(RolloutAction.GO_LIVE, "Say it is live"),
        _mover(RolloutAction.VERIFY, "Verify"),
        _mover(RolloutAction.CLEAN_UP, "Say it is cleaned up"),
        _mover(RolloutAction.ABANDON, "Abandon (why)"),
        Step("give", "Give to somebody", _give, ("owner",), Role.EDITOR),
        Step("date", "Set the due day", _date, ("until",), Role.EDITOR),
    ),
)

LISTINGS: Final = MappingProxyType({"rollouts": ROLLOUTS})
"""What this app lists."""
