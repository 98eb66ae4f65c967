"""What people type about insights and hypotheses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django import forms

from truelift.apps.research.fields import HypothesisFields, InsightFields, Piece
from truelift.apps.research.models import EvidenceKind, HypothesisRecord, InsightRecord
from truelift.apps.research.reads import accepted_insights
from truelift.apps.sites.models import Site
from truelift.events.money import exponent_of


PIECES: Final = 4
"""Rows for evidence on the form; more than four belong on pages that are linked."""


Given = Mapping[str, Any] | None
"""What the browser sent, or nothing."""


class InsightForm(forms.Form):
    """What goes wrong, where, for whom, how large it is and what shows it."""

    problem = forms.CharField(
        label="What goes wrong for visitors",
        max_length=300,
        help_text="One sentence: “Visitors meet the delivery cost only at checkout.”",
        widget=forms.Textarea({"rows": 2}),
    )
    surface = forms.CharField(
        label="Where", max_length=120, required=False, help_text="The page or place: Checkout."
    )
    segment = forms.CharField(
        label="For whom", max_length=120, required=False, help_text="Phones. Or: everyone."
    )
    size = forms.CharField(
        label="How large it is",
        max_length=200,
        required=False,
        help_text="People or money, with a number: “41% of those who reach delivery leave”.",
    )
    weekly_value = forms.DecimalField(
        label="What it costs a week",
        required=False,
        min_value=0,
        max_digits=14,
        decimal_places=2,
        help_text="If you know; in the site’s currency.",
    )

    def __init__(
        self,
        data: Given = None,
        *,
        initial: Mapping[str, Any] | None = None,
        site: Site,
    ) -> None:
        super().__init__(data, initial=dict(initial or {}))
        self.site = site
        self.fields["weekly_value"].label = f"What it costs a week, in {site.currency}"
        for number in range(1, PIECES + 1):
            self.fields[f"kind_{number}"] = forms.ChoiceField(
                label="Kind", choices=EvidenceKind.choices, required=False
            )
            self.fields[f"text_{number}"] = forms.CharField(
                label="What it shows", max_length=300, required=False
            )
            self.fields[f"url_{number}"] = forms.CharField(
                label="Link", max_length=500, required=False
            )

    @property
    def main_fields(self) -> list[forms.BoundField]:
        """The fields before the evidence."""
        return [self[name] for name in ("problem", "surface", "segment", "size", "weekly_value")]

    @property
    def rows(self) -> list[tuple[forms.BoundField, forms.BoundField, forms.BoundField]]:
        """The rows of evidence."""
        return [
            (self[f"kind_{number}"], self[f"text_{number}"], self[f"url_{number}"])
            for number in range(1, PIECES + 1)
        ]

    def written(self) -> InsightFields:
        """Give what was written, as the service takes it."""
        given = self.cleaned_data
        value = given["weekly_value"]
        minor = (
            None
            if value is None
            else int((value * 10 ** exponent_of(self.site.currency)).to_integral_value())
        )
        return InsightFields(
            problem=given["problem"],
            surface=given["surface"],
            segment=given["segment"],
            size=given["size"],
            weekly_value_minor=minor,
            evidence=tuple(
                Piece(
                    kind=given[f"kind_{number}"] or EvidenceKind.ANALYTICS.value,
                    text=given[f"text_{number}"],
                    url=given[f"url_{number}"],
                )
                for number in range(1, PIECES + 1)
                if given[f"text_{number}"]
            ),
        )

    @classmethod
    def initial_of(cls, insight: InsightRecord) -> dict[str, Any]:
        """Give what the form of an insight begins with."""
        value = insight.weekly_value_minor
        initial: dict[str, Any] = {
            "problem": insight.problem,
            "surface": insight.surface,
            "segment": insight.segment,
            "size": insight.size,
            "weekly_value": None
            if value is None
            else value / 10 ** exponent_of(insight.site.currency),
        }
        for number, piece in enumerate(insight.evidence.all()[:PIECES], start=1):
            initial |= {
                f"kind_{number}": piece.kind,
                f"text_{number}": piece.text,
                f"url_{number}": piece.url,
            }
        return initial


class HypothesisForm(forms.Form):
    """The four parts, and the number to hold them to."""

    change = forms.CharField(
        label="If we …",
        max_length=300,
        help_text="The change: “show the delivery cost on the product page”.",
    )
    audience = forms.CharField(
        label="for …", max_length=200, required=False, help_text="The audience: “phone visitors”."
    )
    outcome = forms.CharField(
        label="then …",
        max_length=300,
        required=False,
        help_text="What they will do: “more of them will order”.",
    )
    reason = forms.CharField(
        label="because …",
        max_length=600,
        required=False,
        help_text="The reason, from data or research; not “because we think”.",
        widget=forms.Textarea({"rows": 2}),
    )
    metric = forms.CharField(
        label="Metric", max_length=80, required=False, help_text="The key of the metric."
    )
    direction = forms.ChoiceField(
        label="It will",
        choices=[("", "—"), ("increase", "rise"), ("decrease", "fall")],
        required=False,
    )
    expected_lift = forms.FloatField(
        label="by about, %",
        min_value=0.01,
        max_value=1000,
        required=False,
        help_text="Relative: 5 means from 2.00% to 2.10%.",
    )
    insights = forms.MultipleChoiceField(
        label="What supports it",
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(
        self,
        data: Given = None,
        *,
        initial: Mapping[str, Any] | None = None,
        site: Site,
        metrics: list[tuple[str, str]],
    ) -> None:
        super().__init__(data, initial=dict(initial or {}))
        self.fields["insights"].choices = [  # type: ignore[attr-defined]
            (insight.key, f"{insight.key}  {insight.problem}")
            for insight in accepted_insights(site)
        ]
        if metrics:
            self.fields["metric"] = forms.ChoiceField(
                label="Metric", required=False, choices=[("", "—"), *metrics]
            )

    def written(self) -> HypothesisFields:
        """Give what was written, as the service takes it."""
        given = self.cleaned_data
        lift = given["expected_lift"]
        return HypothesisFields(
            change=given["change"],
            audience=given["audience"],
            outcome=given["outcome"],
            reason=given["reason"],
            metric=given["metric"],
            direction=given["direction"],
            expected_lift=None if lift is None else lift / 100,
            insights=tuple(given["insights"]),
        )

    @classmethod
    def initial_of(cls, hypothesis: HypothesisRecord) -> dict[str, Any]:
        """Give what the form of a hypothesis begins with."""
        lift = hypothesis.expected_lift
        return {
            "change": hypothesis.change,
            "audience": hypothesis.audience,
            "outcome": hypothesis.outcome,
            "reason": hypothesis.reason,
            "metric": hypothesis.metric,
            "direction": hypothesis.direction,
            "expected_lift": None if lift is None else round(lift * 100, 6),
            "insights": list(hypothesis.as_domain().evidence),
        }
