"""The effect of a test without the days of an incident, worked out post hoc."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    """One field; empty until the worker has counted."""

    dependencies: ClassVar = [("changes", "0002_written_once")]

    operations: ClassVar = [
        migrations.AddField("confounderrecord", "without", models.JSONField(blank=True, default=dict))
    ]
