"""What people type about experiments, learnings and metrics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, ClassVar, Final

from django import forms

from truelift.apps.accounts.reads import members_of
from truelift.apps.experiments.metrics import current_metrics
from truelift.apps.experiments.models import Better, ExperimentRecord, MetricKind, Per
from truelift.apps.experiments.spec import BadSpec, ExperimentSpec, MetricSpec, spec_from
from truelift.apps.experiments.wording import (
    CORRECTIONS,
    INFERENCES,
    METHODS,
    SEGMENTS,
    SPENDINGS,
    is_share,
)
from truelift.apps.research.reads import testable_hypotheses
from truelift.apps.sites.models import Site
from truelift.lifecycle.experiment import RANDOMISED


VARIANTS: Final = 4
"""Rows for variants on the form; files and the API take more."""

PERCENT: Final = ("margin", "minimum_effect", "prior_sd")
"""Fields that a person types in per cent."""

_NO_TRAFFIC_HELP: Final = "Not needed for methods that split no visitors."


Given = Mapping[str, Any] | None
"""What the browser sent, or nothing."""


class ExperimentForm(forms.Form):
    """The plan of an experiment."""

    name = forms.CharField(label="Name", max_length=200)
    key = forms.CharField(
        label="Key",
        max_length=80,
        help_text="As the exposure events carry it, for example delivery-cost. It stays.",
    )
    hypothesis = forms.ChoiceField(label="Hypothesis that it tests", required=False)
    surface = forms.CharField(label="Page or place that changes", max_length=120, required=False)
    method = forms.ChoiceField(label="Method", choices=list(METHODS.items()), initial="ab")
    decision_owner = forms.ChoiceField(label="Who decides", required=False)
    deputy = forms.ChoiceField(label="Deputy", required=False)
    start = forms.DateField(
        label="First day",
        required=False,
        widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
    )
    weeks = forms.IntegerField(
        label="Whole weeks", min_value=1, max_value=52, required=False, help_text="At least two."
    )
    primary = forms.ChoiceField(label="Primary metric: decides", required=False)
    guardrails = forms.MultipleChoiceField(
        label="Guardrails: may veto", required=False, widget=forms.CheckboxSelectMultiple
    )
    secondary = forms.MultipleChoiceField(
        label="Also measured", required=False, widget=forms.CheckboxSelectMultiple
    )
    margin = forms.FloatField(
        label="Difference that would not matter, %",
        min_value=0.01,
        max_value=100,
        required=False,
        help_text="Relative, for every metric. Without it no result is “no difference”.",
    )
    baseline = forms.FloatField(
        label="Level of the primary metric now",
        min_value=0,
        required=False,
        help_text="In % for a share of visitors, in days for a time, otherwise the number itself.",
    )
    cv = forms.FloatField(
        label="Its spread divided by its mean",
        min_value=0,
        required=False,
        help_text="Only for metrics that are no share of visitors; for quantiles and times take"
        " the planner’s.",
    )
    minimum_effect = forms.FloatField(
        label="Smallest lift worth seeing, %", min_value=0.01, max_value=1000, required=False
    )
    visitors_per_week = forms.FloatField(
        label="Visitors a week who could see it", min_value=1, required=False
    )
    inference = forms.ChoiceField(
        label="When its effects may be read",
        choices=list(INFERENCES.items()),
        initial="fixed",
        required=False,
        help_text="Looking whenever one likes with a method for one look makes winners of about a"
        " third of all changes that do nothing.",
    )
    tuning_n = forms.IntegerField(
        label="Sequential: tightest at so many visitors",
        min_value=1,
        max_value=10**12,
        required=False,
        help_text="Of both variants together. Empty: as many as are planned.",
    )
    looks = forms.IntegerField(
        label="Planned looks: how many",
        min_value=2,
        max_value=20,
        required=False,
        help_text="At equal shares of the planned visitors, the last at the end. Empty: four.",
    )
    spending = forms.ChoiceField(
        label="Planned looks: how they share the error",
        choices=[("", "the usual: strict early"), *SPENDINGS.items()],
        required=False,
    )
    prior_sd = forms.FloatField(
        label="Bayesian: spread of usual lifts, %",
        min_value=0.01,
        max_value=1000,
        required=False,
        help_text="Two of three changes lie within it. Empty: 30, which says little.",
    )
    correction = forms.ChoiceField(
        label="Several variants share the error by",
        choices=[("", "the usual: Holm, or nothing for beliefs"), *CORRECTIONS.items()],
        required=False,
    )
    covariate_days = forms.IntegerField(
        label="Adjust by the days before",
        min_value=0,
        max_value=90,
        required=False,
        help_text="What visitors did before they saw it explains a part of the noise (CUPED). 14"
        " is usual; 0 or empty: not adjusted. It pays where most visitors come again.",
    )
    segments = forms.MultipleChoiceField(
        label="Where the effect is expected to differ",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Named now, a difference is a finding. Whatever else is shown asks a question"
        " for the next test.",
    )
    waiver = forms.CharField(
        label="Why it may go on without enough visitors",
        max_length=300,
        required=False,
        help_text="Leave empty unless the numbers above say that it cannot work.",
    )

    def __init__(
        self,
        data: Given = None,
        *,
        initial: Mapping[str, Any] | None = None,
        site: Site,
        key: str = "",
    ) -> None:
        super().__init__(data, initial=dict(initial or {}))
        self.site = site
        self.known = {metric.key: metric for metric in current_metrics(site)}
        metrics = [(key, metric.name) for key, metric in self.known.items()]
        people = [(each.email, each.name) for each in members_of(site)]
        hypotheses = [(each.key, str(each)) for each in testable_hypotheses(site)]
        self._offer("hypothesis", [("", "none yet"), *hypotheses])
        self._offer("decision_owner", [("", "nobody yet"), *people])
        self._offer("deputy", [("", "nobody"), *people])
        self._offer("primary", [("", "none yet"), *metrics])
        self._offer("guardrails", metrics)
        self._offer("secondary", metrics)
        named = self.initial.get("segments") or ()
        others = [(each, each) for each in named if each not in SEGMENTS]
        self._offer("segments", [*SEGMENTS.items(), *others])
        for number in range(1, VARIANTS + 1):
            self.fields[f"variant_{number}"] = forms.CharField(
                label="Key", max_length=80, required=False
            )
            self.fields[f"title_{number}"] = forms.CharField(
                label="Name", max_length=120, required=False
            )
            self.fields[f"weight_{number}"] = forms.FloatField(
                label="Weight", min_value=0.001, required=False, initial=1
            )
        if key:
            self.fields["key"].disabled = True

    def _offer(self, name: str, choices: list[tuple[str, str]]) -> None:
        self.fields[name].choices = choices  # type: ignore[attr-defined]

    def bound(self, *names: str) -> list[forms.BoundField]:
        """Give fields by name, for a part of the page."""
        return [self[name] for name in names]

    @property
    def what(self) -> list[forms.BoundField]:
        """What is tried, and who decides."""
        return self.bound(
            "name", "key", "hypothesis", "method", "surface", "decision_owner", "deputy"
        )

    @property
    def when(self) -> list[forms.BoundField]:
        """When."""
        return self.bound("start", "weeks")

    @property
    def measured(self) -> list[forms.BoundField]:
        """What is measured."""
        return self.bound("primary", "guardrails", "secondary", "margin")

    @property
    def judged(self) -> list[forms.BoundField]:
        """How its effects are judged; each method has settings of its own."""
        return self.bound("tuning_n", "looks", "prior_sd", "covariate_days")

    @property
    def sample(self) -> list[forms.BoundField]:
        """What the sample size is worked out from."""
        return self.bound("baseline", "minimum_effect", "visitors_per_week", "cv", "waiver")

    @property
    def rows(self) -> list[tuple[str, forms.BoundField, forms.BoundField, forms.BoundField]]:
        """The rows of variants, the control first."""
        return [
            (
                "Control" if number == 1 else "Variant",
                self[f"variant_{number}"],
                self[f"title_{number}"],
                self[f"weight_{number}"],
            )
            for number in range(1, VARIANTS + 1)
        ]

    def spec(self) -> ExperimentSpec | None:
        """Give what was written as a spec; nothing when something is wrong, said at its field."""
        if not self.is_valid():
            return None
        try:
            return spec_from(self._given())
        except BadSpec as error:
            self.blame(error)
            return None

    def blame(self, error: BadSpec) -> None:
        """Say at each field what is wrong with it."""
        for where, what in error.wrong.items():
            name = where.removeprefix("plan.").removeprefix("judging.")
            if where.startswith("variants["):
                number, _, part = where.removeprefix("variants[").partition("].")
                name = {"key": "variant", "name": "title", "weight": "weight"}.get(part, "variant")
                name = f"{name}_{number}"
            name = {"end": "weeks", "margins": "margin", "n_per_variant": "waiver"}.get(name, name)
            self.add_error(name if name in self.fields else None, what)

    def _given(self) -> dict[str, object]:
        given = self.cleaned_data
        metric = self.known.get(given["primary"])
        baseline = given["baseline"]
        if baseline is not None and (metric is None or is_share(metric)):
            baseline /= 100
        plan = {
            "baseline": baseline or None,
            "cv": given["cv"] or None,
            "minimum_effect": _share(given["minimum_effect"]),
            "visitors_per_week": given["visitors_per_week"],
        }
        written: dict[str, object] = {
            "key": given["key"],
            "name": given["name"],
            "method": given["method"],
            "hypothesis": given["hypothesis"],
            "surface": given["surface"],
            "decision_owner": given["decision_owner"],
            "deputy": given["deputy"],
            "start": given["start"],
            # A study without traffic lasts as long as it takes.
            "weeks": given["weeks"] if given["start"] or given["method"] in RANDOMISED else None,
            "primary": given["primary"],
            "guardrails": given["guardrails"],
            "secondary": given["secondary"],
            "margin": _share(given["margin"]),
            "waiver": given["waiver"],
            "variants": [
                {
                    "key": given[f"variant_{number}"],
                    "name": given[f"title_{number}"],
                    "weight": given[f"weight_{number}"] or 1.0,
                    "role": "control" if number == 1 else "treatment",
                }
                for number in range(1, VARIANTS + 1)
                if given[f"variant_{number}"]
            ],
            "plan": {name: value for name, value in plan.items() if value is not None},
            "inference": given["inference"],
            "judging": {
                name: value
                for name, value in (
                    ("tuning_n", given["tuning_n"]),
                    ("looks", given["looks"]),
                    ("spending", given["spending"]),
                    ("prior_sd", _share(given["prior_sd"])),
                    ("correction", given["correction"]),
                    ("covariate_days", given["covariate_days"]),
                    ("segments", given["segments"]),
                )
                if value not in (None, "", [])
            },
        }
        return {name: value for name, value in written.items() if value not in (None, "", [])}

    @classmethod
    def initial_of(cls, record: ExperimentRecord) -> dict[str, Any]:
        """Give what the form of an experiment begins with."""
        planned = list(record.metrics.select_related("metric"))
        by_role: dict[str, list[str]] = {"primary": [], "guardrail": [], "secondary": []}
        for each in planned:
            by_role[each.role].append(each.metric.key)
        primary = next((each.metric for each in planned if each.role == "primary"), None)
        baseline = record.baseline
        if baseline is not None and (primary is None or is_share(primary)):
            baseline = round(baseline * 100, 8)
        weeks = None
        if record.starts_on and record.ends_on:
            weeks = (record.ends_on - record.starts_on) // timedelta(weeks=1)
        margin = next((each.margin for each in planned if each.margin), None)
        initial: dict[str, Any] = {
            "name": record.name,
            "key": record.key,
            "hypothesis": record.hypothesis.key if record.hypothesis else "",
            "surface": record.surface,
            "method": record.method,
            "decision_owner": record.decision_owner.email if record.decision_owner else "",
            "deputy": record.deputy.email if record.deputy else "",
            "start": record.starts_on,
            "weeks": weeks,
            "primary": primary.key if primary else "",
            "guardrails": by_role["guardrail"],
            "secondary": by_role["secondary"],
            "margin": _per_cent(margin),
            "baseline": baseline,
            "cv": record.cv,
            "minimum_effect": _per_cent(record.minimum_effect),
            "visitors_per_week": record.visitors_per_week,
            "waiver": record.waiver,
            "inference": record.inference,
            "tuning_n": record.tuning_n,
            "looks": record.looks,
            "spending": record.spending,
            "prior_sd": _per_cent(record.prior_sd),
            "correction": record.correction,
            "covariate_days": record.covariate_days or None,
            "segments": record.segments,
        }
        # The control has the first row, wherever it stood in the file.
        variants = sorted(record.variants.all(), key=lambda each: not each.is_control)
        for number, variant in enumerate(variants[:VARIANTS], start=1):
            initial |= {
                f"variant_{number}": variant.key,
                f"title_{number}": variant.name,
                f"weight_{number}": f"{variant.weight:g}",
            }
        return initial


class LearningForm(forms.Form):
    """What was learned, where it holds, what follows."""

    experiment = forms.ChoiceField(label="From")
    text = forms.CharField(
        label="What was learned",
        max_length=1000,
        help_text="One or two sentences that still make sense in a year.",
        widget=forms.Textarea({"rows": 3}),
    )
    scope = forms.CharField(
        label="Where it holds",
        max_length=300,
        help_text="Which pages and visitors: “product pages, phones, orders below €80”.",
    )
    follow_up = forms.CharField(
        label="What follows",
        max_length=500,
        help_text="The next step, or why there is none.",
        widget=forms.Textarea({"rows": 2}),
    )

    def __init__(
        self,
        data: Given = None,
        *,
        initial: Mapping[str, Any] | None = None,
        experiments: Iterable[ExperimentRecord],
    ) -> None:
        super().__init__(data, initial=dict(initial or {}))
        self.fields["experiment"].choices = [  # type: ignore[attr-defined]
            (each.key, each.name) for each in experiments
        ]


class InParts(forms.Form):
    """A form most of whose fields are for some kinds of metrics alone."""

    PARTS: ClassVar = (
        ("Money, counts and ratios: large numbers", ("cap", "cap_percentile", "denominator_cap")),
        ("Quantiles", ("level", "per")),
        ("Retention and funnel steps", ("from_days", "steps")),
    )

    @property
    def usual(self) -> list[forms.BoundField]:
        """What most kinds have."""
        special = {name for _, names in self.PARTS for name in names}
        return [field for field in self if field.name not in special]

    @property
    def special(self) -> list[tuple[str, list[forms.BoundField]]]:
        """What only some kinds have, with a heading."""
        return [(title, [self[name] for name in names]) for title, names in self.PARTS]


class MetricForm(InParts):
    """A metric's definition."""

    key = forms.SlugField(label="Key", max_length=80, help_text="For example order_rate.")
    name = forms.CharField(label="Name", max_length=120)
    kind = forms.ChoiceField(label="Kind", choices=MetricKind.choices)
    event = forms.CharField(label="Event", max_length=200, help_text="For example purchase.")
    property = forms.CharField(
        label="Number to add up",
        max_length=120,
        required=False,
        help_text="For totals, means, ratios and quantiles: “value” is the event’s money, else a"
        " property.",
    )
    denominator_event = forms.CharField(
        label="Divided by the event", max_length=200, required=False, help_text="For ratios."
    )
    denominator_property = forms.CharField(
        label="and its number", max_length=120, required=False, help_text="Empty counts events."
    )
    window_days = forms.FloatField(
        label="Days from first exposure", min_value=0.01, max_value=366, initial=14
    )
    better = forms.ChoiceField(
        label="Direction",
        choices=[("", "As usual: higher is better, of times lower"), *Better.choices],
        required=False,
    )
    unit_label = forms.CharField(
        label="Unit", max_length=40, required=False, help_text="For numbers: “ms”, “items”."
    )
    cap = forms.FloatField(
        label="A visitor counts at most",
        min_value=0,
        required=False,
        help_text="For totals, counts, means and ratios; money in whole units. The same in all"
        " variants, so that one large order does not decide.",
    )
    cap_percentile = forms.FloatField(
        label="or at most the percentile, %",
        min_value=50,
        max_value=99.999,
        required=False,
        help_text="Of visitors who have any, over all variants: 99 caps the largest hundredth.",
    )
    denominator_cap = forms.FloatField(
        label="Below the line a visitor counts at most",
        min_value=0,
        required=False,
        help_text="For ratios with a number as their cap.",
    )
    level = forms.FloatField(
        label="Which quantile, %",
        min_value=0.1,
        max_value=99.9,
        required=False,
        help_text="For quantiles: 50 is the median, 90 what nine of ten stay below.",
    )
    per = forms.ChoiceField(
        label="Quantile of",
        choices=[("", "As usual: of the events’ numbers"), *Per.choices],
        required=False,
        help_text="A visitor without an event has a total of 0.",
    )
    from_days = forms.FloatField(
        label="Not before so many days",
        min_value=0,
        max_value=366,
        required=False,
        help_text="For retention: who comes back between this day and the end of the window.",
    )
    steps = forms.CharField(
        label="Steps before the event",
        required=False,
        max_length=2000,
        help_text="For a funnel step: events in their order, one a line.",
        widget=forms.Textarea({"rows": 3}),
    )

    def written(self) -> MetricSpec:
        """Give the definition as the registry takes it.

        Raises:
            BadSpec: It does not describe a metric.
        """
        given = {
            name: value for name, value in self.cleaned_data.items() if value not in ("", None)
        }
        for name in ("level", "cap_percentile"):
            if name in given:
                given[name] = round(given[name] / 100, 8)
        if "steps" in given:
            given["steps"] = [each.strip() for each in given["steps"].splitlines() if each.strip()]
        return spec_from({"key": "form", "metrics": [given]}).metrics[0]


def _share(per_cent: float | None) -> float | None:
    return None if per_cent is None else per_cent / 100


def _per_cent(share: float | None) -> float | None:
    return None if share is None else round(share * 100, 6)
