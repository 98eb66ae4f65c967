"""Reads a hypothesis as a sharp colleague would, and says what is weak about it."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from truelift.lifecycle.insight import Grade, grade_of
from truelift.lifecycle.policy import USUAL_POLICY, Policy


if TYPE_CHECKING:
    from truelift.lifecycle.hypothesis import Hypothesis


class Level(StrEnum):
    """How much a flag matters: red keeps a hypothesis from being accepted, amber does not."""

    RED = "red"
    AMBER = "amber"


class Question(StrEnum):
    """What is asked of every hypothesis (R055)."""

    ONE_CHANGE = "one_change"
    AUDIENCE = "audience"
    METRIC = "metric"
    FALSIFIABLE = "falsifiable"
    SIZE = "size"
    EVIDENCE = "evidence"
    LEARNING = "learning"


@dataclass(frozen=True, slots=True)
class Flag:
    """One weakness.

    Attributes:
        code: Stable and dotted.
        level: How much it matters.
        question: Which of the seven questions it answers badly.
        field: The field of the form that removes it.
        sentence: What is weak, as a full sentence.
        remedy: What removes it, as an order to the reader.
        missing: Whether something is simply not there; the guards of the stages say that
            themselves.
    """

    code: str
    level: Level
    question: Question
    field: str
    sentence: str
    remedy: str
    missing: bool = False


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Earlier work that speaks against a hypothesis.

    Attributes:
        key: `L-3` or `H-2`.
        text: What was found.
    """

    key: str
    text: str


@dataclass(frozen=True, slots=True)
class Lint:
    """What was found.

    Attributes:
        flags: Red ones first, each in the order of the questions.
    """

    flags: tuple[Flag, ...]

    @property
    def red(self) -> tuple[Flag, ...]:
        """The flags that keep it from being accepted."""
        return tuple(each for each in self.flags if each.level is Level.RED)

    @property
    def answered(self) -> int:
        """How many of the seven questions it answers without a flag."""
        return len(Question) - len({each.question for each in self.flags})


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_VERBS: Final = _words(
    """
    add allow apply ask autofill begin collapse combine delay delete emphasise emphasize enlarge
    expand explain give hide increase insert introduce keep lengthen let lower make merge move
    preselect prefill put raise rearrange redesign reduce reload remove rename reorder replace
    require reveal rewrite send shorten show shrink simplify skip swap tell translate turn use
    """
)
"""Words with which a change begins; a second one of them after “and” is a second change."""

_VERBS_OR_NOUNS: Final = _words(
    """
    change count cut default display drop grey group highlight hold limit link list load mention
    name offer open order place promise sort split start state stick switch test
    """
)
"""Words that are changes only before “the” and its like: “offer the wallet”, not “offer text”."""

_POINTING: Final = _words(
    "a all an another each every fewer it its less more no one only our the their them this to"
)

_VAGUE: Final = _words(
    """
    better enhance fix improve modernise modernize optimise optimize overhaul polish refine refresh
    rethink revamp streamline upgrade
    """
)
"""Words that say that something gets better, and not what is changed."""

