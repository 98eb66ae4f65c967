"""Rows of what a programme has agreed on, each version once and for all."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from typing_extensions import override

from truelift.lifecycle.functions import Function
from truelift.lifecycle.gate import Gate
from truelift.lifecycle.policy import (
    Framework,
    HarmResponse,
    Lead,
    Organisation,
    Policy,
    Research,
    Scoring,
)


class PolicyRecord(models.Model):
    """One version of a site's policy; never changed, a change is the next version.

    The database refuses to change or delete a row (`append_only.py`).

    Attributes:
        version: Counted per site from 1.
        early_hidden_from: Words of `lifecycle.functions.Function`.
        gates: Words of `lifecycle.gate.Gate`.
        weights: Key of a question of the framework → its weight, where it is not the usual one.
        because: Why it was changed.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.PROTECT, related_name="policies")
    version = models.PositiveIntegerField()
    research = models.CharField(max_length=20)
    lead = models.CharField(max_length=20)
    organisation = models.CharField(max_length=20)
    stale_after_days = models.PositiveIntegerField()
    triage_days = models.PositiveIntegerField()
    decision_days = models.PositiveIntegerField()
    early_hidden_from = models.JSONField(default=list, blank=True)
    harm = models.CharField(max_length=10)
    max_weeks = models.PositiveIntegerField()
    shallow_share = models.FloatField()
    gates = models.JSONField(default=list, blank=True)
    framework = models.CharField(max_length=20)
    variant = models.CharField(max_length=40, blank=True)
    weights = models.JSONField(default=dict, blank=True)
    because = models.CharField(max_length=500, blank=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    made_at = models.DateTimeField()

    class Meta:
        db_table = "policy"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["site", "version"], name="policy_version_once_per_site"
            ),
            *(
                models.CheckConstraint(
                    condition=models.Q(**{f"{name}__in": [each.value for each in kind]}),
                    name=f"policy_{name}_is_known",
                )
                for name, kind in (
                    ("research", Research),
                    ("lead", Lead),
                    ("organisation", Organisation),
                    ("harm", HarmResponse),
                    ("framework", Framework),
                )
            ),
        ]

    @override
    def __str__(self) -> str:
        return f"version {self.version}"

    def as_domain(self) -> Policy:
        """Give the value that the rules take."""
        return Policy(
            version=self.version,
            research=Research(self.research),
            lead=Lead(self.lead),
            organisation=Organisation(self.organisation),
            stale_after_days=self.stale_after_days,
            triage_days=self.triage_days,
            decision_days=self.decision_days,
            early_hidden_from=frozenset(Function(each) for each in self.early_hidden_from),
            harm=HarmResponse(self.harm),
            max_weeks=self.max_weeks,
            shallow_share=self.shallow_share,
            gates=frozenset(Gate(each) for each in self.gates),
            scoring=Scoring(
                framework=Framework(self.framework),
                variant=self.variant,
                weights=tuple(sorted(self.weights.items())),
            ),
        )
