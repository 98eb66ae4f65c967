"""Quantiles, times, retention and funnel steps as kinds of metrics, and caps of large numbers."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models

from truelift.apps.experiments.append_only import PROTECT


KINDS = [
    ("proportion", "Share of visitors who do it"),
    ("count", "Times per visitor"),
    ("sum", "Total per visitor"),
    ("mean", "Mean per event"),
    ("ratio", "Ratio of two totals"),
    ("quantile", "Quantile, such as a median"),
    ("restricted_mean", "Time until the event, cut at the window"),
    ("retention", "Share of visitors who come back"),
    ("funnel_step", "Share of visitors who reach a step"),
]


def protect_copies(apps, schema_editor):  # type: ignore[no-untyped-def]
    """Protect the table of metrics again: on SQLite its copy has no triggers."""
    if schema_editor.connection.vendor == "sqlite":
        for statement in PROTECT["sqlite"]:
            schema_editor.execute(statement)


class Migration(migrations.Migration):
    """More of a metric's definition."""

    dependencies: ClassVar = [("experiments", "0005_stages")]

    operations: ClassVar = [
        migrations.RemoveConstraint("metricrecord", "metric_kind_is_known"),
        migrations.AlterField(
            "metricrecord", "kind", models.CharField(max_length=20, choices=KINDS)
        ),
        migrations.AddField("metricrecord", "from_days", models.FloatField(default=0)),
        migrations.AddField("metricrecord", "steps", models.JSONField(default=list, blank=True)),
        migrations.AddField("metricrecord", "level", models.FloatField(null=True, blank=True)),
        migrations.AddField(
            "metricrecord",
            "per",
            models.CharField(
                max_length=10,
                choices=[
                    ("event", "Of the events’ numbers"),
                    ("visitor", "Of the visitors’ totals"),
                ],
                blank=True,
            ),
        ),
        migrations.AddField("metricrecord", "cap", models.FloatField(null=True, blank=True)),
        migrations.AddField(
            "metricrecord", "denominator_cap", models.FloatField(null=True, blank=True)
        ),
        migrations.AddField(
            "metricrecord", "cap_percentile", models.FloatField(null=True, blank=True)
        ),
        migrations.AddConstraint(
            "metricrecord",
            models.CheckConstraint(
                condition=models.Q(kind__in=[kind for kind, _ in KINDS]),
                name="metric_kind_is_known",
            ),
        ),
        migrations.RunPython(protect_copies, migrations.RunPython.noop),
    ]