_JOINTS: Final = re.compile(
    r"\s*(?:[;,+&](?:\s?\b(?:and|plus|then|also)\b)?|\s\b(?:and|plus|then|while)\b(?:\s(?:also|then))?"
    r"|\bas well as\b)\s*",
    re.IGNORECASE,
)
_NOBODY: Final = frozenset(
    {
        "users",
        "the users",
        "our users",
        "people",
        "visitors",
        "our visitors",
        "customers",
        "our customers",
        "shoppers",
        "them",
        "clients",
        "the audience",
        "target audience",
        "traffic",
    }
)
_EITHER_WAY: Final = re.compile(
    r"\b(change|differ|vary|be (affected|influenced|impacted|different)|rise or fall|fall or rise"
    r"|increase or decrease|react|behave differently|have an? (impact|effect|influence))\b",
    re.IGNORECASE,
)
_HEDGE: Final = re.compile(
    r"\b(might|could|may|maybe|perhaps|possibly|probably|hopefully|potentially|should)\b",
    re.IGNORECASE,
)
_LIKING: Final = re.compile(
    r"\b(like|love|enjoy|prefer|feel|appreciate|be (happier|happy|delighted|engaged|satisfied)"
    r"|look (better|nicer|modern))\b",
    re.IGNORECASE,
)
_OPINION: Final = re.compile(
    r"\b(we|i) (think|believe|feel|guess|assume|hope|like)\b|\b(everyone knows|it is obvious"
    r"|obviously|best practice|the competition|competitors?)\b",
    re.IGNORECASE,
)
_PRESSURE: Final = re.compile(
    r"\b(countdown|count down|timer|only \w+ left|hurry|scarcity|last chance|limited time|urgen\w*"
    r"|running out|others are (looking|viewing)|people are (looking|viewing)|pre-?tick\w*)\b",
    re.IGNORECASE,
)
_WORD: Final = re.compile(r"[^\W\d_]+(?:[’'][^\W\d_]+)?")

LARGEST_USUAL: Final = 0.5
"""Relative effects beyond this are almost never true, whatever people hope for."""


def lint(
    hypothesis: Hypothesis,
    *,
    policy: Policy = USUAL_POLICY,
    metrics: Collection[str] | None = None,
    contradicted_by: Sequence[Contradiction] = (),
) -> Lint:
    """Ask a hypothesis the seven questions, and say what is weak.

    Args:
        hypothesis: As it stands, complete or not.
        policy: What the programme has agreed on: how much evidence is needed.
        metrics: Keys of the metrics that the site can measure; None when nobody has looked.
        contradicted_by: Earlier work that found the opposite, without what it cites itself.
    """
    found = [
        *_one_change(hypothesis),
        *_audience(hypothesis),
        *_metric(hypothesis, metrics),
        *_falsifiable(hypothesis),
        *_size(hypothesis),
        *_evidence(hypothesis, policy),
        *_learning(hypothesis, contradicted_by),
    ]
    return Lint(tuple(sorted(found, key=lambda each: each.level is not Level.RED)))


def changes_in(text: str) -> int:
    """Count the changes that a sentence names: parts that begin with a verb of their own."""
    parts = [words for each in _JOINTS.split(text) if (words := _opening(each))]
    if not parts:
        return 0
    # The first part is a change whatever it begins with, unless it only says where.
    first = _is_change(parts[0]) or len(parts[0]) > _SAYS_WHERE
    return max(1, first + sum(_is_change(words) for words in parts[1:]))


_SAYS_WHERE: Final = 2
"""“On phones, show the cost”: so many words in front of a comma are no change of their own."""


def _is_change(words: Sequence[str]) -> bool:
    return words[0] in _VERBS | _VAGUE or (
        words[0] in _VERBS_OR_NOUNS and len(words) > 1 and words[1] in _POINTING
    )


def _opening(text: str) -> list[str]:
    """Give the words of a part, without those with which people begin one."""
    words = [each.lower() for each in _WORD.findall(text)]
    while words and words[0] in {"if", "we", "also", "then"}:
        words.pop(0)
    return words


