"""Rows of what was read between experiments, and before and after a change."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from typing_extensions import override

from truelift.stats.quasi import QuasiDesign


class InteractionReport(models.Model):
    """Which experiments disturbed each other, as it was known at a moment; never changed.

    Attributes:
        number: Counted per site, from 1.
        text: The document as JSON text, so that its digest holds.
        digest: SHA-256 of the text.
    """

    site = models.ForeignKey(
        "sites.Site", on_delete=models.PROTECT, related_name="interaction_reports"
    )
    number = models.PositiveIntegerField()
    as_of = models.DateTimeField()
    text = models.TextField()
    digest = models.CharField(max_length=64)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    made_at = models.DateTimeField()

    class Meta:
        db_table = "interaction_report"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["site", "number"], name="interaction_report_number_once_per_site"
            )
        ]

    @override
    def __str__(self) -> str:
        return f"interactions {self.number}"

    @property
    def document(self) -> dict[str, Any]:
        """The document, read from its text."""
        parsed: dict[str, Any] = json.loads(self.text)
        return parsed


class InterventionKind(StrEnum):
    """What was changed by decision, and is no test (R022)."""

    METRIC_CHANGE = "metric_change"
    BUDGET_RULE = "budget_rule"
    PROCESS_CHANGE = "process_change"

    @property
    def called(self) -> str:
        """The kind as it stands on a page."""
        return {
            InterventionKind.METRIC_CHANGE: "Another metric for a team",
            InterventionKind.BUDGET_RULE: "A rule for the budget",
            InterventionKind.PROCESS_CHANGE: "Another way of working",
        }[self]


class BeforeAfter(models.Model):
    """A change that was not randomised: what is compared, and once it is computed what was seen.

    What is asked is written once; a change of it is another comparison.

    Attributes:
        number: Counted per site; shown as `BA-4`.
        metric: Key of a metric, the site's own or a built-in one.
        segment: Whose metric; empty for everybody's.
        changed_on: The first day with the change, by the site's clock.
        since: The first day that is read.
        until: The first day that is not read any more.
        controls: `{"metric": …, "segment": …}` each: series that the change did not reach.
        kind: An `InterventionKind`, where people changed it on purpose; empty for any other change.
        owner: Who decided on an intervention.
        expected: What they expected of it, written before anybody looked.
        text: The result as JSON text; empty until it is computed.
        digest: SHA-256 of the text; empty until then.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.PROTECT, related_name="before_afters")
    number = models.PositiveIntegerField()
    name = models.CharField(max_length=200)
    metric = models.CharField(max_length=120)
    segment = models.CharField(max_length=80, blank=True)
    design = models.CharField(max_length=40)
    changed_on = models.DateField()
    since = models.DateField()
    until = models.DateField()
    controls = models.JSONField(default=list)
    kind = models.CharField(max_length=20, blank=True, default="")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    expected = models.CharField(max_length=300, blank=True, default="")
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    made_at = models.DateTimeField()
    computed_at = models.DateTimeField(null=True, blank=True)
    text = models.TextField(blank=True)
    digest = models.CharField(max_length=64, blank=True)

    class Meta:
        db_table = "before_after"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["site", "number"], name="before_after_number_once_per_site"
            ),
            models.CheckConstraint(
                condition=models.Q(design__in=[each.value for each in QuasiDesign]),
                name="before_after_design_is_known",
            ),
            models.CheckConstraint(
                condition=models.Q(kind__in=["", *(each.value for each in InterventionKind)]),
                name="before_after_kind_is_known",
            ),
            models.CheckConstraint(
                condition=models.Q(since__lt=models.F("changed_on"))
                & models.Q(changed_on__lt=models.F("until")),
                name="before_after_has_a_before_and_an_after",
            ),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.key} {self.name}"

    @property
    def key(self) -> str:
        """How people and links call it."""
        return f"BA-{self.number}"

    @property
    def kind_called(self) -> str:
        """What kind of intervention it is, as it stands on a page; empty for none."""
        return InterventionKind(self.kind).called if self.kind else ""

    @property
    def document(self) -> dict[str, Any] | None:
        """The result, read from its text; None until it is computed."""
        if not self.text:
            return None
        parsed: dict[str, Any] = json.loads(self.text)
        return parsed
