"""What people type about team metrics, the remit and the commercial brief."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from django import forms

from truelift.apps.accounts.reads import people_of
from truelift.apps.alignment.models import TeamMetricRecord
from truelift.apps.alignment.services import MetricFields
from truelift.apps.facts.defining import kind_of
from truelift.apps.observations.reads import countable_metrics
from truelift.apps.sites.models import Site
from truelift.lifecycle.functions import Function
from truelift.lifecycle.team_metric import Cadence, Formula, Unit
from truelift.lifecycle.vocabulary import words_of


LIBRARY: Final = "library:"
"""Before the key of a metric of the lake, in the choice of formulas."""


def formulas_of(site: Site) -> list[tuple[str, str]]:
    """Offer what facts and people tell, in the words of what the site counts."""
    words = words_of(kind_of(site))
    return [
        (each.value, ": ".join(each.told_in(words))) for each in Formula if each != Formula.LIBRARY
    ]


class MetricForm(forms.Form):
    """A team's metric."""

    version = forms.IntegerField(widget=forms.HiddenInput, required=False)
    name = forms.CharField(label="Name", max_length=80, help_text="As the team calls it.")
    team = forms.ChoiceField(
        label="Whose it is", choices=[(each.value, each.called) for each in Function]
    )
    owner = forms.ChoiceField(label="Who answers for it", required=False)
    direction = forms.ChoiceField(
        label="Which direction is good",
        choices=[("", "Choose one"), ("1", "More is better"), ("-1", "Less is better")],
        required=False,
        help_text="Without it nobody can say whether a change is good news.",
    )
    formula = forms.ChoiceField(
        label="Where its numbers come from",
    )
    unit = forms.ChoiceField(
        label="What its numbers are",
        choices=[(each.value, each.called.capitalize()) for each in Unit],
        required=False,
        help_text="Of values that are brought in; other formulas know it.",
    )
    sources = forms.CharField(
        label="Only of these sources, one a line",
        required=False,
        max_length=14_000,
        widget=forms.Textarea({"rows": 2, "spellcheck": "false"}),
        help_text="google, or google / broad; empty for all. They are the team’s levers.",
    )
    cadence = forms.ChoiceField(
        label="How often the team looks at it",
        choices=[(each.value, each.value.capitalize()) for each in Cadence],
    )
    target = forms.FloatField(
        label="Target",
        required=False,
        help_text="Money in minor units, shares between 0 and 1.",
    )
    path = forms.CharField(
        label="How it leads to the shared metric",
        max_length=300,
        required=False,
        help_text="Empty: it is operational, and never called good news.",
    )
    path_href = forms.CharField(label="Where that is shown", max_length=300, required=False)

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        site: Site,
        initial: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(data, initial=dict(initial or {}))
        owner, formula = self.fields["owner"], self.fields["formula"]
        assert isinstance(owner, forms.ChoiceField)  # noqa: S101 - it is, above
        assert isinstance(formula, forms.ChoiceField)  # noqa: S101 - it is, above
        people = [(each.email, str(each)) for each in people_of(site)]
        kept = str((initial or {}).get("owner", ""))
        if kept and kept not in dict(people):
            people.append((kept, kept))
        owner.choices = [("", "Nobody yet"), *people]
        library = [
            (f"{LIBRARY}{key}", f"From the lake: {title}")
            for key, title in countable_metrics(site).items()
        ]
        shown = str((initial or {}).get("formula", ""))
        if shown.startswith(LIBRARY) and shown not in dict(library):
            library.append((shown, f"From the lake: {shown.removeprefix(LIBRARY)}"))
        formula.choices = [*formulas_of(site), *library]

    @classmethod
    def of(cls, record: TeamMetricRecord, data: Mapping[str, Any] | None = None) -> MetricForm:
        """Show what is said so far."""
        kept = ("version", "name", "team", "unit", "cadence", "target", "path", "path_href")
        formula = f"{LIBRARY}{record.library}" if record.library else record.formula
        initial = {
            **{name: getattr(record, name) for name in kept},
            "owner": record.owner.email if record.owner else "",
            "direction": str(record.direction),
            "formula": formula,
            "sources": "\n".join(record.sources),
        }
        return cls(data, site=record.site, initial=initial)

    def written(self) -> MetricFields:
        """Give what was typed as the service takes it."""
        given = self.cleaned_data
        formula, library = given["formula"], ""
        if formula.startswith(LIBRARY):
            formula, library = Formula.LIBRARY.value, formula.removeprefix(LIBRARY)
        return MetricFields(
            name=given["name"],
            team=given["team"],
            owner=given["owner"],
            formula=formula,
            library=library,
            unit=given["unit"] or Unit.NUMBER.value,
            direction=int(given["direction"] or 0),
            sources=tuple(given["sources"].splitlines()),
            cadence=given["cadence"],
            target=math.nan if given["target"] is None else given["target"],
            path=given["path"],
            path_href=given["path_href"],
        )


class ValuesForm(forms.Form):
    """Values of a metric, as text."""

    values = forms.CharField(
        label="Day and value, one a line",
        max_length=200_000,
        widget=forms.Textarea({"rows": 5, "spellcheck": "false"}),
        help_text="2026-05-31,0.997 and maybe by what it is divided. The same day again"
        " replaces its value.",
    )


class BriefForm(forms.Form):
    """A version of the commercial brief."""

    goal = forms.CharField(
        label="What the year is for",
        max_length=1_000,
        widget=forms.Textarea({"rows": 3}),
    )
    metric = forms.CharField(label="The metric that all share", max_length=200)
    priorities = forms.CharField(
        label="What comes first, one a line",
        max_length=3_000,
        widget=forms.Textarea({"rows": 4}),
        help_text="In their order; seven are the most.",
    )
    because = forms.CharField(
        label="What is other than before, and why", max_length=500, required=False
    )
