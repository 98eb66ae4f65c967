from __future__ import annotations

from django.db import migrations


class Migration(migrations.Migration):
    """Leaves the table of surfaces to the app of surfaces; nothing in the database changes."""

    dependencies = [("backlog", "0001_first"), ("surfaces", "0001_from_the_backlog")]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[migrations.DeleteModel(name="SurfaceRecord")]
        )
    ]
