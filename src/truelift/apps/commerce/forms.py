"""The form of a review of what visitors expect."""

from __future__ import annotations

from django import forms

from truelift.apps.commerce.reviews import LONGEST


class ReviewForm(forms.Form):
    """What no feed knows: search terms, what was read before, what is expected."""

    terms = forms.CharField(
        label="Search terms that bring people",
        required=False,
        max_length=LONGEST,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="The most frequent ones, one on a line.",
    )
    read_before = forms.CharField(
        label="What they read before",
        required=False,
        max_length=LONGEST,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="The advertisement, the mail, the page that sends them.",
    )
    expectation = forms.CharField(
        label="What they expect of this page then",
        max_length=LONGEST,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
