"""Let the database itself refuse to change or delete what was said of an allocation."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations

from truelift.apps.experiments.append_only import PROTECT_PHASES, RELEASE_PHASES


def protect(apps, schema_editor):
    """Protect the table of phases."""
    for statement in PROTECT_PHASES[schema_editor.connection.vendor]:
        schema_editor.execute(statement, params=None)


def release(apps, schema_editor):
    """Take the protection away."""
    for statement in RELEASE_PHASES[schema_editor.connection.vendor]:
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    """Triggers alone."""

    dependencies: ClassVar = [("experiments", "0010_invalid_stays")]

    operations: ClassVar = [migrations.RunPython(protect, release)]
