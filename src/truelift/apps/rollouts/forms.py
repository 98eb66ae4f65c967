"""What people type about a winner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django import forms

from truelift.apps.accounts.reads import people_of
from truelift.apps.rollouts.models import RolloutRecord
from truelift.apps.rollouts.services import RolloutFields


CODE: Final = (
    ("present", "Still in place"),
    ("ticketed", "Its removal has a ticket"),
    ("removed", "Removed"),
)


class RolloutForm(forms.Form):
    """A winner’s way to visitors."""

    version = forms.IntegerField(widget=forms.HiddenInput)
    owner = forms.ChoiceField(label="Who brings it live", required=False)
    due = forms.DateField(
        label="Due",
        required=False,
        widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
    )
    variant = forms.ChoiceField(label="Variant that is shipped", required=False)
    reach = forms.FloatField(
        label="Sessions it concerns, %",
        min_value=0.01,
        max_value=100,
        help_text="Of all sessions of the site.",
    )
    exposure = forms.FloatField(
        label="Visitors who get it, %", min_value=0, max_value=100, required=False
    )
    permanent = forms.BooleanField(
        label="It is part of the site’s own code; no test tool serves it", required=False
    )
    deploy_link = forms.CharField(
        label="Link to the release",
        max_length=500,
        required=False,
        help_text="Begins with https://",
    )
    variant_code = forms.ChoiceField(label="The test’s own code", choices=CODE)
    ticket = forms.CharField(label="Link to the ticket", max_length=500, required=False)
    check_url = forms.CharField(
        label="Page that a browser looks at",
        max_length=2000,
        required=False,
        help_text="On a verified host.",
    )
    present = forms.CharField(
        label="What must be there, one a line",
        max_length=4000,
        required=False,
        widget=forms.Textarea({"rows": 3}),
        help_text="A text that visitors read, or css: SELECTOR, html: TEXT, request: PART.",
    )
    gone = forms.CharField(
        label="What must be gone, one a line",
        max_length=4000,
        required=False,
        widget=forms.Textarea({"rows": 3}),
        help_text="The same; for example the variant’s script, as request: experiment.js",
    )
    notes = forms.CharField(
        label="Notes", max_length=2000, required=False, widget=forms.Textarea({"rows": 3})
    )

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        record: RolloutRecord,
        initial: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(data, initial=dict(initial or {}))
        people = [(each.email, str(each)) for each in people_of(record.site)]
        if record.owner and record.owner.email not in dict(people):
            people.append((record.owner.email, str(record.owner)))
        self._choose("owner", [("", "Nobody yet"), *people])
        treatments = [each for each in record.experiment.variants.all() if not each.is_control]
        variants = [(each.key, each.name or each.key) for each in treatments]
        self._choose("variant", [("", "Not said yet"), *variants])

    def _choose(self, name: str, choices: list[tuple[str, str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - it is, above
        field.choices = choices

    @classmethod
    def of(cls, record: RolloutRecord) -> RolloutForm:
        """Show what is said so far."""
        return cls(
            record=record,
            initial={
                "version": record.version,
                "owner": record.owner.email if record.owner else "",
                "due": record.due,
                "variant": record.variant,
                "reach": round(100 * record.reach, 4),
                "exposure": None if record.exposure is None else round(100 * record.exposure, 4),
                "permanent": record.permanent,
                "deploy_link": record.deploy_link,
                "variant_code": record.variant_code,
                "ticket": record.ticket,
                "check_url": record.check_url,
                "present": record.present,
                "gone": record.gone,
                "notes": record.notes,
            },
        )

    def written(self) -> RolloutFields:
        """Give what was typed as the service takes it."""
        given = self.cleaned_data
        return RolloutFields(
            owner=given["owner"],
            due=given["due"].isoformat() if given["due"] else "",
            variant=given["variant"],
            reach=given["reach"] / 100,
            exposure=None if given["exposure"] is None else given["exposure"] / 100,
            permanent=given["permanent"],
            deploy_link=given["deploy_link"],
            variant_code=given["variant_code"],
            ticket=given["ticket"],
            check_url=given["check_url"],
            present=given["present"],
            gone=given["gone"],
            notes=given["notes"],
        )
