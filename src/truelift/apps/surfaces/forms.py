"""What people type about surfaces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms

from truelift.apps.accounts.reads import people_of
from truelift.apps.sites.models import Site
from truelift.apps.surfaces.models import SurfaceRecord
from truelift.apps.surfaces.services import MOST_CADENCE, MOST_STEPS, SurfaceFields


def _lines(label: str, help_text: str) -> forms.CharField:
    return forms.CharField(
        label=label,
        required=False,
        max_length=30_000,
        widget=forms.Textarea({"rows": 3, "spellcheck": "false"}),
        help_text=help_text,
    )


class SurfaceForm(forms.Form):
    """A surface: its pages, its code, whose it is."""

    version = forms.IntegerField(widget=forms.HiddenInput, required=False)
    name = forms.CharField(
        label="Surface", max_length=120, help_text="As findings and ideas call it: Checkout."
    )
    path = forms.CharField(
        label="The path of its pages contains",
        max_length=200,
        required=False,
        help_text="By this its visitors are counted: “/checkout”. Empty and without addresses:"
        " the whole site.",
    )
    patterns = _lines(
        "Its addresses, one a line", "/cart or /checkout/**; * stands for one part, ** for many."
    )
    routes = _lines("Screens of an app, one a line", "As its events name them.")
    code = _lines("Its files, one a line", "src/checkout/** or *.liquid, as in a CODEOWNERS file.")
    bundle = forms.CharField(
        label="Code that it shares",
        max_length=80,
        required=False,
        help_text="A name for it: surfaces with the same name are released together.",
    )
    funnel = forms.CharField(label="Step of which funnel", max_length=80, required=False)
    step = forms.IntegerField(label="Which step", min_value=1, max_value=MOST_STEPS, required=False)
    team = forms.CharField(label="Team that owns it", max_length=80, required=False)
    owner = forms.ChoiceField(
        label="Who agrees for the team",
        required=False,
        help_text="Asked about freezes and conflicts.",
    )
    cadence_days = forms.IntegerField(
        label="Days between releases", min_value=1, max_value=MOST_CADENCE, required=False
    )
    incentive = forms.CharField(
        label="Metric that the team is measured by", max_length=80, required=False
    )

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        site: Site,
        initial: Mapping[str, Any] | None = None,
        keep: tuple[str, str] | None = None,
    ) -> None:
        super().__init__(data, initial=dict(initial or {}))
        people = [(each.email, str(each)) for each in people_of(site)]
        if keep and keep[0] not in dict(people):
            people.append(keep)
        field = self.fields["owner"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - it is, above
        field.choices = [("", "Nobody yet"), *people]

    @classmethod
    def of(cls, record: SurfaceRecord, data: Mapping[str, Any] | None = None) -> SurfaceForm:
        """Show what is said so far."""
        initial = {
            **{
                name: getattr(record, name)
                for name in (
                    "version",
                    "name",
                    "path",
                    "bundle",
                    "funnel",
                    "team",
                    "cadence_days",
                    "incentive",
                )
            },
            **{name: "\n".join(getattr(record, name)) for name in ("patterns", "routes", "code")},
            "step": record.step or None,
            "owner": record.owner.email if record.owner else "",
        }
        keep = (record.owner.email, str(record.owner)) if record.owner else None
        return cls(data, site=record.site, initial=initial, keep=keep)

    def written(self) -> SurfaceFields:
        """Give what was typed as the service takes it."""
        given = self.cleaned_data
        return SurfaceFields(
            name=given["name"],
            path=given["path"],
            patterns=tuple(given["patterns"].splitlines()),
            routes=tuple(given["routes"].splitlines()),
            funnel=given["funnel"],
            step=given["step"] or 0,
            team=given["team"],
            owner=given["owner"],
            cadence_days=given["cadence_days"] or 0,
            incentive=given["incentive"],
            code=tuple(given["code"].splitlines()),
            bundle=given["bundle"],
        )


class FindForm(forms.Form):
    """An address, or files, whose surface is looked for."""

    url = forms.CharField(label="An address", max_length=2_000, required=False)
    paths = _lines("Or files, one a line", "As a release names them.")
