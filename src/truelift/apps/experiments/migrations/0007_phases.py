"""Phases: stretches of an experiment with one allocation."""

from __future__ import annotations

from typing import ClassVar

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("experiments", "0006_kinds_and_caps"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations: ClassVar = [
        migrations.CreateModel(
            name="PhaseRecord",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("since", models.DateTimeField()),
                ("weights", models.JSONField()),
                ("reason", models.CharField(max_length=300)),
                ("operator", models.BooleanField(default=False)),
                ("made_at", models.DateTimeField()),
                (
                    "by",
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
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="phases",
                        to="experiments.experimentrecord",
                    ),
                ),
            ],
            options={
                "db_table": "experiment_phase",
                "ordering": ["since"],
            },
        ),
        migrations.AddConstraint(
            model_name="phaserecord",
            constraint=models.UniqueConstraint(
                fields=("experiment", "since"), name="experiment_phase_begins_once"
            ),
        ),
    ]
