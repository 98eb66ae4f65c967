"""What an experiment is asked to be: one shape for the file, the API and the page."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from types import MappingProxyType
from typing import Final

from truelift.apps.research.fields import is_storable
from truelift.errors import Refusal
from truelift.lifecycle.experiment import Method, Origin
from truelift.lifecycle.judging import Inference
from truelift.stats.group_sequential import Spending
from truelift.stats.multiplicity import Correction
from truelift.stats.roles import MetricKind


KEY: Final = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,79}$")
"""What keys of experiments, variants and metrics look like; other tools' ids fit."""


class BadSpec(Refusal):
    """An experiment was described in a way that cannot be stored; every reason at once.

    Attributes:
        wrong: Field and what is wrong with it.
    """

    code = "experiment.bad_spec"

    def __init__(self, wrong: Mapping[str, str]) -> None:
        self.wrong = dict(wrong)
        said = " ".join(f"{where}: {what}" for where, what in wrong.items())
        super().__init__(
            f"This experiment cannot be stored. {said}",
            fields=tuple(wrong),
            reasons=tuple(wrong.values()),
        )


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """A metric's definition, as somebody wrote it."""

    key: str
    kind: str
    event: str
    name: str = ""
    property: str = ""
    denominator_event: str = ""
    denominator_property: str = ""
    window_days: float = 14.0
    better: str = "increase"
    unit_label: str = ""
    from_days: float = 0.0
    steps: tuple[str, ...] = ()
    level: float | None = None
    per: str = ""
    cap: float | None = None
    denominator_cap: float | None = None
    cap_percentile: float | None = None


@dataclass(frozen=True, slots=True)
class VariantSpec:
    """A variant, as somebody wrote it."""

    key: str
    name: str = ""
    weight: float = 1.0
    control: bool = False


@dataclass(frozen=True, slots=True)
class PlanSpec:
    """What the sample size is worked out from.

    Attributes:
        baseline: Level of the primary metric: a share for a proportion, else a mean.
        cv: Standard deviation divided by the mean, for what is no proportion.
        minimum_effect: Relative lift that must be seen, above 0.
        power: Chance to see it.
        visitors_per_week: Eligible visitors.
        allocation: Share of them that takes part.
        n_per_variant: Given instead of computed.
    """

    baseline: float | None = None
    cv: float | None = None
    minimum_effect: float | None = None
    power: float = 0.8
    visitors_per_week: float | None = None
    allocation: float = 1.0
    n_per_variant: int | None = None


@dataclass(frozen=True, slots=True)
class JudgingSpec:
    """How effects will be judged, as somebody wrote it; what is missing follows from the plan.

    Attributes:
        tuning_n: Units of both variants at which sequential intervals are tightest.
        looks: Looks of a group-sequential test.
        spending: How they share the error level; empty for the usual way.
        prior_sd: Spread of the lifts that a Bayesian test expects.
        correction: How several treatments share the error level; empty for the usual way.
        covariate_days: Days before the first exposure that effects are adjusted by; 0: not.
        segments: Dimensions in which the effect is expected to differ.
    """

    tuning_n: int | None = None
    looks: int | None = None
    spending: str = ""
    prior_sd: float | None = None
    correction: str = ""
    covariate_days: int = 0
    segments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ExperimentSpec:
    """An experiment, as somebody wrote it; `docs/guide/the-loop.md` describes each name.

    Attributes:
        end: The first day that no longer counts.
        decision_owner: E-mail address; empty for nobody.
        metrics: Definitions that the description brings along.
        margins: Metric key → relative margin; `margin` is for all the others.
    """

    key: str
    name: str = ""
    origin: Origin = Origin.TRUELIFT
    method: Method = Method.AB
    inference: Inference = Inference.FIXED
    unit: str = "visitor"
    surface: str = ""
    hypothesis: str = ""
    decision_owner: str = ""
    deputy: str = ""
    start: date | None = None
    end: date | None = None
    alpha: float = 0.05
    margin: float | None = None
    margins: Mapping[str, float] = field(default_factory=dict)
    primary: str = ""
    secondary: tuple[str, ...] = ()
    guardrails: tuple[str, ...] = ()
    waiver: str = ""
    variants: tuple[VariantSpec, ...] = ()
    plan: PlanSpec = PlanSpec()
    judging: JudgingSpec = JudgingSpec()
    metrics: tuple[MetricSpec, ...] = ()


