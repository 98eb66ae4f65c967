"""What the page of tracking shows: orders against the till, events against the plan, speed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from truelift.apps.drawing.series import Line, Series
from truelift.apps.drawing.wording import Kind, Measure, amount, count, number, percent, short_day
from truelift.apps.facts.tracking import Document
from truelift.lifecycle.tracking import RED_BELOW, TARGET, Light, Part
from truelift.questions.web_vitals import LIMITS, Vital


WORDS: Final[Mapping[str, tuple[str, str]]] = {
    Light.GREEN: ("passed", "good"),
    Light.AMBER: ("watch", "look at it"),
    Light.RED: ("failed", "broken"),
}
"""Glyph and word of a light."""

RATED: Final[Mapping[str, tuple[str, str]]] = {
    "good": ("passed", "good"),
    "needs_improvement": ("watch", "needs improvement"),
    "poor": ("failed", "poor"),
}

CALLED: Final[Mapping[str, str]] = {
    "lcp": "Until the main content shows (LCP)",
    "inp": "Until the page answers (INP)",
    "cls": "How far it jumps (CLS)",
}


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """A device, or everything together."""

    called: str
    tracked: str
    truth: str
    share: str
    glyph: str
    word: str


@dataclass(frozen=True, slots=True)
class VitalRow:
    """A core web vital at its 75th percentile."""

    called: str
    value: str
    limit: str
    good: str
    glyph: str
    word: str


@dataclass(frozen=True, slots=True)
class TrackingPage:
    """Everything that the page shows.

    Attributes:
        answer: What is the matter first, or that nothing is.
        grounds: What it was read from.
        called: Orders, leads or activations.
        why: Why nothing can be said of them; empty where something can.
        span: From which day to which.
        devices: All together, then each.
        series: Coverage by day.
        planned: Every planned event, and whether it came.
        plan: What is said of the plan.
        vitals: The core web vitals.
        speed: What is said of them, or why nothing can be.
    """

    answer: str
    grounds: str
    called: str = ""
    why: str = ""
    span: str = ""
    devices: tuple[DeviceRow, ...] = ()
    series: Series | None = None
    planned: tuple[tuple[str, bool], ...] = ()
    plan: str = ""
    vitals: tuple[VitalRow, ...] = ()
    speed: str = ""


def coverage_said(orders: Mapping[str, Any]) -> str:
    """Say what is tracked of what happened, and on which device most is lost."""
    if orders["why"]:
        return f"{orders['called'].capitalize()}: {orders['why']}."
    said = (
        f"{count(orders['tracked'])} events for {count(orders['truth'])} {orders['called']}:"
        f" {percent(orders['share'], digits=1)}"
    )
    if orders["light"] is None:
        return f"{said}, too few to judge."
    worst = next((each for each in orders["devices"] if each["name"] == orders["worst"]), None)
    if worst is None:
        return f"{said}."
    return f"{said}; {worst['name']} is lowest at {percent(worst['share'], digits=1)}."


def tracking_page(document: Document | None, *, day: date | None) -> TrackingPage:
    """Lay out a day's reading; before the first the page says when it comes."""
    if document is None or day is None:
        return TrackingPage(
            answer="What is tracked is read for the first time this night.",
            grounds="Orders are held against those that a feed tells of, names of events against"
            " the plan, and web vitals against their public limits.",
        )
    orders, plan, vitals = document["orders"], document["plan"], document["vitals"]
    return TrackingPage(
        answer=_answer(orders, plan, vitals),
        grounds=f"As of {short_day(day)}. From {percent(TARGET, digits=0)} on coverage is good,"
        f" below {percent(RED_BELOW, digits=0)} it is broken; each device counts by itself.",
        called=orders["called"],
        why=orders["why"],
        span="" if orders["why"] else _span(orders),
        devices=() if orders["why"] else _devices(orders),
        series=_series(orders) if len(orders["days"]) > 1 else None,
        planned=tuple((each, each not in plan["missing"]) for each in plan["planned"]),
        plan=_plan_said(plan),
        vitals=_vitals(vitals),
        speed=_speed_said(vitals),
    )


def _answer(orders: Document, plan: Document, vitals: Document) -> str:
    light = orders["light"]
    if light in {Light.RED, Light.AMBER}:
        return coverage_said(orders)
    if plan["missing"]:
        return f"Of {len(plan['planned'])} planned events {len(plan['missing'])} never came."
    bad = [name.upper() for name, each in vitals["core"].items() if each["rating"] != "good"]
    if bad and not vitals["why"]:
        return f"Events arrive; pages are too slow by {' and '.join(bad)}."
    if light == Light.GREEN:
        return coverage_said(orders)
    return "Events arrive as planned." if plan["planned"] else "Nothing can be judged yet."


def _span(orders: Document) -> str:
    since, until = (date.fromisoformat(orders[each]) for each in ("since", "until"))
    return f"{short_day(since)} to {short_day(until)}"


def _devices(orders: Document) -> tuple[DeviceRow, ...]:
    rows = []
    for each in ({**orders, "name": "All"}, *orders["devices"]):
        # The light of a reading is that of its worst device; here each has its own.
        light = Part("", each["tracked"], each["truth"]).light
        glyph, word = WORDS.get(light or "", ("waiting", "too few to judge"))
        rows.append(
            DeviceRow(
                each["name"].capitalize(),
                count(each["tracked"]),
                count(each["truth"]),
                "–" if each["share"] is None else percent(each["share"], digits=1),
                glyph,
                word,
            )
        )
    return tuple(rows)


def _series(orders: Document) -> Series:
    days = orders["days"]
    return Series(
        days=tuple(date.fromisoformat(each["day"]) for each in days),
        lines=(
            Line(
                "Tracked",
                tuple(each["tracked"] / each["truth"] if each["truth"] else None for each in days),
                focus=True,
                named=False,
            ),
            Line("Target", tuple(TARGET for _ in days), meaning="quiet", dashed=True),
        ),
        measure=Measure(Kind.SHARE),
    )


def _plan_said(plan: Document) -> str:
    whose = "Written down" if plan["written"] else "What the site’s metrics count"
    if not plan["planned"]:
        return "Nobody has written down which events are planned, and no metric counts one."
    seen = len(plan["planned"]) - len(plan["missing"])
    return f"{whose}: {seen} of {amount(len(plan['planned']), 'event')} came in four weeks."


def _speed_said(vitals: Document) -> str:
    if vitals["why"]:
        return f"Not known: {vitals['why']}."
    views = amount(vitals["views"], "page view")
    missing = [each.upper() for each in CALLED if each not in vitals["core"]]
    left = f" Of {' and '.join(missing)} nothing was sent." if missing else ""
    return f"At the 75th percentile of {views} in four weeks.{left}"


def _vitals(vitals: Document) -> tuple[VitalRow, ...]:
    rows = []
    for name, each in vitals["core"].items():
        limits = LIMITS[Vital(name)]
        glyph, word = RATED[each["rating"]]
        rows.append(
            VitalRow(
                CALLED[name],
                measured(name, each["p75"]),
                f"good up to {measured(name, limits.good / limits.steps)}",
                percent(each["good"], digits=0),
                glyph,
                word,
            )
        )
    return tuple(rows)


def measured(name: str, value: float) -> str:
    """Write a reading of a web vital with its unit."""
    if name == Vital.CLS:
        return number(value, digits=2)
    return f"{number(value / 1000, digits=1)} s" if value >= 1000 else f"{round(value)} ms"