def _one_change(hypothesis: Hypothesis) -> list[Flag]:
    ask = Question.ONE_CHANGE
    change = hypothesis.change.strip()
    if not change:
        return [
            Flag(
                "lint.no_change",
                Level.RED,
                ask,
                "change",
                "It does not say what would be changed.",
                "Say the one change.",
                missing=True,
            )
        ]
    found = []
    several = changes_in(change)
    if several >= 2:
        found.append(
            Flag(
                "lint.several_changes",
                Level.RED if several > 2 else Level.AMBER,
                ask,
                "change",
                f"It names {several} changes: nobody will know which of them did it.",
                "Keep one, and write another hypothesis for each of the others.",
            )
        )
    first = _opening(change)[:1]
    if first and first[0] in _VAGUE:
        found.append(
            Flag(
                "lint.vague_change",
                Level.RED,
                ask,
                "change",
                f"“{first[0].capitalize()}” says that something gets better, not what is changed.",
                "Say what a visitor would see that is not there now.",
            )
        )
    if _PRESSURE.search(change) and not hypothesis.adds_pressure:
        found.append(
            Flag(
                "lint.pressure_unsaid",
                Level.AMBER,
                ask,
                "adds_pressure",
                "It seems to press people, and does not say so.",
                "Tick that it adds pressure: its test then needs a guardrail for the customer’s"
                " experience.",
            )
        )
    return found


def _audience(hypothesis: Hypothesis) -> list[Flag]:
    audience = hypothesis.audience.strip().lower().rstrip(".")
    if not audience:
        return [
            Flag(
                "lint.no_audience",
                Level.RED,
                Question.AUDIENCE,
                "audience",
                "It does not say for whom.",
                "Name the audience or segment, or “everyone”.",
                missing=True,
            )
        ]
    if audience in _NOBODY:
        return [
            Flag(
                "lint.nobody_named",
                Level.AMBER,
                Question.AUDIENCE,
                "audience",
                f"“{hypothesis.audience.strip()}” names nobody in particular.",
                "Name the segment of the finding, or say “everyone” if you mean it.",
            )
        ]
    return []


def _metric(hypothesis: Hypothesis, metrics: Collection[str] | None) -> list[Flag]:
    metric = hypothesis.metric.strip()
    if not metric:
        return [
            Flag(
                "lint.no_metric",
                Level.RED,
                Question.METRIC,
                "metric",
                "No metric is named that would show it.",
                "Choose a metric.",
                missing=True,
            )
        ]
    if metrics and metric not in metrics:
        return [
            Flag(
                "lint.unknown_metric",
                Level.RED,
                Question.METRIC,
                "metric",
                f"The site does not measure “{metric}”.",
                "Choose one of its metrics, or define this one first.",
            )
        ]
    return []


def _falsifiable(hypothesis: Hypothesis) -> list[Flag]:
    ask = Question.FALSIFIABLE
    found = []
    outcome = hypothesis.outcome
    if not outcome.strip():
        found.append(
            Flag(
                "lint.no_outcome",
                Level.RED,
                ask,
                "outcome",
                "It does not say what visitors would do.",
                "Say the expected outcome.",
                missing=True,
            )
        )
    if hypothesis.direction is None:
        found.append(
            Flag(
                "lint.no_direction",
                Level.RED,
                ask,
                "direction",
                "It does not say whether the metric goes up or down.",
                "Choose a direction.",
                missing=True,
            )
        )
    if _EITHER_WAY.search(outcome):
        found.append(
            Flag(
                "lint.either_way",
                Level.RED,
                ask,
                "outcome",
                "Whatever happens would bear it out: it does not say which way.",
                "Say what they will do more, or less.",
            )
        )
    elif _LIKING.search(outcome):
        found.append(
            Flag(
                "lint.not_behaviour",
                Level.AMBER,
                ask,
                "outcome",
                "It says how they will feel, not what they will do.",
                "Say what they will do that can be counted.",
            )
        )
    if _HEDGE.search(outcome):
        found.append(
            Flag(
                "lint.hedged",
                Level.AMBER,
                ask,
                "outcome",
                "It is said so carefully that it could not be wrong.",
                "Leave out “might”, “could” and “should”.",
            )
        )
    return found


