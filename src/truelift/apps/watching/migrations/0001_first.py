

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('experiments', '0011_phases_written_once'),
        ('qa', '0001_first'),
        ('sites', '0004_event_names'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='WatchedPageRecord',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('surface', models.CharField(blank=True, max_length=120)),
                ('url', models.CharField(max_length=2000)),
                ('without', models.JSONField(blank=True, default=list)),
                ('ignored', models.JSONField(blank=True, default=list)),
                ('every_hours', models.PositiveSmallIntegerField(default=6)),
                ('seen', models.JSONField(blank=True, default=dict)),
                ('steady_since', models.DateTimeField(blank=True, null=True)),
                ('looked_at', models.DateTimeField(blank=True, null=True)),
                ('problem', models.CharField(blank=True, default='', max_length=500)),
                ('made_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('experiment', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='watched_pages', to='experiments.experimentrecord')),
                ('made_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('picture', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='qa.picturerecord')),
                ('site', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='watched_pages', to='sites.site')),
            ],
            options={
                'db_table': 'watched_page',
            },
        ),
        migrations.CreateModel(
            name='PageChangeRecord',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('since', models.DateTimeField()),
                ('at', models.DateTimeField()),
                ('difference', models.JSONField()),
                ('sentence', models.CharField(max_length=300)),
                ('change', models.CharField(blank=True, default='', max_length=20)),
                ('explained', models.BooleanField(default=False)),
                ('noise_note', models.CharField(blank=True, default='', max_length=300)),
                ('noise_at', models.DateTimeField(blank=True, null=True)),
                ('after', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='qa.picturerecord')),
                ('before', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='qa.picturerecord')),
                ('noise_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('page', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='changes', to='watching.watchedpagerecord')),
            ],
            options={
                'db_table': 'page_change',
                'ordering': ['-at', '-pk'],
            },
        ),
        migrations.AddConstraint(
            model_name='watchedpagerecord',
            constraint=models.UniqueConstraint(condition=models.Q(('ended_at', None)), fields=('site', 'url'), name='page_watched_once'),
        ),
    ]
