"""The guide of the loop says what the code does."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from truelift.apps.experiments.models import MetricRecord
from truelift.apps.experiments.spec import ExperimentSpec, JudgingSpec, MetricSpec, PlanSpec
from truelift.lifecycle.experiment import TRANSITIONS, Method
from truelift.lifecycle.judging import Inference
from truelift.stats.group_sequential import Spending
from truelift.stats.multiplicity import Correction


GUIDE = (Path(__file__).parents[3] / "docs" / "guide" / "the-loop.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| ([a-z, ]+) \| ([a-z]+) \| ([a-z]+) \|", re.MULTILINE)


def test_the_table_of_moves_is_the_one_in_the_code() -> None:
    told = {
        (stage, action, after)
        for stages, action, after in ROW.findall(GUIDE)
        for stage in stages.split(", ")
    }

    assert told == {
        (stage.value, action.value, to.value) for (stage, action), to in TRANSITIONS.items()
    }


@pytest.mark.parametrize("method", list(Method))
def test_every_method_is_described(method: Method) -> None:
    assert f"`{method}`" in GUIDE


@pytest.mark.parametrize("named", [*Inference, *Spending, *Correction])
def test_every_way_of_judging_is_described(named: str) -> None:
    assert f"`{named}`" in GUIDE


@pytest.mark.parametrize("spec", [ExperimentSpec, JudgingSpec, MetricSpec, PlanSpec])
def test_every_name_of_the_file_is_described(spec: type) -> None:
    told = set(re.findall(r"`\[*([a-z_]+)\]*`", GUIDE))

    assert {field.name for field in fields(spec)} - {"control"} <= told


def test_what_a_metric_is_made_of_is_kept() -> None:
    kept = {field.name for field in MetricRecord._meta.get_fields()}

    assert {field.name for field in fields(MetricSpec)} <= kept