def _size(hypothesis: Hypothesis) -> list[Flag]:
    lift = hypothesis.expected_lift
    if lift is None or not math.isfinite(lift) or lift <= 0:
        return [
            Flag(
                "lint.no_size",
                Level.RED,
                Question.SIZE,
                "expected_lift",
                "It does not say how large the effect should be.",
                "Give the expected relative change, for example 5%.",
                missing=True,
            )
        ]
    if lift > LARGEST_USUAL:
        return [
            Flag(
                "lint.too_large",
                Level.AMBER,
                Question.SIZE,
                "expected_lift",
                f"A change of {lift:.0%} is more than almost any test has ever shown.",
                "Look up what earlier tests on this surface found.",
            )
        ]
    return []


def _evidence(hypothesis: Hypothesis, policy: Policy) -> list[Flag]:
    ask = Question.EVIDENCE
    found = []
    reason = hypothesis.reason.strip()
    if not reason:
        found.append(
            Flag(
                "lint.no_reason",
                Level.RED,
                ask,
                "reason",
                "It does not say why that should happen.",
                "Give the reason, from data or research.",
                missing=True,
            )
        )
    elif _OPINION.search(reason):
        found.append(
            Flag(
                "lint.opinion",
                Level.AMBER if hypothesis.evidence else Level.RED,
                ask,
                "reason",
                "Its reason is an opinion.",
                "Say what was counted, or what customers said or did.",
                missing=not hypothesis.evidence,
            )
        )
    elif _says_the_same(reason, hypothesis.outcome):
        found.append(
            Flag(
                "lint.circular",
                Level.AMBER,
                ask,
                "reason",
                "Its reason says the outcome once more.",
                "Say what was seen that makes you expect it.",
            )
        )
    carrying = [each for each in hypothesis.pieces if each.carries]
    kinds = {each.kind for each in carrying}
    if not hypothesis.evidence:
        found.append(
            Flag(
                "lint.no_evidence",
                Level.RED,
                ask,
                "insights",
                "No insight supports it.",
                "Link at least one insight.",
                missing=True,
            )
        )
    elif len(carrying) < policy.pieces_needed:
        found.append(
            Flag(
                "lint.little_evidence",
                Level.RED,
                ask,
                "insights",
                f"{_count(len(carrying))} of evidence carries it; this programme asks for"
                f" {policy.pieces_needed}.",
                "Link another insight, or add evidence to one.",
                missing=True,
            )
        )
    elif len(kinds) == 1:
        found.append(
            Flag(
                "lint.one_kind",
                Level.AMBER,
                ask,
                "insights",
                "All its evidence is of one kind, so the lesson may stay shallow.",
                "Add what customers say."
                if next(iter(kinds)).quantitative
                else "Add how many it concerns.",
            )
        )
    if carrying and grade_of(carrying) is Grade.D:
        found.append(
            Flag(
                "lint.weak_evidence",
                Level.AMBER,
                ask,
                "insights",
                "Nothing but judgement supports it (grade D).",
                "Look whether the site’s own visitors show it.",
            )
        )
    return found


def _learning(hypothesis: Hypothesis, contradicted_by: Sequence[Contradiction]) -> list[Flag]:
    cited = set(hypothesis.learnings)
    return [
        Flag(
            "lint.contradicted",
            Level.AMBER,
            Question.LEARNING,
            "learnings",
            f"{each.key} found the opposite: {each.text}",
            "Cite it, and say in the reason why it will be different this time."
            if each.key.startswith("L-")
            else "Say in the reason why it will be different this time.",
        )
        for each in contradicted_by
        if each.key not in cited
    ]


def _says_the_same(reason: str, outcome: str) -> bool:
    """Whether nearly all words of the reason stand in the outcome already."""
    said = {word.lower() for word in _WORD.findall(reason) if len(word) > 3}
    there = {word.lower() for word in _WORD.findall(outcome)}
    return bool(said) and len(said & there) >= 0.8 * len(said)


def _count(pieces: int) -> str:
    return {0: "No piece", 1: "One piece"}.get(pieces, f"{pieces} pieces")
