"""Experiments, analyses, decisions, learnings and metrics over HTTP, through the same services."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

from django.http import HttpRequest
from ninja import Body, Field, Query, Router, Schema, Status
from pydantic import AwareDatetime

from truelift.apps.accounts.models import User
from truelift.apps.accounts.roles import Role
from truelift.apps.briefs.reads import class_document, class_of_metric, metric_classes
from truelift.apps.experiments.api_monitoring import router as monitoring
from truelift.apps.experiments.lists import DECISIONS, EXPERIMENTS, LEARNINGS
from truelift.apps.experiments.metrics import current_metrics, define_metric, take_library
from truelift.apps.experiments.models import AnalysisRecord, ExperimentRecord
from truelift.apps.experiments.monitoring_hiding import advice_shown_to, shown_to
from truelift.apps.experiments.phases import change_allocation
from truelift.apps.experiments.reads import (
    analyses_of,
    decision_document,
    experiment_document,
    experiment_of,
    experiment_summary,
    learning_document,
    metric_document,
    metrics_of,
    snapshot_of,
    trace_completeness,
    trace_of,
)
from truelift.apps.experiments.services import (
    NoSuchExperiment,
    ask_for_analysis,
    delete_experiment,
    move_experiment,
    plan_experiment,
    replan_experiment,
    write_findings,
    write_learning,
)
from truelift.apps.experiments.spec import spec_from
from truelift.apps.experiments.views import NEEDS
from truelift.apps.lists.part import Wanted, part_of
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_for
from truelift.errors import Refusal
from truelift.lifecycle.experiment import Action, Choice


router = Router(tags=["experiments"])
router.add_router("", monitoring)

Document = dict[str, Any]


class MoveIn(Schema):
    """A step to take."""

    action: Action
    choice: Choice | None = None
    reason: str = Field(default="", max_length=1000)
    reviewer: str = Field(default="", max_length=254)
    override: str = Field(default="", max_length=1000)


class AllocationIn(Schema):
    """By which weights the test tool draws new visitors: all variants; since now if left out."""

    weights: dict[str, float]
    reason: str = Field(max_length=300)
    since: AwareDatetime | None = None


class FindingsIn(Schema):
    """What a study without traffic found."""

    text: str = Field(max_length=20_000)


class LearningIn(Schema):
    """What an experiment taught."""

    experiment: str = Field(max_length=80)
    text: str = Field(max_length=1000)
    scope: str = Field(max_length=300)
    follow_up: str = Field(max_length=500)


class LibraryIn(Schema):
    """A kind of business."""

    library: str = Field(max_length=20)


class NoSuchSnapshot(Refusal):
    """The experiment has no snapshot of this number."""

    code = "experiment.no_such_snapshot"

    def __init__(self, *, key: str, number: int) -> None:
        super().__init__(f"{key} has no snapshot {number}.", key=key, number=number)


class ExperimentsWanted(Wanted):
    """Which experiments; a stage, or `preparing`, `live`, `to_do`, `over`."""

    stage: str = Field(default="", max_length=20)
    method: str = Field(default="", max_length=14)
    choice: Literal["", "ship", "iterate", "stop"] = ""
    origin: Literal["", "truelift", "imported"] = ""
    who: str = Field(default="", max_length=200)


class DecisionsWanted(Wanted):
    """Which decisions."""

    choice: Literal["", "ship", "iterate", "stop"] = ""
    who: str = Field(default="", max_length=200)
    against: Literal["", "on"] = ""


@router.get("/experiments")
def list_experiments(request: HttpRequest, site: str, wanted: Query[ExperimentsWanted]) -> Document:
    """List the experiments of a site, the newest first; `next` is the cursor of what follows."""
    part = part_of(EXPERIMENTS, _site(request, site), wanted, now=_now())
    return {
        "experiments": [experiment_summary(each) for each in part.records],
        "next": part.next,
    }


@router.post("/experiments", response={201: Document})
def create_experiment(request: HttpRequest, site: str, given: Body[Document]) -> Status[Document]:
    """Plan an experiment; the names are those of its file, see the guide."""
    place = _site(request, site, needs=Role.EDITOR)
    record = plan_experiment(place, spec_from(given), by=_actor(request), now=_now())
    return Status(201, _document(request, place, record.key))


@router.get("/experiments/{key}")
def show_experiment(request: HttpRequest, site: str, key: str) -> Document:
    """Show an experiment, with what stands in the way of each move."""
    return _document(request, _site(request, site), key)


@router.put("/experiments/{key}")
def edit_experiment(request: HttpRequest, site: str, key: str, given: Body[Document]) -> Document:
    """Rewrite the plan of a draft."""
    place = _site(request, site, needs=Role.EDITOR)
    replan_experiment(place, key, spec_from(given), by=_actor(request), now=_now())
    return _document(request, place, key)


@router.delete("/experiments/{key}", response={204: None})
def remove_experiment(request: HttpRequest, site: str, key: str) -> Status[None]:
    """Delete a draft to which nothing has happened."""
    place = _site(request, site, needs=Role.EDITOR)
    delete_experiment(place, key, by=_actor(request), now=_now())
    return Status(204, None)


@router.post("/experiments/{key}/move")
def move(request: HttpRequest, site: str, key: str, given: MoveIn) -> Document:
    """Move an experiment one step, or say every reason why it may not."""
    place = _site(request, site, needs=NEEDS[given.action])
    move_experiment(
        place,
        key,
        given.action,
        by=_actor(request),
        now=_now(),
        choice=given.choice,
        reason=given.reason,
        reviewer=given.reviewer,
        override=given.override,
    )
    return _document(request, place, key)


@router.post("/experiments/{key}/analyse", response={202: Document})
def analyse(request: HttpRequest, site: str, key: str) -> Status[Document]:
    """Ask for an analysis; it is computed outside of the request."""
    place = _site(request, site, needs=Role.ANALYST)
    job = ask_for_analysis(place, key, by=_actor(request), now=_now())
    return Status(202, {"job": job.pk, "experiment": key, "asked_at": job.asked_at})


@router.post("/experiments/{key}/allocation", response={201: Document})
def allocate(request: HttpRequest, site: str, key: str, given: AllocationIn) -> Status[Document]:
    """Write down that the test tool draws by other weights, so that it is no broken split."""
    place, now = _site(request, site, needs=Role.ANALYST), _now()
    phase = change_allocation(
        place,
        key,
        weights=given.weights,
        since=given.since or now,
        reason=given.reason,
        by=_actor(request),
        now=now,
    )
    return Status(
        201,
        {"experiment": key, "since": phase.since, "weights": phase.weights, "reason": phase.reason},
    )


@router.post("/experiments/{key}/findings", response={201: Document})
def findings(request: HttpRequest, site: str, key: str, given: FindingsIn) -> Status[Document]:
    """Write down what a study without traffic found."""
    place = _site(request, site, needs=Role.ANALYST)
    snapshot = write_findings(place, key, text=given.text, by=_actor(request), now=_now())
    return Status(201, _snapshot(request, snapshot, key))


@router.get("/experiments/{key}/trace")
def trace(request: HttpRequest, site: str, key: str) -> Document:
    """Give every node of an experiment's chain, from its learnings back to its insights."""
    return trace_of(_record(_site(request, site), key))


