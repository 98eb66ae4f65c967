"""Say what a member does on a site, beside the role."""

from __future__ import annotations


from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0002_audit_event_append_only'),
    ]

    operations = [
        migrations.AddField(
            model_name='membership',
            name='functions',
            field=models.JSONField(blank=True, default=list),
        ),
    ]
