"""`before-after`: what was not randomised, read from series before and after a change."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import msgspec

from truelift.stats.asked.document import BadInput, Document, Statistic


if TYPE_CHECKING:
    from truelift.stats.interrupted_series import Interrupted
    from truelift.stats.quasi import Observed, Told
    from truelift.stats.synthetic_control import Synthetic


MOST_INTERVALS: Final = 1_000
MOST_CONTROLS: Final = 40
"""A mix is fitted anew for each of them, and for each effect that is tried."""

Series = Annotated[Sequence[float], msgspec.Meta(max_length=MOST_INTERVALS)]


class SeriesInput(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="design", kw_only=True
):
    """What `before-after` takes, whatever the design is.

    Attributes:
        series: The metric in each interval, oldest first.
        change: How many intervals lie before the change.
        relative: Effects are shares of what would have been, from logarithms.
        alpha: Error level of the interval.
    """

    series: Series
    change: int
    relative: bool = False
    alpha: float = 0.05


class DifferenceInput(SeriesInput, frozen=True, tag="difference-in-differences", kw_only=True):
    """Before and after, beside series that the change did not reach.

    Attributes:
        controls: These, each as long.
        errors: Means of whole blocks count as independent; or how alike neighbours are is
            estimated, for series too short for blocks.
        block: Intervals in a block.
    """

    controls: Annotated[Sequence[Series], msgspec.Meta(min_length=1, max_length=MOST_CONTROLS)]
    errors: Literal["blocks", "newey-west"] = "blocks"
    block: int = 7


class InterruptedInput(SeriesInput, frozen=True, tag="interrupted-time-series", kw_only=True):
    """One series whose level and trend may be others since the change.

    Attributes:
        controls: Series that the change did not reach, taken as regressors.
        season: Intervals in a season: 7 for days of the week; 1 for none.
    """

    controls: Annotated[Sequence[Series], msgspec.Meta(max_length=MOST_CONTROLS)] = ()
    season: Annotated[int, msgspec.Meta(le=366)] = 1


class SyntheticInput(SeriesInput, frozen=True, tag="synthetic-control", kw_only=True):
    """A mix of control series that followed the series before.

    Attributes:
        controls: At least two.
        level: The mix may stand off by a constant.
    """

    controls: Annotated[Sequence[Series], msgspec.Meta(min_length=2, max_length=MOST_CONTROLS)]
    level: bool = False


AnyDesign = DifferenceInput | InterruptedInput | SyntheticInput


def before_after(asked: AnyDesign) -> Document:
    """Read what was not randomised; the answer says so, and what must be true besides."""
    from truelift.stats.difference_in_differences import SeriesErrors, difference_in_differences
    from truelift.stats.interrupted_series import interrupted_series
    from truelift.stats.synthetic_control import synthetic_control

    if len({len(asked.series), *map(len, asked.controls)}) != 1:
        raise BadInput(reason="all series are of one length")
    match asked:
        case DifferenceInput():
            return observed_document(
                difference_in_differences(
                    asked.series,
                    asked.controls,
                    change=asked.change,
                    relative=asked.relative,
                    errors=SeriesErrors(asked.errors),
                    block=asked.block,
                    alpha=asked.alpha,
                )
            )
        case InterruptedInput():
            return interrupted_document(
                interrupted_series(
                    asked.series,
                    change=asked.change,
                    season=asked.season,
                    controls=asked.controls or None,
                    relative=asked.relative,
                    alpha=asked.alpha,
                )
            )
        case SyntheticInput():
            return synthetic_document(
                synthetic_control(
                    asked.series,
                    asked.controls,
                    change=asked.change,
                    relative=asked.relative,
                    level=asked.level,
                    alpha=asked.alpha,
                )
            )


def observed_document(effect: Observed) -> Document:
    """Write an effect of something that was not randomised, with what it rests on."""
    return {
        "label": effect.label,
        "design": effect.design.value,
        "value": known(effect.value),
        "se": known(effect.se),
        "low": known(effect.low),
        "high": known(effect.high),
        "p": effect.p,
        "relative": effect.relative,
        "alpha": effect.alpha,
        "assumptions": list(effect.assumptions),
        "placebos": [
            {
                "kind": placebo.kind.value,
                "value": known(placebo.value),
                "p": placebo.p,
                "passed": placebo.passed,
            }
            for placebo in effect.placebos
        ],
        "credible": effect.credible,
        "sentence": effect.sentence,
    }


def interrupted_document(found: Interrupted) -> Document:
    """Write what one series did, its jump and its bend too."""
    return {
        **observed_document(found.effect),
        "level": told_document(found.level),
        "slope": told_document(found.slope),
    }


def synthetic_document(found: Synthetic) -> Document:
    """Write what a mix of controls says, and how well it had followed."""
    return {
        **observed_document(found.effect),
        "weights": found.weights.tolist(),
        "mix": found.mix.tolist(),
        "miss": found.miss,
        "ratio": found.ratio,
        "ratios": list(found.ratios),
        "rank": found.rank,
        "rank_p": found.rank_p,
    }


def told_document(told: Told) -> Document:
    """Write one number of a regression."""
    return {"value": told.value, "se": told.se, "low": told.low, "high": told.high, "p": told.p}


def known(number: float | None) -> float | None:
    """Give a number; null where it is beyond all measure."""
    return number if number is not None and math.isfinite(number) else None


STATISTICS: Final[dict[str, Statistic[Any]]] = {"before-after": Statistic(AnyDesign, before_after)}  # type: ignore[arg-type]