@router.get("/trace")
def completeness(request: HttpRequest, site: str) -> Document:
    """Say what share of the experiments has an unbroken chain back to an insight."""
    return dict(trace_completeness(_site(request, site)))


@router.get("/analyses")
def list_analyses(request: HttpRequest, site: str, experiment: str = "") -> Document:
    """List snapshots, the newest first; of one experiment when it is named."""
    place = _site(request, site)
    return {
        "analyses": [
            {
                "experiment": each.experiment.key,
                "number": each.number,
                "as_of": each.as_of,
                "action": advice_shown_to(each, _actor(request).user, now=_now()),
                "digest": each.digest,
            }
            for each in analyses_of(place, experiment=experiment)
        ]
    }


@router.get("/analyses/{key}/{number}")
def show_analysis(request: HttpRequest, site: str, key: str, number: int) -> Document:
    """Give a snapshot exactly as it was stored; without effects that the policy hides still."""
    found = snapshot_of(_site(request, site), key, number)
    if found is None:
        raise NoSuchSnapshot(key=key[:80], number=number)
    return _snapshot(request, found, key)


@router.get("/decisions")
def list_decisions(request: HttpRequest, site: str, wanted: Query[DecisionsWanted]) -> Document:
    """List the decisions of a site, the newest first; `next` is the cursor of what follows."""
    part = part_of(DECISIONS, _site(request, site), wanted, now=_now())
    return {"decisions": [decision_document(each) for each in part.records], "next": part.next}


