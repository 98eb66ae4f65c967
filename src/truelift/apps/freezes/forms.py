"""What people type about freezes and deploys."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from django import forms

from truelift.apps.accounts.reads import people_of
from truelift.apps.freezes.models import FreezeRecord
from truelift.apps.freezes.reads import surface_names
from truelift.apps.freezes.services import FreezeFields
from truelift.apps.sites.models import Site
from truelift.lifecycle.deploy_check import MOST_LEAD_DAYS, DeployPolicy, Fail, Verdict
from truelift.lifecycle.freeze import FreezeStage, Source, Strength


_STRENGTHS: Final = tuple((each.value, each.called) for each in Strength)
_UNMAPPED: Final = (
    (Verdict.ALLOW.value, "May be deployed"),
    (Verdict.WARN.value, "May be deployed, with a warning"),
    (Verdict.DENY.value, "May not be deployed"),
)
_LOCAL: Final = "%Y-%m-%dT%H:%M"


class FreezeForm(forms.Form):
    """A freeze that is proposed."""

    version = forms.IntegerField(widget=forms.HiddenInput, required=False)
    what = forms.CharField(label="What it is for", max_length=200)
    surfaces = forms.MultipleChoiceField(
        label="Surfaces", widget=forms.CheckboxSelectMultiple, required=False
    )
    starts = forms.DateTimeField(
        label="From",
        widget=forms.DateTimeInput({"type": "datetime-local"}, format=_LOCAL),
        input_formats=[_LOCAL, "%Y-%m-%dT%H:%M:%S"],
        help_text="By the site’s clock.",
    )
    ends = forms.DateTimeField(
        label="Until",
        widget=forms.DateTimeInput({"type": "datetime-local"}, format=_LOCAL),
        input_formats=[_LOCAL, "%Y-%m-%dT%H:%M:%S"],
        help_text="The first moment at which it may be deployed again.",
    )
    strength = forms.ChoiceField(label="What it asks of a deploy", choices=_STRENGTHS)
    source = forms.ChoiceField(
        label="Kind",
        choices=(
            (Source.MANUAL.value, Source.MANUAL.called),
            (Source.SEASON.value, Source.SEASON.called),
        ),
    )
    owner = forms.ChoiceField(label="Who answers for it", required=False)

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        site: Site,
        record: FreezeRecord | None = None,
        initial: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(data, initial={"strength": Strength.DENY.value, **(initial or {})})
        self.zone = ZoneInfo(site.time_zone)
        names = [(name, name) for name in surface_names(site)]
        people = [(each.email, str(each)) for each in people_of(site)]
        if record and record.owner and record.owner.email not in dict(people):
            people.append((record.owner.email, str(record.owner)))
        for name, choices in (("surfaces", names), ("owner", [("", "Nobody yet"), *people])):
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)  # noqa: S101 - it is, above
            field.choices = choices
        if record and (record.experiment or record.stage != FreezeStage.PROPOSED):
            # It follows its test, or somebody has agreed to it: only its strength is free.
            for name in ("what", "surfaces", "starts", "ends", "source", "owner"):
                del self.fields[name]

    @classmethod
    def of(cls, record: FreezeRecord) -> FreezeForm:
        """Show what is said so far."""
        zone = ZoneInfo(record.site.time_zone)
        return cls(
            site=record.site,
            record=record,
            initial={
                "version": record.version,
                "what": record.what,
                "surfaces": record.surfaces,
                "starts": record.starts_at.astimezone(zone).strftime(_LOCAL),
                "ends": record.ends_at.astimezone(zone).strftime(_LOCAL) if record.ends_at else "",
                "strength": record.strength,
                "source": record.source,
                "owner": record.owner.email if record.owner else "",
            },
        )

    def written(self) -> FreezeFields:
        """Give what was typed as the service takes it."""
        given = self.cleaned_data
        if "what" not in given:
            return FreezeFields(strength=given["strength"])
        return FreezeFields(
            what=given["what"],
            surfaces=given["surfaces"],
            starts=self._moment(given["starts"]),
            ends=self._moment(given["ends"]),
            strength=given["strength"],
            source=given["source"],
            owner=given["owner"],
        )

    def _moment(self, typed: datetime) -> datetime:
        # The field read it in the server's zone; the person meant the site's.
        return typed.replace(tzinfo=self.zone)


class DeployPolicyForm(forms.Form):
    """What the team chooses for its deploys."""

    version = forms.IntegerField(widget=forms.HiddenInput)
    tests = forms.ChoiceField(
        label="A running test",
        choices=_STRENGTHS,
        help_text="What it asks of a deploy on its surface, while its freeze says nothing else.",
    )
    agreed_at_once = forms.BooleanField(
        label="A test freezes its surface without anybody having to agree", required=False
    )
    unmapped = forms.ChoiceField(
        label="Files that no surface claims",
        choices=_UNMAPPED,
    )
    fail = forms.ChoiceField(
        label="When nobody answers",
        choices=((Fail.OPEN.value, "Deploy"), (Fail.CLOSED.value, "Do not deploy")),
        help_text="Stands in the ready-made steps; the pipeline’s own flag decides.",
    )
    lead_days = forms.IntegerField(
        label="Days before a test’s start at which its freeze begins",
        min_value=0,
        max_value=MOST_LEAD_DAYS,
    )
    environments = forms.CharField(
        label="Environments that visitors meet",
        max_length=500,
        help_text="With commas; in any other no freeze holds.",
    )
    because = forms.CharField(label="Why it changes", max_length=500, required=False)

    @classmethod
    def of(cls, policy: DeployPolicy) -> DeployPolicyForm:
        """Show what holds."""
        return cls(
            initial={
                "version": policy.version,
                "tests": policy.tests.value,
                "agreed_at_once": policy.agreed_at_once,
                "unmapped": policy.unmapped.value,
                "fail": policy.fail.value,
                "lead_days": policy.lead_days,
                "environments": ", ".join(policy.environments),
            }
        )

    def written(self) -> DeployPolicy:
        """Give what was typed as the service takes it."""
        given = self.cleaned_data
        named = (part.strip().casefold() for part in given["environments"].split(","))
        return DeployPolicy(
            version=given["version"],
            tests=Strength(given["tests"]),
            agreed_at_once=given["agreed_at_once"],
            unmapped=Verdict(given["unmapped"]),
            fail=Fail(given["fail"]),
            lead_days=given["lead_days"],
            environments=tuple(dict.fromkeys(part for part in named if part)),
        )
