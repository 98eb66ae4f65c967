"""What every experiment has to settle besides its plan."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    """A list of gates in each version of a policy; none in the older ones."""

    dependencies: ClassVar = [("programme", "0002_written_once")]

    operations: ClassVar = [
        migrations.AddField("policyrecord", "gates", models.JSONField(blank=True, default=list)),
    ]
