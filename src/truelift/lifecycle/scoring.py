"""Scores that order what could be tried next: one framework at a time, nothing missing as nought.

Source:
    docs/methods/priority-scores.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from statistics import fmean, median
from types import MappingProxyType
from typing import ClassVar, Final

from truelift.errors import Refusal
from truelift.lifecycle.policy import Framework, Scoring


class IceForm(StrEnum):
    """The two forms of ICE that circulate; they rank differently, so a programme picks one."""

    PRODUCT = "product"
    MEAN = "mean"


class Origin(StrEnum):
    """Where an input comes from; pages draw the two apart."""

    DATA = "data"
    JUDGEMENT = "judgement"
    SETTING = "setting"


@dataclass(frozen=True, slots=True)
class Input:
    """One number that goes into a score.

    Attributes:
        value: The number.
        origin: Whether the system knew it or people said it.
        said: Where it comes from, in words.
        low: Lowest that anybody said; the value itself when it is not by judgement.
        high: Highest that anybody said.
    """

    value: float
    origin: Origin
    said: str = ""
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """An input that a framework asks for.

    Attributes:
        name: Stable; the key of the value.
        label: As a form asks for it.
        low: Smallest value.
        high: Largest value.
        choices: The only values there are; empty where everything between the ends is one.
        ten: Whether people answer from 1 to 10, so that their spread is judged.
        zero: Whether the smallest value itself is left out (a divisor).
    """

    name: str
    label: str
    low: float = 1.0
    high: float = 10.0
    choices: tuple[float, ...] = ()
    ten: bool = False
    zero: bool = False

    def takes(self, value: float) -> bool:
        """Say whether a value is one of those that can be given."""
        if not math.isfinite(value) or not self.low <= value <= self.high:
            return False
        if self.zero and value == self.low:
            return False
        return not self.choices or value in self.choices


@dataclass(frozen=True, slots=True)
class Question:
    """A line of the PXL table.

    Attributes:
        key: Stable.
        text: The question, answered by yes or no; `ease` by steps.
        points: What a yes is worth, or the least work.
    """

    key: str
    text: str
    points: float


PXL_TABLE: Final = (
    Question("fold", "Is the change visible without scrolling?", 1),
    Question("five_sec", "Would a visitor notice it in five seconds?", 2),
    Question("add_remove", "Does it add or remove something, not only restyle?", 2),
    Question("motivation", "Does it aim at the wish to act, not only at usability?", 1),
    Question("traffic", "Does it run on pages with much traffic?", 1),
    Question("user_test", "Did user testing show the problem?", 1),
    Question("qual", "Did surveys, polls, interviews or calls show it?", 1),
    Question("analytics", "Do analytics support it?", 1),
    Question("tracking", "Do heatmaps, mouse or eye tracking support it?", 1),
    Question("ease", "Work: under 4 hours 3, up to 8 hours 2, under 2 days 1, more 0", 3),
)
"""The table as published, at most 14 points; its authors tell users to adapt it."""


@dataclass(frozen=True, slots=True)
class Rule:
    """How one version of a programme's framework scores.

    Attributes:
        framework: Which.
        version: Counted by the programme; two versions are never in one ranking.
        ice_form: Product or mean; of ICE alone.
        pxl: The table; of PXL alone.
    """

    framework: Framework
    version: int = 1
    ice_form: IceForm = IceForm.PRODUCT
    pxl: tuple[Question, ...] = PXL_TABLE

    @property
    def asks(self) -> tuple[Asked, ...]:
        """The inputs, in the order in which a form asks for them."""
        if self.framework is Framework.PXL:
            return tuple(_row(each) for each in self.pxl)
        return ASKED[self.framework]

    @property
    def highest(self) -> float | None:
        """The largest score there is; None where there is no end."""
        match self.framework:
            case Framework.ICE:
                return 1000.0 if self.ice_form is IceForm.PRODUCT else 10.0
            case Framework.PIE:
                return 10.0
            case Framework.PXL:
                return float(sum(each.points for each in self.pxl))
            case _:
                return None


def rule_for(scoring: Scoring, *, version: int) -> Rule:
    """Give the rule that a programme has agreed on.

    Args:
        scoring: Framework, variant and weights of its policy; the weights of PXL are points.
        version: Of the agreement about scoring.
    """
    table = tuple(replace(each, points=scoring.weight(each.key, each.points)) for each in PXL_TABLE)
    form = IceForm.MEAN if scoring.variant == IceForm.MEAN else IceForm.PRODUCT
    return Rule(scoring.framework, version=version, ice_form=form, pxl=table)


STEPS: Final = 3.0
"""Steps in which PXL asks for the work; every other row is answered by yes or no."""


def _row(question: Question) -> Asked:
    if question.key == "ease":
        return Asked("ease", question.text, low=0.0, high=STEPS, choices=(0.0, 1.0, 2.0, 3.0))
    return Asked(question.key, question.text, low=0.0, high=1.0, choices=(0.0, 1.0))


def _ten(name: str, label: str) -> Asked:
    return Asked(name, label, ten=True)


_FLAG, _DEPLOY, _ONE_WAY = 0.2, 0.5, 1.0

ASKED: Final[Mapping[Framework, tuple[Asked, ...]]] = MappingProxyType(
    {
        Framework.ICE: (
            _ten("impact", "Impact, 1 to 10"),
            _ten("confidence", "Confidence, 1 to 10"),
            _ten("ease", "Ease, 1 to 10"),
        ),
        Framework.PIE: (
            _ten("potential", "Potential, 1 to 10"),
            _ten("importance", "Importance, 1 to 10"),
            _ten("ease", "Ease, 1 to 10"),
        ),
        Framework.RICE: (
            Asked("reach", "Reach, people in four weeks", low=0.0, high=1e12),
            Asked(
                "impact",
                "Impact: massive 3, high 2, medium 1, low 0.5, minimal 0.25",
                low=0.25,
                high=3.0,
                choices=(3.0, 2.0, 1.0, 0.5, 0.25),
            ),
            Asked(
                "confidence",
                "Confidence: high 1, medium 0.8, low 0.5",
                low=0.5,
                high=1.0,
                choices=(1.0, 0.8, 0.5),
            ),
            Asked("effort", "Effort, person-months", low=0.0, high=1000.0, zero=True),
        ),
        Framework.EV: (
            Asked("weekly_units", "People a week who could see it", low=0.0, high=1e12, zero=True),
            Asked("rate", "Share of them who convert now", low=0.0, high=1.0, zero=True),
            Asked("revenue", "Revenue per person", low=0.0, high=1e12),
            Asked("reached", "Share of them whom it reaches", low=0.0, high=1.0),
            Asked("work", "Work, person-days", low=0.0, high=10_000.0),
        ),
        Framework.RISK_REWARD: (
            Asked("reward", "Reward, 1 to 5", low=1.0, high=5.0),
            Asked("risk", "Risk, 1 to 5", low=1.0, high=5.0),
            Asked(
                "reversibility",
                "How it can be undone: a flag 0.2, a release 0.5, not at all 1",
                low=_FLAG,
                high=_ONE_WAY,
                choices=(_FLAG, _DEPLOY, _ONE_WAY),
            ),
        ),
    }
)
"""Framework → what it asks for; PXL asks for the rows of its table."""


class BadValue(Refusal):
    """Values that a framework does not take; every one is named."""

    code: ClassVar[str] = "scoring.bad_value"

    def __init__(self, wrong: Mapping[str, str]) -> None:
        self.wrong = dict(wrong)
        said = " ".join(f"{name}: {what}" for name, what in wrong.items())
        super().__init__(f"Some values do not fit. {said}", fields=tuple(wrong))


class MixedFrameworks(Refusal):
    """Scores of two frameworks, or of two versions of one, were put into one ranking."""

    code: ClassVar[str] = "scoring.mixed_frameworks"

    def __init__(self, *, kinds: Sequence[str]) -> None:
        super().__init__(
            f"Scores of {' and '.join(kinds)} have no common order. Score everything by the"
            " active framework first.",
            kinds=tuple(kinds),
        )


@dataclass(frozen=True, slots=True)
class Score:
    """What a framework says of one item.

    Attributes:
        framework: Which.
        version: Of the programme's framework.
        value: The score; None while something that it needs is missing.
        missing: Names of the missing inputs, all of them.
        low: Lower end of what it could be; None where a framework gives no interval.
        high: Upper end.
    """

    framework: Framework
    version: int
    value: float | None
    missing: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None


def checked_values(rule: Rule, values: Mapping[str, float]) -> dict[str, float]:
    """Give what a person answered back when the framework takes it.

    Raises:
        BadValue: Something is unknown, or outside of its range.
    """
    asks = {each.name: each for each in rule.asks}
    wrong = {}
    for name, value in values.items():
        asked = asks.get(name)
        if asked is None:
            wrong[name] = "The active framework does not ask for it."
        elif not asked.takes(value):
            wrong[name] = f"It is {_range(asked)}."
    if wrong:
        raise BadValue(wrong)
    return dict(values)


def _range(asked: Asked) -> str:
    if asked.choices:
        return f"one of {', '.join(f'{each:g}' for each in asked.choices)}"
    above = "above" if asked.zero else "from"
    if asked.high >= 1e6:
        return f"a number {above} {asked.low:g}" if asked.zero else f"{asked.low:g} or more"
    return f"{above} {asked.low:g} {'and at most' if asked.zero else 'to'} {asked.high:g}"


def score_of(rule: Rule, inputs: Mapping[str, Input]) -> Score:
    """Score an item by every framework but expected value, which `scoring_value` works out.

    A missing input is not nought: the score is then undefined, and every missing one is named.
    """
    missing = tuple(each.name for each in rule.asks if each.name not in inputs)
    if missing:
        return Score(rule.framework, rule.version, None, missing)
    values = {each.name: inputs[each.name].value for each in rule.asks}
    ends = [{name: _end(inputs[name], lower=lower) for name in values} for lower in (True, False)]
    value = formula(rule, values)
    all_ends = [value, *(formula(rule, mixed) for mixed in _ends(ends))]
    return Score(rule.framework, rule.version, value, low=min(all_ends), high=max(all_ends))


_COSTS: Final = frozenset({"effort", "risk", "reversibility"})
"""Inputs of which more makes the score smaller."""


def _end(given: Input, *, lower: bool) -> float:
    end = given.low if lower else given.high
    return given.value if end is None else end


def _ends(ends: Sequence[Mapping[str, float]]) -> Iterable[dict[str, float]]:
    """Give the worst and the best that the scorers between them could mean."""
    low, high = ends
    yield {name: (high if name in _COSTS else low)[name] for name in low}
    yield {name: (low if name in _COSTS else high)[name] for name in low}


def formula(rule: Rule, values: Mapping[str, float]) -> float:
    """Put the values into the framework's formula."""
    match rule.framework:
        case Framework.ICE:
            return ice(
                impact=values["impact"],
                confidence=values["confidence"],
                ease=values["ease"],
                form=rule.ice_form,
            )
        case Framework.PIE:
            return pie(
                potential=values["potential"],
                importance=values["importance"],
                ease=values["ease"],
            )
        case Framework.RICE:
            return rice(
                reach=values["reach"],
                impact=values["impact"],
                confidence=values["confidence"],
                effort=values["effort"],
            )
        case Framework.PXL:
            return math.fsum(
                each.points * values[each.key] / (STEPS if each.key == "ease" else 1)
                for each in rule.pxl
            )
        case Framework.RISK_REWARD:
            return values["reward"] - values["risk"] * values["reversibility"]
        case Framework.EV:
            raise BadValue({"framework": "Expected value is worked out by `scoring_value`."})


