"""More stages on the way from a brief to a launch; a draft is a brief now."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models

from truelift.apps.experiments.append_only import PROTECT


STAGES = [
    "briefed",
    "designed",
    "build",
    "qa",
    "ready",
    "scheduled",
    "running",
    "paused",
    "stopped",
    "analysed",
    "decided",
    "learned",
    "closed",
    "invalid",
]
ACTIONS = [
    "design",
    "build",
    "check",
    "submit",
    "schedule",
    "return",
    "launch",
    "pause",
    "resume",
    "stop",
    "analyse",
    "decide",
    "learn",
    "close",
    "invalidate",
]


def call_drafts_briefs(apps, schema_editor):  # type: ignore[no-untyped-def]
    """Give the rows of the old first stage its new name; moves stay as they were written."""
    experiments = apps.get_model("experiments", "ExperimentRecord").objects
    experiments.filter(stage="draft").update(stage="briefed")


def protect_copies(apps, schema_editor):  # type: ignore[no-untyped-def]
    """Protect the table of moves again: on SQLite its copy has no triggers."""
    if schema_editor.connection.vendor == "sqlite":
        for statement in PROTECT["sqlite"]:
            schema_editor.execute(statement)


class Migration(migrations.Migration):
    """Stages and actions of the whole workflow."""

    dependencies: ClassVar = [("experiments", "0004_general_jobs")]

    operations: ClassVar = [
        migrations.RemoveConstraint("experimentrecord", "experiment_stage_is_known"),
        migrations.RemoveConstraint("moverecord", "experiment_move_action_is_known"),
        migrations.AlterField(
            "experimentrecord", "stage", models.CharField(default="briefed", max_length=10)
        ),
        migrations.RunPython(call_drafts_briefs, migrations.RunPython.noop),
        migrations.AddConstraint(
            "experimentrecord",
            models.CheckConstraint(
                condition=models.Q(stage__in=STAGES), name="experiment_stage_is_known"
            ),
        ),
        migrations.AddConstraint(
            "moverecord",
            models.CheckConstraint(
                condition=models.Q(action__in=ACTIONS), name="experiment_move_action_is_known"
            ),
        ),
        migrations.RunPython(protect_copies, migrations.RunPython.noop),
    ]
