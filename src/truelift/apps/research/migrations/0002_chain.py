"""Let insights age and be explained, and hypotheses be reviewed, cite and repeat knowingly."""

from __future__ import annotations


import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('experiments', '0001_first'),
        ('research', '0001_first'),
        ('sites', '0004_event_names'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='CitationRecord',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
            ],
            options={
                'db_table': 'hypothesis_citation',
                'ordering': ['pk'],
            },
        ),
        migrations.RemoveConstraint(
            model_name='evidencerecord',
            name='evidence_kind_is_known',
        ),
        migrations.RemoveConstraint(
            model_name='hypothesisrecord',
            name='hypothesis_stage_is_known',
        ),
        migrations.RemoveConstraint(
            model_name='insightrecord',
            name='insight_stage_is_known',
        ),
        migrations.AddField(
            model_name='evidencerecord',
            name='grade',
            field=models.CharField(blank=True, max_length=1),
        ),
        migrations.AddField(
            model_name='hypothesisrecord',
            name='accepted_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='hypothesisrecord',
            name='adds_pressure',
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name='hypothesisrecord',
            name='again',
            field=models.CharField(blank=True, max_length=20),
        ),
        migrations.AddField(
            model_name='hypothesisrecord',
            name='again_because',
            field=models.CharField(blank=True, max_length=500),
        ),
        migrations.AddField(
            model_name='hypothesisrecord',
            name='answered',
            field=models.JSONField(blank=True, default=list),
        ),
        migrations.AddField(
            model_name='hypothesisrecord',
            name='drafted_by',
            field=models.CharField(blank=True, max_length=120),
        ),
        migrations.AddField(
            model_name='hypothesisrecord',
            name='drafted_from',
            field=models.JSONField(blank=True, default=list),
        ),
        migrations.AddField(
            model_name='hypothesisrecord',
            name='edited_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='hypothesisrecord',
            name='element',
            field=models.CharField(blank=True, max_length=120),
        ),
        migrations.AddField(
            model_name='hypothesisrecord',
            name='own_because',
            field=models.CharField(blank=True, max_length=1000),
        ),
        migrations.AddField(
            model_name='hypothesisrecord',
            name='returned_because',
            field=models.CharField(blank=True, max_length=500),
        ),
        migrations.AddField(
            model_name='hypothesisrecord',
            name='submitted_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='hypothesisrecord',
            name='surface',
            field=models.CharField(blank=True, max_length=120),
        ),
        migrations.AddField(
            model_name='insightrecord',
            name='accepted_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='insightrecord',
            name='because',
            field=models.CharField(blank=True, max_length=500),
        ),
        migrations.AddField(
            model_name='insightrecord',
            name='cause',
            field=models.CharField(blank=True, max_length=10),
        ),
        migrations.AddField(
            model_name='insightrecord',
            name='drafted_by',
            field=models.CharField(blank=True, max_length=120),
        ),
        migrations.AddField(
            model_name='insightrecord',
            name='drafted_from',
            field=models.JSONField(blank=True, default=list),
        ),
        migrations.AddField(
            model_name='insightrecord',
            name='edited_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='insightrecord',
            name='held_since',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='insightrecord',
            name='people_per_week',
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='insightrecord',
            name='tags',
            field=models.JSONField(blank=True, default=list),
        ),
        migrations.AlterField(
            model_name='evidencerecord',
            name='kind',
            field=models.CharField(choices=[('analytics', 'Analytics'), ('behaviour', 'Replay or heatmap'), ('survey', 'Survey or poll'), ('voice', 'Customer’s words'), ('user_test', 'User test'), ('past_test', 'Past experiment'), ('review', 'Expert review'), ('opinion', 'Opinion')], max_length=10),
        ),
        migrations.AlterField(
            model_name='hypothesisrecord',
            name='stage',
            field=models.CharField(default='draft', max_length=20),
        ),
        migrations.AddConstraint(
            model_name='evidencerecord',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['analytics', 'behaviour', 'survey', 'voice', 'user_test', 'past_test', 'review', 'opinion'])), name='evidence_kind_is_known'),
        ),
        migrations.AddConstraint(
            model_name='evidencerecord',
            constraint=models.CheckConstraint(condition=models.Q(('grade__in', ['', 'A', 'B', 'C', 'D', 'E'])), name='evidence_grade_is_known'),
        ),
        migrations.AddConstraint(
            model_name='insightrecord',
            constraint=models.CheckConstraint(condition=models.Q(('stage__in', ['draft', 'accepted', 'stale', 'retired'])), name='insight_stage_is_known'),
        ),
        migrations.AddConstraint(
            model_name='insightrecord',
            constraint=models.CheckConstraint(condition=models.Q(('cause__in', ['', 'observed', 'inferred'])), name='insight_cause_is_known'),
        ),
        migrations.AddField(
            model_name='citationrecord',
            name='hypothesis',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='citations', to='research.hypothesisrecord'),
        ),
        migrations.AddField(
            model_name='citationrecord',
            name='learning',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='citations', to='experiments.learningrecord'),
        ),
        migrations.AddField(
            model_name='hypothesisrecord',
            name='learnings',
            field=models.ManyToManyField(related_name='cited_by', through='research.CitationRecord', to='experiments.learningrecord'),
        ),
        migrations.AddConstraint(
            model_name='hypothesisrecord',
            constraint=models.CheckConstraint(condition=models.Q(('stage__in', ['draft', 'ready_for_review', 'accepted', 'tested'])), name='hypothesis_stage_is_known'),
        ),
        migrations.AddConstraint(
            model_name='hypothesisrecord',
            constraint=models.CheckConstraint(condition=models.Q(('again__in', ['', 'new_audience', 'new_context', 'underpowered', 'other'])), name='hypothesis_again_is_known'),
        ),
        migrations.AddConstraint(
            model_name='citationrecord',
            constraint=models.UniqueConstraint(fields=('hypothesis', 'learning'), name='hypothesis_cites_learning_once'),
        ),
    ]