def spec_from_toml(text: str) -> ExperimentSpec:
    """Read an experiment's file.

    Raises:
        BadSpec: It is no TOML, or does not describe an experiment.
    """
    try:
        given = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise BadSpec({"file": f"It is not TOML: {error}."}) from error
    return spec_from(given)


def spec_from(given: Mapping[str, object]) -> ExperimentSpec:
    """Read the description of an experiment, or say everything that is wrong with it.

    Raises:
        BadSpec: Names that are missing, unknown, or carry something that does not fit.
    """
    read = _Reader(given)
    start = read.day("start")
    end = read.day("end")
    weeks = read.number("weeks", low=1, high=104)
    if weeks is not None:
        if end is not None:
            read.wrong["weeks"] = "Give either weeks or end."
        elif start is None:
            read.wrong["weeks"] = "Weeks need a start."
        else:
            end = start + timedelta(weeks=int(weeks))
    if start and end and end <= start:
        read.wrong["end"] = "It ends before it starts."
    variants = tuple(_variant(part) for part in read.tables("variants"))
    metrics = tuple(_metric(part) for part in read.tables("metrics"))
    plan = _plan(read.table("plan"))
    margins = read.table("margins")
    inference = Inference(
        read.choice("inference", [each.value for each in Inference], Inference.FIXED)
    )
    judging = _judging(read.table("judging"), inference)
    spec = ExperimentSpec(
        key=read.key("key"),
        name=read.text("name", limit=200),
        origin=Origin(read.choice("origin", [o.value for o in Origin], Origin.TRUELIFT)),
        method=Method(read.choice("method", [m.value for m in Method], Method.AB)),
        inference=inference,
        unit=read.choice("unit", ["visitor"], "visitor"),
        surface=read.text("surface", limit=120),
        hypothesis=read.text("hypothesis", limit=20),
        decision_owner=read.text("decision_owner", limit=254).lower(),
        deputy=read.text("deputy", limit=254).lower(),
        start=start,
        end=end,
        alpha=read.number("alpha", low=0, high=0.5, above=True) or 0.05,
        margin=read.number("margin", low=0, high=10, above=True),
        margins={
            name: share
            for name in list(margins.given)
            if (share := margins.number(name, low=0, high=10, above=True)) is not None
        },
        primary=read.text("primary", limit=80),
        secondary=read.texts("secondary"),
        guardrails=read.texts("guardrails"),
        waiver=read.text("waiver", limit=300),
        variants=variants,
        plan=plan,
        judging=judging,
        metrics=metrics,
    )
    if spec.key == "new":
        read.wrong["key"] = "“new” is the address of a page; choose another."
    read.finish()
    return spec


def _variant(part: _Reader) -> VariantSpec:
    return VariantSpec(
        key=part.key("key"),
        name=part.text("name", limit=120),
        weight=_or(part.number("weight", low=0, high=1e6, above=True), 1.0),
        control=part.choice("role", ["control", "treatment"], "treatment") == "control",
    )


