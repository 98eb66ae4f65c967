"""An experiment's unit keeps its variant when its person signs in, and shows when it had two."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.lake.conftest import NOON, Clock, Sender
from tests.lake.test_identity_undo import settle, undo_newest
from truelift.lake.home import Home
from truelift.lake.lake import Lake
from truelift.lake.loader import Loader
from truelift.questions.matching import Events
from truelift.questions.metric import Counted, Metric, MetricKind
from truelift.questions.variant_summaries import VariantSummaries, VariantSummariesAnswer
from truelift.stats.summary import ProportionSummary


ORDERED = Metric("ordered", MetricKind.PROPORTION, Counted(Events(("purchase",)), None))
ASKED = VariantSummaries(
    experiment="x", variants=("a", "b"), metrics=(ORDERED,), as_of=NOON + timedelta(days=900)
)


def shown(variant: str, visitor: str = "v1", user: str | None = None) -> dict[str, object]:
    about = {"experiment_id": "x", "variation_id": variant}
    return {
        "event": "experiment_viewed",
        "visitor_id": visitor,
        "user_id": user,
        "properties": about,
    }


def bought(visitor: str | None = "v1", user: str | None = None) -> dict[str, object]:
    return {"event": "purchase", "visitor_id": visitor, "user_id": user}


def answer(home: Home) -> VariantSummariesAnswer:
    return Lake(home).ask("shop", ASKED).answer


def conversions(found: VariantSummariesAnswer) -> dict[str, tuple[int, float]]:
    samples = found.samples["ordered"]
    return {
        variant: (sample.n, sample.successes)
        for variant, sample in samples.items()
        if isinstance(sample, ProportionSummary)
    }


@pytest.mark.parametrize("flushed", [False, True])
def test_a_unit_keeps_its_variant_across_login_on_one_device(
    home: Home, clock: Clock, send: Sender, loader: Loader, *, flushed: bool
) -> None:
    send(shown("a"), shown("b", "v2"))
    loader.flush() if flushed else loader.step()
    clock.forward(timedelta(minutes=1))
    send({"event": "login", "user_id": "ada"}, shown("a", user="ada"))
    send(bought(None, "ada"), trusted=True)
    loader.step()

    found = answer(home)

    assert (found.units, found.crossovers) == ({"a": 1, "b": 1}, 0)
    assert conversions(found) == {"a": (1, 1), "b": (1, 0)}


@pytest.mark.parametrize("settled", [False, True])
def test_two_devices_in_one_variant_become_one_unit_at_login(
    home: Home, clock: Clock, send: Sender, loader: Loader, *, settled: bool
) -> None:
    send(shown("a", "v1", "ada"), shown("a", "v2"), shown("b", "v3"))
    loader.flush()
    before = answer(home)
    clock.forward(timedelta(minutes=1))

    send({"event": "login", "visitor_id": "v2", "user_id": "ada"}, bought("v2"), trusted=True)
    settle(loader) if settled else loader.step()
    found = answer(home)

    assert (before.units, before.crossovers) == ({"a": 2, "b": 1}, 0)
    assert (found.units, found.crossovers) == ({"a": 1, "b": 1}, 0)
    assert conversions(found) == {"a": (1, 1), "b": (1, 0)}


@pytest.mark.parametrize("settled", [False, True])
def test_a_crossover_that_a_merge_makes_is_counted_and_goes_with_its_undo(
    home: Home, clock: Clock, send: Sender, loader: Loader, *, settled: bool
) -> None:
    send(shown("a", "v1", "ada"), shown("b", "v2"), shown("b", "v3"))
    loader.flush()
    clock.forward(timedelta(minutes=1))

    send({"event": "login", "visitor_id": "v2", "user_id": "ada"}, trusted=True)
    settle(loader) if settled else loader.step()
    merged = answer(home)
    undo_newest(home, clock)
    loader.flush()
    apart = answer(home)

    assert (merged.units, merged.crossovers) == ({"a": 0, "b": 1}, 1)
    assert merged.document()["crossovers_by_merge"] == 1
    assert (apart.units, apart.crossovers) == ({"a": 1, "b": 2}, 0)


def test_users_of_a_shared_device_are_units_of_their_own(
    home: Home, clock: Clock, send: Sender, loader: Loader
) -> None:
    for user, variant in (("ada", "a"), ("ben", "b"), ("cleo", "a")):
        send(shown(variant, "kiosk", user))
        clock.forward(timedelta(minutes=1))
        send(bought("kiosk"))
    loader.step()

    found = answer(home)

    assert (found.units, found.crossovers) == ({"a": 2, "b": 1}, 0)
    assert conversions(found) == {"a": (2, 2), "b": (1, 1)}
