from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Takes the table of surfaces over from the backlog; nothing in the database changes."""

    initial = True

    dependencies = [("backlog", "0001_first"), ("sites", "0004_event_names")]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name="SurfaceRecord",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("name", models.CharField(max_length=120)),
                        ("path", models.CharField(blank=True, max_length=200)),
                        ("weekly_units", models.FloatField(blank=True, null=True)),
                        ("rate", models.FloatField(blank=True, null=True)),
                        ("revenue_minor", models.FloatField(blank=True, null=True)),
                        ("measured_at", models.DateTimeField(blank=True, null=True)),
                        (
                            "site",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="surfaces",
                                to="sites.site",
                            ),
                        ),
                    ],
                    options={"db_table": "surface"},
                ),
                migrations.AddConstraint(
                    model_name="surfacerecord",
                    constraint=models.UniqueConstraint(
                        fields=("site", "name"), name="surface_once_per_site"
                    ),
                ),
            ]
        )
    ]
