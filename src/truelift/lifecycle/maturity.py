"""How mature a programme is: half what the system shows, half what its people say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from truelift.errors import Refusal
from truelift.lifecycle.scorecard import MEASURES, Figure, Measure, Reading


LEVELS: Final = ("never", "seldom", "now and then", "mostly", "always, and it can be shown")
"""What 0 to 4 mean in an answer."""


class Dimension(StrEnum):
    """What a mature programme does well; the first six are the source's."""

    MEASUREMENT = "measurement"
    PRIORITIES = "priorities"
    OWNERSHIP = "ownership"
    CADENCE = "cadence"
    QA = "qa"
    LIBRARY = "library"
    ALIGNMENT = "alignment"

    @property
    def called(self) -> str:
        """The dimension as it stands on a page."""
        return _CALLED[self]


_CALLED: Final[Mapping[Dimension, str]] = MappingProxyType(
    {
        Dimension.MEASUREMENT: "Reliable measurement",
        Dimension.PRIORITIES: "Consistent prioritisation",
        Dimension.OWNERSHIP: "Clear ownership",
        Dimension.CADENCE: "Regular cadence",
        Dimension.QA: "Strong QA",
        Dimension.LIBRARY: "Living library",
        Dimension.ALIGNMENT: "Alignment",
    }
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of the questionnaire; its key never changes."""

    key: str
    dimension: Dimension
    text: str


QUESTIONS: Final = (
    Asked("ground_truth", Dimension.MEASUREMENT, "Are critical events checked against the truth?"),
    Asked("taxonomy", Dimension.MEASUREMENT, "Is there a taxonomy of events with a change log?"),
    Asked("paged", Dimension.MEASUREMENT, "Does somebody learn at once when events break?"),
    Asked("framework", Dimension.PRIORITIES, "Is there one framework for what comes first?"),
    Asked("scores", Dimension.PRIORITIES, "Do scores come from data?"),
    Asked("explained", Dimension.PRIORITIES, "Is it said why a score was overruled?"),
    Asked("decider", Dimension.OWNERSHIP, "Is it known who decides, before a test starts?"),
    Asked("surfaces", Dimension.OWNERSHIP, "Is it known whose each surface is?"),
    Asked("implementer", Dimension.OWNERSHIP, "Has somebody agreed to implement a winner?"),
    Asked("weekly", Dimension.CADENCE, "Is the weekly stand-up held with its quorum?"),
    Asked("review", Dimension.CADENCE, "Is the commercial review held every month?"),
    Asked("rebuild", Dimension.CADENCE, "Is the roadmap rebuilt every quarter?"),
    Asked("steady", Dimension.CADENCE, "Are tests launched at a steady pace?"),
    Asked("devices", Dimension.QA, "Is every variant looked at on the devices that visitors use?"),
    Asked("instrumentation", Dimension.QA, "Is it proven that its events arrive?"),
    Asked("second", Dimension.QA, "Does somebody check who did not build?"),
    Asked("findable", Dimension.LIBRARY, "Is an old test found within minutes?"),
    Asked("cited", Dimension.LIBRARY, "Do new hypotheses cite old tests?"),
    Asked("templates", Dimension.LIBRARY, "Has something learned changed how pages are made?"),
    Asked("signed", Dimension.ALIGNMENT, "Has finance signed the shared metric?"),
    Asked("heard", Dimension.ALIGNMENT, "Do sales and service tell what they hear, every month?"),
    Asked("freezes", Dimension.ALIGNMENT, "Are freezes agreed with who owns the surface?"),
    Asked("live", Dimension.ALIGNMENT, "Are winners live within 30 days?"),
)
"""Every question (`program.md` §5.11)."""

EVIDENCE: Final[Mapping[Dimension, tuple[Figure, ...]]] = MappingProxyType(
    {
        Dimension.MEASUREMENT: (Figure.COVERAGE, Figure.TRACKING, Figure.VALID),
        Dimension.PRIORITIES: (Figure.SCORED, Figure.OVERRIDES),
        Dimension.OWNERSHIP: (Figure.OWNED, Figure.DECISION_SLA, Figure.REMIT),
        Dimension.CADENCE: (Figure.RHYTHM, Figure.STEADY),
        Dimension.QA: (Figure.CHECKED, Figure.SPLIT),
        Dimension.LIBRARY: (Figure.DOCUMENTED, Figure.REUSED),
        Dimension.ALIGNMENT: (
            Figure.DRIFT,
            Figure.VOICE,
            Figure.FREEZES,
            Figure.IMPLEMENTATION,
        ),
    }
)
"""What the system shows of each dimension."""


class MaturityStage(StrEnum):
    """How far a programme has come; the names follow Fabijan et al."""

    CRAWL = "crawl"
    WALK = "walk"
    RUN = "run"
    FLY = "fly"


_LEAST: Final = (
    (MaturityStage.FLY, 3.3, 2.5),
    (MaturityStage.RUN, 2.5, 2.0),
    (MaturityStage.WALK, 1.5, 1.0),
)
"""Stage, and what total and minimum have to reach."""


class BadAnswer(Refusal):
    """An answer to the questionnaire cannot be taken."""

    code = "maturity.bad_answer"

    def __init__(self, *, why: str) -> None:
        super().__init__(why)


@dataclass(frozen=True, slots=True)
class DimensionScore:
    """A dimension, from 0 to 4.

    Attributes:
        dimension: Which.
        shown: What the system shows; None without a reading.
        said: What people say; None without an answer to each of its questions.
        people: How many answered.
        readings: What the system was asked, known or not.
    """

    dimension: Dimension
    shown: float | None
    said: float | None
    people: int
    readings: tuple[Reading, ...]

    @property
    def score(self) -> float | None:
        """Half and half; None while a half is missing: it is never guessed."""
        return None if self.shown is None or self.said is None else (self.shown + self.said) / 2

    @property
    def missing(self) -> str:
        """Why there is not enough evidence; empty where there is."""
        reasons = []
        if self.shown is None:
            reasons.append("the system has nothing to show of it yet")
        if self.said is None:
            reasons.append("nobody has answered its questions")
        return " and ".join(reasons)


@dataclass(frozen=True, slots=True)
class Maturity:
    """All dimensions, and the stage that they come to.

    Attributes:
        dimensions: In the order of `Dimension`.
        total: Their mean; None while there is not enough evidence of one of them.
        least: The lowest of them, which stands beside the total; None with it.
        stage: None with them.
    """

    dimensions: tuple[DimensionScore, ...]
    total: float | None
    least: DimensionScore | None
    stage: MaturityStage | None


def stage_of(total: float, least: float) -> MaturityStage:
    """Name the stage; a low dimension keeps a programme back, however good the others are."""
    return next(
        (stage for stage, mean, lowest in _LEAST if total >= mean and least >= lowest),
        MaturityStage.CRAWL,
    )


def check_answers(answers: Mapping[str, int]) -> None:
    """Refuse answers that cannot be.

    Raises:
        BadAnswer: A question is not known, or its answer is not 0 to 4.
    """
    known = {each.key for each in QUESTIONS}
    if odd := sorted(set(answers) - known):
        raise BadAnswer(why=f"There is no question {odd[0][:40]!r}.")
    if any(level not in range(len(LEVELS)) for level in answers.values()):
        raise BadAnswer(why="An answer is a whole number from 0, never, to 4, always.")
    if missing := [each.text for each in QUESTIONS if each.key not in answers]:
        raise BadAnswer(
            why=f"Every question is answered, also with never. Left: {' '.join(missing)}"
        )


def maturity(
    readings: Iterable[Reading],
    answers: Sequence[Mapping[str, int]],
    measures: Mapping[Figure, Measure] = MEASURES,
) -> Maturity:
    """Say how mature a programme is.

    Args:
        readings: What the system shows, at most one of each figure.
        answers: One filled-in questionnaire per person: key of a question → 0 to 4.
        measures: Floors and targets of the figures.
    """
    read = {each.figure: each for each in readings}
    found = tuple(_dimension(each, read, answers, measures) for each in Dimension)
    scores = [each.score for each in found if each.score is not None]
    if len(scores) < len(found):
        return Maturity(found, None, None, None)
    total = sum(scores) / len(scores)
    least = min(found, key=lambda each: each.score or 0.0)
    return Maturity(found, total, least, stage_of(total, min(scores)))


def _dimension(
    dimension: Dimension,
    read: Mapping[Figure, Reading],
    answers: Sequence[Mapping[str, int]],
    measures: Mapping[Figure, Measure],
) -> DimensionScore:
    readings = tuple(
        read.get(figure, Reading(figure, None, 0, "it is not measured yet"))
        for figure in EVIDENCE[dimension]
    )
    shown = [
        measures[each.figure].points(each.value) / 25 for each in readings if each.value is not None
    ]
    keys = [each.key for each in QUESTIONS if each.dimension is dimension]
    full = [each for each in answers if all(key in each for key in keys)]
    said = [sum(each[key] for key in keys) / len(keys) for each in full]
    return DimensionScore(
        dimension,
        sum(shown) / len(shown) if shown else None,
        sum(said) / len(said) if said else None,
        len(full),
        readings,
    )
