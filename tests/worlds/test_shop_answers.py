"""What the product says about the shop, held against what is true of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import sqrt
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from truelift.lake.home import Home
from truelift.lake.lake import Lake
from truelift.questions.funnel import Funnel, FunnelAnswer, Step
from truelift.questions.leaks import leaks_between_segments
from truelift.questions.matching import Comparison, Condition, Events
from truelift.questions.metric import Amount, AmountKind, Counted, Metric, MetricKind
from truelift.questions.trend import Interval, Trend
from truelift.questions.variant_summaries import VariantSummaries
from truelift.stats.summary import ProportionSummary
from truelift.worlds.building import build_events, plant
from truelift.worlds.history import Trial
from truelift.worlds.shop.build import SITE, WORLD
from truelift.worlds.shop.events import events_of
from truelift.worlds.shop.parameters import REASONS, STEPS, Shop
from truelift.worlds.shop.visits import visits_of


pytestmark = [pytest.mark.world, pytest.mark.timeout(120)]

ENDS_AT_MS = 1_777_896_000_000  # 2026-05-04T12:00:00Z
NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
SHOP = Shop(ends_at_ms=ENDS_AT_MS, scale=0.2, seed=7)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    root = tmp_path_factory.mktemp("world")
    home = Home(root=root, lake=root / "lake")
    home.make()
    sites = '{"version": 1, "sites": {"shop": {"time_zone": "Europe/Berlin", "currency": "EUR"}}}'
    home.sites_file.write_text(sites)
    plant(home, WORLD, SHOP)
    build_events(home, WORLD, SHOP, write_key=None, now=lambda: NOW)
    return Lake(home)


@pytest.fixture(scope="module")
def planted() -> pa.Table:
    """The events as they were drawn, without what the product must leave out."""
    generator = np.random.default_rng(SHOP.seed)
    table = events_of(SHOP, visits_of(SHOP, generator), generator)
    named = table.filter(pc.is_valid(table["name"]))
    people = named.filter(pc.invert(pc.match_substring_regex(named["user_agent"], "(?i)bot")))
    places = people.append_column("place", pa.array(range(people.num_rows)))
    firsts = places.group_by("message_id").aggregate([("place", "min")])["place_min"]
    return people.take(firsts.take(pc.sort_indices(firsts)))


def funnel(lake: Lake, by: str, *, since: datetime, until: datetime) -> FunnelAnswer:
    question = Funnel(
        steps=tuple(Step(Events((step,))) for step in STEPS),
        window_s=7 * 86_400,
        as_of=NOW,
        by=by,
        since=since,
        until=until,
    )
    return lake.ask(SITE, question).answer


def at(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def test_every_order_is_counted_once_with_its_money(lake: Lake, planted: pa.Table) -> None:
    question = Trend(
        events=Events(("purchase",)),
        interval=Interval.WEEK,
        time_zone="Europe/Berlin",
        amount=Amount(kind=AmountKind.MONEY, currency="EUR"),
    )

    whole = lake.ask(SITE, question).answer.whole

    orders = planted.filter(pc.equal(planted["name"], "purchase"))
    assert whole.count == orders.num_rows
    assert whole.total == pytest.approx(100 * pc.sum(orders["value"]).as_py(), abs=1)


def test_robots_and_broken_events_are_in_no_answer_but_in_the_ledger(
    lake: Lake, planted: pa.Table
) -> None:
    everything = lake.ask(SITE, Trend(events=Events(()), interval=Interval.WEEK)).answer.whole
    ledger = lake.ledger(SITE)

    assert everything.count == planted.num_rows
    assert ledger.bots == ledger.stored - everything.count > 0
    assert ledger.duplicates > 0
    assert ledger.received == ledger.stored + ledger.duplicates


def test_the_checkout_leaks_where_and_for_whom_it_was_planted(lake: Lake) -> None:
    # Before the trial that mends it began.
    until = at(SHOP.span_of(SHOP.trials[-1])[0])
    since = until - timedelta(days=28)
    answers = [funnel(lake, by, since=since, until=until) for by in ("device", "channel")]

    worst = leaks_between_segments(answers, weeks=4, worth_minor=9000)[0]

    assert (worst.after, worst.before) == ("begin_checkout", "add_shipping_info")
    assert (worst.by, worst.segment, worst.standard) == ("device", "phone", "desktop")
    # People who come again have another try, so both rates lie a little above the truth.
    assert 0.58 < worst.rate < 0.70
    assert 0.86 < worst.standard_rate < 0.94
    planted_gap = SHOP.rate("desktop", worst.before) - SHOP.rate("phone", worst.before)
    assert worst.gap.low < planted_gap < worst.gap.high + 0.05


def test_payment_errors_sit_on_phones(lake: Lake) -> None:
    def counted(name: str, device: str) -> int:
        on = (Condition("device", Comparison.IS, (device,)),)
        # Before the release that made them more.
        question = Trend(events=Events((name,), where=on), until=at(SHOP.disturbed_ms[0]))
        return lake.ask(SITE, question).answer.whole.count

    begun = {device: counted("add_payment_info", device) for device in ("phone", "desktop")}
    rates = {device: counted("Payment Failed", device) / begun[device] for device in begun}

    for device, rate in rates.items():
        true = SHOP.failing(device)
        assert abs(rate - true) < 3 * sqrt(true / begun[device])
    assert rates["phone"] > 1.5 * rates["desktop"]


def test_payments_on_phones_hang_while_the_release_is_live_and_say_why(planted: pa.Table) -> None:
    since, until = SHOP.disturbed_ms
    at_ms = planted["occurred_at"].to_numpy()
    during = (at_ms >= since) & (at_ms < until)
    phone = np.asarray(pc.match_substring(planted["user_agent"], "Mobile"))
    bought = np.asarray(pc.equal(planted["name"], "purchase")) & phone
    lasted = planted["payment_ms"].fill_null(0).to_numpy()

    usual, hung = (np.median(lasted[bought & when]) for when in (~during, during))

    assert hung > 1.7 * usual
    assert set(planted["reason"].drop_null().unique().to_pylist()) == {key for key, _ in REASONS}


def effect(lake: Lake, trial: Trial, event: str) -> tuple[float, float]:
    """The difference of a metric's shares and its standard error."""
    since, until = SHOP.span_of(trial)
    question = VariantSummaries(
        experiment=trial.key,
        variants=(trial.control, trial.treatment),
        metrics=(Metric("m", MetricKind.PROPORTION, Counted(Events((event,))), window_s=86_400),),
        as_of=NOW,
        since=at(since),
        until=at(until),
    )
    answer = lake.ask(SITE, question).answer
    control, treatment = (answer.samples["m"][key] for key in question.variants)
    assert isinstance(control, ProportionSummary)
    assert isinstance(treatment, ProportionSummary)
    spread = sqrt(sum(arm.value * (1 - arm.value) / arm.n for arm in (control, treatment)))
    return treatment.value - control.value, spread


