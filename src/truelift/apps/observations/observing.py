"""Asks the lake for series before and after a change, and keeps what the statistics say."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Any, ClassVar, Final, cast

import numpy as np
from django.db import transaction

from truelift.apps.experiments.domain import midnight_at
from truelift.apps.measurement.reads import lake
from truelift.apps.measurement.segments_reads import context_of, segment_of
from truelift.apps.observations.models import BeforeAfter
from truelift.apps.observations.reads import NOT
from truelift.apps.sites.models import Site
from truelift.errors import Refusal
from truelift.questions.document import instant
from truelift.questions.metric_value import MetricValueAnswer
from truelift.questions.parse import parse_question
from truelift.questions.question import Question
from truelift.questions.segment_form import NoSuchSegment
from truelift.questions.within import WithinAnswer
from truelift.stats.asked.before_after import (
    interrupted_document,
    known,
    observed_document,
    synthetic_document,
)
from truelift.stats.difference_in_differences import (
    FEWEST_INTERVALS,
    SeriesErrors,
    difference_in_differences,
)
from truelift.stats.effects import Floats
from truelift.stats.interrupted_series import interrupted_series
from truelift.stats.quasi import Observed, QuasiDesign
from truelift.stats.synthetic_control import synthetic_control


WEEK: Final = 7
ALPHA: Final = 0.05


class DaysWithoutValue(Refusal):
    """A series has days on which the metric has no value."""

    code: ClassVar[str] = "observation.days_without_value"

    def __init__(self, *, series: str, days: int, first: str) -> None:
        super().__init__(
            f"{series} has no value on {days} of the days, the first of them {first}. Take a"
            " shorter period, or a metric that everybody has.",
            series=series,
            days=days,
            first=first,
        )


class NoCommonScale(Refusal):
    """Series of different metrics, one of which touches 0, move in no proportion."""

    code: ClassVar[str] = "observation.no_common_scale"

    def __init__(self) -> None:
        super().__init__(
            "A series is 0 on some day, so other metrics cannot be compared with it in"
            " proportion. Compare with a segment’s values of the same metric."
        )


def compute_before_after(record: BeforeAfter, *, now: datetime) -> None:
    """Read the series, judge them and keep the result; a result that is there stays.

    Call it from a job, never in a web request.

    Raises:
        DaysWithoutValue: The metric has no value on some day.
        NoCommonScale: Metrics that touch 0 are compared with others.
        Refusal: The lake or the statistics refuse, in their own words.
    """
    site = record.site
    asked = [(record.metric, record.segment)]
    asked += [(each["metric"], each["segment"]) for each in record.controls]
    days = [record.since + timedelta(days=nth) for nth in range((record.until - record.since).days)]
    rows = [
        series_of(site, metric, segment, since=record.since, until=record.until, now=now)
        for metric, segment in asked
    ]
    for (metric, segment), values in zip(asked, rows, strict=True):
        gone = [day for day, value in zip(days, values, strict=True) if value is None]
        if gone:
            named = f"{metric} of {segment}" if segment else metric
            raise DaysWithoutValue(series=named, days=len(gone), first=gone[0].isoformat())
    treated, *controls = (np.array(values, dtype=float) for values in rows)
    change = (record.changed_on - record.since).days
    document: dict[str, Any] = {
        "as_of": instant(now),
        "days": [day.isoformat() for day in days],
        "series": treated.tolist(),
        "controls": [
            {**asked_of, "values": values.tolist()}
            for asked_of, values in zip(record.controls, controls, strict=True)
        ],
        **judged(
            QuasiDesign(record.design),
            treated,
            np.array(controls).reshape(len(controls), len(days)),
            change=change,
            same_metric=all(each["metric"] == record.metric for each in record.controls),
        ),
    }
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    with transaction.atomic():
        held = BeforeAfter.objects.select_for_update().get(pk=record.pk)
        if not held.text:
            held.text, held.digest = text, hashlib.sha256(text.encode()).hexdigest()
            held.computed_at = now
            held.save(update_fields=["text", "digest", "computed_at"])


def series_of(
    site: Site, metric: str, segment: str, *, since: date, until: date, now: datetime
) -> list[float | None]:
    """Give a metric day by day, None where nobody is."""
    document: dict[str, object] = {
        "question": "metric_value",
        "metric": metric,
        "interval": "day",
        "since": instant(midnight_at(site, since)),
        "until": instant(midnight_at(site, until)),
    }
    context = context_of(site, now=now)
    if segment.startswith(NOT):
        found = segment_of(site, segment.removeprefix(NOT))
        if found is None:
            raise NoSuchSegment(segment=segment.removeprefix(NOT))
        document["segment"] = {"not": found.definition}
    elif segment:
        document["segment"] = segment
    question = parse_question(document, context)
    told = lake().ask(site.name, cast("Question[Any, Any]", question)).answer
    answer: MetricValueAnswer = told.answer if isinstance(told, WithinAnswer) else told
    return [part.above / part.below if part.below else None for _, part in answer.rows]


Judge = Callable[[Floats, Floats, int], Observed]


def judged(
    design: QuasiDesign, treated: Floats, controls: Floats, *, change: int, same_metric: bool
) -> dict[str, Any]:
    """Read the effect, what would have been, and the same where there can be no effect.

    Args:
        design: How.
        treated: The series with the change; shape (t,).
        controls: Series that it did not reach; shape (c, t).
        change: Place of the first day with the change.
        same_metric: Whether controls are in the treated series' unit.

    Raises:
        NoCommonScale: They are not, and a value is 0.
        Refusal: The series are too short, or no effect can be read from them.
    """
    relative = bool((treated > 0).all() and (controls > 0).all())
    if not relative and not same_metric:
        raise NoCommonScale
    judge = _judge(design, relative=relative)
    effect, mix = _told(design, treated, controls, change=change, relative=relative)
    return {
        "effect": effect,
        "expected": [known(value) for value in mix.tolist()],
        "placebos": placebos(judge, treated, controls, change=change, design=design),
    }


def _judge(design: QuasiDesign, *, relative: bool) -> Judge:
    def judge(treated: Floats, controls: Floats, change: int) -> Observed:
        match design:
            case QuasiDesign.DIFFERENCE_IN_DIFFERENCES:
                return difference_in_differences(
                    treated,
                    controls,
                    change=change,
                    relative=relative,
                    errors=_errors(len(treated), change),
                    block=WEEK,
                    alpha=ALPHA,
                )
            case QuasiDesign.SYNTHETIC_CONTROL:
                return synthetic_control(
                    treated, controls, change=change, relative=relative, level=True, alpha=ALPHA
                ).effect
            case QuasiDesign.INTERRUPTED_SERIES:
                return interrupted_series(
                    treated,
                    change=change,
                    season=_season(change),
                    controls=controls if len(controls) else None,
                    relative=relative,
                    alpha=ALPHA,
                ).effect

    return judge


def _errors(n: int, change: int) -> SeriesErrors:
    """Take means of weeks where there are enough of them."""
    weeks = min(change, n - change) // WEEK
    return SeriesErrors.BLOCKS if weeks >= FEWEST_INTERVALS else SeriesErrors.NEWEY_WEST


def _season(change: int) -> int:
    """Tell the days of the week apart where three weeks before the change allow it."""
    return WEEK if change >= 3 * WEEK else 1


def _told(
    design: QuasiDesign, treated: Floats, controls: Floats, *, change: int, relative: bool
) -> tuple[dict[str, Any], Floats]:
    """Give the effect's document, and the series that would have been."""
    to, back = (np.log, np.exp) if relative else (np.asarray, np.asarray)
    match design:
        case QuasiDesign.SYNTHETIC_CONTROL:
            found = synthetic_control(
                treated, controls, change=change, relative=relative, level=True, alpha=ALPHA
            )
            return synthetic_document(found), found.mix
        case QuasiDesign.INTERRUPTED_SERIES:
            series = interrupted_series(
                treated,
                change=change,
                season=_season(change),
                controls=controls if len(controls) else None,
                relative=relative,
                alpha=ALPHA,
            )
            since = np.arange(len(treated)) - change
            moved = np.where(since >= 0, series.level.value + series.slope.value * since, 0.0)
            return interrupted_document(series), np.asarray(back(to(treated) - moved))
        case QuasiDesign.DIFFERENCE_IN_DIFFERENCES:
            effect = _judge(design, relative=relative)(treated, controls, change)
            beside = to(controls).mean(axis=0)
            gap = (to(treated) - beside)[:change].mean()
            return observed_document(effect), np.asarray(back(beside + gap))


