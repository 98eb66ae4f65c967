"""Add what a site calls the events of the built-in metrics."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    """Until an owner says otherwise, every event has its usual name."""

    dependencies: ClassVar = [("sites", "0003_retention")]

    operations: ClassVar = [
        migrations.AddField(
            model_name="site",
            name="event_names",
            field=models.JSONField(blank=True, default=dict),
        ),
    ]
