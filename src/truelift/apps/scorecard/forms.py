"""The questionnaire, and the form of what a programme wants to reach."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Any, Final

from django import forms

from truelift.lifecycle.maturity import LEVELS, QUESTIONS, Asked


CHOICES: Final = [("", "choose"), *((str(n), f"{n} – {word}") for n, word in enumerate(LEVELS))]


class QuestionnaireForm(forms.Form):
    """One choice for each question."""

    def __init__(self, *args: Any, answers: Mapping[str, int], **kwargs: Any) -> None:  # noqa: ANN401 - Django's
        super().__init__(*args, **kwargs)
        for each in QUESTIONS:
            self.fields[each.key] = forms.TypedChoiceField(
                label=each.text,
                choices=CHOICES,
                coerce=int,
                initial=str(answers.get(each.key, "")),
                error_messages={"required": "Every question is answered, also with never."},
            )

    @property
    def parts(self) -> list[tuple[str, list[forms.BoundField]]]:
        """The questions under their dimensions."""

        def called(each: Asked) -> str:
            return each.dimension.called

        return [
            (name, [self[each.key] for each in asked]) for name, asked in groupby(QUESTIONS, called)
        ]


class WantedForm(forms.Form):
    """What the programme has room for, and what it wants."""

    version = forms.IntegerField(widget=forms.HiddenInput)
    tests_a_quarter = forms.IntegerField(
        label="Launches that a quarter has room for",
        required=False,
        min_value=1,
        max_value=10_000,
    )
    revenue = forms.DecimalField(
        label="Wanted revenue per session",
        required=False,
        min_value=0,
        max_digits=12,
        decimal_places=4,
    )
    cost = forms.DecimalField(
        label="Cost of the programme a month",
        help_text="People, tools and agencies; for what is left of the gains after them.",
        required=False,
        min_value=0,
        max_digits=14,
        decimal_places=2,
    )
    half_life_days = forms.IntegerField(
        label="Days after which half of a lift is left",
        help_text="Empty: a lift lasts, for a year at most.",
        required=False,
        min_value=1,
        max_value=10_000,
    )
