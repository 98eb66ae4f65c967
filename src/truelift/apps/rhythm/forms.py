"""What people type about meetings: when they stand, and what somebody promises."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django import forms

from truelift.apps.accounts.models import User
from truelift.apps.rhythm.models import LONGEST_ACTION, RhythmRecord
from truelift.apps.rhythm.services import When
from truelift.lifecycle.rhythm import Meeting


DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
NTH: Final = ("first", "second", "third", "fourth")
_CLOCK: Final = "%H:%M"


class WhenForm(forms.Form):
    """When one kind of meeting stands."""

    version = forms.IntegerField(widget=forms.HiddenInput, min_value=0)
    stands = forms.BooleanField(label="It is held", required=False)
    weekday = forms.TypedChoiceField(
        label="Day", coerce=int, choices=[(str(at), name) for at, name in enumerate(DAYS)]
    )
    nth = forms.TypedChoiceField(
        label="Which of its month",
        coerce=int,
        choices=[(str(at), name) for at, name in enumerate(NTH, 1)],
    )
    at = forms.TimeField(
        label="At",
        widget=forms.TimeInput({"type": "time"}, format=_CLOCK),
        help_text="By the site’s clock.",
    )
    owner = forms.ChoiceField(label="Who calls it", required=False)

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        kind: Meeting,
        row: RhythmRecord | None,
        people: tuple[User, ...],
    ) -> None:
        super().__init__(
            data,
            auto_id=f"{kind.value}-%s",
            initial={
                "version": row.version if row else 0,
                "stands": row.stands if row else True,
                "weekday": str(row.weekday) if row else "1",
                "nth": str(row.nth) if row else "1",
                "at": row.at if row else "09:30",
                "owner": row.owner.email if row and row.owner else "",
            },
        )
        owner = self.fields["owner"]
        assert isinstance(owner, forms.ChoiceField)  # noqa: S101 - it is, above
        owner.choices = [("", "Nobody yet"), *((each.email, str(each)) for each in people)]
        if kind is Meeting.STAND_UP:
            del self.fields["nth"]
        elif kind is Meeting.REBUILD:
            self.fields["nth"].label = "Which of the quarter’s first month"

    def written(self) -> When:
        """Give what was typed."""
        given = self.cleaned_data
        return When(
            weekday=given["weekday"],
            nth=given.get("nth", 1),
            at=given["at"],
            owner=given["owner"],
            stands=given["stands"],
        )


class ActionForm(forms.Form):
    """Something that somebody will do."""

    what = forms.CharField(label="What", max_length=LONGEST_ACTION)
    owner = forms.ChoiceField(label="Who")
    due = forms.DateField(label="By", widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"))
    topic = forms.ChoiceField(label="Under", required=False)

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        kind: Meeting,
        people: tuple[User, ...],
        prefix: str | None = None,
    ) -> None:
        super().__init__(data, auto_id="action-%s", prefix=prefix)
        choices = {
            "owner": [("", "choose"), *((each.email, str(each)) for each in people)],
            "topic": [("", "none"), *((each.value, each.called) for each in kind.topics)],
        }
        for name, given in choices.items():
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)  # noqa: S101 - it is, above
            field.choices = given
