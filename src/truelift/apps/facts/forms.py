"""What people write about feeds and about the shared metric."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError

from truelift.apps.accounts.models import User
from truelift.apps.facts.cells import Style
from truelift.apps.facts.columns import FeedKind, FeedSource
from truelift.apps.facts.shelves import DAILY
from truelift.apps.sites.models import Site
from truelift.events.money import exponent_of
from truelift.lifecycle.shared_metric import LONGEST_MATURITY, MetricKind


MOST_UPLOAD: Final = 20_000_000


def mapping_of(text: str) -> dict[str, str]:
    """Read lines `our column = theirs`.

    Raises:
        ValidationError: A line is none such.
    """
    found = {}
    for line in text.splitlines():
        name, equals, theirs = (each.strip() for each in line.partition("="))
        if not line.strip():
            continue
        if not equals or not name or not theirs or len(theirs) > 100:
            raise ValidationError(f"“{line.strip()[:60]}” is no line like sessions = Visits.")
        found[name] = theirs
    return found


class FeedForm(forms.Form):
    """A feed."""

    name = forms.CharField(
        label="Name", max_length=40, help_text="Small letters, digits and hyphens: google-ads."
    )
    kind = forms.ChoiceField(
        label="What it tells of", choices=[(each.value, each.called) for each in FeedKind]
    )
    source = forms.ChoiceField(
        label="How it comes",
        choices=[
            (each.value, each.called.capitalize())
            for each in (FeedSource.CSV, FeedSource.API, FeedSource.WEBHOOK)
        ],
    )
    owner = forms.ModelChoiceField(
        label="Owner",
        queryset=User.objects.none(),
        required=False,
        empty_label="nobody yet",
        help_text="Who is asked when it is late.",
    )
    promise_hours = forms.IntegerField(
        label="Something comes at least every … hours", min_value=1, max_value=24 * 366, initial=36
    )
    lag_days = forms.IntegerField(
        label="A day is complete after … days", min_value=0, max_value=120, initial=0
    )
    columns = forms.CharField(
        label="What its files call the columns",
        required=False,
        max_length=4000,
        widget=forms.Textarea({"rows": 3, "spellcheck": "false"}),
        help_text="One a line, as sessions = Visits. Empty: by the usual names.",
    )

    def __init__(self, *args: Any, site: Site, **kwargs: Any) -> None:  # noqa: ANN401 - Django's
        super().__init__(*args, **kwargs)
        people = User.objects.filter(memberships__site=site, is_active=True).order_by("name")
        owner = self.fields["owner"]
        assert isinstance(owner, forms.ModelChoiceField)  # noqa: S101 - declared above
        owner.queryset = people

    def clean_columns(self) -> dict[str, str]:
        """Read the lines."""
        return mapping_of(self.cleaned_data["columns"])


class FileForm(forms.Form):
    """A file of facts."""

    file = forms.FileField(label="CSV file", help_text="At most 20 MB; UTF-8, with a first line.")
    decimal = forms.ChoiceField(
        label="Decimals",
        required=False,
        choices=[("", "as the file itself tells"), (".", "1,234.56"), (",", "1.234,56")],
    )
    days = forms.ChoiceField(
        label="Days like 1/2/26",
        required=False,
        choices=[("", "as the file itself tells"), ("dmy", "1 February"), ("mdy", "2 January")],
    )
    whole_days = forms.BooleanField(
        label="It has its days whole: rows of them that it lacks are gone", required=False
    )

    def __init__(self, *args: Any, kind: str, **kwargs: Any) -> None:  # noqa: ANN401 - Django's
        super().__init__(*args, **kwargs)
        if FeedKind(kind) not in DAILY:
            del self.fields["whole_days"]

    def clean_file(self) -> Any:  # noqa: ANN401 - Django's
        """Refuse what is too long to be read in a request."""
        file = self.cleaned_data["file"]
        if file.size > MOST_UPLOAD:
            raise ValidationError(
                "It is longer than 20 MB. Bring it with `truelift facts load`, which takes more."
            )
        return file

    @property
    def style(self) -> Style:
        """How the file writes numbers and days."""
        return Style(self.cleaned_data["decimal"], self.cleaned_data["days"])


class DefinitionForm(forms.Form):
    """A version of the shared metric."""

    kind = forms.ChoiceField(
        label="What it is",
        choices=[(each.value, f"{each.called}: {each.formula}") for each in MetricKind],
    )
    maturity_days = forms.IntegerField(
        label="Refunds change the day of their order for … days",
        min_value=0,
        max_value=LONGEST_MATURITY,
        initial=30,
    )
    close_rate = forms.DecimalField(
        label="P(close) in %",
        required=False,
        min_value=0,
        max_value=100,
        max_digits=7,
        decimal_places=4,
        help_text="Of leads. Empty: as the leads that are closed have it.",
    )
    value = forms.DecimalField(
        label="Value",
        required=False,
        min_value=0,
        max_digits=14,
        decimal_places=4,
        help_text="Of a won lead or an activated visitor, in the currency of the site.",
    )
    eligible = forms.CharField(
        label="Eligible sessions",
        max_length=300,
        required=False,
        help_text="Empty: all sessions of people; robots and own staff are out.",
    )
    because = forms.CharField(label="Why so", max_length=500, widget=forms.Textarea({"rows": 2}))

    def given(self, site: Site) -> dict[str, Any]:
        """Give what the service takes."""
        data = dict(self.cleaned_data)
        rate, value = data.pop("close_rate"), data.pop("value")
        unit = Decimal(10) ** exponent_of(site.currency)
        return {
            **data,
            "close_rate": float(rate) / 100 if rate is not None else None,
            "value_minor": int(value * unit) if value is not None else None,
        }


class TrackingPlanForm(forms.Form):
    """Which events a site is to send."""

    version = forms.IntegerField(widget=forms.HiddenInput, min_value=0)
    events = forms.CharField(
        label="Planned events",
        required=False,
        max_length=50_000,
        widget=forms.Textarea(attrs={"rows": 8}),
        help_text="One name in a line, as it is sent. Empty: those that the site’s metrics count.",
    )
