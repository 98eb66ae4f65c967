"""What people type about a comparison before and after."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django import forms

from truelift.apps.accounts.reads import people_of
from truelift.apps.measurement.segments_reads import segments_of
from truelift.apps.observations.models import InterventionKind
from truelift.apps.observations.reads import NOT, countable_metrics, metric_titles
from truelift.apps.observations.services import (
    FEWEST_DAYS_AFTER,
    FEWEST_DAYS_BEFORE,
    MOST_DAYS,
    Comparison,
    Control,
)
from truelift.apps.sites.models import Site
from truelift.stats.quasi import QuasiDesign


Given = Mapping[str, Any] | None
"""What the browser sent, or nothing."""

DESIGNS: Final = (
    (
        QuasiDesign.DIFFERENCE_IN_DIFFERENCES.value,
        "Beside series that it did not reach (difference in differences)",
    ),
    (
        QuasiDesign.SYNTHETIC_CONTROL.value,
        "Beside a mix of such series that followed it before (synthetic control)",
    ),
    (
        QuasiDesign.INTERRUPTED_SERIES.value,
        "Alone, by its own level and trend (interrupted series)",
    ),
)

REST: Final = "rest"
"""Everybody whom the change did not reach."""


class BeforeAfterForm(forms.Form):
    """What was changed, when, in which number, and what it did not reach."""

    name = forms.CharField(
        label="What was changed",
        max_length=200,
        help_text="“Free delivery from €50”. It was not randomised; else it is an experiment.",
    )
    kind = forms.ChoiceField(
        label="Was it a decision of ours?",
        required=False,
        choices=[
            ("", "No, it happened"),
            *((each.value, each.called) for each in InterventionKind),
        ],
        help_text="A decision has an owner and an expectation, and may be written down before its"
        " days are over.",
    )
    owner = forms.ChoiceField(label="Who decided", required=False)
    expected = forms.CharField(
        label="What it should bring",
        max_length=300,
        required=False,
        help_text="“Revenue per session back to what it was.”",
    )
    changed_on = forms.DateField(
        label="First day with it",
        widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
    )
    metric = forms.ChoiceField(label="Metric")
    segment = forms.ChoiceField(
        label="Of whom",
        required=False,
        help_text="Those whom the change reached; the whole site when it reached everybody.",
    )
    days_before = forms.IntegerField(
        label="Days before",
        initial=56,
        min_value=FEWEST_DAYS_BEFORE,
        max_value=MOST_DAYS,
        help_text="Eight weeks or more: they say how the series move, and test the assumptions.",
    )
    days_after = forms.IntegerField(
        label="Days from it on", initial=28, min_value=FEWEST_DAYS_AFTER, max_value=MOST_DAYS
    )
    design = forms.ChoiceField(label="How it is read", choices=DESIGNS)
    controls = forms.MultipleChoiceField(
        label="What it did not reach",
        required=False,
        help_text="Two or more for a mix; none is needed for a series alone.",
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(
        self, data: Given = None, *, initial: Mapping[str, Any] | None = None, site: Site
    ) -> None:
        super().__init__(data, initial=dict(initial or {}))
        titles = metric_titles(site)
        metrics = list(titles.items())
        segments = [(each.name, each.name) for each in segments_of(site)]
        choices = {"metric": metrics, "segment": [("", "Everybody"), *segments]}
        people = [(f"segment:{name}", f"The same metric of {label}") for name, label in segments]
        if segments:
            people.insert(0, (f"segment:{REST}", "The same metric of everybody else"))
        others = [
            (f"metric:{key}", f"{title}, of the same people")
            for key, title in countable_metrics(site).items()
        ]
        choices["controls"] = [*people, *others]
        choices["owner"] = [("", "Nobody")] + [(each.email, str(each)) for each in people_of(site)]
        for name, offered in choices.items():
            field = self.fields[name]
            if isinstance(field, forms.ChoiceField):
                field.choices = offered

    def comparison(self) -> Comparison:
        """Give what was typed; call it when the form is valid."""
        typed = self.cleaned_data
        metric, segment = typed["metric"], typed["segment"]
        return Comparison(
            name=typed["name"],
            metric=metric,
            design=typed["design"],
            changed_on=typed["changed_on"],
            segment=segment,
            days_before=typed["days_before"],
            days_after=typed["days_after"],
            controls=[
                control_of(each, metric=metric, segment=segment) for each in typed["controls"]
            ],
            kind=typed["kind"],
            owner=typed["owner"],
            expected=typed["expected"],
        )


def control_of(value: str, *, metric: str, segment: str) -> Control:
    """Give the series that a box stands for."""
    kind, _, name = value.partition(":")
    if kind == "metric":
        return Control(name, segment)
    if name == REST:
        return Control(metric, NOT + segment if segment else "")
    return Control(metric, name)
