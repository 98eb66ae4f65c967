"""Add how long a site keeps its events."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    """Nothing is removed until an owner names a number of days."""

    dependencies: ClassVar = [("sites", "0002_people_lists")]

    operations: ClassVar = [
        migrations.AddField(
            model_name="site",
            name="retention",
            field=models.JSONField(blank=True, default=dict),
        ),
    ]
