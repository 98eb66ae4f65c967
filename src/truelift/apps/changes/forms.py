"""What people type about changes, incidents and senders."""

from __future__ import annotations

from collections.abc import Iterable

from django import forms

from truelift.apps.changes.csv_file import MOST_BYTES
from truelift.apps.changes.models import SenderKind
from truelift.lifecycle.change import ChangeKind
from truelift.lifecycle.confounder import IncidentKind


KINDS = [(each.value, each.called) for each in ChangeKind]


def _moment(label: str, help_text: str = "", *, required: bool = True) -> forms.DateTimeField:
    return forms.DateTimeField(
        label=label,
        required=required,
        help_text=help_text,
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d"],
        widget=forms.DateTimeInput({"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )


def _surfaces(help_text: str) -> forms.MultipleChoiceField:
    return forms.MultipleChoiceField(
        label="Surfaces",
        required=False,
        help_text=help_text,
        widget=forms.SelectMultiple({"size": 5}),
    )


class _OnSurfaces(forms.Form):
    def offer(self, names: Iterable[str]) -> None:
        """Let the surfaces of the site be chosen."""
        field = self.fields["surfaces"]
        assert isinstance(field, forms.MultipleChoiceField)  # noqa: S101 - it is, in each form
        field.choices = [(each, each) for each in names]


class ChangeForm(_OnSurfaces):
    """A change that a person tells of."""

    what = forms.CharField(label="What was changed", max_length=300)
    kind = forms.ChoiceField(label="Kind", choices=KINDS, initial=ChangeKind.CONTENT.value)
    started_at = _moment("When visitors first met it", "In the time of the site.")
    surfaces = _surfaces("Where visitors meet it. None: it touches no test.")
    url = forms.URLField(
        label="Where it is described", max_length=500, required=False, assume_scheme="https"
    )


class ChangesFileForm(forms.Form):
    """A file of changes."""

    file = forms.FileField(
        label="CSV file",
        help_text=f"At most {MOST_BYTES // 1_000_000} MB. Columns: external_id, what, kind, env,"
        " started_at, surfaces, paths, urls, and what the API takes besides; lists with"
        " semicolons.",
    )


class SenderForm(_OnSurfaces):
    """A program that tells of changes."""

    kind = forms.ChoiceField(label="Program", choices=SenderKind.choices)
    name = forms.CharField(label="Name", max_length=80, help_text="How people here call it.")
    change_kind = forms.ChoiceField(
        label="What it changes",
        choices=[("", "The usual of the program"), *KINDS],
        required=False,
        help_text="Where a message does not say.",
    )
    surfaces = _surfaces("What it changes where a message says nothing of where.")
    secret = forms.CharField(
        label="Client secret",
        max_length=1000,
        required=False,
        widget=forms.PasswordInput({"autocomplete": "off"}),
        help_text="Only for Sentry, which makes it itself.",
    )
    fields_ = forms.CharField(
        label="Where its fields stand",
        max_length=4000,
        required=False,
        widget=forms.Textarea({"rows": 3, "spellcheck": "false"}),
        help_text="One a line, as what = data.entry.title. Empty: they are called as in the API.",
    )


class IncidentForm(_OnSurfaces):
    """Something that happened while tests ran."""

    kind = forms.ChoiceField(
        label="Kind", choices=[(each.value, each.called) for each in IncidentKind]
    )
    what = forms.CharField(label="What happened", max_length=300)
    since = _moment("Since", "In the time of the site.")
    until = _moment("Until", "Empty while it lasts.", required=False)
    surfaces = _surfaces("None: the whole site.")
    arms = forms.CharField(
        label="Variants that it reached",
        max_length=400,
        required=False,
        help_text="Keys with commas between them. Empty: all alike.",
    )
    targeted = forms.BooleanField(
        label="It was aimed at some of a test’s visitors and not at others", required=False
    )
