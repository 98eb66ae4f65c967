"""An experiment that was marked invalid says so in whatever stage it has come to."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models
from django.db.models import Min, OuterRef, Subquery


def remember(apps, schema_editor):
    """Take over when those were marked that are there already."""
    moves = apps.get_model("experiments", "MoveRecord").objects
    marked = (
        moves.filter(experiment=OuterRef("pk"), action="invalidate")
        .order_by()
        .values("experiment")
        .annotate(at=Min("moved_at"))
        .values("at")
    )
    experiments = apps.get_model("experiments", "ExperimentRecord").objects
    experiments.filter(moves__action="invalidate").update(invalid_at=Subquery(marked))


class Migration(migrations.Migration):
    """One field; empty in those that were never marked."""

    dependencies: ClassVar = [("experiments", "0009_monitoring")]

    operations: ClassVar = [
        migrations.AddField(
            "experimentrecord", "invalid_at", models.DateTimeField(blank=True, null=True)
        ),
        migrations.RunPython(remember, migrations.RunPython.noop),
    ]
