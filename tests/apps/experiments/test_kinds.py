"""Metrics of every kind from their definition over the events to the page, by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from django.test import Client

from tests.apps.experiments.conftest import EXPOSED
from truelift.apps.accounts.models import User
from truelift.apps.experiments.analysing import analyse_experiment
from truelift.apps.experiments.metrics import current_metrics, define_metric
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.experiments.services import plan_experiment
from truelift.apps.experiments.spec import (
    BadSpec,
    ExperimentSpec,
    MetricSpec,
    PlanSpec,
    spec_from,
)
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.lake.bulk import append_bulk
from truelift.lake.home import Home
from truelift.lake.loader import Loader
from truelift.lifecycle.experiment import Action
from truelift.lifecycle.judging import Inference


pytestmark = [pytest.mark.django_db]

AT_THE_END = datetime(2026, 6, 20, 12, tzinfo=UTC)
EARLY = datetime(2026, 5, 23, tzinfo=UTC)
HOUR = 3600

METRICS = (
    MetricSpec("capped", "sum", "purchase", "Revenue", cap=50.0, window_days=7),
    MetricSpec("top", "sum", "purchase", "Revenue, p90", cap_percentile=0.9, window_days=7),
    MetricSpec(
        "median_load", "quantile", "load", "Load", property="ms", level=0.5, per="event",
        unit_label="ms", window_days=7, better="decrease",
    ),
    MetricSpec(
        "wait", "restricted_mean", "purchase", "Time to order", window_days=2, better="decrease"
    ),
    MetricSpec("back", "retention", "page_view", "Came back", from_days=2, window_days=7),
    MetricSpec(
        "step", "funnel_step", "purchase", "Cart, then order", steps=("cart",), window_days=7
    ),
)  # fmt: skip


def happenings(variant: str, number: int) -> Iterator[tuple[str, int, float | None]]:
    """Give what a visitor does: event, seconds after the exposure, number.

    Of 200 of a variant, every fourth (control) or every other (treatment) puts something into
    the cart after an hour and orders after three, for €10, the first of each for €1,000;
    the others of the control's first hundred order without a cart at once. Everybody loads
    two pages; every fifth, or every fourth, comes back after three days.
    """
    early = variant == "early"
    base = 300.0 if early else 400.0
    yield "load", 1, base + number
    yield "load", 2, base + number + 100
    if number % (2 if early else 4) == 0:
        yield "cart", HOUR, None
        yield "purchase", 3 * HOUR, 1000.0 if number == 0 else 10.0
    elif not early and number < 100:
        yield "purchase", 0, 10.0
    if number % (4 if early else 5) == 0:
        yield "page_view", 3 * 86_400, None


@pytest.fixture
def events(site: Site, home: Home) -> None:
    rows = []
    for variant in ("late", "early"):
        for number in range(200):
            visitor = f"{variant}-{number}"
            at = int((EXPOSED + timedelta(minutes=number)).timestamp() * 1000)
            seen = {
                "visitor_id": visitor,
                "trusted": True,
                "type": "track",
                "value": None,
                "currency": None,
                "experiment": None,
                "variant": None,
                "properties": None,
                "device": "phone" if number % 2 else "desktop",
            }
            rows.append(
                {
                    **seen,
                    "event": "exposure",
                    "message_id": f"{visitor}-seen",
                    "occurred_at": at,
                    "experiment": "delivery-cost",
                    "variant": variant,
                }
            )
            for nth, (name, after, amount) in enumerate(happenings(variant, number)):
                row = {
                    **seen,
                    "event": name,
                    "message_id": f"{visitor}-{nth}",
                    "occurred_at": at + after * 1000,
                }
                if name == "purchase":
                    row |= {"value": amount, "currency": "EUR"}
                elif amount is not None:
                    row |= {"properties": f'{{"ms": {amount}}}'}
                rows.append(row)
    append_bulk(
        home,
        site.name,
        pa.Table.from_pylist(rows),
        writer="import-kinds",
        received_at_ms=1_780_000_000_000,
    )
    with Loader(home, now=lambda: datetime(2026, 6, 20, 12, tzinfo=UTC)) as loader:
        loader.flush()


@pytest.fixture
def run(
    site: Site, spec: ExperimentSpec, ada: User, now: datetime, moved: Callable[..., None]
) -> Callable[..., dict[str, Any]]:
    """Plans, launches and analyses with all kinds; the one given decides."""

    def launch(primary: str, *, at: datetime = AT_THE_END, **changed: Any) -> dict[str, Any]:
        others = tuple(each.key for each in METRICS if each.key != primary)
        wanted = replace(
            spec,
            primary=primary,
            guardrails=(others[0],),
            secondary=others[1:],
            metrics=METRICS,
            plan=PlanSpec(n_per_variant=200),
            **changed,
        )
        record = plan_experiment(site, wanted, by=Actor(ada), now=now)
        moved(record.key, Action.SUBMIT, Action.LAUNCH)
        return analyse_experiment(site, record.key, by=Actor(ada), now=at).document

    return launch


def told(document: dict[str, Any], key: str) -> tuple[dict[str, Any], dict[str, Any]]:
    (metric,) = [each for each in document["metrics"] if each["metric"] == key]
    return metric, metric["effects"][0]


@pytest.mark.usefixtures("events")
def test_every_kind_is_judged_in_one_analysis_and_read_on_the_page(
    run: Callable[..., dict[str, Any]], client: Client, ada: User
) -> None:
    document = run("capped")
    client.force_login(ada)
    page = client.get("/s/shop/experiments/delivery-cost/").content.decode()

    # Control: 50 order by cart (one €1,000, 49 × €10) and 75 of its first hundred at once for
    # €10; treatment: 100 by cart, one of them for €1,000. Capped at €50.
    metric, effect = told(document, "capped")
    means = {each["variant"]: each["mean"] for each in metric["summaries"]}
    assert means["late"] == pytest.approx((5000 + 124 * 1000) / 200)
    assert means["early"] == pytest.approx((5000 + 99 * 1000) / 200)
    assert metric["cap"]["most"] == 5000
    assert metric["cap"]["by_variant"] == {"late": 1, "early": 1}
    raw = {each["variant"]: each["mean"] for each in metric["raw"]["summaries"]}
    assert raw["late"] == pytest.approx((100_000 + 124 * 1000) / 200)
    assert metric["raw"]["effects"][0]["absolute"]["value"] == pytest.approx(-125.0)
    assert effect["absolute"]["value"] == pytest.approx(-125.0)
    assert effect["absolute"]["se"] < metric["raw"]["effects"][0]["absolute"]["se"]
    # 223 of 225 who order spend €10: the 90th percentile of them.
    metric, _ = told(document, "top")
    assert (metric["cap"]["most"], metric["cap"]["percentile"]) == (1000, 0.9)
    assert metric["cap"]["units"] == 2

    # Loads: 400…599 and 500…699 of the control; 400 values, the 200th of them in order is 549.
    metric, effect = told(document, "median_load")
    values = {each["variant"]: each["value"] for each in metric["summaries"]}
    assert values == {"late": 549.0, "early": 449.0}
    assert effect["absolute"]["value"] == pytest.approx(-100.0)
    assert effect["procedure"] == "quantile"

    # Waits in days of an hour: at once counts as one; the window is 48 hours.
    metric, effect = told(document, "wait")
    values = {each["variant"]: each["value"] for each in metric["summaries"]}
    assert values["late"] == pytest.approx((75 * 1 + 50 * 3 + 75 * 48) / 200 / 24)
    assert values["early"] == pytest.approx((100 * 3 + 100 * 48) / 200 / 24)
    assert effect["procedure"] == "restricted-mean"

    metric, _ = told(document, "back")
    assert [each["successes"] for each in metric["summaries"]] == [40, 50]
    metric, effect = told(document, "step")
    assert [each["successes"] for each in metric["summaries"]] == [50, 100]
    assert effect["relative"]["value"] == pytest.approx(1.0)

    (waits,) = document["survival"]
    assert waits["metric"] == "wait"
    assert [each["reached"]["share"] for each in waits["variants"]] == [
        pytest.approx(0.625),
        pytest.approx(0.5),
    ]
    for each in waits["variants"]:
        assert each["median_days"] is not None
        assert 0 < each["restricted_mean_days"] < 2
    revenue, loads = document["distributions"]
    assert (revenue["metric"], revenue["of"], revenue["log"]) == ("capped", "visitors", True)
    assert [each["above_zero"] for each in revenue["variants"]] == [125, 100]
    assert revenue["variants"][0]["shares"] == pytest.approx([124 / 125, 1.0])
    assert (loads["of"], loads["log"]) == ("events", False)
    assert "~raw" not in str(document)
    assert page
    assert "above €50.00 counted as €50.00: 2 visitors" in page
    assert "With the cap, and without it" in page
    assert "Half of those with any have at most €10.00 with Cost at checkout" in page
    assert "Within 2 days purchase came to 62.5% with Cost at checkout" in page
    assert "Mean, at most 2 days" in page
    assert "549 ms" in page
    assert "page_view between 2 and 7 days" in page
    assert "cart, then purchase" in page
    assert 'href="/s/shop/methods/quantile/"' in page
    assert 'href="/s/shop/methods/restricted-mean/"' in page


@pytest.mark.usefixtures("events")
@pytest.mark.parametrize("primary", ["median_load", "wait"])
def test_a_metric_that_is_no_average_can_decide(
    run: Callable[..., dict[str, Any]], primary: str
) -> None:
    document = run(primary)

    metric, effect = told(document, primary)
    assert metric["role"] == "primary"
    assert "withheld" not in effect
    assert effect["outcome"] in {"win", "loss"}
    # Its days and segments do not add up to it, so nothing is read from them.
    assert document["over_time"] == []
    assert not any(each["metric"] == primary for each in document["segments"])
    assert any(each["metric"] == "step" for each in document["segments"])


@pytest.mark.usefixtures("events")
def test_nothing_shows_an_effect_before_it_may_be_read(
    run: Callable[..., dict[str, Any]], client: Client, ada: User
) -> None:
    document = run("capped", at=EARLY, inference=Inference.FIXED)
    client.force_login(ada)
    page = client.get("/s/shop/experiments/delivery-cost/").content.decode()

    metric, _ = told(document, "capped")
    assert metric["cap"] == {"most": 5000.0, "below": None, "percentile": None, "units": 2}
    assert "raw" not in metric
    assert document["distributions"] == []
    assert document["survival"] == []
    assert "With the cap" not in page
    assert "Half of those" not in page


WRONG = [
    ({"kind": "quantile"}, "level"),
    ({"kind": "quantile", "level": 1}, "level"),
    ({"kind": "sum", "level": 0.5}, "level"),
    ({"kind": "sum", "per": "visitor"}, "per"),
    ({"kind": "quantile", "level": 0.5, "per": "page"}, "per"),
    ({"kind": "retention"}, "from_days"),
    ({"kind": "retention", "from_days": 14}, "from_days"),
    ({"kind": "count", "from_days": 1}, "from_days"),
    ({"kind": "funnel_step"}, "steps"),
    ({"kind": "funnel_step", "steps": ["cart", "purchase"]}, "steps"),
    ({"kind": "funnel_step", "steps": [str(nth) for nth in range(10)]}, "steps"),
    ({"kind": "proportion", "steps": ["cart"]}, "steps"),
    ({"kind": "restricted_mean", "property": "value"}, "property"),
    ({"kind": "sum", "denominator_event": "cart"}, "denominator_event"),
    ({"kind": "proportion", "cap": 1}, "cap"),
    ({"kind": "quantile", "level": 0.5, "cap": 1}, "cap"),
    ({"kind": "sum", "cap": 0}, "cap"),
    ({"kind": "sum", "cap": 1, "cap_percentile": 0.99}, "cap_percentile"),
    ({"kind": "sum", "cap_percentile": 1}, "cap_percentile"),
    ({"kind": "sum", "cap_percentile": 0.4}, "cap_percentile"),
    ({"kind": "sum", "cap": 1, "denominator_cap": 1}, "denominator_cap"),
]


@pytest.mark.parametrize(("given", "field"), WRONG)
def test_a_definition_that_does_not_fit_its_kind_is_refused_at_its_field(
    given: dict[str, object], field: str
) -> None:
    metric = {"key": "m", "event": "purchase", **given}

    with pytest.raises(BadSpec) as refused:
        spec_from({"key": "x", "metrics": [metric]})

    assert list(refused.value.wrong) == [f"metrics[1].{field}"]


def test_a_time_is_better_when_it_is_shorter_unless_somebody_says_otherwise() -> None:
    metric = {"key": "m", "event": "purchase", "kind": "restricted_mean"}

    specs = spec_from({"key": "x", "metrics": [metric, {**metric, "better": "increase"}]}).metrics

    assert [each.better for each in specs] == ["decrease", "increase"]


def test_a_metric_of_each_kind_is_defined_on_its_page(
    client: Client, site: Site, ada: User
) -> None:
    client.force_login(ada)
    usual = {"event": "purchase", "window_days": "7", "better": ""}
    typed = [
        {"kind": "sum", "cap": "840"},
        {"kind": "ratio", "denominator_event": "purchase", "cap_percentile": "99"},
        {"kind": "quantile", "property": "ms", "level": "90", "unit_label": "ms"},
        {"kind": "restricted_mean"},
        {"kind": "retention", "from_days": "2"},
        {"kind": "funnel_step", "steps": "view_item\r\n add_to_cart \r\n"},
    ]

    for each in typed:
        given = {**usual, "key": each["kind"], "name": each["kind"], **each}
        response = client.post("/s/shop/metrics/new/", given)
        assert response.status_code == 302, response.content.decode()

    found = {each.key: each for each in current_metrics(site)}
    page = client.get("/s/shop/metrics/").content.decode()
    assert found["sum"].cap == 840
    assert found["ratio"].cap_percentile == 0.99
    assert (found["quantile"].level, found["quantile"].per) == (0.9, "event")
    assert found["restricted_mean"].better == "decrease"
    assert found["retention"].from_days == 2
    assert found["funnel_step"].steps == ["view_item", "add_to_cart"]
    assert "90th percentile ms of all purchase, within 7 days" in page
    assert "the largest count as the 99th percentile" in page


def test_what_is_wrong_on_the_page_is_said_at_its_field(
    client: Client, site: Site, ada: User
) -> None:
    client.force_login(ada)
    given = {"key": "q", "name": "Q", "kind": "quantile", "event": "load", "window_days": "7"}

    response = client.post("/s/shop/metrics/new/", given)

    assert response.status_code == 422
    assert "A quantile needs it" in response.content.decode()
    assert not current_metrics(site)


def test_another_cap_is_another_version_and_another_plan(
    site: Site, spec: ExperimentSpec, ada: User, now: datetime
) -> None:
    by = Actor(ada)
    first = define_metric(site, MetricSpec("r", "sum", "purchase", cap=100.0), by=by, now=now)
    same = define_metric(site, MetricSpec("r", "sum", "purchase", cap=100.0), by=by, now=now)
    other = define_metric(site, MetricSpec("r", "sum", "purchase", cap=200.0), by=by, now=now)

    assert (first.version, same.version, other.version) == (1, 1, 2)


def test_money_without_a_cap_is_advised_one_while_it_is_planned(
    site: Site,
    planned: ExperimentRecord,
    client: Client,
    client_of: Callable[[User], Client],
    ada: User,
    moved: Callable[..., None],
) -> None:
    client.force_login(ada)
    address = "/s/shop/experiments/delivery-cost/"

    before = client.get(address).content.decode()
    document = client_of(ada).get(f"/api/v1/experiments/{planned.key}?site=shop").json()
    moved(planned.key, Action.SUBMIT, Action.LAUNCH)
    after = client.get(address).content.decode()

    said = "Revenue per visitor adds up money without a cap"
    assert said in before
    assert [each for each in document["advice"] if each.startswith(said)]
    assert said not in after


@pytest.mark.parametrize(
    ("metric", "plan", "n"),
    [
        # As a proportion of 5 %: 31,234 per variant for a lift of a tenth.
        (MetricSpec("m", "retention", "x", from_days=2), PlanSpec(baseline=0.05), 31_234),
        (MetricSpec("m", "funnel_step", "x", steps=("a",)), PlanSpec(baseline=0.05), 31_234),
        # 2·7.849·cv²/0.1².
        (MetricSpec("m", "quantile", "x", level=0.5), PlanSpec(cv=1.0), 1570),
        # 1 − 1/e of them have it by then: a mean wait of 0.632 windows, cv² = 0.3226.
        (MetricSpec("m", "restricted_mean", "x"), PlanSpec(baseline=14 * 0.6321205588), 507),
    ],
)
def test_the_visitors_that_a_kind_needs_are_worked_out(
    site: Site,
    spec: ExperimentSpec,
    ada: User,
    now: datetime,
    metric: MetricSpec,
    plan: PlanSpec,
    n: int,
) -> None:
    wanted = replace(
        spec,
        primary="m",
        guardrails=(),
        secondary=(),
        metrics=(metric,),
        plan=replace(plan, minimum_effect=0.1),
    )

    record = plan_experiment(site, wanted, by=Actor(ada), now=now)

    assert record.n_per_variant == pytest.approx(n, rel=0.01)


def test_a_mean_wait_beyond_its_window_is_no_plan(
    site: Site, spec: ExperimentSpec, ada: User, now: datetime
) -> None:
    metric = MetricSpec("m", "restricted_mean", "x", window_days=7)
    plan = PlanSpec(minimum_effect=0.1, baseline=7.0)
    wanted = replace(spec, primary="m", guardrails=(), secondary=(), metrics=(metric,), plan=plan)

    with pytest.raises(BadSpec, match="between 0 and its window"):
        plan_experiment(site, wanted, by=Actor(ada), now=now)
