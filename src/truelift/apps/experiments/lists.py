"""The lists of experiments, decisions and learnings: filters, orders, files, steps for many."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final

from django.db.models import Case, IntegerField, Q, Value, When

from truelift.apps.accounts.roles import Role
from truelift.apps.experiments.handing_over import hand_over
from truelift.apps.experiments.models import DecisionRecord, ExperimentRecord, LearningRecord
from truelift.apps.experiments.reads import decisions_of, learnings_of
from truelift.apps.experiments.services import move_experiment
from truelift.apps.experiments.wording import CHOICES, METHODS, STAGES
from truelift.apps.lists.listing import (
    SURFACE,
    Column,
    Filter,
    Given,
    Listing,
    Rows,
    Step,
    equal,
    holding,
    person,
    words_in,
)
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.lifecycle.experiment import Action, Origin, Stage


GROUPS: Final[Mapping[str, tuple[Stage, ...]]] = MappingProxyType(
    {
        "preparing": (
            Stage.BRIEFED,
            Stage.DESIGNED,
            Stage.BUILD,
            Stage.QA,
            Stage.READY,
            Stage.SCHEDULED,
        ),
        "live": (Stage.RUNNING, Stage.PAUSED),
        "to_do": (Stage.STOPPED, Stage.ANALYSED, Stage.DECIDED),
        "over": (Stage.LEARNED, Stage.CLOSED, Stage.INVALID),
    }
)
"""Stages that are wanted together."""

_STAGES: Final = (
    ("", "Any"),
    ("preparing", "In preparation"),
    ("live", "Live"),
    ("to_do", "To analyse, decide or learn"),
    ("over", "Over"),
    *((stage.value, STAGES[stage][1]) for stage in Stage),
)
_CHOICES: Final = (("", "Anything"), *((value, words) for value, words in CHOICES.items()))


def _experiments(site: Site) -> Rows:
    return (
        ExperimentRecord.objects.filter(site=site)
        .select_related("site", "decision_owner", "hypothesis", "decision")
        .annotate(
            rank=Case(
                *(When(stage=stage, then=Value(place)) for place, stage in enumerate(Stage)),
                default=Value(99),
                output_field=IntegerField(),
            )
        )
    )


def _in_stage(rows: Rows, value: str, now: datetime) -> Rows:
    del now
    return rows.filter(stage__in=GROUPS[value]) if value in GROUPS else rows.filter(stage=value)


def _experiment_line(record: ExperimentRecord, now: datetime) -> dict[str, object]:
    del now
    decision = getattr(record, "decision", None)
    return {
        "key": record.key,
        "name": record.name,
        "stage": record.stage,
        "method": record.method,
        "origin": record.origin,
        "surface": record.surface,
        "hypothesis": record.hypothesis.key if record.hypothesis else "",
        "decision_owner": record.decision_owner.email if record.decision_owner else "",
        "start": record.starts_on,
        "end": record.ends_on,
        "decision": decision.choice if decision else "",
        "made_at": record.made_at,
    }


def _decision_line(record: DecisionRecord, now: datetime) -> dict[str, object]:
    del now
    return {
        "experiment": record.experiment.key,
        "name": record.experiment.name,
        "surface": record.experiment.surface,
        "choice": record.choice,
        "recommended": record.advice,
        "against_recommendation": record.against_advice,
        "reason": record.reason,
        "override": record.override_reason,
        "by": record.by.email if record.by else "",
        "reviewer": record.reviewer.email if record.reviewer else "",
        "snapshot": record.analysis.number if record.analysis else None,
        "decided_at": record.decided_at,
    }


def _learning_line(record: LearningRecord, now: datetime) -> dict[str, object]:
    del now
    return {
        "key": record.key,
        "text": record.text,
        "scope": record.scope,
        "follow_up": record.follow_up,
        "experiment": record.experiment.key,
        "experiment_stage": record.experiment.stage,
        "by": record.made_by.email if record.made_by else "",
        "made_at": record.made_at,
    }


def _mover(action: Action) -> Step:
    """Make a step for many of a step for one; what needs a choice is taken one by one."""

    def run(site: Site, key: str, given: Given, by: Actor, now: datetime) -> object:
        return move_experiment(site, key, action, by=by, now=now, reason=given.reason)

    return Step(action.value, _MOVES[action], run, ("reason",), Role.EDITOR)


def _give(site: Site, key: str, given: Given, by: Actor, now: datetime) -> object:
    hand_over(site, key, by=by, now=now, owner=given.owner)
    return None


def _place(site: Site, key: str, given: Given, by: Actor, now: datetime) -> object:
    hand_over(site, key, by=by, now=now, surface=given.surface)
    return None


_MOVES: Final[Mapping[Action, str]] = MappingProxyType(
    {
        Action.DESIGN: "Hand to design",
        Action.BUILD: "Hand to build",
        Action.CHECK: "Hand to QA",
        Action.SUBMIT: "Say it is ready",
        Action.SCHEDULE: "Schedule",
        Action.RETURN: "Return (why)",
        Action.PAUSE: "Pause (why)",
        Action.RESUME: "Resume (why)",
        Action.STOP: "Stop (why)",
        Action.CLOSE: "Close (why)",
    }
)


def _against(rows: Rows, value: str, now: datetime) -> Rows:
    del value, now
    return rows.filter(against_advice=True)


def _unusable(rows: Rows, value: str, now: datetime) -> Rows:
    """An invalid test teaches how to test, not what works: it is told apart."""
    del now
    void = Q(experiment__stage=Stage.INVALID) | Q(experiment__invalid_at__isnull=False)
    return rows.filter(void) if value == "invalid" else rows.exclude(void)


EXPERIMENTS: Final = Listing(
    name="experiments",
    rows=_experiments,
    filters=(
        Filter("text", "Words", words_in("name", "key", "surface")),
        Filter("stage", "Stage", _in_stage, _STAGES),
        SURFACE,
        Filter("method", "Method", equal("method"), (("", "Any"), *METHODS.items())),
        Filter("choice", "Decided", equal("decision__choice"), _CHOICES),
        Filter(
            "origin",
            "From",
            equal("origin"),
            (("", "Anywhere"), (Origin.TRUELIFT, "Here"), (Origin.IMPORTED, "Elsewhere")),
        ),
        Filter("who", "Who decides", person("decision_owner")),
    ),
    columns=(
        Column("Experiment", "name"),
        Column("Stage", "stage"),
        Column("When", "start", "only-wide"),
        Column("Decides", "who", "only-wide"),
        Column("Decision", "decided"),
    ),
    sorts=MappingProxyType(
        {
            "newest": ("-made_at", "-pk"),
            "name": ("name", "-pk"),
            "stage": ("rank", "-pk"),
            "start": ("-starts_on", "-pk"),
            "who": ("decision_owner__name", "-pk"),
            "decided": ("-decision__decided_at", "-pk"),
        }
    ),
    labels=MappingProxyType({"newest": "Newest", "start": "Start", "decided": "Last decided"}),
    usual="newest",
    record=_experiment_line,
    steps=(
        *(_mover(action) for action in _MOVES),
        Step("give", "Name another decision-owner (drafts)", _give, ("owner",), Role.EDITOR),
        Step("place", "Say where it is (drafts)", _place, ("surface",), Role.EDITOR),
    ),
)

DECISIONS: Final = Listing(
    name="decisions",
    rows=decisions_of,
    filters=(
        Filter("text", "Words", words_in("experiment__name", "experiment__key", "reason")),
        Filter("choice", "Decided", equal("choice"), _CHOICES),
        Filter("surface", "Where", holding("experiment__surface")),
        Filter("who", "By", person("by")),
        Filter("against", "Against the recommendation", _against, tick=True),
    ),
    columns=(
        Column("Experiment", "name"),
        Column("Decision", "choice"),
        Column("Why"),
        Column("By", "who", "only-wide"),
        Column("Evidence", "", "only-wide"),
    ),
    sorts=MappingProxyType(
        {
            "newest": ("-decided_at", "-pk"),
            "name": ("experiment__name", "-pk"),
            "choice": ("choice", "-decided_at", "-pk"),
            "who": ("by__name", "-decided_at", "-pk"),
        }
    ),
    labels=MappingProxyType({"newest": "Newest"}),
    usual="newest",
    record=_decision_line,
)

LEARNINGS: Final = Listing(
    name="learnings",
    rows=learnings_of,
    filters=(
        Filter(
            "text", "Words", words_in("text", "scope", "follow_up", "experiment__name", key="L-")
        ),
        Filter("surface", "Where", holding("experiment__surface")),
        Filter("choice", "Decided", equal("experiment__decision__choice"), _CHOICES),
        Filter(
            "from",
            "From",
            _unusable,
            (("", "Any test"), ("valid", "Valid tests"), ("invalid", "Invalid tests")),
        ),
        Filter("who", "By", person("made_by")),
    ),
    columns=(),
    sorts=MappingProxyType({"newest": ("-number",), "experiment": ("experiment__name", "-number")}),
    labels=MappingProxyType({"newest": "Newest", "experiment": "Experiment"}),
    usual="newest",
    record=_learning_line,
)

LISTINGS: Final = MappingProxyType(
    {"experiments": EXPERIMENTS, "decisions": DECISIONS, "learnings": LEARNINGS}
)
"""What this app lists."""
