"""What people type about principles."""

from __future__ import annotations

from typing import Any

from django import forms

from truelift.apps.accounts.reads import people_of
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.memory.models import PrincipleRecord
from truelift.apps.memory.services import PrincipleFields
from truelift.apps.sites.models import Site


class PrincipleForm(forms.Form):
    """A rule of thumb, and where it holds."""

    statement = forms.CharField(
        label="The rule, in a sentence",
        max_length=300,
        help_text="As an order: Say the full price before checkout starts.",
    )
    detail = forms.CharField(
        label="What happens where it is followed",
        max_length=1000,
        required=False,
        widget=forms.Textarea({"rows": 3}),
    )
    holds_for = forms.CharField(label="Where it holds", max_length=300, required=False)
    not_for = forms.CharField(label="Where it does not", max_length=300, required=False)
    unknown = forms.CharField(label="What nobody knows yet", max_length=300, required=False)
    types = forms.CharField(
        label="Types of pages it concerns",
        max_length=600,
        required=False,
        help_text="Separated by commas: product page, cart. Surfaces of these types are suggested.",
    )
    elements = forms.CharField(
        label="Parts of pages it concerns",
        max_length=600,
        required=False,
        help_text="Separated by commas: price, delivery cost.",
    )
    would_change = forms.CharField(
        label="What would change our mind",
        max_length=500,
        required=False,
        widget=forms.Textarea({"rows": 2}),
    )

    @classmethod
    def of(cls, record: PrincipleRecord) -> PrincipleForm:
        """Give the form of a principle as it stands."""
        names = ("statement", "detail", "holds_for", "not_for", "unknown", "would_change")
        initial: dict[str, Any] = {name: getattr(record, name) for name in names}
        lists = {"types": ", ".join(record.types), "elements": ", ".join(record.elements)}
        return cls(initial=initial | lists)

    def written(self) -> PrincipleFields:
        """Give what was typed."""
        given = self.cleaned_data
        return PrincipleFields(
            statement=given["statement"],
            detail=given["detail"],
            holds_for=given["holds_for"],
            not_for=given["not_for"],
            unknown=given["unknown"],
            would_change=given["would_change"],
            types=comma_separated(given["types"]),
            elements=comma_separated(given["elements"]),
        )


class TrialForm(forms.Form):
    """A test that tried a principle."""

    experiment = forms.ChoiceField(label="Test")
    variant = forms.CharField(
        label="Variant that did it",
        max_length=80,
        required=False,
        help_text="Its key; needed where there were several.",
    )
    opposite = forms.BooleanField(
        label="It did the opposite, so a loss speaks for the rule", required=False
    )
    outside = forms.BooleanField(
        label="It lies outside of where the rule is said to hold", required=False
    )

    def __init__(self, *args: Any, site: Site, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)
        rows = ExperimentRecord.objects.filter(site=site).exclude(stopped_at=None)
        chosen = rows.order_by("-stopped_at").values_list("key", "name")[:500]
        field = self.fields["experiment"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - declared above
        field.choices = [("", "Choose a test"), *((key, f"{name} ({key})") for key, name in chosen)]


class GuidelineForm(forms.Form):
    """A task that makes a principle last."""

    text = forms.CharField(label="What is to be changed", max_length=300)
    owner = forms.ChoiceField(label="Who does it", required=False)
    due = forms.DateField(
        label="Due", required=False, widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d")
    )
    link = forms.CharField(
        label="Link to the pull request or design",
        max_length=500,
        required=False,
        help_text="Begins with https://",
    )

    def __init__(self, *args: Any, site: Site, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)
        field = self.fields["owner"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - declared above
        field.choices = [("", "Nobody yet"), *((each.email, str(each)) for each in people_of(site))]


def comma_separated(text: str) -> tuple[str, ...]:
    """Take a list apart."""
    return tuple(each.strip() for each in text.split(",") if each.strip())
