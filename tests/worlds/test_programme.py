"""A year of a programme: its figures are those of its log, and luck is not claimed."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from django.db import transaction
from pytest_django import DjangoDbBlocker

from truelift.apps.accounts.audit import verify
from truelift.apps.alignment.reads import conflicts_of
from truelift.apps.progress.models import FiguresRecord
from truelift.apps.progress.reads import computed
from truelift.apps.sites.models import Site
from truelift.lake.home import Home
from truelift.stats.outcome import Outcome
from truelift.stats.shrinkage import shrink
from truelift.worlds.programme.build import build_programme
from truelift.worlds.programme.plan import INVALID, Fate, Planned, plain_sum, true_sum, year_of


UNTIL = datetime(2026, 11, 22, 8, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
SEED = 7

Log = list[dict[str, str]]


@dataclass(frozen=True, slots=True)
class Lived:
    """A year that was lived through.

    Attributes:
        found: Its figures.
        log: The simulator's own log.
        kept: Days whose figures were kept.
        broken: What is wrong with the audit; None for nothing.
        conflicts: Team metrics against the shared one: kinds and sentence.
        year: What was planned.
    """

    found: dict[str, Any]
    log: Log
    kept: int
    broken: object
    conflicts: list[tuple[list[str], str]]
    year: dict[str, Planned]


_LIVED: dict[int, Lived] = {}


@pytest.fixture
def lived(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
) -> Lived:
    """A year of so many tests, built once for all tests of this file."""
    del django_db_setup
    tests: int = request.param
    if tests not in _LIVED:
        with django_db_blocker.unblock(), transaction.atomic():
            build_programme(
                Home(tmp_path, tmp_path / "lake"), seed=SEED, until=UNTIL, say=print, tests=tests
            )
            folder = tmp_path / "worlds" / "programme"
            site = Site.objects.get(name="outfitters")
            _LIVED[tests] = Lived(
                found=computed(site, now=UNTIL),
                log=json.loads((folder / "log.json").read_text()),
                kept=FiguresRecord.objects.count(),
                broken=verify(),
                conflicts=[(each.kinds, each.sentence) for each in conflicts_of(site)],
                year={each.key: each for each in year_of(SEED, until=UNTIL, tests=tests)},
            )
            transaction.set_rollback(True)
    return _LIVED[tests]


SIZES = [
    pytest.param(9, id="nine tests"),
    pytest.param(60, id="sixty tests", marks=[pytest.mark.world, pytest.mark.timeout(300)]),
]


def at(entry: dict[str, str]) -> datetime:
    return datetime.fromisoformat(entry["at"])


def first(log: Log, what: str) -> dict[int, datetime]:
    """When something was first done to each test."""
    found: dict[int, datetime] = {}
    for each in log:
        if each["what"] == what:
            found.setdefault(int(each["test"]), at(each))
    return found


def by_hand(waits: Iterable[tuple[float, bool]], share: float) -> float | None:
    """Kaplan and Meier, one thing after the other."""
    waiting, left = 1.0, sorted(waits, key=lambda each: (each[0], not each[1]))
    for n, (days, done) in enumerate(left):
        if done:
            waiting *= 1 - 1 / (len(left) - n)
            if 1 - waiting >= share - 1e-9:
                return days
    return None


def days(begun: datetime, ended: datetime | None) -> tuple[float, bool]:
    return ((ended or UNTIL) - begun) / timedelta(days=1), ended is not None


@pytest.mark.database
@pytest.mark.django_db
@pytest.mark.parametrize("lived", SIZES, indirect=True)
def test_every_figure_is_the_one_counted_by_hand_from_the_log(lived: Lived) -> None:
    found, log = lived.found, lived.log
    count = Counter(each["what"] for each in log)
    launched, decided, invalid = (first(log, w) for w in ("launch", "decide", "invalidate"))

    months = Counter(f"{when.astimezone(BERLIN):%Y-%m}" for when in launched.values())
    velocity = {row["period"]: row["launched"] for row in found["velocity"]["months"]}
    assert {period: n for period, n in velocity.items() if n} == dict(months)
    assert sum(row["concluded"] for row in found["velocity"]["months"]) == len(decided) + len(
        invalid
    )
    assert sum(row["valid"] for row in found["velocity"]["quarters"]) == len(decided)
    assert found["tests"]["planned"] == count["planned"]

    result = {int(e["test"]): e["said"] for e in log if e["what"] == "result"}
    outcomes = Counter(result[number] for number in decided)
    said = found["results"]
    assert (said["n"], said["invalid"]) == (len(decided), len(invalid))
    assert (said["wins"], said["losses"], said["nulls"], said["unclear"]) == tuple(
        outcomes[each] for each in ("win", "loss", "null", "inconclusive")
    )
    learnt = len(decided) - outcomes["inconclusive"]
    assert said["learning_rate"]["value"] == learnt / (len(decided) + len(invalid))

    accepted = {e["said"]: (int(e["test"]), at(e)) for e in log if e["what"] == "insight accepted"}
    verified = first(log, "verified")
    shipped = [int(e["test"]) for e in log if e["what"] == "decide" and e["said"] == "ship"]
    leads = {
        "insight_to_launch": [days(when, launched.get(test)) for test, when in accepted.values()],
        "launch_to_decision": [
            days(when, decided.get(test)) for test, when in launched.items() if test not in invalid
        ],
        "decision_to_verified": [days(decided[test], verified.get(test)) for test in shipped],
    }
    for name, waits in leads.items():
        for share, column in ((0.5, "median"), (0.85, "p85")):
            value = by_hand(waits, share)
            expected = value if value is None else pytest.approx(value)
            assert found["lead_times"][name][column]["value"] == expected, (name, column)
        assert found["lead_times"][name]["open"] == sum(not done for _, done in waits)

    assert found["implementation"]["shipped"] == len(shipped)
    assert found["implementation"]["verified"] == len(verified)
    assert found["implementation"]["given_up"] == count["given up"]
    work = found["rework"]
    assert (work["returned"], work["resumed"]) == (count["return"], count["resume"])
    assert work["rate"] == (count["return"] + count["resume"] + len(invalid)) / len(launched)
    assert found["overrides"]["decisions"]["against"] == count["overruled"]
    assert found["overrides"]["ranks"]["given"] == count["ranked"]
    assert found["duplicates"]["repeats"] == count["repeated"]
    assert found["imported"]["n"] == count["imported"]

    proof = found["quadrant"]["proof"]
    assert (proof["part"], proof["of"]) == (count["live"], count["live"] + count["release"])
    proposed = {int(e["test"]): at(e) for e in log if e["what"] == "proposed"}
    retired = {e["said"]: at(e) for e in log if e["what"] == "insight retired"}
    due = {key: one for key, one in accepted.items() if one[1] <= UNTIL - timedelta(days=60)}
    acted = [
        key
        for key, (test, when) in due.items()
        if (done := proposed.get(test) if test else retired.get(key)) is not None
        and done - when <= timedelta(days=60)
    ]
    assert (found["quadrant"]["action"]["part"], found["quadrant"]["action"]["of"]) == (
        len(acted),
        len(due),
    )
    came = {int(e["test"]) for e in log if e["what"] == "proposed"}
    taken_up = first(log, "design")
    waiting = len(came - set(taken_up)) + count["idea"] - count["turned down"]
    assert found["backlog"]["waiting"] == waiting


@pytest.mark.database
@pytest.mark.django_db
@pytest.mark.parametrize("lived", SIZES, indirect=True)
def test_what_was_planted_is_found_with_the_reason_that_was_planted(lived: Lived) -> None:
    found, log, year = lived.found, lived.log, lived.year
    reasons: dict[str, dict[str, str]] = defaultdict(dict)
    for item in found["reasons"]["items"]:
        reasons[item["trouble"]][item["key"]] = item["reason"]

    expected = {Fate.SPLIT: "split", Fate.RELEASE: "conflict", Fate.TRACKING: "tracking"}
    invalid = {int(e["test"]) for e in log if e["what"] == "invalidate"}
    assert reasons["invalid"] == {
        key: expected[each.fate] for key, each in year.items() if each.number in invalid
    }
    assert all(year[key].outcome is Outcome.INCONCLUSIVE for key in reasons["inconclusive"])
    stuck = reasons["stalled"]
    for fate, reason in ((Fate.NO_SLOT, "no_slot"), (Fate.NO_OWNER, "no_owner")):
        keys = {key for key, each in year.items() if each.fate is fate} & set(stuck)
        assert keys
        assert {stuck[key] for key in keys} == {reason}
    assert found["reasons"]["organisational"] > 0
    # Every day's figures are kept once, and the chain of what was done holds.
    assert lived.kept == 7
    assert lived.broken is None


@pytest.mark.database
@pytest.mark.django_db
@pytest.mark.world
@pytest.mark.timeout(300)
@pytest.mark.parametrize("lived", [SIZES[1].values[0]], indirect=True, ids=["sixty tests"])
def test_the_sum_of_winners_overstates_and_the_shrunken_one_holds_the_truth(
    lived: Lived,
) -> None:
    [impact] = lived.found["impact"]["metrics"]
    year = lived.year
    counted = [key for key, each in year.items() if each.fate not in INVALID]
    winners = [key for key in counted if year[key].outcome is Outcome.WIN]

    plain, shrunken = impact["winners"]["plain"], impact["winners"]["value"]

    assert 3 <= impact["winners"]["n"] <= len(winners)
    shipped = [each["experiment"] for each in impact["each"]]
    true = sum(year[key].truth for key in shipped if year[key].outcome is Outcome.WIN)
    assert plain > 1.2 * true
    assert shrunken < plain
    assert impact["winners"]["low"] < true < impact["winners"]["high"]


@pytest.mark.django_db
@pytest.mark.parametrize("lived", SIZES[:1], indirect=True)
def test_broad_match_is_found_against_what_all_share(lived: Lived) -> None:
    clicks, traffic = sorted(lived.conflicts, key=lambda each: each[1])

    assert clicks[0] == traffic[0] == ["direct", "structural"]
    assert clicks[1].startswith("Marketing’s cost per click is 51% better while revenue per")
    assert clicks[1].endswith("of that is mix from google / broad.")


def test_over_many_years_the_plain_sum_overstates_and_the_shrunken_one_does_not() -> None:
    years = [year_of(seed, until=UNTIL) for seed in range(60)]

    plain = sum(plain_sum(year) for year in years)
    true = sum(true_sum(year) for year in years)
    shrunken = sum(_shrunken(year) for year in years)

    assert plain / true > 1.4
    assert shrunken / true == pytest.approx(1, abs=0.12)


def _shrunken(year: tuple[Planned, ...]) -> float:
    drawn = shrink([each.measured for each in year], [each.se for each in year])
    return drawn.total(np.array([each.outcome is Outcome.WIN for each in year])).value


def test_the_same_seed_gives_the_same_year() -> None:
    assert year_of(3, until=UNTIL) == year_of(3, until=UNTIL)
    assert year_of(3, until=UNTIL) != year_of(4, until=UNTIL)
