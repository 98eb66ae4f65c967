"""What people type about what customers say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from typing_extensions import override

from truelift.apps.sites.models import Site
from truelift.apps.voice.codes import Code
from truelift.apps.voice.csv_file import minor_of
from truelift.apps.voice.models import Consent, Family, Source, Speaker
from truelift.apps.voice.notes import NoteFields
from truelift.lifecycle.voice import Answer, Question


Given = Mapping[str, Any] | None
_MAYBE: Final = (("", "Not known"), ("yes", "Yes"), ("no", "No"))
_AGREED: Final = tuple(each for each in Consent.choices if each[0] != Consent.REFUSED)


class NoteForm(forms.Form):
    """Something that a customer said."""

    text = forms.CharField(
        label="What did they say?",
        max_length=4000,
        widget=forms.Textarea({"rows": 4}),
        help_text="Word for word, as far as you remember. No names, please.",
    )
    source = forms.ChoiceField(label="Where", choices=Source.choices)
    day = forms.DateField(
        label="Day",
        required=False,
        widget=forms.DateInput({"type": "date"}),
        help_text="Empty: today.",
    )
    speaker = forms.ChoiceField(
        label="Who said it", choices=[("", "Not known"), *Speaker.choices], required=False
    )
    surface = forms.CharField(label="About which page or place", max_length=120, required=False)
    segment = forms.CharField(label="From whom", max_length=120, required=False)
    stage = forms.CharField(
        label="At which stage", max_length=80, required=False, help_text="Of the deal or the order."
    )
    lost = forms.ChoiceField(label="Was a deal lost over it?", choices=_MAYBE, required=False)
    value = forms.CharField(label="What was the deal worth?", max_length=30, required=False)
    refund = forms.ChoiceField(label="Did money go back?", choices=_MAYBE, required=False)
    consent = forms.ChoiceField(
        label="May their words be used?",
        choices=_AGREED,
        help_text="Words of somebody who refused are not kept.",
    )
    personal = forms.BooleanField(label="The words describe a person", required=False)
    contact = forms.CharField(
        label="How to reach them",
        max_length=254,
        required=False,
        help_text="Only if they want to hear from you; it is taken away after 90 days.",
    )

    def __init__(self, data: Given = None, *, site: Site, initial: Given = None) -> None:
        super().__init__(data, initial=dict(initial or {}))
        self.site = site
        self.fields["value"].help_text = f"In {site.currency}, such as 1250.50."

    @override
    def clean(self) -> dict[str, Any]:
        """Read the amount in the site's currency."""
        given: dict[str, Any] = super().clean() or self.cleaned_data
        text, given["value_minor"] = given.get("value") or "", None
        if text.strip():
            try:
                given["value_minor"] = minor_of(text, self.site.currency)
            except ValueError as error:
                raise ValidationError({"value": str(error)}) from error
        return given

    def written(self) -> NoteFields:
        """Give what was written, as the service takes it."""
        given = self.cleaned_data
        same = ("text", "source", "day", "speaker", "surface", "segment", "stage")
        more = ("consent", "personal", "contact", "value_minor")
        return NoteFields(
            **{name: given[name] for name in (*same, *more)},
            lost=_maybe(given["lost"]),
            refund=_maybe(given["refund"]),
        )


def _maybe(word: str) -> bool | None:
    return None if not word else word == "yes"


class NotesCsvForm(forms.Form):
    """A file of notes, or its text pasted."""

    file = forms.FileField(label="CSV file", required=False)
    text = forms.CharField(
        label="Or paste it",
        required=False,
        max_length=2_000_000,
        widget=forms.Textarea({"rows": 6}),
        help_text="The first line names the columns: “text” and “source” are needed. Also read:"
        " day, speaker, times, surface, segment, stage, lost, value, refund, consent,"
        " personal, contact, url, id.",
    )

    @override
    def clean(self) -> dict[str, Any]:
        """Ask for one of the two."""
        given: dict[str, Any] = super().clean() or self.cleaned_data
        if not given.get("file") and not (given.get("text") or "").strip():
            raise ValidationError("Choose a file, or paste its text.")
        return given


class PhraseForm(forms.Form):
    """Words that moved somebody."""

    text = forms.CharField(label="The words", max_length=300)
    said_by = forms.CharField(
        label="Who said it", max_length=80, required=False, help_text="By role: a club’s treasurer."
    )
    effect = forms.CharField(label="What followed", max_length=300, required=False)
    permission = forms.ChoiceField(label="May it be used?", choices=_AGREED)


class ClaimForm(forms.Form):
    """Something that a page promises."""

    claim = forms.CharField(label="What the page promises", max_length=300)
    url = forms.CharField(
        label="Where it stands", max_length=500, required=False, help_text="Its address."
    )
    surface = forms.CharField(
        label="Surface",
        max_length=120,
        required=False,
        help_text="Empty: the one that claims that address.",
    )


def whole(text: str, *, usual: int, most: int = 1_000_000) -> int:
    """Read a whole number that somebody typed; what is none is the usual one."""
    digits = text.strip()
    return (
        min(int(digits), most)
        if digits.isascii() and digits.isdigit() and len(digits) < 9
        else usual
    )


def answers_in(given: QueryDict, *, most: int = 20) -> tuple[Answer, ...]:
    """Read the rows of a call's form; rows without words are left out."""
    found = []
    for question in Question:
        for place in range(most):
            name = f"{question.value}-{place}"
            text = given.get(f"{name}-text", "").strip()
            if text:
                found.append(
                    Answer(
                        question,
                        text,
                        max(whole(given.get(f"{name}-times", ""), usual=1), 1),
                        given.get(f"{name}-segment", "").strip(),
                        given.get(f"{name}-surface", "").strip(),
                    )
                )
    return tuple(found)


def codes_in_form(given: QueryDict, *, most: int = 80) -> tuple[Code, ...]:
    """Read the rows of the codebook's form; a row without a name is left out."""
    found: list[Code] = []
    taken: set[str] = set()
    for place in range(most):
        name = " ".join(given.get(f"{place}-name", "").split())
        if not name:
            continue
        key = given.get(f"{place}-key", "") or key_of(name)
        while key in taken:
            key = f"{key[:37]}_{len(taken)}"
        taken.add(key)
        family = given.get(f"{place}-family", Family.OBJECTION.value)
        found.append(Code(key, name, family, given.get(f"{place}-meaning", "").strip()))
    return tuple(found)


def key_of(name: str) -> str:
    """Make a code's key of its name."""
    words = "".join(each if each.isascii() and each.isalnum() else " " for each in name.casefold())
    return ("_".join(words.split()) or "code").lstrip("0123456789_")[:40] or "code"
