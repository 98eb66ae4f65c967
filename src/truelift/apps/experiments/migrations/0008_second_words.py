"""Who reviewed a decision, and why it was shipped though the business may lose."""

from __future__ import annotations

from typing import ClassVar

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from truelift.apps.experiments.append_only import PROTECT


def protect_copy(apps, schema_editor):
    """Protect the table again: on SQLite a table with another column is a copy."""
    if schema_editor.connection.vendor == "sqlite":
        for statement in PROTECT["sqlite"]:
            schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    """Two fields of a decision; empty in the older ones."""

    dependencies: ClassVar = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("experiments", "0007_phases"),
    ]

    operations: ClassVar = [
        migrations.AddField(
            "decisionrecord",
            "override_reason",
            models.CharField(blank=True, default="", max_length=1000),
        ),
        migrations.AddField(
            "decisionrecord",
            "reviewer",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.RunPython(protect_copy, migrations.RunPython.noop),
    ]