def test_an_experiment_shows_its_true_effect(lake: Lake) -> None:
    reviews, timer, summary, delivery, _ = SHOP.trials

    gained, gained_se = effect(lake, reviews, reviews.acts_on)
    nothing, nothing_se = effect(lake, timer, timer.acts_on)
    paid, paid_se = effect(lake, summary, summary.acts_on)
    passed, passed_se = effect(lake, delivery, delivery.acts_on)

    assert abs(gained - 0.03) < 3 * gained_se
    assert gained > 2 * gained_se
    assert abs(nothing) < 3 * nothing_se
    assert abs(paid - 0.072) < 3 * paid_se
    # Two thirds of the checkouts are on a phone, where it lifts by 0.10.
    assert abs(passed - 0.064) < 3 * passed_se


def test_both_variants_of_a_trial_have_the_people_they_were_given(lake: Lake) -> None:
    trial = SHOP.trials[0]
    since, until = SHOP.span_of(trial)
    question = VariantSummaries(
        experiment=trial.key,
        variants=(trial.control, trial.treatment),
        metrics=(),
        as_of=NOW,
        since=at(since),
        until=at(until),
    )

    answer = lake.ask(SITE, question).answer

    total = sum(answer.units.values())
    assert abs(answer.units[trial.control] - total / 2) < 4 * sqrt(total) / 2
    assert answer.crossovers == 0


def _distinct(planted: pa.Table) -> pa.Table:
    return planted


def test_the_truth_was_there_before_any_event(tmp_path: Path) -> None:
    home = Home(root=tmp_path, lake=tmp_path / "lake")

    plant(home, WORLD, SHOP)

    assert (tmp_path / "worlds" / "shop" / "truth.json").exists()
    assert not (tmp_path / "lake").exists()