def placebos(
    judge: Judge, treated: Floats, controls: Floats, *, change: int, design: QuasiDesign
) -> list[dict[str, Any]]:
    """Read the same where there can be no effect: earlier, and in each control series.

    One that the series are too short for is left out.
    """
    found: list[dict[str, Any]] = []
    # On whole weeks, so that pretended parts are made like the real ones.
    pretended = change // 2 // WEEK * WEEK or change // 2

    def add(kind: str, place: int, series: Floats, others: Floats, at: int) -> None:
        try:
            effect = judge(series, others, at)
        except Refusal:
            return
        told: Mapping[str, object] = {
            "kind": kind,
            "place": place,
            "value": known(effect.value),
            "low": known(effect.low),
            "high": known(effect.high),
            "p": effect.p,
        }
        found.append(dict(told))

    add("in_time", pretended, treated[:change], controls[:, :change], pretended)
    needs = {
        QuasiDesign.INTERRUPTED_SERIES: 0,
        QuasiDesign.DIFFERENCE_IN_DIFFERENCES: 1,
        QuasiDesign.SYNTHETIC_CONTROL: 2,
    }[design]
    for place in range(len(controls)):
        rest = np.delete(controls, place, axis=0)
        if len(rest) >= needs:
            add("in_space", place, controls[place], _none_of(rest, needs), change)
    return found


def _none_of(rest: Floats, needs: int) -> Floats:
    """Hold a control alone where the design needs no others: they may be of other metrics."""
    return rest if needs else rest[:0]
