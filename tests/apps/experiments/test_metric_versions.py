"""Metrics of a site: versions reach questions, and a change within a window is a break."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from truelift.apps.accounts.models import User
from truelift.apps.experiments.analysing import metric_breaks
from truelift.apps.experiments.metrics import define_metric
from truelift.apps.experiments.models import MetricRecord
from truelift.apps.experiments.publish_metrics import publish_metrics
from truelift.apps.experiments.services import plan_experiment
from truelift.apps.experiments.spec import MetricSpec, spec_from
from truelift.apps.measurement.segments_reads import context_of
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.lake.home import Home
from truelift.lake.metrics import UnreadableMetrics, published_metrics, saved_metrics
from truelift.questions.metric_value import MetricValue
from truelift.questions.parse import parse_question


pytestmark = [pytest.mark.database, pytest.mark.django_db]

ORDERS = MetricSpec("orders", "proportion", "purchase", "Orders", window_days=7)


def define(site: Site, by: User, now: datetime, *, event: str = "purchase") -> MetricRecord:
    spec = MetricSpec("orders", "proportion", event, "Orders", window_days=7)
    return define_metric(site, spec, by=Actor(by), now=now)


def test_every_kind_of_metric_is_published_as_a_question_takes_it(
    site: Site, ada: User, home: Home, now: datetime
) -> None:
    for spec in (
        ORDERS,
        MetricSpec("times", "count", "purchase"),
        MetricSpec("revenue", "sum", "purchase", property="value"),
        MetricSpec("items", "mean", "purchase", property="quantity"),
        MetricSpec("worth", "ratio", "purchase", property="value", denominator_event="purchase"),
    ):
        define_metric(site, spec, by=Actor(ada), now=now)
    publish_metrics()

    found = published_metrics(home, site.name)

    assert sorted(found) == ["items", "orders", "revenue", "times", "worth"]
    for key in found:
        question = parse_question(
            {"question": "metric_value", "metric": key}, context_of(site, now=now)
        )
        assert isinstance(question, MetricValue)
        assert question.of.version == 1


def test_a_change_is_the_next_version_and_a_break_in_every_answer_over_it(
    site: Site, ada: User, home: Home, now: datetime
) -> None:
    define(site, ada, now - timedelta(days=9))
    define(site, ada, now - timedelta(days=2), event="order")
    publish_metrics()

    question = parse_question(
        {"question": "metric_value", "metric": "orders"}, context_of(site, now=now)
    )

    assert isinstance(question, MetricValue)
    assert question.of.version == 2
    assert [(each.at, each.before, each.after) for each in question.of.breaks] == [
        (now - timedelta(days=2), 1, 2)
    ]
    saved = saved_metrics(home, site.name)("orders")
    assert saved is not None
    assert [each.version for each in saved.versions] == [1, 2]


def test_an_experiment_keeps_its_version_and_names_the_break(
    site: Site, ada: User, now: datetime
) -> None:
    define(site, ada, now - timedelta(days=9))
    record = plan_experiment(
        site,
        spec_from({"key": "x", "name": "X", "primary": "orders"}),
        by=Actor(ada),
        now=now,
    )
    define(site, ada, now + timedelta(days=2), event="order")
    planned = record.metrics.get().metric

    breaks = metric_breaks(record, since=now, until=now + timedelta(days=5))

    assert planned.version == 1
    assert [(each["from_version"], each["to_version"]) for each in breaks["orders"]] == [(1, 2)]
    assert metric_breaks(record, since=now, until=now + timedelta(days=1)) == {}


def test_a_damaged_file_is_an_outage_that_says_what_to_do(home: Home) -> None:
    home.metrics_file.write_text('{"metrics": {"shop": {"orders": {}}}}')

    with pytest.raises(UnreadableMetrics, match="publish it again"):
        published_metrics(home, "shop")