def _metric(part: _Reader) -> MetricSpec:
    kind = part.choice("kind", [each.value for each in MetricKind], "")
    event = part.text("event", limit=200)
    if not kind:
        part.wrong[part.path("kind")] = "It is missing."
    if not event:
        part.wrong[part.path("event")] = "It is missing."
    denominator = part.text("denominator_event", limit=200)
    if kind == "ratio" and not denominator:
        part.wrong[part.path("denominator_event")] = "A ratio needs it."
    # The sooner the better, unless somebody says otherwise.
    usual = "decrease" if kind == MetricKind.RESTRICTED_MEAN else "increase"
    spec = MetricSpec(
        key=part.key("key"),
        kind=kind,
        event=event,
        name=part.text("name", limit=120),
        property=part.text("property", limit=120),
        denominator_event=denominator,
        denominator_property=part.text("denominator_property", limit=120),
        window_days=_or(part.number("window_days", low=0, high=366, above=True), 14.0),
        better=part.choice("better", ["increase", "decrease"], usual),
        unit_label=part.text("unit_label", limit=40),
        from_days=_or(part.number("from_days", low=0, high=366), 0.0),
        steps=part.texts("steps"),
        level=part.number("level", low=0, high=1, above=True),
        per=part.choice(
            "per", ["event", "visitor"], "event" if kind == MetricKind.QUANTILE else ""
        ),
        cap=part.number("cap", low=0, high=1e12, above=True),
        denominator_cap=part.number("denominator_cap", low=0, high=1e12, above=True),
        cap_percentile=part.number("cap_percentile", low=0.5, high=1),
    )
    for name, what in (*_wrong_of_kind(spec), *_wrong_of_cap(spec)):
        if kind:
            part.wrong.setdefault(part.path(name), what)
    return spec


MOST_STEPS: Final = 9
"""Before a funnel step."""

_CAPPED: Final = frozenset({MetricKind.COUNT, MetricKind.SUM, MetricKind.MEAN, MetricKind.RATIO})


def _wrong_of_kind(spec: MetricSpec) -> Iterator[tuple[str, str]]:
    """Say what a kind lacks, and what it has no use for."""
    said = spec.kind.replace("_", " ")
    match spec.kind:
        case MetricKind.QUANTILE:
            if spec.level is None or spec.level >= 1:
                yield "level", "A quantile needs it, above 0 and below 1: 0.5 is the median."
        case MetricKind.RETENTION:
            if not 0 < spec.from_days < spec.window_days:
                yield "from_days", "A retention needs it, above 0 and below window_days."
        case MetricKind.FUNNEL_STEP:
            if not 1 <= len(spec.steps) <= MOST_STEPS:
                yield "steps", f"A funnel step needs 1 to {MOST_STEPS} events before it, in order."
            elif spec.event in spec.steps:
                yield "steps", "The event itself is the last step; name the ones before it."
            elif any(len(each) > 200 for each in spec.steps):
                yield "steps", "An event has at most 200 characters."
        case MetricKind.RESTRICTED_MEAN if spec.property:
            yield "property", "A restricted mean is a time; it adds nothing up."
        case _:
            pass
    others = (
        ("level", spec.level, MetricKind.QUANTILE),
        ("per", spec.per, MetricKind.QUANTILE),
        ("from_days", spec.from_days, MetricKind.RETENTION),
        ("steps", spec.steps, MetricKind.FUNNEL_STEP),
    )
    for name, value, kind in others:
        if value and spec.kind != kind:
            yield name, f"Only a {kind.value.replace('_', ' ')} has it, and this is a {said}."
    if spec.denominator_event and spec.kind != MetricKind.RATIO:
        yield "denominator_event", f"Only a ratio has it, and this is a {said}."


def _wrong_of_cap(spec: MetricSpec) -> Iterator[tuple[str, str]]:
    caps = (spec.cap, spec.denominator_cap, spec.cap_percentile)
    if all(cap is None for cap in caps):
        return
    name = "cap" if spec.cap is not None else "cap_percentile"
    if spec.kind not in _CAPPED:
        yield name, "A cap is for totals, counts, means and ratios alone."
    elif spec.cap is not None and spec.cap_percentile is not None:
        yield "cap_percentile", "Give either cap or cap_percentile."
    elif spec.cap_percentile == 1:
        yield "cap_percentile", "It is below 1: 0.99 caps the largest one of a hundred."
    elif spec.denominator_cap is not None and (
        spec.kind != MetricKind.RATIO or spec.cap_percentile is not None
    ):
        yield "denominator_cap", "It is for a ratio whose cap is a number."


