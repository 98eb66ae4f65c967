"""What people type about the roadmap: items, days, assets, dependencies, priorities."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from django import forms

from truelift.apps.accounts.models import User
from truelift.apps.accounts.reads import people_of
from truelift.apps.roadmap.fields import OF_THE_PLAN, ItemFields
from truelift.apps.roadmap.models import RoadmapItemRecord, RoadmapSettingsRecord
from truelift.apps.roadmap.priorities import current_priorities
from truelift.apps.roadmap.rules import RuleFields
from truelift.apps.sites.models import Site
from truelift.apps.surfaces.models import SurfaceRecord
from truelift.lifecycle.conflict_rules import Rule, Severity
from truelift.lifecycle.roadmap_item import DependencyKind, ItemKind, ItemStage, Touch


Given = Mapping[str, Any] | None

TOUCHES: Final = {
    Touch.CODE: "Code",
    Touch.FLAG: "A switch",
    Touch.CONTENT: "Content",
    Touch.PRICE: "Prices",
    Touch.PROMOTION: "A promotion",
    Touch.TRAFFIC: "Who comes",
    Touch.TRACKING: "Tracking",
}

HANGS: Final = {
    DependencyKind.NEEDS_BEFORE: "needs before",
    DependencyKind.BLOCKS: "blocks",
    DependencyKind.REFERENCES_FEATURE: "speaks of a feature of",
}

_KINDS: Final = (
    (ItemKind.RELEASE.value, "A release"),
    (ItemKind.CAMPAIGN.value, "A campaign"),
    (ItemKind.CONTENT.value, "Content or creative work"),
)

_SETS: Final = re.compile(r"(?P<dimension>[^=!]+?)\s*(?P<way>!?=)\s*(?P<values>.+)")
_EFFORT: Final = re.compile(r"(?P<role>[^=]+?)\s*=\s*(?P<days>\d+(?:\.\d+)?)")


def _names(label: str, help_text: str = "") -> forms.CharField:
    return forms.CharField(
        label=label, required=False, max_length=5_000, help_text=help_text or "With commas between."
    )


def _day(label: str, help_text: str = "") -> forms.DateField:
    return forms.DateField(
        label=label,
        required=False,
        widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
        help_text=help_text,
    )


def _share(label: str, help_text: str = "") -> forms.FloatField:
    return forms.FloatField(
        label=label, required=False, min_value=0, max_value=100, help_text=help_text
    )


class ItemForm(forms.Form):
    """An item: its seven columns, then what conflicts are found by."""

    version = forms.IntegerField(widget=forms.HiddenInput, required=False)
    kind = forms.ChoiceField(label="What kind", choices=_KINDS)
    what = forms.CharField(label="What", max_length=200)
    surfaces = _names("Where", "Surfaces, with commas between.")
    why = _names("Why", "Keys of findings, hypotheses, decisions: I-4, H-2.")
    start = _day("First day")
    end = _day("Over on", "The first day that no longer counts.")
    metric = forms.CharField(
        label="Success", max_length=120, required=False, help_text="The metric that defines it."
    )
    owner = forms.ChoiceField(label="Who decides", required=False)
    deputy = forms.ChoiceField(label="Who decides in their absence", required=False)
    team = forms.CharField(label="Team", max_length=80, required=False)
    squad = forms.CharField(label="Squad", max_length=80, required=False)
    priority = forms.ChoiceField(label="Priority that it serves", required=False)
    elements = _names("Which parts of the page", "headline, hero video")
    touches = forms.MultipleChoiceField(
        label="What it changes for visitors",
        required=False,
        choices=[(each.value, said) for each, said in TOUCHES.items()],
        widget=forms.CheckboxSelectMultiple,
    )
    traffic_change = forms.FloatField(
        label="Change of the traffic, %",
        required=False,
        min_value=-100,
        max_value=10_000,
        help_text="20 for a fifth more.",
    )
    features = _names("Features that it changes")
    refers = _names("Features that its words speak of")
    events = _names("Events that it measures by or changes")
    landing = forms.CharField(
        label="Landing pages of a campaign, one a line",
        required=False,
        max_length=5_000,
        widget=forms.Textarea({"rows": 2}),
        help_text="/winter-sale/. They are asked for four weeks before its start.",
    )
    audience = forms.CharField(
        label="Who sees it, one a line",
        required=False,
        max_length=5_000,
        widget=forms.Textarea({"rows": 2}),
        help_text="device = phone, tablet, or country != FR. Empty: everybody.",
    )
    layer = forms.CharField(
        label="Layer",
        max_length=80,
        required=False,
        help_text="Tests of one layer with ranges apart share no visitor.",
    )
    low = _share("Its range begins at, %")
    high = _share("Its range ends at, %")
    shared_code = forms.BooleanField(
        label="Switched by code that runs one test at a time", required=False
    )
    holdout = forms.BooleanField(label="Keeps its visitors out of other tests", required=False)
    changes_reach = forms.BooleanField(label="Can change who goes on", required=False)
    effort = forms.CharField(
        label="Working days, one role a line",
        required=False,
        max_length=1_000,
        widget=forms.Textarea({"rows": 2}),
        help_text="build = 3",
    )
    notes = forms.CharField(
        label="Notes", max_length=2000, required=False, widget=forms.Textarea({"rows": 3})
    )
    reason = forms.CharField(label="Why it is changed", max_length=500, required=False)

    def __init__(
        self,
        data: Given = None,
        *,
        site: Site,
        record: RoadmapItemRecord | None = None,
        initial: Given = None,
    ) -> None:
        super().__init__(data, initial=dict(initial or {}))
        self.record = record
        people = [(each.email, str(each)) for each in people_of(site)]
        kept = [] if record is None else [each for each in (record.owner, record.deputy) if each]
        known = dict(people)
        people += [(each.email, str(each)) for each in kept if each.email not in known]
        for name in ("owner", "deputy"):
            self._choose(name, [("", "Nobody yet"), *people])
        priorities = [(each.key, f"{each.key} {each.name}") for each in current_priorities(site)]
        if record is not None and record.priority and record.priority.key not in dict(priorities):
            priorities.append((record.priority.key, f"{record.priority.name} (not current)"))
        self._choose("priority", [("", "None"), *priorities])
        self.fields["surfaces"].widget.attrs["list"] = "surfaces"
        self.known_surfaces = tuple(
            SurfaceRecord.objects.filter(site=site).order_by("name").values_list("name", flat=True)
        )
        if record is None:
            del self.fields["reason"]
        else:
            del self.fields["kind"]
            if record.experiment_id is not None:
                for name in (OF_THE_PLAN & set(self.fields)) | {"touches", "traffic_change"}:
                    del self.fields[name]
            if record.kind != ItemKind.CAMPAIGN.value:
                del self.fields["landing"]

    def _choose(self, name: str, choices: list[tuple[str, str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - it is, above
        field.choices = choices

    @classmethod
    def of(cls, record: RoadmapItemRecord, data: Given = None) -> ItemForm:
        """Show what is said so far."""
        initial = {
            **{
                name: getattr(record, name)
                for name in (
                    "version",
                    "what",
                    "metric",
                    "team",
                    "squad",
                    "touches",
                    "layer",
                    "shared_code",
                    "holdout",
                    "changes_reach",
                    "notes",
                )
            },
            **{
                name: ", ".join(getattr(record, name))
                for name in ("surfaces", "why", "elements", "features", "refers", "events")
            },
            "landing": "\n".join(record.landing),
            "start": record.starts_on,
            "end": record.ends_on,
            "owner": _address(record.owner),
            "deputy": _address(record.deputy),
            "priority": record.priority.key if record.priority else "",
            "traffic_change": round(100 * record.traffic_change, 4) or None,
            "low": round(100 * record.low, 4),
            "high": round(100 * record.high, 4),
            "audience": audience_text(record.audience),
            "effort": "\n".join(f"{role} = {days:g}" for role, days in record.effort.items()),
        }
        return cls(data, site=record.site, record=record, initial=initial)

    def clean_audience(self) -> dict[str, dict[str, tuple[str, ...]]]:
        """Read the lines of the audience."""
        made: dict[str, dict[str, tuple[str, ...]]] = {}
        for line in self.cleaned_data["audience"].splitlines():
            if not line.strip():
                continue
            found = _SETS.fullmatch(line.strip())
            if found is None:
                raise forms.ValidationError(f"“{line[:40]}”: write device = phone, tablet.")
            way = "deny" if found["way"] == "!=" else "allow"
            values = tuple(each.strip() for each in found["values"].split(",") if each.strip())
            made.setdefault(found["dimension"].strip(), {})[way] = values
        return made

    def clean_effort(self) -> dict[str, float]:
        """Read the lines of the effort."""
        return effort_in(self.cleaned_data["effort"])

    def written(self) -> ItemFields:
        """Give what was typed as the service takes it; what the form lacks is left as it is."""
        given = self.cleaned_data
        said: dict[str, Any] = {
            name: given[name]
            for name in (
                "what",
                "metric",
                "owner",
                "deputy",
                "team",
                "squad",
                "priority",
                "layer",
                "shared_code",
                "holdout",
                "changes_reach",
                "audience",
                "effort",
                "notes",
            )
            if name in given
        }
        for name in ("surfaces", "why", "elements", "features", "refers", "events"):
            if name in given:
                said[name] = tuple(given[name].split(","))
        if "landing" in given:
            said["landing"] = tuple(given["landing"].splitlines())
        for name in ("start", "end"):
            if name in given:
                said[name] = given[name].isoformat() if given[name] else ""
        if "touches" in given:
            said["touches"] = tuple(given["touches"])
            said["traffic_change"] = (given["traffic_change"] or 0) / 100
        # A priority of an older register is kept by saying nothing of it.
        kept = self.record.priority if self.record is not None else None
        if kept is not None and said.get("priority") == kept.key:
            del said["priority"]
        said["low"] = (given.get("low") or 0) / 100
        high = given.get("high")
        said["high"] = 1.0 if high is None else high / 100
        return ItemFields(**said)


def audience_text(audience: Mapping[str, Mapping[str, Any]]) -> str:
    """Write an audience as its form takes it."""
    return "\n".join(
        f"{dimension} {sign} {', '.join(sets[way])}"
        for dimension, sets in audience.items()
        for way, sign in (("allow", "="), ("deny", "!="))
        if sets.get(way)
    )


def _address(person: User | None) -> str:
    return person.email if person else ""


class DaysForm(forms.Form):
    """Other days of an item."""

    version = forms.IntegerField(widget=forms.HiddenInput, required=False)
    start = _day("First day")
    end = _day("Over on")
    reason = forms.CharField(label="Why", max_length=500, required=False)


class AssetForm(forms.Form):
    """Something that must be there before the start."""

    what = forms.CharField(label="What", max_length=200)
    owner = forms.ChoiceField(label="Who brings it", required=False)
    due = _day("Due")
    lead_days = forms.IntegerField(
        label="Working days that it takes", min_value=0, max_value=520, required=False
    )

    def __init__(self, data: Given = None, *, site: Site) -> None:
        super().__init__(data, prefix="asset")
        field = self.fields["owner"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - it is, above
        people = [(each.email, str(each)) for each in people_of(site)]
        field.choices = [("", "Nobody yet"), *people]


class DependencyForm(forms.Form):
    """What an item hangs on."""

    kind = forms.ChoiceField(
        label="It", choices=[(each.value, said) for each, said in HANGS.items()]
    )
    on = forms.CharField(label="Which item", max_length=80, help_text="Its key: RM-4.")

    def __init__(self, data: Given = None) -> None:
        super().__init__(data, prefix="hangs")


class RoadmapFilterForm(forms.Form):
    """Which items the list shows; the address is its state."""

    text = forms.CharField(label="Words", max_length=200, required=False)
    kind = forms.ChoiceField(
        label="Kind",
        required=False,
        choices=[("", "All"), *((each.value, each.called) for each in ItemKind)],
    )
    stage = forms.ChoiceField(
        label="State",
        required=False,
        choices=[
            ("", "Not over"),
            *((each.value, each.value.capitalize()) for each in ItemStage),
        ],
    )
    surface = forms.CharField(label="Where", max_length=120, required=False)
    team = forms.CharField(label="Team", max_length=80, required=False)
    since = _day("From")
    until = _day("Until")
    page = forms.IntegerField(
        min_value=1, max_value=100_000, required=False, widget=forms.HiddenInput
    )


class PrioritiesForm(forms.Form):
    """What the business goes for."""

    quarter = forms.RegexField(
        r"^20\d\d-Q[1-4]$", label="Quarter", max_length=7, help_text="As 2026-Q2."
    )
    priorities = forms.CharField(
        label="Priorities, one a line, the most important first",
        max_length=20_000,
        widget=forms.Textarea({"rows": 5}),
        help_text="A colon may follow, and what is meant.",
    )
    because = forms.CharField(label="Why they are other ones", max_length=500, required=False)

    def lines(self) -> list[tuple[str, str]]:
        """Give name and explanation of each."""
        found = []
        for line in self.cleaned_data["priorities"].splitlines():
            if line.strip():
                name, _, what = line.partition(":")
                found.append((name.strip(), what.strip()))
        return found


class RulesForm(forms.Form):
    """What the rules go by beside the items."""

    version = forms.IntegerField(widget=forms.HiddenInput, required=False)
    capacity = forms.CharField(
        label="Days of work in a week, one role a line",
        required=False,
        max_length=1_000,
        widget=forms.Textarea({"rows": 3}),
        help_text="build = 10. A role that is not named has no limit.",
    )
    washout_days = forms.IntegerField(
        label="Days for which a test is felt after its end", min_value=0, max_value=90
    )
    free = forms.CharField(
        label="Days on which nobody works, one a line",
        required=False,
        max_length=5_000,
        widget=forms.Textarea({"rows": 3}),
        help_text="2026-12-25, besides weekends.",
    )

    def __init__(self, data: Given = None, *, initial: Given = None) -> None:
        super().__init__(data, initial=dict(initial or {}))
        for rule in Rule:
            self.fields[rule.value] = forms.ChoiceField(
                label=f"{rule.value.upper()} {rule.called}",
                required=False,
                choices=[
                    (each.value, f"{each.called}{' (usual)' if each is rule.severity else ''}")
                    for each in Severity
                ],
            )

    @classmethod
    def of(cls, record: RoadmapSettingsRecord, data: Given = None) -> RulesForm:
        """Show what holds."""
        initial = {
            "version": record.version,
            "capacity": "\n".join(f"{role} = {days:g}" for role, days in record.capacity.items()),
            "washout_days": record.washout_days,
            "free": "\n".join(record.free),
            **{rule.value: record.severities.get(rule.value, rule.severity.value) for rule in Rule},
        }
        return cls(data, initial=initial)

    def clean_capacity(self) -> dict[str, float]:
        """Read the lines of the capacity."""
        return effort_in(self.cleaned_data["capacity"])

    def written(self) -> RuleFields:
        """Give what was typed as the service takes it."""
        given = self.cleaned_data
        return RuleFields(
            capacity=given["capacity"],
            washout_days=given["washout_days"],
            severities={rule.value: given[rule.value] for rule in Rule if given[rule.value]},
            free=tuple(given["free"].splitlines()),
        )


def effort_in(text: str) -> dict[str, float]:
    """Read lines of a role and its days.

    Raises:
        ValidationError: A line is neither.
    """
    made: dict[str, float] = {}
    for line in text.splitlines():
        if not line.strip():
            continue
        found = _EFFORT.fullmatch(line.strip())
        if found is None:
            raise forms.ValidationError(f"“{line[:40]}”: write build = 3.")
        made[found["role"].strip()] = float(found["days"])
    return made
