"""Add whether the people behind a number may be listed."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    """Lists of people are off until an owner switches them on."""

    dependencies: ClassVar = [("sites", "0001_initial")]

    operations: ClassVar = [
        migrations.AddField(
            model_name="site",
            name="people_lists",
            field=models.BooleanField(default=False),
        ),
    ]
