"""Let what was accepted before hold since then."""

from __future__ import annotations

from django.db import migrations, models


def hold(apps, schema_editor):
    insights = apps.get_model("research", "InsightRecord").objects.using(
        schema_editor.connection.alias
    )
    insights.filter(held_since=None).exclude(accepted_at=None).update(
        held_since=models.F("accepted_at")
    )


class Migration(migrations.Migration):
    dependencies = [("research", "0002_chain")]

    operations = [migrations.RunPython(hold, migrations.RunPython.noop)]
