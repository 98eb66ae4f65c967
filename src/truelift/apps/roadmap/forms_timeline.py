"""What the address of the timeline says."""

from __future__ import annotations

from datetime import date
from typing import Final

from django import forms

from truelift.apps.roadmap.timeline import Lanes, Zoom
from truelift.lifecycle.roadmap_item import ItemKind, ItemStage


FILTERS: Final = ("text", "kind", "stage", "surface", "team", "owner")


class TimelineForm(forms.Form):
    """Which items the timeline shows, how near, and in which lanes; the address is its state."""

    text = forms.CharField(label="Words", max_length=200, required=False)
    kind = forms.ChoiceField(
        label="Kind",
        required=False,
        choices=[("", "All"), *((each.value, each.called) for each in ItemKind)],
    )
    stage = forms.ChoiceField(
        label="State",
        required=False,
        choices=[("", "All"), *((each.value, each.value.capitalize()) for each in ItemStage)],
    )
    surface = forms.CharField(label="Where", max_length=120, required=False)
    team = forms.CharField(label="Team", max_length=80, required=False)
    owner = forms.CharField(label="Who decides", max_length=254, required=False)
    lanes = forms.ChoiceField(
        required=False,
        choices=[(each.value, each.value) for each in Lanes],
        widget=forms.HiddenInput,
    )
    zoom = forms.ChoiceField(
        required=False,
        choices=[(each.value, each.value) for each in Zoom],
        widget=forms.HiddenInput,
    )

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        # A word of the language, and so no attribute of a class.
        self.fields["from"] = forms.DateField(required=False, widget=forms.HiddenInput)

    def clean_from(self) -> date | None:
        """Keep to years of which a calendar can be drawn."""
        found: date | None = self.cleaned_data["from"]
        if found is not None and not 2000 <= found.year <= 2100:
            raise forms.ValidationError("Choose a day between 2000 and 2100.")
        return found

    @property
    def narrows(self) -> bool:
        """Whether it leaves anything out."""
        return any(self.cleaned_data.get(name) for name in FILTERS)
