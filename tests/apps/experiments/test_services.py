"""What can be done to experiments, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.models import ProtectedError

from truelift.apps.accounts.audit import verify
from truelift.apps.accounts.models import AuditEvent, User
from truelift.apps.experiments.domain import judging_of
from truelift.apps.experiments.metrics import current_metrics, define_metric
from truelift.apps.experiments.models import (
    AnalysisRecord,
    DecisionRecord,
    ExperimentRecord,
    LearningRecord,
    MetricRecord,
    MoveRecord,
)
from truelift.apps.experiments.reads import learnable
from truelift.apps.experiments.services import (
    IncompleteLearning,
    InvalidTeachesNothing,
    NoSuchExperiment,
    PlanIsFrozen,
    SomethingHappened,
    WrongWayToAnalyse,
    ask_for_analysis,
    delete_experiment,
    move_experiment,
    plan_experiment,
    replan_experiment,
    write_findings,
    write_learning,
)
from truelift.apps.experiments.spec import BadSpec, ExperimentSpec, MetricSpec
from truelift.apps.links.models import ShareKind
from truelift.apps.links.shown import shown
from truelift.apps.research.actor import Actor
from truelift.apps.research.models import HypothesisRecord, InsightRecord
from truelift.apps.sites.models import Site
from truelift.lifecycle.experiment import Action, Choice, Method, Origin, Stage
from truelift.lifecycle.judging import Inference, Judging
from truelift.lifecycle.obstacle import MoveRefused


AT_THE_END = datetime(2026, 5, 25, 12, tzinfo=UTC)

pytestmark = [pytest.mark.database, pytest.mark.django_db]


def test_a_plan_works_out_its_sample_size_and_weeks(planned: ExperimentRecord) -> None:
    assert planned.n_per_variant == 31_234
    assert planned.weeks_needed == 2


@pytest.mark.parametrize("inference", list(Inference))
def test_the_sample_size_is_that_of_the_method(
    site: Site, spec: ExperimentSpec, ada: User, now: datetime, inference: Inference
) -> None:
    fixed = plan_experiment(site, spec, by=Actor(ada), now=now)
    other = replace(spec, key="other", inference=inference)

    made = plan_experiment(site, other, by=Actor(ada), now=now)

    ratio = (made.n_per_variant or 0) / (fixed.n_per_variant or 1)
    least, most = {
        Inference.FIXED: (1, 1),
        Inference.SEQUENTIAL: (1.8, 2.2),
        Inference.GROUP_SEQUENTIAL: (1.005, 1.05),
        Inference.BAYESIAN: (1, 1.2),
    }[inference]
    assert least <= ratio <= most


def test_what_nobody_set_about_judging_follows_from_the_plan(
    site: Site, spec: ExperimentSpec, ada: User, now: datetime
) -> None:
    looked = replace(spec, key="looked", inference=Inference.GROUP_SEQUENTIAL)
    peeked = replace(spec, key="peeked", inference=Inference.SEQUENTIAL)
    believed = replace(spec, key="believed", inference=Inference.BAYESIAN)
    made = {
        each.key: plan_experiment(site, each, by=Actor(ada), now=now)
        for each in (looked, peeked, believed)
    }

    judging = {key: judging_of(record) for key, record in made.items()}

    assert (judging["looked"].looks, judging["looked"].spending) == (4, "obrien-fleming")
    assert judging["peeked"].tuning_n == 2 * (made["peeked"].n_per_variant or 0)
    assert (judging["believed"].prior_sd, judging["believed"].correction) == (0.3, "none")
    assert judging_of(plan_experiment(site, spec, by=Actor(ada), now=now)) == Judging()


def test_the_whole_chain_can_be_walked_both_ways(
    site: Site, analysed: ExperimentRecord, insight: InsightRecord, ada: User
) -> None:
    move_experiment(
        site,
        analysed.key,
        Action.DECIDE,
        by=Actor(ada),
        now=AT_THE_END,
        choice=Choice.SHIP,
        reason="Orders rose.",
    )
    learning = write_learning(
        site,
        analysed.key,
        text="Cost belongs where the price is.",
        scope="Product pages, phones",
        follow_up="Try the same in the cart.",
        by=Actor(ada),
        now=AT_THE_END,
    )

    up = learning.experiment.hypothesis
    assert up is not None
    assert [each.key for each in up.insights.all()] == [insight.key]
    assert learning.experiment.decision.analysis is not None
    down = insight.hypotheses.get().experiments.get()
    assert down.stage == Stage.LEARNED
    assert down.learnings.get() == learning
    assert up.stage == "tested"
    assert up.finding == "supported"


def test_every_step_is_in_the_audit_and_its_chain_holds(analysed: ExperimentRecord) -> None:
    said = AuditEvent.objects.filter(target=f"experiment:{analysed.key}").order_by("id")

    assert [event.action for event in said] == [
        "experiment.planned",
        "experiment.submit",
        "experiment.launch",
        "experiment.stop",
        "experiment.snapshot_stored",
        "experiment.analyse",
    ]
    assert verify() is None


def test_a_refused_move_stores_nothing(site: Site, analysed: ExperimentRecord, cleo: User) -> None:
    before = MoveRecord.objects.count(), AuditEvent.objects.count()

    with pytest.raises(MoveRefused):
        move_experiment(
            site, analysed.key, Action.DECIDE, by=Actor(cleo), now=AT_THE_END, choice=Choice.SHIP
        )

    assert (MoveRecord.objects.count(), AuditEvent.objects.count()) == before


def test_the_operator_on_behalf_of_the_owner_is_written_down_as_both(
    site: Site, analysed: ExperimentRecord, ada: User
) -> None:
    move_experiment(
        site,
        analysed.key,
        Action.DECIDE,
        by=Actor(ada, operator=True),
        now=AT_THE_END,
        choice=Choice.STOP,
        reason="The release is cancelled.",
    )

    event = AuditEvent.objects.get(action="experiment.decide")
    assert (event.actor, event.on_behalf_of) == ("operator", "ada@example.com")
    assert DecisionRecord.objects.get().operator


def test_a_decision_against_the_recommendation_is_marked(
    site: Site, analysed: ExperimentRecord, ada: User
) -> None:
    move_experiment(
        site,
        analysed.key,
        Action.DECIDE,
        by=Actor(ada),
        now=AT_THE_END,
        choice=Choice.STOP,
        reason="The release is cancelled.",
    )

    decision = DecisionRecord.objects.get()
    assert (decision.choice, decision.advice, decision.against_advice) == ("stop", "ship", True)


def test_a_failed_check_leaves_only_invalid(
    site: Site,
    planned: ExperimentRecord,
    moved: Callable[..., None],
    snapshot_of: Callable[..., None],
    ada: User,
) -> None:
    moved(planned.key, Action.SUBMIT, Action.LAUNCH, Action.STOP)
    snapshot_of(planned.key, action="invalid", srm="fail")
    moved(planned.key, Action.ANALYSE)

    with pytest.raises(MoveRefused, match="not the planned split"):
        move_experiment(
            site,
            planned.key,
            Action.DECIDE,
            by=Actor(ada),
            now=AT_THE_END,
            choice=Choice.SHIP,
            reason="I want it.",
        )
    step = move_experiment(
        site, planned.key, Action.INVALIDATE, by=Actor(ada), now=AT_THE_END, reason="Broken split."
    )

    assert step.after.stage is Stage.INVALID


def test_late_data_makes_a_new_snapshot_and_leaves_the_decided_one(
    site: Site, analysed: ExperimentRecord, snapshot_of: Callable[..., None], ada: User
) -> None:
    move_experiment(
        site,
        analysed.key,
        Action.DECIDE,
        by=Actor(ada),
        now=AT_THE_END,
        choice=Choice.SHIP,
        reason="Orders rose.",
    )
    decided_on = DecisionRecord.objects.get().analysis
    assert decided_on is not None

    snapshot_of(analysed.key, at=AT_THE_END + timedelta(days=30), action="stop", outcome="loss")

    again = AnalysisRecord.objects.get(pk=decided_on.pk)
    assert (again.text, again.digest) == (decided_on.text, decided_on.digest)


@pytest.mark.parametrize(
    "model", [AnalysisRecord, DecisionRecord, LearningRecord, MoveRecord, MetricRecord]
)
@pytest.mark.parametrize("verb", ["update", "delete"])
def test_the_database_refuses_to_rewrite_what_was_found_and_decided(
    site: Site, analysed: ExperimentRecord, ada: User, model: Any, verb: str
) -> None:
    move_experiment(
        site,
        analysed.key,
        Action.DECIDE,
        by=Actor(ada),
        now=AT_THE_END,
        choice=Choice.SHIP,
        reason="Orders rose.",
    )
    write_learning(
        site,
        analysed.key,
        text="Cost belongs where the price is.",
        scope="Product pages",
        follow_up="None: it is done.",
        by=Actor(ada),
        now=AT_THE_END,
    )
    table = model._meta.db_table
    said = {"update": f"UPDATE {table} SET id = id + 1000", "delete": f"DELETE FROM {table}"}
    before = model.objects.count()

    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(said[verb])

    assert before
    assert model.objects.count() == before


def test_linked_parents_cannot_be_deleted(
    analysed: ExperimentRecord, insight: InsightRecord, hypothesis: HypothesisRecord
) -> None:
    for parent in (insight, hypothesis, analysed):
        with pytest.raises(ProtectedError), transaction.atomic():
            parent.delete()


def test_a_draft_that_nothing_happened_to_can_be_deleted_and_nothing_else(
    site: Site, planned: ExperimentRecord, spec: ExperimentSpec, ada: User, now: datetime
) -> None:
    other = plan_experiment(site, replace(spec, key="other"), by=Actor(ada), now=now)
    move_experiment(site, planned.key, Action.SUBMIT, by=Actor(ada), now=now)

    delete_experiment(site, other.key, by=Actor(ada), now=now)
    with pytest.raises(SomethingHappened):
        delete_experiment(site, planned.key, by=Actor(ada), now=now)

    assert list(ExperimentRecord.objects.values_list("key", flat=True)) == [planned.key]


def test_a_plan_is_rewritten_only_as_a_draft(
    site: Site, planned: ExperimentRecord, spec: ExperimentSpec, ada: User, now: datetime
) -> None:
    replan_experiment(site, planned.key, replace(spec, name="Better"), by=Actor(ada), now=now)
    move_experiment(site, planned.key, Action.SUBMIT, by=Actor(ada), now=now)

    with pytest.raises(PlanIsFrozen, match="Return it to the brief"):
        replan_experiment(site, planned.key, spec, by=Actor(ada), now=now)

    planned.refresh_from_db()
    assert planned.name == "Better"
    assert planned.variants.count() == 2


def test_everything_a_plan_names_must_exist_and_all_of_it_is_said(
    site: Site, spec: ExperimentSpec, ada: User, now: datetime
) -> None:
    strange = replace(
        spec,
        hypothesis="H-99",
        decision_owner="mallory@example.com",
        primary="nothing",
        guardrails=("nowhere",),
        margins={"elsewhere": 0.1},
    )

    with pytest.raises(BadSpec) as refused:
        plan_experiment(site, strange, by=Actor(ada), now=now)

    assert set(refused.value.wrong) == {
        "hypothesis",
        "decision_owner",
        "primary",
        "guardrails",
        "margins",
    }
    assert not ExperimentRecord.objects.exists()


def test_a_key_is_taken_once(
    site: Site, planned: ExperimentRecord, spec: ExperimentSpec, ada: User, now: datetime
) -> None:
    assert planned.key == spec.key

    with pytest.raises(BadSpec, match="already an experiment"):
        plan_experiment(site, spec, by=Actor(ada), now=now)


def test_an_experiment_of_another_site_is_none(
    planned: ExperimentRecord, mallory: User, now: datetime
) -> None:
    elsewhere = Site.objects.get(name="elsewhere")

    with pytest.raises(NoSuchExperiment):
        move_experiment(elsewhere, planned.key, Action.SUBMIT, by=Actor(mallory), now=now)


def test_what_ended_elsewhere_is_imported_as_stopped_and_meets_no_guard(
    site: Site, spec: ExperimentSpec, snapshot_of: Callable[..., None], ada: User, now: datetime
) -> None:
    bare = ExperimentSpec(
        key="gate",
        origin=Origin.IMPORTED,
        primary="order_rate",
        variants=spec.variants,
    )

    imported = plan_experiment(site, bare, by=Actor(None, operator=True), now=now)
    assert imported.stage == Stage.STOPPED
    snapshot_of("gate", action="stop", outcome="loss")
    move_experiment(site, "gate", Action.ANALYSE, by=Actor(ada), now=AT_THE_END)
    with pytest.raises(MoveRefused, match="Nothing was chosen"):
        move_experiment(site, "gate", Action.DECIDE, by=Actor(ada), now=AT_THE_END)
    step = move_experiment(
        site, "gate", Action.DECIDE, by=Actor(ada), now=AT_THE_END, choice=Choice.STOP
    )

    assert step.after.stage is Stage.DECIDED


def test_a_study_is_analysed_by_writing_what_was_found(
    site: Site, hypothesis: HypothesisRecord, ada: User, now: datetime
) -> None:
    study = ExperimentSpec(
        key="six-people",
        method=Method.USABILITY_TEST,
        hypothesis=hypothesis.key,
        decision_owner="ada@example.com",
    )
    plan_experiment(site, study, by=Actor(ada), now=now)
    for action in (Action.SUBMIT, Action.LAUNCH, Action.STOP):
        move_experiment(site, study.key, action, by=Actor(ada), now=now)

    with pytest.raises(WrongWayToAnalyse):
        ask_for_analysis(site, study.key, by=Actor(ada), now=now)
    snapshot = write_findings(
        site, study.key, text="Five of six looked for the cost.", by=Actor(ada), now=now
    )

    assert ExperimentRecord.objects.get(key=study.key).stage == Stage.ANALYSED
    assert snapshot.document["findings"] == "Five of six looked for the cost."


def test_a_learning_says_what_where_and_what_follows(
    site: Site, analysed: ExperimentRecord, ada: User
) -> None:
    with pytest.raises(IncompleteLearning) as refused:
        write_learning(
            site, analysed.key, text=" ", scope="", follow_up="", by=Actor(ada), now=AT_THE_END
        )

    assert set(refused.value.wrong) == {"text", "scope", "follow_up"}


def test_an_invalid_experiment_yields_no_learning_and_stays_invalid_when_it_is_closed(
    site: Site, analysed: ExperimentRecord, moved: Callable[..., None], ada: User
) -> None:
    by = Actor(ada)
    move_experiment(
        site, analysed.key, Action.INVALIDATE, by=by, now=AT_THE_END, reason="A release broke it."
    )
    learning = {"text": "More orders.", "scope": "Everywhere", "follow_up": "None."}

    with pytest.raises(InvalidTeachesNothing, match="Repeat it as a new experiment, or close it"):
        write_learning(site, analysed.key, **learning, by=by, now=AT_THE_END)
    with pytest.raises(MoveRefused, match="nobody says what happens to its question"):
        moved(analysed.key, Action.CLOSE)
    move_experiment(
        site, analysed.key, Action.CLOSE, by=by, now=AT_THE_END, reason="Repeated in June."
    )
    analysed.refresh_from_db()
    with pytest.raises(InvalidTeachesNothing):
        write_learning(site, analysed.key, **learning, by=by, now=AT_THE_END)

    assert (analysed.stage, analysed.is_invalid) == (Stage.CLOSED, True)
    assert not LearningRecord.objects.exists()
    assert learnable(site) == []
    assert shown(site, ShareKind.RESULT, analysed.key, 1, now=AT_THE_END).watermark == "Invalid"


def test_nothing_is_learned_before_the_decision(
    site: Site, analysed: ExperimentRecord, ada: User
) -> None:
    with pytest.raises(MoveRefused):
        write_learning(
            site,
            analysed.key,
            text="Early.",
            scope="Everywhere",
            follow_up="None.",
            by=Actor(ada),
            now=AT_THE_END,
        )

    assert not LearningRecord.objects.exists()


def test_the_same_definition_is_one_version_and_another_is_the_next(
    site: Site, planned: ExperimentRecord, ada: User, now: datetime
) -> None:
    same = MetricSpec("order_rate", "proportion", "purchase", window_days=7)
    other = MetricSpec("order_rate", "proportion", "purchase", window_days=14)

    first = define_metric(site, same, by=Actor(ada), now=now)
    second = define_metric(site, other, by=Actor(ada), now=now)

    assert (first.version, second.version) == (1, 2)
    assert MetricRecord.objects.filter(site=site, key="order_rate").count() == 2
    assert planned.metrics.get(role="primary").metric == first
    assert second in current_metrics(site)
