"""Let the database itself refuse to change or delete what happened to warnings."""

from __future__ import annotations

from django.db import migrations

from truelift.apps.warnings.append_only import PROTECT, RELEASE


def protect(apps, schema_editor):
    for statement in PROTECT[schema_editor.connection.vendor]:
        schema_editor.execute(statement, params=None)


def release(apps, schema_editor):
    for statement in RELEASE[schema_editor.connection.vendor]:
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("warnings", "0001_first")]

    operations = [migrations.RunPython(protect, release)]
