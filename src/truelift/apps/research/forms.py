"""What people type about insights and hypotheses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django import forms

from truelift.apps.research.fields import HypothesisFields, InsightFields, Piece
from truelift.apps.research.models import EvidenceKind, HypothesisRecord, InsightRecord
from truelift.apps.research.reads import accepted_insights, citable_learnings
from truelift.apps.sites.models import Site
from truelift.events.money import exponent_of
from truelift.lifecycle.hypothesis import WhyAgain
from truelift.lifecycle.insight import Grade, Tag


PIECES: Final = 4
"""Rows for evidence on the form; more than four belong on pages that are linked."""


GRADES: Final = [
    ("", "as its kind"),
    *((each.value, f"{each.value}: {each.meaning}") for each in Grade),
]
"""A piece may carry less than its kind does, never more."""


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
    people_per_week = forms.IntegerField(
        label="People a week",
        required=False,
        min_value=0,
        max_value=2_000_000_000,
        help_text="How many it concerns, if you know.",
    )
    tags = forms.MultipleChoiceField(
        label="What it does to them",
        choices=[(each.value, f"{each.value.capitalize()}: {each.meaning}") for each in Tag],
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    cause = forms.ChoiceField(
        label="The cause is",
        choices=[("", "not known"), ("observed", "observed"), ("inferred", "inferred")],
        required=False,
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
            self.fields[f"grade_{number}"] = forms.ChoiceField(
                label="Grade", choices=GRADES, required=False
            )

    @property
    def main_fields(self) -> list[forms.BoundField]:
        """The fields before the evidence."""
        return [self[name] for name in ("problem", "surface", "segment", "size")]

    @property
    def rows(self) -> list[tuple[forms.BoundField, ...]]:
        """The rows of evidence."""
        return [
            tuple(self[f"{name}_{number}"] for name in ("kind", "text", "url", "grade"))
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
            people_per_week=given["people_per_week"],
            tags=tuple(given["tags"]),
            cause=given["cause"],
            evidence=tuple(
                Piece(
                    kind=given[f"kind_{number}"] or EvidenceKind.ANALYTICS.value,
                    text=given[f"text_{number}"],
                    url=given[f"url_{number}"],
                    grade=given[f"grade_{number}"],
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
            "people_per_week": insight.people_per_week,
            "tags": list(insight.tags),
            "cause": insight.cause,
        }
        for number, piece in enumerate(insight.evidence.all()[:PIECES], start=1):
            initial |= {
                f"kind_{number}": piece.kind,
                f"text_{number}": piece.text,
                f"url_{number}": piece.url,
                f"grade_{number}": piece.grade,
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
    surface = forms.CharField(
        label="Where", max_length=120, required=False, help_text="The page or place: Checkout."
    )
    element = forms.CharField(
        label="Which part", max_length=120, required=False, help_text="Price, form, headline …"
    )
    adds_pressure = forms.BooleanField(
        label="It presses people",
        required=False,
        help_text="Timers, scarcity, boxes ticked beforehand: its test then needs a guardrail for"
        " the customer’s experience.",
    )
    insights = forms.MultipleChoiceField(
        label="What supports it",
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    learnings = forms.MultipleChoiceField(
        label="What it builds on",
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    again = forms.ChoiceField(
        label="Why again, if it is much like earlier work",
        choices=[("", "—"), *((each.value, each.called) for each in WhyAgain)],
        required=False,
    )
    again_because = forms.CharField(label="In a sentence", max_length=500, required=False)

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
        self.fields["learnings"].choices = [  # type: ignore[attr-defined]
            (key, f"{key}  {text}") for key, text in citable_learnings(site)
        ]
        if metrics:
            self.fields["metric"] = forms.ChoiceField(
                label="Metric", required=False, choices=[("", "—"), *metrics]
            )

    def written(self) -> HypothesisFields:
        """Give what was written, as the service takes it; what does not fit is left out.

        A form that is not whole yet is checked while it is typed.
        """
        given = self.cleaned_data
        lift = given.get("expected_lift")
        return HypothesisFields(
            **{
                name: given.get(name, "")
                for name in (
                    "change",
                    "audience",
                    "outcome",
                    "reason",
                    "metric",
                    "direction",
                    "surface",
                    "element",
                    "again",
                    "again_because",
                )
            },
            expected_lift=None if lift is None else lift / 100,
            insights=tuple(given.get("insights", ())),
            learnings=tuple(given.get("learnings", ())),
            adds_pressure=given.get("adds_pressure", False),
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
            "surface": hypothesis.surface,
            "element": hypothesis.element,
            "learnings": list(hypothesis.as_domain().learnings),
            "adds_pressure": hypothesis.adds_pressure,
            "again": hypothesis.again,
            "again_because": hypothesis.again_because,
        }
