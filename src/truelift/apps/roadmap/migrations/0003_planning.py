"""Keep proposals for a quarter, who has seen a release, and who shares visitors."""

from __future__ import annotations

from typing import ClassVar

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from truelift.apps.accounts.append_only import protecting, releasing


TABLE = "roadmap_acknowledgement"


def protect(apps, schema_editor):
    for statement in protecting(TABLE)[schema_editor.connection.vendor]:
        schema_editor.execute(statement, params=None)


def release(apps, schema_editor):
    for statement in releasing(TABLE)[schema_editor.connection.vendor]:
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    """Three tables, one of them append-only."""

    dependencies: ClassVar = [
        ("roadmap", "0002_written_once"),
        ("sites", "0004_event_names"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations: ClassVar = [
        migrations.CreateModel(
            name="AcknowledgementRecord",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("item", models.CharField(max_length=80)),
                ("tests", models.JSONField()),
                ("starts_on", models.DateField()),
                ("note", models.CharField(blank=True, default="", max_length=500)),
                ("at", models.DateTimeField()),
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
                    "site",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="sites.site",
                    ),
                ),
            ],
            options={
                "db_table": "roadmap_acknowledgement",
                "ordering": ["pk"],
                "indexes": [
                    models.Index(fields=["site", "item"], name="roadmap_acknowledgement_of")
                ],
            },
        ),
        migrations.CreateModel(
            name="QuarterPlanRecord",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.PositiveIntegerField()),
                ("quarter", models.CharField(max_length=7)),
                ("since", models.DateField()),
                ("until", models.DateField()),
                ("asked", models.JSONField(default=list)),
                ("asked_at", models.DateTimeField()),
                ("text", models.TextField(blank=True, default="")),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                ("outcomes", models.JSONField(blank=True, default=dict)),
                ("taken_at", models.DateTimeField(blank=True, null=True)),
                (
                    "asked_by",
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
                        related_name="+",
                        to="sites.site",
                    ),
                ),
                (
                    "taken_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "db_table": "roadmap_quarter_plan",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("site", "number"), name="roadmap_quarter_plan_number_once_per_site"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="SharedVisitorsRecord",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("first", models.CharField(max_length=80)),
                ("second", models.CharField(max_length=80)),
                ("both", models.PositiveBigIntegerField()),
                ("smaller", models.PositiveBigIntegerField()),
                ("audience", models.FloatField()),
                ("counted_at", models.DateTimeField()),
                (
                    "site",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="sites.site",
                    ),
                ),
            ],
            options={
                "db_table": "roadmap_shared_visitors",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("site", "first", "second"), name="roadmap_shared_visitors_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("audience__gte", 0), ("audience__lte", 1)),
                        name="roadmap_shared_visitors_share_is_a_share",
                    ),
                ],
            },
        ),
        migrations.RunPython(protect, release),
    ]
