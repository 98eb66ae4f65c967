"""How the numbers of an experiment will be judged, agreed before anybody sees one."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Final


class Inference(StrEnum):
    """How effects are estimated, and when they may be read."""

    FIXED = "fixed"
    SEQUENTIAL = "sequential"
    GROUP_SEQUENTIAL = "group-sequential"
    BAYESIAN = "bayesian"

    @property
    def looks_early(self) -> bool:
        """Whether its error level holds for looks before the planned end, too."""
        return self in {Inference.SEQUENTIAL, Inference.GROUP_SEQUENTIAL}


@dataclass(frozen=True, slots=True)
class Judging:
    """The settings of how effects are estimated; each method has its own.

    Attributes:
        tuning_n: Units of both variants at which sequential intervals are tightest.
        looks: Looks that a group-sequential test plans, the last at its end.
        spending: How they share the error level.
        prior_sd: Standard deviation of the lifts that a Bayesian one expects.
        correction: How several treatments share the error level.
        covariate_days: Days before the first exposure by which effects are adjusted; 0: not.
        segments: Dimensions in which the effect is expected to differ; a difference in any
            other is a question for the next experiment.
    """

    tuning_n: int | None = None
    looks: int | None = None
    spending: str | None = None
    prior_sd: float | None = None
    correction: str = "holm"
    covariate_days: int = 0
    segments: tuple[str, ...] = ()

    @property
    def promised(self) -> dict[str, object]:
        """What differs from a plan that says nothing of it, so that older digests still hold."""
        return {
            field.name: list(value) if isinstance(value, tuple) else value
            for field in fields(self)
            if (value := getattr(self, field.name)) != getattr(USUAL_JUDGING, field.name)
        }


USUAL_JUDGING: Final = Judging()
