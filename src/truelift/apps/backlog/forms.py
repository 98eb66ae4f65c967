"""What people type in the backlog: filters, answers, facts, ranks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from django import forms

from truelift.apps.backlog.models import PriorityRecord
from truelift.apps.backlog.reads import Wanted
from truelift.lifecycle.scoring import Asked, Rule
from truelift.lifecycle.scoring_route import Route
from truelift.lifecycle.scoring_value import Concern, RiskClass


Given = Mapping[str, Any] | None
"""What the browser sent, or nothing."""

ROUTES: Final = {
    Route.TEST: "Test it",
    Route.BOLD_TEST: "Only as a bold test",
    Route.SHIP: "Ship it",
    Route.LADDER: "Other evidence",
    Route.RESEARCH: "Research first",
    Route.DROP: "Drop it",
    Route.UNKNOWN: "Traffic not known",
}
"""Route → what the page says."""

_CONCERNS: Final = {
    Concern.BRAND: "The brand",
    Concern.REVENUE: "Revenue beyond the metric",
    Concern.PARTNER: "Partners",
    Concern.LEGAL: "Law and contracts",
    Concern.PRIVACY: "Privacy",
    Concern.ACCESSIBILITY: "Accessibility",
}


class FilterForm(forms.Form):
    """Which items the list shows; the address is its state."""

    text = forms.CharField(label="Words", max_length=200, required=False)
    kind = forms.ChoiceField(
        label="Kind",
        required=False,
        choices=[("", "All"), ("hypotheses", "Hypotheses"), ("ideas", "Ideas")],
    )
    surface = forms.CharField(label="Surface", max_length=120, required=False)
    route = forms.ChoiceField(
        label="Goes to",
        required=False,
        choices=[("", "A test"), *((each.value, said) for each, said in ROUTES.items())],
    )
    waits = forms.ChoiceField(
        label="Waits for",
        required=False,
        choices=[("", "Anything"), ("score", "A score"), ("discuss", "A talk of its scorers")],
    )
    sort = forms.ChoiceField(
        label="Order",
        required=False,
        choices=[
            ("rank", "Rank"),
            ("newest", "Newest first"),
            ("oldest", "Oldest first"),
            ("leak", "Largest leak"),
            ("traffic", "Most visitors"),
        ],
    )
    page = forms.IntegerField(min_value=1, max_value=100_000, required=False)

    def wanted(self) -> Wanted:
        """Give what is wanted; what makes no sense in the address is left out."""
        self.is_valid()
        given = self.cleaned_data
        return Wanted(
            kind=given.get("kind") or "",
            route=given.get("route") or "",
            surface=(given.get("surface") or "").replace("\x00", ""),
            text=(given.get("text") or "").replace("\x00", ""),
            waits=given.get("waits") or "",
            sort=given.get("sort") or "rank",
            page=given.get("page") or 1,
        )


class ScoreForm(forms.Form):
    """One person's answers to what the active framework asks."""

    note = forms.CharField(
        label="Why so", max_length=500, required=False, widget=forms.Textarea({"rows": 2})
    )

    def __init__(
        self, data: Given = None, *, rule: Rule, known: frozenset[str], initial: Given = None
    ) -> None:
        super().__init__(data, initial=dict(initial or {}))
        self.asks = [each for each in rule.asks if each.name not in known]
        note = self.fields.pop("note")
        for each in self.asks:
            self.fields[each.name] = _field(each)
        self.fields["note"] = note

    def values(self) -> dict[str, float]:
        """Give what was answered; what was left open is left out."""
        return {
            each.name: float(value)
            for each in self.asks
            if (value := self.cleaned_data.get(each.name)) not in {None, ""}
        }


def _field(asked: Asked) -> forms.Field:
    if asked.choices == (0.0, 1.0):
        return forms.ChoiceField(
            label=asked.label, required=False, choices=[("", "—"), ("0", "No"), ("1", "Yes")]
        )
    if asked.choices:
        choices = [("", "—"), *((f"{each:g}", f"{each:g}") for each in asked.choices)]
        return forms.ChoiceField(label=asked.label, required=False, choices=choices)
    high = None if math.isinf(asked.high) or asked.high >= 1e12 else asked.high
    return forms.FloatField(label=asked.label, required=False, min_value=asked.low, max_value=high)


class FactsForm(forms.Form):
    """What only people know about an item."""

    defect = forms.BooleanField(label="It is plainly broken: ship a fix", required=False)
    if_wins = forms.CharField(label="If it wins, we …", max_length=300, required=False)
    if_loses = forms.CharField(label="If it loses, we …", max_length=300, required=False)

    def __init__(self, data: Given = None, *, initial: Given = None) -> None:
        super().__init__(data, initial=dict(initial or {}))
        for each in Concern:
            self.fields[f"risk_{each.value}"] = forms.ChoiceField(
                label=_CONCERNS[each],
                required=False,
                choices=[("", "—"), *((level.value, level.value) for level in RiskClass)],
            )

    @property
    def main_fields(self) -> list[forms.BoundField]:
        """The questions about learning."""
        return [self[name] for name in ("if_wins", "if_loses", "defect")]

    @property
    def risk_fields(self) -> list[forms.BoundField]:
        """What it could hurt."""
        return [self[f"risk_{each.value}"] for each in Concern]

    def risk(self) -> dict[str, str]:
        """Give the answered concerns."""
        return {
            each.value: level
            for each in Concern
            if (level := self.cleaned_data.get(f"risk_{each.value}"))
        }

    @classmethod
    def initial_of(cls, item: PriorityRecord) -> dict[str, Any]:
        """Give what the form of an item begins with."""
        return {
            "defect": item.defect,
            "if_wins": item.if_wins,
            "if_loses": item.if_loses,
            **{f"risk_{concern}": level for concern, level in item.risk.items()},
        }


class RankForm(forms.Form):
    """A rank against the score."""

    rank = forms.IntegerField(label="Rank", min_value=1, max_value=100_000)
    reason = forms.CharField(label="Because", max_length=500)
