"""Let the database itself refuse to change or delete packs, minutes and what was added to them."""

from __future__ import annotations

from django.db import migrations

from truelift.apps.rhythm.append_only import PROTECT, RELEASE


def protect(apps, schema_editor):
    for table in PROTECT:
        for statement in table[schema_editor.connection.vendor]:
            schema_editor.execute(statement, params=None)


def release(apps, schema_editor):
    for table in RELEASE:
        for statement in table[schema_editor.connection.vendor]:
            schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("rhythm", "0001_first")]

    operations = [migrations.RunPython(protect, release)]
