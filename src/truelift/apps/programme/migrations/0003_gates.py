"""What every experiment has to settle besides its plan."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models

from truelift.apps.programme.append_only import PROTECT


def protect_copy(apps, schema_editor):
    """Protect the table again: on SQLite a table with another column is a copy."""
    if schema_editor.connection.vendor == "sqlite":
        for statement in PROTECT["sqlite"]:
            schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    """A list of gates in each version of a policy; none in the older ones."""

    dependencies: ClassVar = [("programme", "0002_written_once")]

    operations: ClassVar = [
        migrations.AddField("policyrecord", "gates", models.JSONField(blank=True, default=list)),
        migrations.RunPython(protect_copy, migrations.RunPython.noop),
    ]
