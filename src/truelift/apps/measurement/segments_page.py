"""The page of a site's saved segments, and what is typed to save one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django import forms

from truelift.apps.drawing.wording import day
from truelift.apps.measurement.models import SegmentRecord
from truelift.apps.measurement.segments_reads import segments_of
from truelift.apps.measurement.segments_services import LONGEST_DESCRIPTION
from truelift.apps.sites.models import Site


@dataclass(frozen=True, slots=True)
class SegmentRow:
    """A line of the list."""

    record: SegmentRecord
    definition: str
    owner: str
    when: str


@dataclass(frozen=True, slots=True)
class SegmentsPage:
    """The segments that a site keeps."""

    answer: str
    rows: tuple[SegmentRow, ...]


class SegmentForm(forms.Form):
    """A segment's name and condition."""

    name = forms.CharField(
        label="Name",
        max_length=60,
        help_text="For example returning-buyers. With a name that is taken, its next version.",
    )
    description = forms.CharField(label="In words", max_length=LONGEST_DESCRIPTION, required=False)
    definition = forms.CharField(
        label="Condition",
        max_length=50_000,
        widget=forms.Textarea({"rows": 8, "spellcheck": "false"}),
        initial='{"did": "purchase", "within": {"last": "30d"}}',
        help_text="JSON, as docs/guide/segments.md describes it.",
    )

    def clean_definition(self) -> Any:  # noqa: ANN401 - whatever was typed; the service judges it
        """Decode it; what it means is judged where it is saved."""
        try:
            return json.loads(self.cleaned_data["definition"])
        except (ValueError, RecursionError) as error:
            raise forms.ValidationError(f"This is not JSON: {error}.") from error


def segments_page(site: Site) -> SegmentsPage:
    """Lay out the newest versions of a site's segments."""
    rows = tuple(
        SegmentRow(
            record=each,
            definition=json.dumps(each.definition, ensure_ascii=False),
            owner=str(each.owner) if each.owner else "The operator",
            when=day(each.made_at.date()),
        )
        for each in segments_of(site)
    )
    many = "segment is" if len(rows) == 1 else "segments are"
    answer = f"{len(rows)} {many} kept." if rows else "No segment is kept yet."
    return SegmentsPage(answer, rows)
