"""What people type about a changed allocation: a weight for each variant, since when and why."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms

from truelift.apps.experiments.models import ExperimentRecord


class AllocationForm(forms.Form):
    """The weights by which the test tool draws new visitors."""

    def __init__(self, record: ExperimentRecord, data: Mapping[str, Any] | None = None) -> None:
        """Ask for every variant of an experiment.

        Args:
            record: The experiment.
            data: What the browser sent; None before it did.
        """
        super().__init__(data, auto_id="id_allocation_%s")
        self.record = record
        self.variants = list(record.variants.all())
        latest = record.phases.order_by("since").last()
        for number, each in enumerate(self.variants):
            now = latest.weights.get(each.key, 0.0) if latest else each.weight
            self.fields[f"weight_{number}"] = forms.FloatField(
                label=f"Weight of {each.name or each.key}",
                min_value=0,
                max_value=1e9,
                initial=f"{now:g}",
            )
        self.fields["since"] = forms.DateTimeField(
            label="Since when",
            required=False,
            input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
            widget=forms.DateTimeInput({"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
            help_text=f"In the site’s time, {record.site.time_zone}. Empty: now.",
        )
        self.fields["reason"] = forms.CharField(label="Why it was changed", max_length=300)

    @property
    def weights(self) -> dict[str, float]:
        """The weight of each variant, by its key."""
        return {
            each.key: self.cleaned_data[f"weight_{number}"]
            for number, each in enumerate(self.variants)
        }

    @property
    def since(self) -> datetime | None:
        """The moment, in UTC; None for now."""
        given: datetime | None = self.cleaned_data["since"]
        if given is None:
            return None
        # Django reads it in its own zone, people wrote it in that of their site.
        return given.replace(tzinfo=ZoneInfo(self.record.site.time_zone)).astimezone(UTC)
