"""What people type when they pass something on, and when they decide about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from typing_extensions import override

from truelift.apps.intake.fields import IdeaFields, SignalFields
from truelift.apps.intake.models import Way


Given = Mapping[str, Any] | None
"""What the browser sent, or nothing."""


class _Shared(forms.Form):
    surface = forms.CharField(
        label="Where", max_length=120, required=False, help_text="The page or place: Checkout."
    )
    segment = forms.CharField(
        label="For whom", max_length=120, required=False, help_text="Phones. Or: everyone."
    )
    detail = forms.CharField(
        label="Everything else",
        max_length=8000,
        required=False,
        widget=forms.Textarea({"rows": 4}),
        help_text="What was said or seen, as it was. No customers’ names, please.",
    )
    url = forms.CharField(
        label="Link", max_length=500, required=False, help_text="Where it can be seen."
    )
    team = forms.CharField(
        label="Your team", max_length=80, required=False, help_text="Customer service, sales …"
    )
    contact = forms.CharField(
        label="How to reach you",
        max_length=254,
        required=False,
        help_text="Only if you want to hear what became of it.",
    )


class SignalForm(_Shared):
    """What somebody noticed."""

    title = forms.CharField(
        label="What did you notice?",
        max_length=200,
        help_text="One line: “Many ask when their parcel comes”.",
    )
    field_order = ("title", "surface", "segment", "detail", "url", "team", "contact")

    def written(self) -> SignalFields:
        """Give what was written, as the service takes it."""
        return SignalFields(**self.cleaned_data)


class IdeaForm(_Shared):
    """What somebody proposes."""

    change = forms.CharField(
        label="What would you change?",
        max_length=300,
        help_text="One line: “Offer parcel-shop pickup on the product page”.",
    )
    problem = forms.CharField(
        label="Which problem would it solve?",
        max_length=300,
        required=False,
        help_text="Without a problem it is ranked last, whatever it promises.",
    )
    insight = forms.CharField(
        label="Finding", max_length=20, required=False, help_text="Its key, as I-4."
    )
    signal = forms.CharField(
        label="Signal", max_length=20, required=False, help_text="Its key, as S-4."
    )
    field_order = (
        "change",
        "problem",
        "insight",
        "signal",
        "surface",
        "segment",
        "detail",
        "url",
        "team",
        "contact",
    )

    def __init__(
        self, data: Given = None, *, stranger: bool = False, initial: Given = None
    ) -> None:
        super().__init__(data, initial=dict(initial or {}))
        if stranger:
            # Who has no account does not know the keys of anything.
            del self.fields["insight"], self.fields["signal"]

    def written(self) -> IdeaFields:
        """Give what was written, as the service takes it."""
        return IdeaFields(**self.cleaned_data)


class DecideForm(forms.Form):
    """What is decided about one signal or several."""

    action = forms.CharField(max_length=20)
    insight = forms.CharField(label="Finding", max_length=20, required=False)
    hypothesis = forms.CharField(label="Hypothesis", max_length=20, required=False)
    reason = forms.CharField(label="Why", max_length=500, required=False)
    until = forms.DateField(label="Until", required=False, widget=forms.DateInput({"type": "date"}))


class CsvForm(forms.Form):
    """A file, or its text pasted."""

    kind = forms.ChoiceField(
        label="It lists",
        choices=[("signals", "what somebody noticed"), ("ideas", "what somebody proposes")],
    )
    file = forms.FileField(label="CSV file", required=False)
    text = forms.CharField(
        label="Or paste it",
        required=False,
        max_length=2_000_000,
        widget=forms.Textarea({"rows": 6}),
        help_text="The first line names the columns. Signals need “title”, ideas “change”; also"
        " read: detail, surface, segment, url, team, contact, id, and for ideas problem, insight,"
        " signal.",
    )

    @override
    def clean(self) -> dict[str, Any]:
        """Ask for one of the two."""
        given: dict[str, Any] = super().clean() or self.cleaned_data
        if not given.get("file") and not (given.get("text") or "").strip():
            raise ValidationError("Choose a file, or paste its text.")
        return given


class ChannelForm(forms.Form):
    """A new way in."""

    kind = forms.ChoiceField(
        label="Kind",
        choices=[(Way.LINK.value, "Open form"), (Way.WEBHOOK.value, "Webhook")],
    )
    name = forms.CharField(
        label="Who will use it", max_length=80, help_text="Customer service, help desk software …"
    )
