"""Protect versions of policies again: on SQLite a table that got a column is an unprotected copy."""

from __future__ import annotations

from django.db import migrations

from truelift.apps.programme.append_only import PROTECT


def protect(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        for statement in PROTECT["sqlite"]:
            schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("programme", "0003_gates")]

    operations = [migrations.RunPython(protect, migrations.RunPython.noop)]
