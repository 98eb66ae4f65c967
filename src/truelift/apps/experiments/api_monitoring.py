"""Alerts and what monitoring sees, over HTTP, through the same services as the pages."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest
from ninja import Field, Router, Schema

from truelift.apps.accounts.models import User
from truelift.apps.accounts.roles import Role
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.experiments.monitoring_alerts import change_alert
from truelift.apps.experiments.monitoring_hiding import hides_from
from truelift.apps.experiments.monitoring_models import AlertRecord
from truelift.apps.experiments.reads import experiment_of
from truelift.apps.experiments.services import NoSuchExperiment
from truelift.apps.research.actor import Actor
from truelift.apps.sites.reads import site_for
from truelift.lifecycle.monitoring import AlertStage


router = Router(tags=["alerts"])

MOST = 200


class AlertIn(Schema):
    """Where an alert goes."""

    to: AlertStage
    note: str = Field(default="", max_length=500)


@router.get("/alerts")
def list_alerts(request: HttpRequest, site: str, stage: AlertStage | None = None) -> dict[str, Any]:
    """List alerts, the newest first; of one stage where it is named."""
    place = site_for(request.user, site)
    rows = AlertRecord.objects.filter(site=place).select_related(
        "experiment__site", "acknowledged_by", "resolved_by"
    )
    if stage is not None:
        rows = rows.filter(stage=stage.value)
    return {"alerts": [_document(each, request) for each in rows[:MOST]]}


@router.post("/alerts/{number}")
def move_alert(request: HttpRequest, site: str, number: int, given: AlertIn) -> dict[str, Any]:
    """Take an alert on, or settle it with what settled it."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    row = change_alert(
        place, number, given.to, by=Actor(_user(request)), note=given.note, now=_now()
    )
    return _document(row, request)


@router.get("/experiments/{key}/monitoring")
def monitoring(request: HttpRequest, site: str, key: str) -> dict[str, Any]:
    """Give the last look of each day: guardrails, split, how full it is."""
    place = site_for(request.user, site)
    record = experiment_of(place, key)
    if record is None:
        raise NoSuchExperiment(key=key[:80], site=place.name)
    return watched_document(record, user=_user(request), now=_now())


def watched_document(
    record: ExperimentRecord, *, user: User | None, now: datetime
) -> dict[str, Any]:
    """Give the looks of an experiment as a person may see them."""
    hides = hides_from(record, user, now=now)
    looks = []
    for each in record.watches.order_by("day"):
        document = dict(each.document)
        if hides:
            document["guardrails"] = []
        looks.append({"day": each.day, **document})
    return {"experiment": record.key, "hidden": hides, "looks": looks}


def alert_document(alert: AlertRecord, *, hides: bool) -> dict[str, Any]:
    """Give an alert as JSON, without an effect where it may not be known."""
    return {
        "number": alert.pk,
        "experiment": alert.experiment.key if alert.experiment else None,
        "cause": alert.key,
        "concern": alert.concern,
        "level": alert.level,
        "stage": alert.stage,
        "sentence": alert.quiet if hides else alert.sentence,
        "remedy": alert.remedy,
        "opened_at": alert.opened_at,
        "seen_at": alert.seen_at,
        "acknowledged_by": alert.acknowledged_by.email if alert.acknowledged_by else None,
        "acknowledged_at": alert.acknowledged_at,
        "resolved_by": alert.resolved_by.email if alert.resolved_by else None,
        "resolved_at": alert.resolved_at,
        "note": alert.note,
    }


def _document(alert: AlertRecord, request: HttpRequest) -> dict[str, Any]:
    hides = alert.experiment is not None and hides_from(
        alert.experiment, _user(request), now=_now()
    )
    return alert_document(alert, hides=hides)


def _user(request: HttpRequest) -> User | None:
    return request.user if isinstance(request.user, User) else None


def _now() -> datetime:
    return datetime.now(UTC)
