"""The planner's form: an address in, a planned test out, every error said."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final
from urllib.parse import urlencode

import numpy as np
from django.http import QueryDict

from truelift.errors import Refusal
from truelift.stats.design import Aim, Design, Multiplicity
from truelift.stats.ladder import Traffic
from truelift.stats.outcome import Direction
from truelift.stats.planned import (
    RECIPES,
    PlannedKind,
    PlannedMethod,
    method_of,
    scale_of,
    spread_of,
)
from truelift.stats.power import check_lifts


LONGEST: Final = 200
"""Letters of one parameter that are read."""


@dataclass(frozen=True, slots=True)
class Number:
    """One number of the form.

    Attributes:
        name: In the address.
        label: As a person reads it.
        usual: What it is when nobody says; empty for nothing.
        low: Smallest that is taken.
        high: Largest that is taken.
        percent: Whether it is typed in per cent.
        whole: Whether it is a whole number.
        help: What it means, where the label is not enough.
        kinds: Kinds of metrics that have it; none for all.
        methods: Methods that have it; none for all.
        needed: Whether it may be left empty.
    """

    name: str
    label: str
    usual: str = ""
    low: float = 0.0
    high: float = 1e12
    percent: bool = False
    whole: bool = False
    help: str = ""
    kinds: tuple[PlannedKind, ...] = ()
    methods: tuple[PlannedMethod, ...] = ()
    needed: bool = True

    def applies(self, kind: str, method: str) -> bool:
        """Say whether it counts for what is planned."""
        return (not self.kinds or kind in self.kinds) and (
            not self.methods or method in self.methods
        )

    @property
    def css(self) -> str:
        """Classes by which the page shows it only where it counts."""
        return " ".join(
            [*(f"for-{kind}" for kind in self.kinds), *(f"for-{method}" for method in self.methods)]
        )

    @property
    def step(self) -> str:
        """What the browser lets be typed."""
        return "1" if self.whole else "any"


K, M = PlannedKind, PlannedMethod

METRIC: Final = (
    Number(
        "baseline",
        "Level now, %",
        "3",
        1e-7,
        100 - 1e-7,
        percent=True,
        kinds=(K.PROPORTION, K.RETENTION),
    ),
    Number("cv", "Spread / mean", "3", 1e-9, 1e6, kinds=(K.MEAN, K.RATIO)),
    Number("buys", "Who buy, %", "3", 1e-7, 100, percent=True, kinds=(K.REVENUE,)),
    Number("order_cv", "Spread / mean of an order", "1", 0, 1e6, kinds=(K.REVENUE,)),
    Number("den_cv", "Spread / mean below the line", "1", 0, 1e6, kinds=(K.RATIO,)),
    Number("correlation", "Correlation of both", "0.5", -1, 1, kinds=(K.RATIO,)),
    Number("mean", "Events per visitor", "4", 1e-9, 1e9, kinds=(K.COUNT,)),
    Number("dispersion", "Variance / mean", "4", 1e-9, 1e9, kinds=(K.COUNT,)),
    Number("level", "Which quantile, %", "75", 0.1, 99.9, percent=True, kinds=(K.QUANTILE,)),
    Number("log_sd", "Spread of the logarithm", "0.8", 1e-6, 100, kinds=(K.QUANTILE,)),
    Number("observations_per_unit", "Loads per visitor", "1", 1, 1e6, kinds=(K.QUANTILE,)),
    Number(
        "happened",
        "Has happened by then, %",
        "20",
        1e-7,
        100 - 1e-7,
        percent=True,
        kinds=(K.RESTRICTED_MEAN, K.HAZARD),
    ),
)
"""Numbers that describe the metric, each for some kinds."""

PLAN: Final = (
    Number("lift", "Smallest lift worth seeing, %", "10", -99.9, 1e6, percent=True),
    Number("weekly", "New visitors a week", "10000", 1, 1e10),
    Number("arms", "Variants", "2", 2, 20, whole=True),
)
"""Numbers that every plan has, on the bar."""

MORE: Final = (
    Number("allocation", "Share of them in the test, %", "100", 0.01, 100, percent=True),
    Number("power", "Chance to see it, %", "80", 5, 99.99, percent=True, help="The power."),
    Number(
        "alpha",
        "Error level, %",
        "5",
        0.01,
        50,
        percent=True,
        help="How often a change that does nothing may look like one.",
    ),
    Number(
        "maturation",
        "Days until a value is complete",
        "0",
        0,
        730,
        help="The metric’s window; 30 for refunds.",
    ),
    Number(
        "control",
        "Visitors in the control, %",
        "",
        1,
        99,
        percent=True,
        needed=False,
        help="Empty for the same as in every variant.",
    ),
    Number(
        "covariate",
        "Correlation with the time before",
        "0",
        0,
        0.999,
        help="What is known of visitors takes its square off the variance.",
    ),
    Number(
        "margin",
        "Margin, %",
        "5",
        0.01,
        99,
        percent=True,
        help="The loss that would not matter, where no lift is looked for.",
    ),
    Number(
        "tuning",
        "Visitors at which it is tightest",
        "5000",
        1,
        1e10,
        methods=(M.SEQUENTIAL,),
        help="Of both variants together; best near the end of the test.",
    ),
    Number("looks", "Looks", "4", 1, 20, whole=True, methods=(M.GROUP_SEQUENTIAL,)),
    Number(
        "prior",
        "Spread of lifts believed in, %",
        "10",
        0.1,
        1000,
        percent=True,
        methods=(M.BAYESIAN,),
        help="A normal prior around no lift.",
    ),
    Number(
        "pages",
        "Pages of the same kind",
        "1",
        1,
        1000,
        whole=True,
        help="On which the same change could be tested as one.",
    ),
    Number(
        "triggered",
        "Who could see the change, %",
        "100",
        0.1,
        100,
        percent=True,
        help="Of the visitors above.",
    ),
)
"""Numbers with a usual value, folded away."""

NUMBERS: Final = (*METRIC, *PLAN, *MORE)

KINDS: Final = (
    (K.PROPORTION, "Share of visitors"),
    (K.REVENUE, "Revenue per visitor"),
    (K.MEAN, "Mean per visitor"),
    (K.RATIO, "Ratio of two totals"),
    (K.COUNT, "Events per visitor"),
    (K.QUANTILE, "Quantile, such as load time"),
    (K.RETENTION, "Retention by a day"),
    (K.RESTRICTED_MEAN, "Mean time until, cut at a horizon"),
    (K.HAZARD, "How fast it happens"),
)
METHODS: Final = (
    (M.FIXED, "One look at the end"),
    (M.SEQUENTIAL, "A look at any time"),
    (M.GROUP_SEQUENTIAL, "A few looks"),
    (M.BAYESIAN, "Bayesian"),
)
AIMS: Final = (
    (Aim.SUPERIORITY, "That it makes a difference"),
    (Aim.NON_INFERIORITY, "That it is not worse"),
    (Aim.EQUIVALENCE, "That it makes no difference"),
)
RULES: Final = (
    (Multiplicity.BONFERRONI, "Bonferroni"),
    (Multiplicity.DUNNETT, "Dunnett"),
    (Multiplicity.NONE, "Not at all"),
)
BETTER: Final = ((Direction.INCREASE, "It rises"), (Direction.DECREASE, "It falls"))

CHOICES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        name: tuple(value.value for value, _ in choices)
        for name, choices in (
            ("kind", KINDS),
            ("method", METHODS),
            ("aim", AIMS),
            ("rule", RULES),
            ("better", BETTER),
        )
    }
)
"""What is chosen from a list, the usual one first."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A test as the address describes it, in numbers.

    Attributes:
        design: What is fixed.
        lift: Smallest lift worth seeing; 0 where it is to show a margin.
        weekly: Visitors who take part in a week.
        power: Asked for.
        maturation_days: Until a value is complete.
        traffic: What the ladder is climbed with.
    """

    design: Design
    lift: float
    weekly: float
    power: float
    maturation_days: float
    traffic: Traffic | None


@dataclass(frozen=True, slots=True)
class PlannerForm:
    """What a person typed, as they typed it.

    Attributes:
        typed: By name; what is missing has its usual value.
        metric: Key of the site's metric from which the numbers were taken; or empty.
    """

    typed: Mapping[str, str] = field(default_factory=dict)
    metric: str = ""

    @classmethod
    def of(cls, query: QueryDict) -> PlannerForm:
        """Read it from an address."""
        names = [*(number.name for number in NUMBERS), *CHOICES]
        typed = {name: text[:LONGEST] for name in names if (text := query.get(name, "").strip())}
        return cls(typed, query.get("metric", "").strip()[:LONGEST])

    def filled(self, known: Mapping[str, str]) -> PlannerForm:
        """Put what is known where nobody typed anything."""
        return PlannerForm({**known, **self.typed}, self.metric)

    def chosen(self, name: str) -> str:
        """Give what was chosen from a list; the usual one when it is none of it."""
        given = self.typed.get(name, "")
        return given if given in CHOICES[name] else CHOICES[name][0]

    def text(self, number: Number) -> str:
        """Give a number as its input shows it."""
        return self.typed.get(number.name, number.usual)

    @property
    def address(self) -> str:
        """The parameters that bring it back: the plan, and what counts and is not as usual."""
        kind, method = self.chosen("kind"), self.chosen("method")
        said = {"kind": kind}
        said |= {n: self.chosen(n) for n in CHOICES if self.chosen(n) != CHOICES[n][0]}
        said |= {
            number.name: self.typed[number.name]
            for number in NUMBERS
            if number.name in self.typed
            and number.applies(kind, method)
            and (self.typed[number.name] != number.usual or number in PLAN)
        }
        return urlencode(said)

    @property
    def says_more(self) -> bool:
        """Whether something folded away is not as usual."""
        kind, method = self.chosen("kind"), self.chosen("method")
        usual = all(
            self.text(number) == number.usual for number in MORE if number.applies(kind, method)
        )
        return not usual or any(
            self.chosen(name) != CHOICES[name][0] for name in ("aim", "rule", "better")
        )

    def problems(self) -> tuple[str, ...]:
        """Say everything that is no number or lies outside what is taken."""
        found = tuple(self._wrong())
        if found:
            return found
        try:
            self.plan()
        except Refusal as refusal:
            return (str(refusal),)
        return ()

    def value(self, name: str) -> float | None:
        """Give a number as it is calculated with; None where it is left empty."""
        number = next(each for each in NUMBERS if each.name == name)
        text = self.text(number).replace(",", "")
        if not text:
            return None
        return float(text) / 100 if number.percent else float(text)

    def plan(self) -> Plan:
        """Make the planned test.

        Raises:
            BadDesign: The numbers contradict each other.
        """
        kind, method = PlannedKind(self.chosen("kind")), PlannedMethod(self.chosen("method"))
        aim, better = Aim(self.chosen("aim")), Direction(self.chosen("better"))
        arms, alpha, power = int(self._of("arms")), self._of("alpha"), self._of("power")
        control = self.value("control")
        others = () if control is None else ((1 - control) / (arms - 1),) * (arms - 1)
        rule = Multiplicity(self.chosen("rule"))
        design = Design(
            spread_of(kind, {name: self.value(name) for name in self._described(kind)}),
            alpha=alpha,
            arms=arms,
            weights=() if control is None else (control, *others),
            multiplicity=rule,
            method=method_of(
                method,
                tuning_n=self._of("tuning"),
                looks=int(self._of("looks")),
                alpha=alpha if rule is Multiplicity.NONE else alpha / (arms - 1),
                power=power,
                prior_sd=self._of("prior"),
            ),
            aim=aim,
            margin=None if aim is Aim.SUPERIORITY else self._of("margin"),
            direction=better,
            scale=scale_of(kind, method),
            covariate=self._of("covariate"),
        )
        superior = aim is Aim.SUPERIORITY
        lift = self._of("lift") if superior else 0.0
        # A lift worth seeing is one towards what is better, whatever sign was typed.
        lift = -abs(lift) if superior and better is Direction.DECREASE else lift
        check_lifts(design, np.asarray(lift))
        weekly = self._of("weekly") * self._of("allocation")
        return Plan(
            design=design,
            lift=lift,
            weekly=weekly,
            power=power,
            maturation_days=self._of("maturation"),
            traffic=Traffic(
                design,
                weekly,
                power=power,
                pooled=int(self._of("pages")),
                triggered=self._of("triggered"),
                covariate=None,
            )
            if superior
            else None,
        )

    def _described(self, kind: PlannedKind) -> Iterator[str]:
        recipe = RECIPES[kind]
        known = {number.name for number in METRIC}
        yield from (name for name in (*recipe.needs, *recipe.takes) if name in known)

    def _of(self, name: str) -> float:
        value = self.value(name)
        return 0.0 if value is None else value

    def _wrong(self) -> Iterator[str]:
        kind, method = self.chosen("kind"), self.chosen("method")
        for number in NUMBERS:
            if not number.applies(kind, method):
                continue
            text = self.text(number).replace(",", "")
            if not text and not number.needed:
                continue
            try:
                value = float(text)
            except ValueError:
                value = math.nan
            if not number.low <= value <= number.high or (number.whole and value % 1):
                low, high = f"{number.low:g}", f"{number.high:g}"
                what = "a whole number" if number.whole else "a number"
                yield f"“{number.label}” is {what} from {low} to {high}."
