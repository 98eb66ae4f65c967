"""Take from the application's own database role what it never needs of the audit."""

from __future__ import annotations

from django.db import migrations


def withhold(apps, schema_editor):
    # SQLite has no roles: there the triggers alone refuse.
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(
            "REVOKE UPDATE, DELETE, TRUNCATE ON audit_event FROM PUBLIC, CURRENT_USER"
        )


def give_back(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("GRANT UPDATE, DELETE, TRUNCATE ON audit_event TO CURRENT_USER")


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_functions")]

    operations = [migrations.RunPython(withhold, give_back)]
