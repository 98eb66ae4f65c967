"""What a person types about a programme's policy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django import forms

from truelift.apps.programme.reads import SETTINGS
from truelift.apps.programme.services import PolicyChange
from truelift.lifecycle.functions import Function
from truelift.lifecycle.gate import Gate
from truelift.lifecycle.policy import (
    Framework,
    HarmResponse,
    Lead,
    Organisation,
    Policy,
    Research,
)


RESEARCH: Final = (
    (Research.EXPERIMENT_LED.value, "Experiments: one piece of evidence is enough to test"),
    (Research.RESEARCH_LED.value, "Research: two pieces, one counted and one said by customers"),
)
LEAD: Final = (
    (Lead.MARKETING_LED.value, "Marketing: landing pages, lead forms, campaigns"),
    (Lead.PRODUCT_LED.value, "The product: onboarding, activation, pricing"),
)
ORGANISATION: Final = (
    (Organisation.CENTRAL.value, "One team: the CRO lead lets a test go to ready"),
    (Organisation.DISTRIBUTED.value, "Every squad its own; none waives a rule for itself"),
)
HARM: Final = (
    (HarmResponse.NOTIFY.value, "Say it"),
    (HarmResponse.RECOMMEND.value, "Say it and recommend to pause"),
    (HarmResponse.PAUSE.value, "Pause the experiment at once"),
)
FRAMEWORKS: Final = (
    (Framework.ICE.value, "ICE: impact, confidence, ease"),
    (Framework.PIE.value, "PIE: potential, importance, ease"),
    (Framework.RICE.value, "RICE: reach, impact, confidence, effort"),
    (Framework.PXL.value, "PXL: questions about evidence"),
    (Framework.EV.value, "Expected value per week of traffic"),
    (Framework.RISK_REWARD.value, "Risk against reward"),
)


def _number(name: str, *, least: int, most: int, help_text: str) -> forms.IntegerField:
    return forms.IntegerField(
        label=SETTINGS[name], min_value=least, max_value=most, help_text=help_text
    )


class PolicyForm(forms.Form):
    """The whole policy; saving makes the next version."""

    version = forms.IntegerField(widget=forms.HiddenInput, min_value=0)
    research = forms.ChoiceField(
        label=SETTINGS["research"], choices=RESEARCH, widget=forms.RadioSelect
    )
    lead = forms.ChoiceField(label=SETTINGS["lead"], choices=LEAD, widget=forms.RadioSelect)
    organisation = forms.ChoiceField(
        label=SETTINGS["organisation"], choices=ORGANISATION, widget=forms.RadioSelect
    )
    stale_after_days = _number(
        "stale_after_days", least=7, most=1825, help_text="Then it has to be confirmed again."
    )
    triage_days = _number(
        "triage_days", least=1, most=365, help_text="Signals and ideas wait no longer."
    )
    decision_days = _number(
        "decision_days", least=1, most=60, help_text="Counted from the analysis."
    )
    max_weeks = _number(
        "max_weeks", least=2, most=52, help_text="Longer ones need a waiver with a reason."
    )
    shallow_share = forms.FloatField(
        label="Warn when so many of a quarter’s tests have one kind of evidence, %",
        min_value=1,
        max_value=100,
    )
    early_hidden_from = forms.MultipleChoiceField(
        label=SETTINGS["early_hidden_from"],
        choices=[(each.value, each.called) for each in Function],
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Until the planned end. Whoever has another function beside sees them.",
    )
    gates = forms.MultipleChoiceField(
        label=SETTINGS["gates"],
        choices=[(each.value, f"{each.called}: {each.meaning}") for each in Gate],
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="What every experiment has to settle besides its plan.",
    )
    harm = forms.ChoiceField(label=SETTINGS["harm"], choices=HARM, widget=forms.RadioSelect)
    framework = forms.ChoiceField(label=SETTINGS["framework"], choices=FRAMEWORKS)
    variant = forms.CharField(
        label=SETTINGS["variant"],
        max_length=40,
        required=False,
        help_text="For ICE: product or mean. Empty: the usual one.",
    )
    weights = forms.CharField(
        label=SETTINGS["weights"],
        max_length=1000,
        required=False,
        help_text="Only those that differ: ease=3, traffic=2.",
    )
    because = forms.CharField(
        label="Why it is changed",
        max_length=500,
        required=False,
        help_text="Kept with the version.",
        widget=forms.Textarea({"rows": 2}),
    )

    def clean_weights(self) -> dict[str, float]:
        """Read `ease=3, traffic=2`."""
        return weights_in(self.cleaned_data["weights"])

    def written(self) -> PolicyChange:
        """Give what was written, as the service takes it."""
        given = self.cleaned_data
        return PolicyChange(
            **{
                name: given[name]
                for name in SETTINGS
                if name not in {"shallow_share", "early_hidden_from", "gates"}
            },
            gates=tuple(given["gates"]),
            early_hidden_from=tuple(given["early_hidden_from"]),
            shallow_share=given["shallow_share"] / 100,
        )

    @classmethod
    def of(cls, policy: Policy, data: Mapping[str, Any] | None = None) -> PolicyForm:
        """Begin with what is agreed on."""
        return cls(
            data,
            initial={
                "version": policy.version,
                "research": policy.research.value,
                "lead": policy.lead.value,
                "organisation": policy.organisation.value,
                "stale_after_days": policy.stale_after_days,
                "triage_days": policy.triage_days,
                "decision_days": policy.decision_days,
                "max_weeks": policy.max_weeks,
                "shallow_share": round(policy.shallow_share * 100, 6),
                "early_hidden_from": [each.value for each in policy.early_hidden_from],
                "gates": [each.value for each in policy.gates],
                "harm": policy.harm.value,
                "framework": policy.scoring.framework.value,
                "variant": policy.scoring.variant,
                "weights": ", ".join(f"{key}={it:g}" for key, it in policy.scoring.weights),
            },
        )


def weights_in(text: str) -> dict[str, float]:
    """Read weights as a person writes them, `ease=3, traffic=2`.

    Raises:
        ValidationError: A part is no name with a number.
    """
    found = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        key, _, number = part.partition("=")
        try:
            found[key.strip()] = float(number)
        except ValueError as error:
            raise forms.ValidationError(f"“{part[:40]}” is not name=number.") from error
    return found