def _plan(part: _Reader) -> PlanSpec:
    n = part.number("n_per_variant", low=1, high=1e12)
    return PlanSpec(
        baseline=part.number("baseline", low=0, high=1e15, above=True),
        cv=part.number("cv", low=0, high=1e6, above=True),
        minimum_effect=part.number("minimum_effect", low=0, high=10, above=True),
        power=_or(part.number("power", low=0, high=1, above=True), 0.8),
        visitors_per_week=part.number("visitors_per_week", low=0, high=1e12, above=True),
        allocation=_or(part.number("allocation", low=0, high=1, above=True), 1.0),
        n_per_variant=None if n is None else int(n),
    )


_OF_METHOD: Final[Mapping[str, tuple[Inference, str]]] = MappingProxyType(
    {
        "tuning_n": (Inference.SEQUENTIAL, "tightest intervals"),
        "looks": (Inference.GROUP_SEQUENTIAL, "planned looks"),
        "spending": (Inference.GROUP_SEQUENTIAL, "looks that share an error level"),
        "prior_sd": (Inference.BAYESIAN, "a prior"),
    }
)
"""Setting → the only method that has it, and what it sets."""


def _judging(part: _Reader, inference: Inference) -> JudgingSpec:
    tuning_n = part.number("tuning_n", low=1, high=1e12)
    looks = part.number("looks", low=2, high=20)
    days = part.number("covariate_days", low=0, high=90)
    for name, number in (("tuning_n", tuning_n), ("looks", looks), ("covariate_days", days)):
        if number is not None and number != int(number):
            part.wrong[part.path(name)] = "It is a whole number."
    judging = JudgingSpec(
        tuning_n=None if tuning_n is None else int(tuning_n),
        looks=None if looks is None else int(looks),
        spending=part.choice("spending", [each.value for each in Spending], ""),
        prior_sd=part.number("prior_sd", low=0, high=10, above=True),
        correction=part.choice("correction", [each.value for each in Correction], ""),
        covariate_days=int(days or 0),
        segments=part.texts("segments"),
    )
    for name, (owner, what) in _OF_METHOD.items():
        if getattr(judging, name) and inference is not owner:
            part.wrong.setdefault(
                part.path(name), f"Only `{owner}` has {what}, and the inference is `{inference}`."
            )
    if inference is Inference.BAYESIAN and judging.correction not in {"", Correction.NONE}:
        part.wrong.setdefault(
            part.path("correction"), "Beliefs have no p-values to correct; leave it out."
        )
    if judging.correction == Correction.DUNNETT and inference is not Inference.FIXED:
        part.wrong.setdefault(
            part.path("correction"), f"Dunnett’s is for `{Inference.FIXED}` alone; choose `holm`."
        )
    if len(judging.segments) > MOST_SEGMENTS:
        part.wrong[part.path("segments")] = (
            f"Name at most {MOST_SEGMENTS}: the more are named, the less each can show."
        )
    if any(len(each) > 80 for each in judging.segments):
        part.wrong[part.path("segments")] = "A dimension has at most 80 characters."
    return judging


MOST_SEGMENTS: Final = 8


def _or(number: float | None, default: float) -> float:
    return default if number is None else number