def ice(*, impact: float, confidence: float, ease: float, form: IceForm) -> float:
    """Give impact × confidence × ease, at most 1000, or their mean, at most 10."""
    if form is IceForm.PRODUCT:
        return impact * confidence * ease
    return fmean((impact, confidence, ease))


def pie(*, potential: float, importance: float, ease: float) -> float:
    """Give the mean of the three; made for choosing pages."""
    return fmean((potential, importance, ease))


def rice(*, reach: float, impact: float, confidence: float, effort: float) -> float:
    """Give reach × impact × confidence ÷ effort.

    Args:
        reach: People per period.
        impact: 3, 2, 1, 0.5 or 0.25.
        confidence: 1, 0.8 or 0.5.
        effort: Person-months, above 0.
    """
    return reach * impact * confidence / effort


def ten_point(value: float, *, of: float) -> float:
    """Place a known amount on the scale from 1 to 10, by its share of the largest there is."""
    share = 0.0 if of <= 0 else min(1.0, max(0.0, value / of))
    return round(1 + 9 * share, 1)


DISCUSS_FROM: Final = 4.0
"""Points of ten between the lowest and the highest answer from which people should talk."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one person answered.

    Attributes:
        scorer: Who.
        values: Name of the input → answer.
    """

    scorer: str
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Agreement:
    """What several people answered to one question.

    Attributes:
        median: The middle.
        low: The lowest answer.
        high: The highest answer.
        n: How many answered.
        discuss: Whether they are so far apart that a median hides a disagreement.
    """

    median: float
    low: float
    high: float
    n: int
    discuss: bool

    @property
    def spread(self) -> float:
        """From the lowest to the highest answer."""
        return self.high - self.low


