"""Let the database itself refuse to change or delete changes, versions and priorities."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations

from truelift.apps.roadmap.append_only import PROTECT, RELEASE


def protect(apps, schema_editor):
    for statement in PROTECT[schema_editor.connection.vendor]:
        schema_editor.execute(statement, params=None)


def release(apps, schema_editor):
    for statement in RELEASE[schema_editor.connection.vendor]:
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    """Triggers on four tables."""

    dependencies: ClassVar = [("roadmap", "0001_first")]

    operations: ClassVar = [migrations.RunPython(protect, release)]
