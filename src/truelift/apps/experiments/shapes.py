"""How numbers are distributed, who still waits, and what a cap did, as the page shows it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from truelift.apps.drawing.curves import Curves
from truelift.apps.drawing.series import Line
from truelift.apps.drawing.wording import Kind, Measure, count, lift, number, percent
from truelift.apps.experiments.models import ExperimentRecord, MetricKind, MetricRecord
from truelift.apps.experiments.wording import days_in_words, is_money, level, listed, percentile


NONE: Final = "none"
"""Stands where there is no number."""


@dataclass(frozen=True, slots=True)
class Row:
    """A variant's line of the table beside a drawing."""

    name: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shape:
    """A drawing of one metric with its table.

    Attributes:
        title: What it shows.
        lede: Of what the shares are.
        chart: The drawing; None where nobody has a number.
        heads: Of the table, after the variant.
        rows: By variant.
        note: What else must be known; empty for nothing.
    """

    title: str
    lede: str
    chart: Curves | None
    heads: tuple[str, ...]
    rows: tuple[Row, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class CapRow:
    """A metric with its cap and without.

    Attributes:
        name: Of the metric, and the variant where there are several.
        said: What the cap did.
        capped: The effect that counts.
        raw: The effect without the cap.
    """

    name: str
    said: str
    capped: str
    raw: str


def shapes_of(
    record: ExperimentRecord,
    document: Mapping[str, Any],
    planned: Mapping[str, MetricRecord],
    names: Mapping[str, str],
) -> tuple[Shape, ...]:
    """Lay out every distribution and every curve of waiting of a snapshot."""
    control = next((v["variant"] for v in document["variants"] if v["role"] == "control"), "")
    found = [
        _distribution(each, planned[each["metric"]], names, control, record.site.currency)
        for each in document.get("distributions", [])
        if each["metric"] in planned
    ]
    found += [
        _survival(each, planned[each["metric"]], names, control)
        for each in document.get("survival", [])
        if each["metric"] in planned
    ]
    return tuple(found)


def _distribution(
    found: Mapping[str, Any],
    metric: MetricRecord,
    names: Mapping[str, str],
    control: str,
    currency: str,
) -> Shape:
    measure = Measure(Kind.MONEY, currency) if is_money(metric) else Measure(Kind.NUMBER)
    of_events = found["of"] == "events"
    variants = found["variants"]

    def written(value: float | None) -> str:
        return NONE if value is None else level(value, metric, currency=currency)

    rows = tuple(
        Row(
            names.get(each["variant"], each["variant"]),
            (
                count(each["n"]),
                count(each["above_zero"]),
                *(written(value) for value in each["percentiles"].values()),
            ),
        )
        for each in variants
    )
    shares = tuple(variants[0]["percentiles"]) if variants else ()
    middle = listed(
        [
            f"{written(each['percentiles'].get('0.5'))} with"
            f" {names.get(each['variant'], each['variant'])}"
            for each in variants
        ]
    )
    values = tuple(found["values"])
    title = f"Half of the events {metric.event} are at most {middle}"
    if not of_events:
        title = f"Half of those with any have at most {middle}"
    chart = None
    if len(values) > 1:
        chart = Curves(
            values=values,
            lines=_lines(variants, "shares", names, control),
            across=measure,
            said=f"{metric.name}: {title}.",
            head=f"{metric.name} up to",
            log=found["log"],
            unit="" if is_money(metric) else metric.unit_label,
        )
    said = "each event" if of_events else "each visitor, as counted before any cap"
    return Shape(
        title=title,
        lede=f"{metric.name} of {said}: share of those above 0 that is at most so large"
        f"{', on an axis of powers' if found['log'] else ''}",
        chart=chart,
        heads=(
            "Events" if of_events else "Visitors",
            "Above 0",
            *("Median" if s == "0.5" else percentile(float(s)) for s in shares),
        ),
        rows=rows,
        note="Numbers are rounded to four digits: there are too many different ones to keep."
        if found["rounded"]
        else "",
    )


def _survival(
    found: Mapping[str, Any], metric: MetricRecord, names: Mapping[str, str], control: str
) -> Shape:
    variants = found["variants"]
    window = days_in_words(metric.window_days)
    reached = listed(
        [
            f"{_share(each['reached']['share'])} with {names.get(each['variant'], each['variant'])}"
            for each in variants
        ]
    )
    title = f"Within {window} {metric.event} came to {reached}"
    return Shape(
        title=title,
        lede=f"Share of visitors still without {metric.event}, by days since they first saw it;"
        " whoever was not watched for so long counts as far as they were",
        chart=Curves(
            values=tuple(found["days"]),
            lines=_lines(variants, "waiting", names, control),
            across=Measure(Kind.NUMBER),
            said=f"{metric.name}: {title}.",
            head="Days",
            falls=True,
            unit="days",
        ),
        heads=(
            "Visitors",
            "Had it",
            f"By {window}",
            "95% interval",
            "Half within",
            f"Mean, at most {window}",
        ),
        rows=tuple(
            Row(
                names.get(each["variant"], each["variant"]),
                (
                    count(each["n"]),
                    count(each["came"]),
                    _share(each["reached"]["share"]),
                    NONE
                    if each["reached"]["low"] is None
                    else f"{_share(each['reached']['low'])} to {_share(each['reached']['high'])}",
                    _days(each, "median_days", "not reached"),
                    _days(each, "restricted_mean_days", NONE),
                ),
            )
            for each in variants
        ),
    )


def _days(found: Mapping[str, Any], member: str, nothing: str) -> str:
    """Write a time; snapshots from before it was kept have none."""
    value = found.get(member)
    if value is not None:
        return f"{number(value)} days"
    return nothing if member in found else NONE


def _share(share: float | None) -> str:
    return NONE if share is None else percent(share)


def _lines(
    variants: Sequence[Mapping[str, Any]], member: str, names: Mapping[str, str], control: str
) -> tuple[Line, ...]:
    """Give a line per variant: the first treatment in focus, the control quiet, others dashed."""
    treatments = [each["variant"] for each in variants if each["variant"] != control]
    return tuple(
        Line(
            label=names.get(each["variant"], each["variant"]),
            values=tuple(each[member]),
            focus=each["variant"] == treatments[0] if treatments else False,
            dashed=each["variant"] in treatments[1:],
        )
        for each in variants
    )


def caps_of(
    record: ExperimentRecord,
    document: Mapping[str, Any],
    planned: Mapping[str, MetricRecord],
    names: Mapping[str, str],
) -> tuple[CapRow, ...]:
    """Put the effects of capped metrics beside what they would be without the cap."""
    return tuple(_caps(record, document, planned, names))


def _caps(
    record: ExperimentRecord,
    document: Mapping[str, Any],
    planned: Mapping[str, MetricRecord],
    names: Mapping[str, str],
) -> Iterator[CapRow]:
    several = len(document.get("variants", [])) > 2
    for metric in document.get("metrics", []):
        known = planned.get(metric["metric"])
        if known is None or "raw" not in metric:
            continue
        said = cap_said(metric, known, names=names, currency=record.site.currency)
        for effect, raw in zip(metric["effects"], metric["raw"]["effects"], strict=True):
            if "withheld" in effect and effect.get("relative") is not None:
                continue
            variant = names.get(effect["variant"], effect["variant"])
            yield CapRow(
                name=f"{known.name}: {variant}" if several else known.name,
                said=said,
                capped=_effect(effect),
                raw=_effect(raw),
            )


def cap_said(
    metric: Mapping[str, Any],
    known: MetricRecord,
    *,
    currency: str,
    names: Mapping[str, str] | None = None,
) -> str:
    """Say what a cap did: above which number visitors count as that number, and how many.

    Args:
        metric: Its part of a snapshot.
        known: Its definition.
        currency: Of the site.
        names: Of the variants, to say how many in which; None: all together.
    """
    cap = metric.get("cap")
    if not cap:
        return ""
    most = level(cap["most"], known, currency=currency)
    if known.kind == MetricKind.RATIO and known.property == "value":
        most = level(cap["most"], _as_sum(known), currency=currency)
    units = cap["units"]
    said = f"above {most} counted as {most}: {count(units)} visitor{'' if units == 1 else 's'}"
    by_variant = cap.get("by_variant")
    if by_variant and units and names is not None:
        parts = [f"{count(each)} of {names.get(key, key)}" for key, each in by_variant.items()]
        said += f" ({', '.join(parts)})"
    if cap["percentile"] is not None:
        said += f"; it is the {percentile(cap['percentile'])} of all with any"
    return said


def _as_sum(metric: MetricRecord) -> MetricRecord:
    return MetricRecord(kind=MetricKind.SUM, property=metric.property)


def _effect(effect: Mapping[str, Any]) -> str:
    relative = effect.get("relative")
    if relative is None or relative["low"] is None or relative["high"] is None:
        return "not known"
    return f"{lift(relative['value'])} ({lift(relative['low'])} to {lift(relative['high'])})"