class _Reader:
    """Takes names out of a mapping, and notes what is wrong instead of stopping at it."""

    def __init__(
        self, given: Mapping[str, object], *, at: str = "", wrong: dict[str, str] | None = None
    ) -> None:
        self.given = given
        self.at = at
        self.wrong: dict[str, str] = {} if wrong is None else wrong
        self._taken: set[str] = set()
        self._parts: list[_Reader] = []

    def path(self, name: str) -> str:
        return f"{self.at}{name}"

    def finish(self) -> None:
        """Complain about everything at once, names that nobody asked for included."""
        for part in (self, *self._parts):
            for name in part.given:
                if name not in part._taken:  # noqa: SLF001 - its own kind
                    self.wrong.setdefault(part.path(str(name)), "There is no such name.")
        if self.wrong:
            raise BadSpec(self.wrong)

    def text(self, name: str, *, limit: int) -> str:
        value = self._take(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            self.wrong[self.path(name)] = "It is text."
            return ""
        if len(value) > limit:
            self.wrong[self.path(name)] = f"It has at most {limit} characters."
            return ""
        if not is_storable(value):
            self.wrong[self.path(name)] = "It has a character that cannot be stored."
            return ""
        return value.strip()

    def key(self, name: str) -> str:
        value = self.text(name, limit=80)
        if not value:
            self.wrong.setdefault(self.path(name), "It is missing.")
        elif not KEY.match(value):
            self.wrong[self.path(name)] = (
                "It has letters, digits and _ . : - only, and begins with a letter or digit."
            )
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        value = self._take(name)
        if value is None:
            return ()
        if not isinstance(value, Sequence) or isinstance(value, str):
            self.wrong[self.path(name)] = "It is a list of texts."
            return ()
        if len(value) > 50 or not all(isinstance(e, str) and is_storable(e) for e in value):
            self.wrong[self.path(name)] = "It is a list of at most 50 texts."
            return ()
        return tuple(dict.fromkeys(str(each).strip() for each in value if str(each).strip()))

    def choice(self, name: str, allowed: Sequence[str], default: str) -> str:
        value = self._take(name)
        if value is None or value == "":
            return default
        if not isinstance(value, str) or value not in allowed:
            self.wrong[self.path(name)] = f"It is one of {', '.join(allowed)}."
            return default
        return value

    def number(self, name: str, *, low: float, high: float, above: bool = False) -> float | None:
        value = self._take(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.wrong[self.path(name)] = "It is a number."
            return None
        if not math.isfinite(value) or value > high or value < low or (above and value == low):
            least = "above" if above else "at least"
            self.wrong[self.path(name)] = f"It is {least} {low:g} and at most {high:g}."
            return None
        return float(value)

    def day(self, name: str) -> date | None:
        value = self._take(name)
        if value is None or value == "":
            return None
        if isinstance(value, str):
            try:
                value = date.fromisoformat(value)
            except ValueError:
                self.wrong[self.path(name)] = "It is a day, as 2026-11-02."
                return None
        # A datetime is a date as well, but a day has no hour.
        if type(value) is not date or not 2000 <= value.year <= 2200:
            self.wrong[self.path(name)] = "It is a day, as 2026-11-02."
            return None
        return value

    def table(self, name: str) -> _Reader:
        value = self._take(name)
        if value is not None and not isinstance(value, Mapping):
            self.wrong[self.path(name)] = "It is a table."
            value = None
        return self._part(value or {}, f"{self.path(name)}.")

    def tables(self, name: str) -> list[_Reader]:
        value = self._take(name)
        if value is None:
            return []
        if (
            not isinstance(value, Sequence)
            or isinstance(value, str)
            or len(value) > 50
            or not all(isinstance(each, Mapping) for each in value)
        ):
            self.wrong[self.path(name)] = "It is a list of at most 50 tables."
            return []
        return [
            self._part(each, f"{self.path(name)}[{number}].")
            for number, each in enumerate(value, start=1)
        ]

    def _part(self, given: Mapping[str, object], at: str) -> _Reader:
        part = _Reader(given, at=at, wrong=self.wrong)
        self._parts.append(part)
        return part

    def _take(self, name: str) -> object:
        self._taken.add(name)
        return self.given.get(name)
