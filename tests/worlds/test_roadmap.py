"""A year of a roadmap: every planted conflict and contamination is found, and nothing else."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from truelift.lake.home import Home
from truelift.lifecycle.change import ChangeState, mapped, state_of
from truelift.lifecycle.conflict import Conflict, conflicts
from truelift.lifecycle.conflict_rules import Rule
from truelift.lifecycle.contamination import Verdict, classify, scope_of
from truelift.lifecycle.deploy_check import USUAL_DEPLOY_POLICY, DeployRequest, Trial, decide
from truelift.lifecycle.deploy_check import Verdict as Answer
from truelift.lifecycle.roadmap_item import ItemKind
from truelift.worlds.roadmap.places import SURFACES
from truelift.worlds.roadmap.truth import plant, truth_of
from truelift.worlds.roadmap.year import DAYS, RoadmapYear, Spoiled, Told, year_of


BEGINS = date(2026, 1, 5)

Identity = tuple[Rule, frozenset[str]]


@pytest.fixture(scope="module", params=[7, 11])
def year(request: pytest.FixtureRequest) -> RoadmapYear:
    return year_of(request.param, begins=BEGINS)


@pytest.fixture(scope="module")
def found(year: RoadmapYear) -> dict[Identity, list[tuple[date, Conflict]]]:
    """What the engine says on every other day of the year, of the roadmap as it stood then."""
    said: dict[Identity, list[tuple[date, Conflict]]] = {}
    for days in range(0, DAYS, 2):
        today = year.begins + timedelta(days=days)
        for each in conflicts(year.on(today), surfaces=SURFACES, today=today):
            said.setdefault(_identity(each), []).append((today, each))
    return said


def _identity(conflict: Conflict) -> Identity:
    return conflict.rule, frozenset(filter(None, (conflict.first, conflict.second)))


def test_a_year_has_forty_tests_sixty_releases_and_twelve_campaigns(year: RoadmapYear) -> None:
    kinds = Counter(each.item.kind for each in year.known)

    assert kinds[ItemKind.EXPERIMENT] == 40
    assert kinds[ItemKind.RELEASE] == 60
    assert kinds[ItemKind.CAMPAIGN] == 12


def test_the_truth_stands_before_anything_else_and_is_the_same_for_a_seed(tmp_path: Path) -> None:
    home = Home(root=tmp_path, lake=tmp_path / "lake")

    planted = plant(home, seed=7, begins=BEGINS)

    written = json.loads((tmp_path / "worlds" / "roadmap" / "truth.json").read_text())
    assert written == {"world": "roadmap", "seed": 7, **truth_of(year_of(7, begins=BEGINS))}
    assert planted == year_of(7, begins=BEGINS)
    assert planted != year_of(8, begins=BEGINS)


def test_every_planted_conflict_is_found_and_nothing_else_stops_an_item(
    year: RoadmapYear, found: dict[Identity, list[tuple[date, Conflict]]]
) -> None:
    stops = {key for key, said in found.items() if any(each.stops for _, each in said)}

    assert stops == {(each.rule, each.keys) for each in year.conflicts}
    assert {rule for rule, _ in stops} == {
        Rule.C1, Rule.C2, Rule.C3, Rule.C6, Rule.C7, Rule.C10, Rule.C12, Rule.C13, Rule.C14,
    }  # fmt: skip


def test_campaigns_that_turn_the_traffic_are_warned_of_and_small_ones_are_not(
    year: RoadmapYear, found: dict[Identity, list[tuple[date, Conflict]]]
) -> None:
    turned = {key for key in found if key[0] is Rule.C8}

    assert turned == {(each.rule, each.keys) for each in year.turned}
    assert len(turned) == 5


def test_a_conflict_is_found_when_the_later_item_comes_onto_the_roadmap(
    year: RoadmapYear, found: dict[Identity, list[tuple[date, Conflict]]]
) -> None:
    since = {each.item.key: each.since for each in year.known}

    for planted in (each for each in year.conflicts if len(each.keys) == 2):
        first, conflict = found[planted.rule, planted.keys][0]
        waited = first - max(since[key] for key in planted.keys)
        assert waited < timedelta(days=2), planted.story
        assert first < conflict.starts, planted.story


def test_what_is_late_is_in_the_way_only_from_two_days_before(
    found: dict[Identity, list[tuple[date, Conflict]]],
) -> None:
    late = [said for key, said in found.items() if key[0] is Rule.C13]

    assert len(late) == 2
    for said in late:
        assert {today for today, each in said if each.stops} == {
            today for today, each in said if (each.starts - today).days <= 2
        }


def contaminations(year: RoadmapYear) -> Iterator[Spoiled]:
    """What the classes say of every change and every test."""
    for told in year.told:
        change = told.change
        if state_of(told.trust) is not ChangeState.RECORDED or not change.in_production:
            continue
        where = mapped(change, SURFACES).surfaces
        for test in year.tested:
            scope = scope_of(change, where, test, SURFACES)
            if scope is not None and test.counts_at(change.at(told.at)):
                verdict = classify(change, test, scope).verdict
                yield Spoiled(test.key, change.external_id, verdict, scope)


def test_every_planted_contamination_is_found_and_nothing_else_is_fatal(year: RoadmapYear) -> None:
    said = set(contaminations(year))

    fatal = {each for each in said if each.verdict is Verdict.FATAL}
    assert fatal == {each for each in year.spoiled if each.verdict is Verdict.FATAL}
    assert len(fatal) == 6
    assert set(year.spoiled) <= said


def test_every_fatal_deploy_would_have_been_denied_before(year: RoadmapYear) -> None:
    trials = [
        Trial(each.key, (each.surface,), each.since, each.until)
        for each in year.tested
        if each.since is not None
    ]
    told = {each.change.external_id: each for each in year.told}

    def answer(each: Told) -> Answer:
        return decide(
            DeployRequest(surfaces=mapped(each.change, SURFACES).surfaces),
            surfaces=SURFACES,
            freezes=(),
            tests=trials,
            policy=USUAL_DEPLOY_POLICY,
            at=each.at,
        ).verdict

    fatal = [each for each in year.spoiled if each.verdict is Verdict.FATAL]
    assert {answer(told[each.change]) for each in fatal} == {Answer.DENY}
    assert {answer(told[name]) for name in ("blog", "before", "after")} == {Answer.ALLOW}