@router.get("/learnings")
def list_learnings(request: HttpRequest, site: str, wanted: Query[Wanted]) -> Document:
    """List what was learned, the newest first; `next` is the cursor of what follows."""
    part = part_of(LEARNINGS, _site(request, site), wanted, now=_now())
    return {"learnings": [learning_document(each) for each in part.records], "next": part.next}


@router.post("/learnings", response={201: Document})
def create_learning(request: HttpRequest, site: str, given: LearningIn) -> Status[Document]:
    """Write down what an experiment taught."""
    place = _site(request, site, needs=Role.ANALYST)
    learning = write_learning(
        place,
        given.experiment,
        text=given.text,
        scope=given.scope,
        follow_up=given.follow_up,
        by=_actor(request),
        now=_now(),
    )
    return Status(201, learning_document(learning))


@router.get("/metrics")
def list_metrics(request: HttpRequest, site: str, *, versions: bool = False) -> Document:
    """List the metrics of a site: the newest version of each, or all versions."""
    place = _site(request, site)
    found = metrics_of(place) if versions else current_metrics(place)
    known = metric_classes(place)
    return {
        "metrics": [
            {
                **metric_document(each),
                "class": {
                    "worth": class_of_metric(each, known).value,
                    "said": class_document(known[each.key]) if each.key in known else None,
                },
            }
            for each in found
        ]
    }


@router.post("/metrics", response={201: Document})
def create_metric(request: HttpRequest, site: str, given: Body[Document]) -> Status[Document]:
    """Define a metric; with a key that is taken, its next version."""
    place = _site(request, site, needs=Role.EDITOR)
    spec = spec_from({"key": "api", "metrics": [given]}).metrics[0]
    return Status(201, metric_document(define_metric(place, spec, by=_actor(request), now=_now())))


@router.post("/metrics/library", response={201: Document})
def create_library(request: HttpRequest, site: str, given: LibraryIn) -> Status[Document]:
    """Take the metrics of a kind of business: shop, leads or saas."""
    place = _site(request, site, needs=Role.EDITOR)
    taken = take_library(place, given.library, by=_actor(request), now=_now())
    return Status(201, {"metrics": [metric_document(each) for each in taken]})


def _site(request: HttpRequest, name: str, *, needs: Role = Role.VIEWER) -> Site:
    return site_for(request.user, name, needs=needs)


def _actor(request: HttpRequest) -> Actor:
    user = request.user
    return Actor(user if isinstance(user, User) else None)


def _now() -> datetime:
    return datetime.now(UTC)


def _record(site: Site, key: str) -> ExperimentRecord:
    record = experiment_of(site, key)
    if record is None:
        raise NoSuchExperiment(key=key[:80], site=site.name)
    return record


def _document(request: HttpRequest, site: Site, key: str) -> Document:
    return dict(experiment_document(_record(site, key), by=_actor(request), now=_now()))


def _snapshot(request: HttpRequest, snapshot: AnalysisRecord, key: str) -> Document:
    user = _actor(request).user
    return {
        "experiment": key,
        "number": snapshot.number,
        "as_of": snapshot.as_of,
        "digest": snapshot.digest,
        "made_at": snapshot.made_at,
        "document": shown_to(snapshot.experiment, snapshot.document, user, now=_now()),
    }