def agreement_of(rule: Rule, opinions: Sequence[Opinion]) -> dict[str, Agreement]:
    """Put together what people answered apart, question by question."""
    found = {}
    for asked in rule.asks:
        answers = sorted(each.values[asked.name] for each in opinions if asked.name in each.values)
        if answers:
            apart = answers[-1] - answers[0]
            found[asked.name] = Agreement(
                median=median(answers),
                low=answers[0],
                high=answers[-1],
                n=len(answers),
                discuss=asked.ten and apart >= DISCUSS_FROM,
            )
    return found


def shown_to(scorer: str, opinions: Sequence[Opinion]) -> tuple[Opinion, ...]:
    """Give the answers that a scorer may see: all once their own is in, before that none."""
    return tuple(opinions) if any(each.scorer == scorer for each in opinions) else ()


@dataclass(frozen=True, slots=True)
class Contender:
    """An item that competes for the next slot.

    Attributes:
        key: `H-4` or `ID-4`.
        score: By the active framework.
        solution_only: Whether no problem is linked; such items come last.
        pinned: The rank that a person gave it, from 1; None where the score decides.
    """

    key: str
    score: Score
    solution_only: bool = False
    pinned: int | None = None


def ranked(contenders: Sequence[Contender]) -> tuple[Contender, ...]:
    """Order what competes: by score, then what has none, then solutions without a problem.

    A rank that a person gave stands; the others keep their order around it.

    Raises:
        MixedFrameworks: They were scored by two frameworks, or two versions of one.
    """
    kinds = sorted({f"{each.score.framework.upper()} {each.score.version}" for each in contenders})
    if len(kinds) > 1:
        raise MixedFrameworks(kinds=kinds)
    # Python's sort keeps the order of equals, so that a tie does not jump about.
    free = sorted((each for each in contenders if each.pinned is None), key=_place)
    for each in sorted(
        (c for c in contenders if c.pinned is not None), key=lambda c: c.pinned or 1
    ):
        free.insert(min(len(free), max(0, (each.pinned or 1) - 1)), each)
    return tuple(free)


def _place(each: Contender) -> tuple[bool, bool, float]:
    value = each.score.value
    return (each.solution_only, value is None, 0.0 if value is None else -value)


def open_with_first(scores: Sequence[Score]) -> int:
    """Say among how many of the first the order is open: their intervals reach the first one's.

    Args:
        scores: In their order; those without an interval count as points.
    """
    if not scores or scores[0].value is None:
        return 0
    floor = scores[0].value if scores[0].low is None else scores[0].low
    count = 1
    for each in scores[1:]:
        if each.value is None:
            break
        if (each.value if each.high is None else each.high) < floor:
            break
        count += 1
    return count
