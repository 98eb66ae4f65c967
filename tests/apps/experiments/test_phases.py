"""Phases: what a changed allocation means for the split, and who may not say what about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, transaction
from django.test import Client

from truelift.apps.accounts.models import AuditEvent, User
from truelift.apps.experiments.analysing import analyse_experiment
from truelift.apps.experiments.checks import phase_split
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.experiments.phases import BadAllocation, change_allocation, stretches_of
from truelift.apps.experiments.services import NotStarted, plan_experiment
from truelift.apps.experiments.spec import ExperimentSpec, MetricSpec, PlanSpec
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.lifecycle.experiment import Action
from truelift.stats.srm import Phase
from truelift.stats.status import Status


NOW = datetime(2026, 5, 20, tzinfo=UTC)
LATER = datetime(2026, 5, 11, tzinfo=UTC)


def test_one_allocation_is_one_phase_and_passes() -> None:
    check = phase_split([Phase((700, 300), (1, 1))], begins=[None])

    assert check.status is Status.OK
    assert check.detail.startswith("The allocation was never changed")


def test_an_earlier_phase_that_was_uneven_asks_for_a_look_and_no_more() -> None:
    phases = [Phase((3000, 2000), (1, 1)), Phase((5000, 5010), (1, 1))]

    check = phase_split(phases, begins=[None, LATER])

    assert check.status is Status.WARN
    assert "did not follow its allocation in phase 1" in check.detail
    assert check.detail.endswith("Results are of visitors since 11 May.")


def test_visitors_of_a_variant_that_took_nobody_are_told() -> None:
    check = phase_split(
        [Phase((3000, 20), (1, 0)), Phase((5000, 5010), (1, 1))], begins=[None, LATER]
    )

    assert check.status is Status.WARN
    assert "20 came to variants that took nobody." in check.detail


@pytest.mark.database
@pytest.mark.django_db
class TestRecorded:
    @pytest.fixture
    def running(self, planned: ExperimentRecord, moved: Callable[..., None]) -> ExperimentRecord:
        moved(planned.key, Action.SUBMIT, Action.LAUNCH)
        planned.refresh_from_db()
        return planned

    def test_a_change_begins_a_phase_and_is_on_the_timeline_and_in_the_audit(
        self, site: Site, running: ExperimentRecord, ada: User, client_of: Callable[[User], Client]
    ) -> None:
        change_allocation(
            site,
            running.key,
            weights={"late": 3, "early": 1},
            since=LATER,
            reason="Ramped up.",
            by=Actor(ada),
            now=NOW,
        )

        first, second = stretches_of(running, since=LATER - timedelta(days=7))
        (alone,) = stretches_of(running, since=LATER)
        page = client_of(ada).get(f"/s/{site.name}/experiments/{running.key}/").content.decode()
        assert (first.weights, first.until) == ((1.0, 1.0), LATER)
        assert (second.weights, second.since) == ((3.0, 1.0), LATER)
        assert alone.weights == (3.0, 1.0)
        assert "it drew 75% Cost at checkout, 25% Cost on product page" in page
        assert AuditEvent.objects.filter(action="experiment.allocated").count() == 1

    def test_it_can_be_said_on_the_page_in_the_time_of_the_site_and_over_the_api(
        self, site: Site, running: ExperimentRecord, ada: User, client_of: Callable[[User], Client]
    ) -> None:
        Site.objects.filter(pk=site.pk).update(time_zone="Europe/Berlin")
        ada_s = client_of(ada)
        here = f"/s/{site.name}/experiments/{running.key}/"
        given = {
            "weight_0": "3",
            "weight_1": "1",
            "since": "2026-05-11T02:00",
            "reason": "Ramped up.",
        }
        over_api = {"weights": {"late": 1, "early": 1}, "reason": "Even again."}
        early = {**over_api, "since": "2999-01-01T00:00:00Z"}
        address = f"/api/v1/experiments/{running.key}/allocation?site={site.name}"

        form = ada_s.get(here).content.decode()
        wrong = ada_s.post(f"{here}allocation/", given | {"weight_0": "0", "weight_1": "0"})
        kept = ada_s.post(f"{here}allocation/", given)
        refused = ada_s.post(address, early, content_type="application/json")
        answered = ada_s.post(address, over_api, content_type="application/json")

        assert 'name="weight_0"' in form
        assert wrong.status_code == 422
        assert "no variant takes anybody" in wrong.content.decode()
        assert kept.status_code == 302
        assert refused.json()["code"] == "experiment.bad_allocation"
        assert answered.status_code == 201
        assert [phase.weights for phase in running.phases.order_by("since")] == [
            {"late": 3.0, "early": 1.0},
            {"late": 1.0, "early": 1.0},
        ]
        assert running.phases.order_by("since")[0].since == LATER

    @pytest.mark.parametrize("verb", ["update", "delete"])
    def test_the_database_refuses_to_rewrite_what_was_said(
        self, site: Site, running: ExperimentRecord, ada: User, verb: str
    ) -> None:
        change_allocation(
            site,
            running.key,
            weights={"late": 3, "early": 1},
            since=LATER,
            reason="Ramped up.",
            by=Actor(ada),
            now=NOW,
        )
        phases = running.phases.all()

        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            phases.update(reason="Not so.") if verb == "update" else phases.delete()

        assert running.phases.get().reason == "Ramped up."

    @pytest.mark.parametrize(
        ("changed", "said"),
        [
            ({"weights": {"late": 1}}, "give one weight each for late, early"),
            ({"weights": {"late": -1, "early": 1}}, "a weight is not a number from 0"),
            ({"weights": {"late": 0, "early": 0}}, "no variant takes anybody"),
            ({"reason": " "}, "say why"),
            ({"since": NOW + timedelta(days=1)}, "it begins in the future"),
        ],
    )
    def test_what_no_allocation_can_be_is_refused_with_its_reason(
        self,
        site: Site,
        running: ExperimentRecord,
        ada: User,
        changed: dict[str, object],
        said: str,
    ) -> None:
        given = {"weights": {"late": 1, "early": 1}, "since": LATER, "reason": "Why not."}

        with pytest.raises(BadAllocation, match=said):
            change_allocation(site, running.key, **(given | changed), by=Actor(ada), now=NOW)  # type: ignore[arg-type]

        assert not running.phases.exists()

    def test_what_was_not_launched_has_no_phases(
        self, site: Site, planned: ExperimentRecord, ada: User
    ) -> None:
        with pytest.raises(NotStarted):
            change_allocation(
                site,
                planned.key,
                weights={"late": 1, "early": 1},
                since=LATER,
                reason="Why not.",
                by=Actor(ada),
                now=NOW,
            )

    @pytest.mark.usefixtures("events")
    def test_a_metric_that_no_sum_tells_is_checked_in_phases_too(
        self,
        site: Site,
        spec: ExperimentSpec,
        ada: User,
        now: datetime,
        moved: Callable[..., None],
    ) -> None:
        typical = MetricSpec("typical", "quantile", "purchase", property="value", level=0.5)
        plan = PlanSpec(n_per_variant=300, minimum_effect=0.1)
        made = replace(spec, metrics=(typical,), primary="typical", secondary=(), plan=plan)
        record = plan_experiment(site, made, by=Actor(ada), now=now)
        moved(record.key, Action.SUBMIT, Action.LAUNCH)
        change_allocation(
            site,
            record.key,
            weights={"late": 2, "early": 2.5},
            since=datetime(2026, 5, 6, 13, tzinfo=UTC),
            reason="Ramped up.",
            by=Actor(ada),
            now=NOW,
        )

        late = datetime(2026, 6, 20, tzinfo=UTC)
        document = analyse_experiment(site, record.key, by=Actor(ada), now=late).document

        lights = {each["check"]: each for each in document["integrity"]}
        assert [each["units"] for each in document["phases"]] == [
            {"late": 180, "early": 180},
            {"late": 220, "early": 220},
        ]
        assert document["phase"] == 2
        assert lights["srm_phases"]["status"] == "ok"
        assert lights["novelty"]["detail"].startswith("Not yet, because ")
