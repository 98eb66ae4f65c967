"""Alerts, what each day's last look saw, and outcomes that mature after the decision."""

from __future__ import annotations

from typing import ClassVar

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """Three tables; nothing of the older ones changes."""

    dependencies: ClassVar = [
        ("experiments", "0008_second_words"),
        ("sites", "0004_event_names"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations: ClassVar = [
        migrations.CreateModel(
            name="AlertRecord",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key", models.CharField(max_length=200)),
                ("concern", models.CharField(max_length=20)),
                ("level", models.CharField(max_length=5)),
                ("sentence", models.CharField(max_length=500)),
                ("quiet", models.CharField(max_length=500)),
                ("remedy", models.CharField(max_length=500)),
                ("stage", models.CharField(default="open", max_length=12)),
                ("opened_at", models.DateTimeField()),
                ("seen_at", models.DateTimeField()),
                ("acknowledged_at", models.DateTimeField(blank=True, null=True)),
                ("resolved_at", models.DateTimeField(blank=True, null=True)),
                ("note", models.CharField(blank=True, default="", max_length=500)),
                (
                    "acknowledged_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "experiment",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="alerts",
                        to="experiments.experimentrecord",
                    ),
                ),
                (
                    "resolved_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "site",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="alerts",
                        to="sites.site",
                    ),
                ),
            ],
            options={
                "db_table": "alert",
                "ordering": ["-pk"],
                "indexes": [models.Index(fields=["site", "stage"], name="alerts_that_stand")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(
                            models.Q(("stage", "resolved"), _negated=True),
                            ("experiment__isnull", False),
                        ),
                        fields=("experiment", "key"),
                        name="one_alert_per_cause_of_experiment",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(
                            models.Q(("stage", "resolved"), _negated=True),
                            ("experiment__isnull", True),
                        ),
                        fields=("site", "key"),
                        name="one_alert_per_cause_of_site",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("stage__in", ["open", "acknowledged", "resolved"]),
                            ("level__in", ["note", "watch", "stop"]),
                            (
                                "concern__in",
                                [
                                    "guardrail",
                                    "split",
                                    "no_exposures",
                                    "unknown_variant",
                                    "crossovers",
                                    "overrun",
                                    "open_decision",
                                    "site_level",
                                    "site_drift",
                                    "turned",
                                ],
                            ),
                        ),
                        name="alert_words_are_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="DelayedOutcomeRecord",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("metric", models.CharField(max_length=80)),
                ("due_at", models.DateTimeField()),
                ("decided_on", models.PositiveIntegerField(null=True)),
                ("read_at", models.DateTimeField(blank=True, null=True)),
                ("reading", models.PositiveIntegerField(blank=True, null=True)),
                ("turned", models.CharField(blank=True, default="", max_length=300)),
                (
                    "experiment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="delayed",
                        to="experiments.experimentrecord",
                    ),
                ),
            ],
            options={
                "db_table": "delayed_outcome",
                "ordering": ["due_at", "pk"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("experiment", "metric"), name="one_delayed_outcome_per_metric"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="WatchRecord",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("day", models.DateField()),
                ("at", models.DateTimeField()),
                ("document", models.JSONField()),
                (
                    "experiment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="watches",
                        to="experiments.experimentrecord",
                    ),
                ),
            ],
            options={
                "db_table": "experiment_watch",
                "ordering": ["day"],
                "constraints": [
                    models.UniqueConstraint(fields=("experiment", "day"), name="one_watch_a_day")
                ],
            },
        ),
    ]
