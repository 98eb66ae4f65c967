"""How an experiment will be judged is part of what it promised."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from truelift.lifecycle.experiment import (
    Action,
    Asked,
    Experiment,
    Person,
    Stage,
    Variant,
    plan_digest,
)
from truelift.lifecycle.judging import Inference, Judging
from truelift.lifecycle.moving import obstacles


PLANNED = Experiment(
    key="delivery-cost",
    stage=Stage.BRIEFED,
    hypothesis="H-1",
    hypothesis_accepted=True,
    decision_owner=Person("1", "Ada"),
    variants=(Variant("late", control=True), Variant("early")),
    primary="order_rate@1",
    guardrails=("revenue@1",),
    starts_on=date(2026, 10, 26),
    ends_on=date(2026, 11, 16),
    n_per_variant=31_234,
)
ASKED = Asked(
    by=Person("1", "Ada"), at=datetime(2026, 10, 20, tzinfo=UTC), today=date(2026, 10, 20)
)


def test_plans_from_before_there_was_a_choice_keep_their_digest() -> None:
    frozen = "7ae0e1b79aa1b9d091a4df7bebf083e7d0938cbfeb8338ac9c1e9f2b6b69db59"

    assert plan_digest(PLANNED) == frozen


@pytest.mark.parametrize(
    "judging",
    [
        Judging(tuning_n=60_000),
        Judging(looks=4, spending="pocock"),
        Judging(prior_sd=0.3),
        Judging(correction="none"),
        Judging(covariate_days=14),
        Judging(segments=("device",)),
    ],
)
def test_whatever_is_agreed_about_judging_changes_the_digest(judging: Judging) -> None:
    assert plan_digest(replace(PLANNED, judging=judging)) != plan_digest(PLANNED)


@pytest.mark.parametrize("inference", list(Inference))
def test_every_way_of_judging_can_be_submitted(inference: Inference) -> None:
    assert obstacles(replace(PLANNED, inference=inference), Action.SUBMIT, asked=ASKED) == ()


def test_a_way_of_judging_that_there_is_not_is_refused_with_those_there_are() -> None:
    (obstacle,) = obstacles(replace(PLANNED, inference="feeling"), Action.SUBMIT, asked=ASKED)

    assert obstacle.code == "experiment.unknown_inference"
    assert "group-sequential" in obstacle.remedy


def test_looks_that_are_shares_of_nothing_are_refused_even_with_a_waiver() -> None:
    looked = replace(
        PLANNED, inference="group-sequential", n_per_variant=None, waiver="We want the direction."
    )

    codes = {each.code for each in obstacles(looked, Action.SUBMIT, asked=ASKED)}

    assert codes == {"experiment.looks_of_nothing"}
