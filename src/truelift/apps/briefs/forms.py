"""What people type into a brief."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms

from truelift.apps.accounts.reads import people_of
from truelift.apps.briefs.models import BriefRecord, MetricClassRecord
from truelift.apps.briefs.modes import BriefTemplate
from truelift.apps.briefs.services import BadBrief, BriefChange
from truelift.apps.experiments.models import ExperimentRecord, MetricRecord
from truelift.apps.experiments.wording import CHOICES, sentence_case
from truelift.lifecycle.brief import Guards, MetricClass, Risk, Situation
from truelift.lifecycle.experiment import PREPARING


WORTHS = (
    (MetricClass.MACRO.value, "Macro: an outcome of the business itself"),
    (MetricClass.MICRO.value, "Micro: a step on the way to one"),
    (MetricClass.DIAGNOSTIC.value, "Diagnostic: explains, never decides"),
    (MetricClass.VANITY.value, "Vanity: looks good and means nothing"),
)
GUARDED = (
    (Guards.TECHNICAL.value, "What is technical: errors, speed"),
    (Guards.COMMERCIAL.value, "What is commercial: revenue, refunds, lead quality"),
    (Guards.EXPERIENCE.value, "The customer’s experience: tickets, satisfaction"),
)
ANSWERS = (("", "Not answered"), ("no", "No"), ("yes", "Yes"))


class BriefForm(forms.Form):
    """What is settled around an experiment."""

    goal = forms.CharField(
        label="Goal", max_length=500, required=False, widget=forms.Textarea({"rows": 2})
    )
    audience = forms.CharField(label="Audience", max_length=300, required=False)
    adds_pressure = forms.BooleanField(
        label="It adds urgency, scarcity or another pressure",
        required=False,
        help_text="Then a guardrail watches over the customer’s experience.",
    )
    builder = forms.ChoiceField(label="Who builds the variants", required=False)
    implementer = forms.ChoiceField(
        label="Who would build the winner",
        required=False,
        help_text="They agree to it; another person, effort or slot asks for that again.",
    )
    effort_days = forms.FloatField(
        label="Effort in days", min_value=0.1, max_value=1000, required=False
    )
    slot = forms.CharField(
        label="Slot", max_length=120, required=False, help_text="A sprint or a week."
    )
    qa_notes = forms.CharField(
        label="What was seen while it was tried",
        max_length=2000,
        required=False,
        widget=forms.Textarea({"rows": 3}),
    )

    ALWAYS = ("audience", "qa_notes")

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        record: ExperimentRecord,
        row: BriefRecord | None,
        template: BriefTemplate,
    ) -> None:
        super().__init__(data, initial=_initial(row))
        people = [(each.email, str(each)) for each in people_of(record.site)]
        for name in ("builder", "implementer"):
            held = getattr(row, name, None)
            known = [*people]
            if held is not None and held.email not in dict(people):
                known.append((held.email, str(held)))
            self._offer(name, [("", "Nobody yet"), *known])
        self.fields["goal"].help_text = template.goal
        self.fields["audience"].help_text = template.audience
        for situation in Situation:
            self.fields[f"after_{situation.value}"] = forms.ChoiceField(
                label=sentence_case(f"after {situation.called}"),
                choices=[("", "Not agreed"), *CHOICES.items()],
                required=False,
            )
        for risk in Risk:
            self.fields[f"risk_{risk.value}"] = forms.ChoiceField(
                label=risk.question, choices=ANSWERS, required=False
            )
        if row is None:
            # A suggestion that the person sees and keeps or changes; nothing is stored by it.
            for each, choice in template.decisions.items():
                self.initial[f"after_{each.value}"] = choice.value
        if record.stage not in PREPARING:
            for name in [each for each in self.fields if each not in self.ALWAYS]:
                self.fields[name].disabled = True

    def _offer(self, name: str, choices: list[tuple[str, str]]) -> None:
        self.fields[name].choices = choices  # type: ignore[attr-defined]

    @property
    def decisions(self) -> list[forms.BoundField]:
        """The rows of the decision table."""
        return [self[f"after_{each.value}"] for each in Situation]

    @property
    def risks(self) -> list[forms.BoundField]:
        """The questions of risk."""
        return [self[f"risk_{each.value}"] for each in Risk]

    def written(self) -> BriefChange:
        """Give what was typed as the service takes it."""
        given = self.cleaned_data
        free = {name: given[name] for name in self.ALWAYS}
        if self.fields["goal"].disabled:
            return BriefChange(**free)
        return BriefChange(
            **free,
            goal=given["goal"],
            adds_pressure=given["adds_pressure"],
            builder=given["builder"],
            implementer=given["implementer"],
            effort_days=given["effort_days"],
            slot=given["slot"],
            decisions={each.value: given[f"after_{each.value}"] for each in Situation},
            risks={
                each.value: {"yes": True, "no": False}.get(given[f"risk_{each.value}"])
                for each in Risk
            },
        )

    def blame(self, error: BadBrief) -> None:
        """Say at each field what is wrong with it."""
        for name, what in error.wrong.items():
            self.add_error(name if name in self.fields else None, what)


class MetricClassForm(forms.Form):
    """What a metric is worth."""

    worth = forms.ChoiceField(
        label="As the metric that decides", choices=WORTHS, widget=forms.RadioSelect
    )
    guards = forms.ChoiceField(label="As a guardrail it watches over", required=False)
    proxy_of = forms.ChoiceField(
        label="Outcome that follows it",
        required=False,
        help_text="For a micro metric: a proven link lets it decide.",
    )
    because = forms.CharField(
        label="What proves it",
        max_length=500,
        required=False,
        widget=forms.Textarea({"rows": 2}),
    )

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        metric: MetricRecord,
        others: Iterable[MetricRecord],
        row: MetricClassRecord | None,
        usual: str,
    ) -> None:
        initial: dict[str, Any] = {"worth": usual}
        if row is not None:
            initial = {name: getattr(row, name) for name in ("worth", "guards", "proxy_of")}
            initial["because"] = row.because
        super().__init__(data, initial=initial)
        self._offer("guards", [("", "Nothing in particular"), *GUARDED])
        known = [(each.key, each.name) for each in others if each.key != metric.key]
        self._offer("proxy_of", [("", "None"), *known])

    def _offer(self, name: str, choices: Iterable[tuple[str, str]]) -> None:
        self.fields[name].choices = list(choices)  # type: ignore[attr-defined]


def _initial(row: BriefRecord | None) -> dict[str, Any]:
    if row is None:
        return {}
    return {
        "goal": row.goal,
        "audience": row.audience,
        "adds_pressure": row.adds_pressure,
        "builder": row.builder.email if row.builder else "",
        "implementer": row.implementer.email if row.implementer else "",
        "effort_days": row.effort_days,
        "slot": row.slot,
        "qa_notes": row.qa_notes,
        **{f"after_{name}": choice for name, choice in row.decisions.items()},
        **{f"risk_{name}": "yes" if there else "no" for name, there in row.risks.items()},
    }
