"""The detectors of daily facts: traffic against its rate, feeds that stopped, events lost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

import numpy as np

from truelift.apps.drawing.wording import Kind as Measured
from truelift.apps.drawing.wording import count as count_said
from truelift.apps.drawing.wording import lift, number, p_value, percent
from truelift.apps.experiments.domain import day_at
from truelift.apps.facts.columns import FeedKind
from truelift.apps.facts.reads import Traffic, Week, feeds_of, stale, traffic, weeks
from truelift.apps.facts.tracking import tracking_of
from truelift.apps.facts.tracking_page import coverage_said
from truelift.apps.sites.models import Site
from truelift.apps.warnings.charts import bars_chart, weeks_chart
from truelift.apps.warnings.detecting import detects, replays
from truelift.lifecycle.tracking import TARGET, Light
from truelift.lifecycle.warning import Kind, Look, Severity
from truelift.stats.decomposition import Cells, mix_and_rate
from truelift.stats.effects import Floats
from truelift.stats.traffic_gap import FEWEST_ORDERS, WEEKS, YEAR, gaps, replay


HISTORY: Final = 3 * YEAR + WEEKS
"""Weeks that are read: enough for two seasons before the quarter."""

HALF: Final = 6
"""The first and the last weeks of a quarter that are set against each other for its causes."""

NAMED: Final = 5
"""So many sources are named."""


@dataclass(frozen=True, slots=True)
class Weekly:
    """Whole weeks without a hole, oldest first.

    Attributes:
        starts: Their Mondays.
        sessions: Of each.
        goals: Orders, or leads where the site sells nothing at once.
        goal: What these are called.
    """

    starts: tuple[date, ...]
    sessions: Floats
    goals: Floats
    goal: str


def weekly(found: Sequence[Week]) -> Weekly:
    """Take the last weeks that are known without a hole."""
    goal = "orders" if any(each.orders is not None for each in found) else "leads"
    whole: list[tuple[date, int, int]] = []
    for each in found:
        count = each.orders if goal == "orders" else each.leads
        if each.days == 7 and each.sessions is not None and count is not None:
            whole.append((each.starts, each.sessions, count))
        elif each is not found[-1]:
            # A feed may be late with the last week; a hole before it ends what can be compared.
            whole = []
    return Weekly(
        tuple(each[0] for each in whole),
        np.array([each[1] for each in whole], dtype=float),
        np.array([each[2] for each in whole], dtype=float),
        goal,
    )


@detects(Kind.TRAFFIC_GAP)
def traffic_gap(site: Site, now: datetime) -> Iterable[Look]:
    """Say whether sessions grow while their rate falls (R115)."""
    known = weekly(weeks(site, until=day_at(site, now), count=HISTORY))
    count = len(known.starts)
    if count < WEEKS:
        said = f"{count} whole weeks of traffic and goals are known; it takes {WEEKS}."
        yield Look(Kind.TRAFFIC_GAP, f"Not judged: {said}", short=said, told=False)
        return
    looked = replay(known.sessions, known.goals)
    if not looked.told[-1]:
        said = f"A week of the last {WEEKS} has fewer than {FEWEST_ORDERS} {known.goal}."
        yield Look(Kind.TRAFFIC_GAP, f"Not judged: {said}", short=said, told=False)
        return
    sessions, rate = (float(np.expm1(each[-1])) for each in (looked.sessions, looked.rate))
    first = known.starts[-WEEKS]
    found = traffic(site, since=first, until=known.starts[-1] + timedelta(days=7))
    mix, places = _mix(found, known), _places(found, first)
    seasonal = count > 2 * YEAR
    short = f"Sessions {lift(sessions)}, conversion {lift(rate)} by the trend of {WEEKS} weeks."
    more, bought = _ends(known.sessions[-WEEKS:]), _ends(known.goals[-WEEKS:])
    evidence: dict[str, object] = {
        "facts": [
            ["Sessions, by the line through all weeks", lift(sessions)],
            [f"Conversion ({known.goal} per session), likewise", lift(rate)],
            ["Sessions, last four weeks against the first four", lift(more)],
            ["Conversion, likewise", lift((1 + bought) / (1 + more) - 1)],
            [f"Sessions in {WEEKS} weeks", count_said(known.sessions[-WEEKS:].sum())],
            [f"{known.goal.capitalize()} in {WEEKS} weeks", count_said(known.goals[-WEEKS:].sum())],
            ["Gap", number(float(looked.gap[-1]) * 100, digits=1) + " log points"],
            ["Chance of such a rise without a trend", p_value(float(looked.sessions_p[-1]))],
            ["Chance of such a fall without a trend", p_value(float(looked.rate_p[-1]))],
            ["Season", "taken out, by the years before" if seasonal else "not known yet"],
            *([["Of the change of conversion, mix of sources", mix.said]] if mix else []),
        ],
        "chart": _chart(known),
        "sources": [] if mix is None else mix.sources,
        "places": places,
    }  # fmt: skip
    if not looked.fires[-1]:
        yield Look(Kind.TRAFFIC_GAP, short, short=short, evidence=evidence)
        return
    because = f" {mix.sentence}" if mix and mix.sentence else ""
    yield Look(
        Kind.TRAFFIC_GAP,
        f"By the trend of {WEEKS} weeks sessions rose by {percent(sessions)} while conversion fell "
        f"by {percent(-rate)}.{because}" + ("" if seasonal else " Seasons are not taken out yet."),
        Severity.WARNING,
        short=short + (f" {mix.said} of it is mix of sources." if mix and mix.most else ""),
        advice="Look at it together, marketing and whoever owns the pages: agree on revenue per "
        "session before a budget or a page is changed.",
        root=f"mix of {mix.sources[0]['source']}" if mix and mix.leads else "",
        evidence=evidence,
    )


def _ends(weeks: Floats) -> float:
    """Set the last four weeks against the first four: a step is no line."""
    return float(weeks[-4:].sum() / weeks[:4].sum() - 1)


def _chart(known: Weekly) -> dict[str, object]:
    sessions, goals = known.sessions[-WEEKS:], known.goals[-WEEKS:]
    rate = goals / np.maximum(sessions, 1)
    return weeks_chart(
        known.starts[-WEEKS:],
        {
            "Sessions": [round(float(each / sessions[0] - 1), 4) for each in sessions],
            "Conversion": [
                round(float(each / rate[0] - 1), 4) if rate[0] else None for each in rate
            ],
        },
        heading="Sessions and conversion by week, against the first of 13 weeks",
        focus="Conversion",
    )


@dataclass(frozen=True, slots=True)
class _Mix:
    """How much of a fallen rate is that visitors come from elsewhere."""

    share: float | None
    sources: list[dict[str, object]]

    @property
    def most(self) -> bool:
        return self.share is not None and self.share > 0

    @property
    def said(self) -> str:
        if self.share is None:
            return "not defined"
        # What the sources' own rates did against it can make it more than all.
        return "All" if self.share > 0.995 else percent(self.share, digits=0)

    @property
    def leads(self) -> bool:
        """Whether it is most of the change."""
        return bool(self.share is not None and self.share > 0.5 and self.sources)

    @property
    def sentence(self) -> str:
        if self.share is None or not self.sources:
            return ""
        first = self.sources[0]
        return (
            f"{self.said} of that is mix: visitors come from elsewhere than before, most of all "
            f"from {first['source']}."
            if self.leads
            else f"Only {self.said} of that is mix: the same sources convert worse than before."
        )


def _places(found: Traffic, first: date) -> list[dict[str, object]]:
    """Look at every landing page or surface alone; give those where the gap is widest."""
    if not len(found) or not found.knows_orders:
        return []
    names, place = np.unique(found.landing.astype(str), return_inverse=True)
    week = (found.day - np.datetime64(first)).astype(int) // 7
    cells, size = place * WEEKS + week, len(names) * WEEKS
    sessions, orders = (
        np.bincount(cells, weights=each, minlength=size).reshape(len(names), WEEKS)
        for each in (found.sessions, found.orders)
    )
    looked = gaps(sessions, np.maximum(orders, 0))
    told = np.flatnonzero(looked.told & (names != ""))
    order = told[np.argsort(-looked.gap[told])][:NAMED]
    return [
        {
            "place": str(names[each]),
            "sessions": int(sessions[each].sum()),
            "orders": int(orders[each].sum()),
            "change": float(np.expm1(looked.sessions[each])),
            "rate": float(np.expm1(looked.rate[each])),
            "fires": bool(looked.fires[each]),
        }
        for each in order
    ]


def _mix(found: Traffic, known: Weekly) -> _Mix | None:
    """Split the change of the rate into mix and rate of sources (R040); None where none is told."""
    first = known.starts[-WEEKS]
    if not len(found) or not found.knows_orders or known.goal != "orders":
        return None
    names = np.array(
        [
            f"{source or 'unknown'} / {campaign}" if campaign else source or "unknown"
            for source, campaign in zip(found.source, found.campaign, strict=True)
        ],
        dtype=object,
    )
    groups, place = np.unique(names.astype(str), return_inverse=True)
    if len(groups) < 2:
        return None
    week = (found.day - np.datetime64(first)).astype(int) // 7
    parts: list[Floats] = []
    for inside in (week < HALF, week >= WEEKS - HALF):
        parts += [
            np.bincount(place, weights=amounts * inside, minlength=len(groups)).astype(float)
            for amounts in (found.sessions, found.orders)
        ]
    if not (parts[0].sum() and parts[2].sum()):
        return None
    split = mix_and_rate(Cells.of(*parts))
    change = split.after - split.before
    # Two sides of one coin: name first the one that there is more of.
    more = parts[2] / parts[2].sum() > parts[0] / parts[0].sum()
    order = np.lexsort((split.mix if change < 0 else -split.mix, ~more))[:NAMED]
    return _Mix(
        share=float(split.mix.sum() / change) if change else None,
        sources=[
            {
                "source": str(groups[each]),
                "sessions_before": int(parts[0][each]),
                "sessions_after": int(parts[2][each]),
                "mix": float(split.mix[each]),
                "rate": float(split.rate[each]),
            }
            for each in order
        ],
    )


@replays(Kind.TRAFFIC_GAP)
def traffic_gap_then(site: Site, now: datetime) -> Iterable[date]:
    """Replay on which Mondays the quarter before would have been a warning."""
    known = weekly(weeks(site, until=day_at(site, now), count=HISTORY))
    if len(known.starts) < WEEKS:
        return
    fires = replay(known.sessions, known.goals).fires
    for start, fired in zip(known.starts[WEEKS - 1 :], fires, strict=True):
        if fired:
            yield start + timedelta(days=7)


@detects(Kind.FRESHNESS)
def stale_feeds(site: Site, now: datetime) -> Iterable[Look]:
    """Say which feeds have not kept their promise."""
    found = stale(site, now=now)
    if not found:
        feeds = feeds_of(site)
        said = "Every feed keeps its promise." if feeds else "No feed brings facts yet."
        yield Look(Kind.FRESHNESS, said, short=said, told=bool(feeds))
        return
    feeds = feeds_of(site)
    owners = {each.name: str(each.owner_id) for each in feeds if each.owner_id}
    for each in found:
        yield Look(
            Kind.FRESHNESS,
            each.sentence,
            Severity.WARNING,
            cause=each.name,
            short=each.sentence,
            advice="Ask its owner to send it again; numbers that rest on it carry a banner.",
            owner=owners.get(each.name, ""),
            evidence={
                "facts": [["Feed", each.name], ["Owner", each.owner or "nobody"]],
                "chart": bars_chart(
                    [
                        {
                            "label": feed.name,
                            "detail": FeedKind(feed.kind).called,
                            "value": round((now - (feed.arrived_at or feed.made_at)) / DAY, 1),
                            "focus": feed.name == each.name,
                            "limit": feed.promise_hours / 24,
                        }
                        for feed in feeds
                        if feed.counts
                    ],
                    heading="Days since each feed came; the tick is what was promised",
                    label="Feed",
                    head="Days",
                ),
            },
        )


DAY: Final = timedelta(days=1)


@detects(Kind.TRACKING)
def lost_events(site: Site, now: datetime) -> Iterable[Look]:
    """Say whether fewer events come than there are orders (R092)."""
    record = tracking_of(site)
    if record is None or now - record.read_at > READ_WITHIN:
        said = "What is tracked has not been read yet."
        yield Look(Kind.TRACKING, f"Not judged: {said}", short=said, told=False)
        return
    orders = record.document["orders"]
    recent = {**orders, **orders.get("recent", {})}
    said = coverage_said(recent)
    if recent["light"] is None:
        yield Look(Kind.TRACKING, f"Not judged: {said}", short=said[:300], told=False)
        return
    devices = [each for each in recent["devices"] if each["share"] is not None]
    evidence: dict[str, object] = {
        "facts": [
            ["Since", str(recent["since"])],
            ["Events", count_said(recent["tracked"])],
            [str(recent["called"]).capitalize(), count_said(recent["truth"])],
            *(
                [str(each["name"]).capitalize(), percent(float(each["share"]), digits=1)]
                for each in devices
            ),
        ],
        "chart": bars_chart(
            [
                {
                    "label": str(each["name"]).capitalize(),
                    "detail": f"{count_said(each['tracked'])} of {count_said(each['truth'])}",
                    "value": min(float(each["share"]), 1.0),
                    "limit": TARGET,
                    "focus": each["name"] == recent["worst"],
                }
                for each in devices or [{**recent, "name": "all"}]
            ],
            heading="Tracked share by device; the mark is the target",
            label="Device",
            head="Tracked",
            measure=Measured.SHARE,
        ),
    }
    if recent["light"] != Light.RED:
        yield Look(Kind.TRACKING, said, short=said, evidence=evidence)
        return
    lost = recent["share"] < HALF_LOST
    yield Look(
        Kind.TRACKING,
        f"Events are lost: {said[0].lower() + said[1:] if said[0].isalpha() else said}",
        Severity.CRITICAL if lost else Severity.WARNING,
        short=said,
        advice="Look at what was deployed on the first bad day, try an order on the device that "
        "loses most, and say so on tests that ran meanwhile: their rates are too low.",
        evidence=evidence,
    )


READ_WITHIN: Final = timedelta(days=3)
"""An older reading says nothing of today."""

HALF_LOST: Final = 0.5
"""Below that no rate of these days means anything."""


FALL: Final = 0.05
"""Of revenue per session from one quarter to the next; beyond it a result has fallen."""


def falls_of(site: Site, *, now: datetime) -> tuple[dict[str, object], ...]:
    """Give the quarters whose revenue per session fell, each with the day on which it was known."""
    found = weeks(site, until=day_at(site, now), count=HISTORY)
    quarters: dict[tuple[int, int], list[Week]] = {}
    for each in found:
        # A week belongs to the quarter of its Thursday.
        middle = each.starts + timedelta(days=3)
        quarters.setdefault((middle.year, (middle.month - 1) // 3 + 1), []).append(each)
    before: float | None = None
    fell = []
    for (year, quarter), parts in sorted(quarters.items()):
        sessions = sum(each.sessions or 0 for each in parts)
        revenue = [each.revenue_minor for each in parts if each.revenue_minor is not None]
        whole = len(parts) >= WEEKS - 1 and len(revenue) == len(parts)
        here = sum(revenue) / sessions if whole and sessions else None
        if here is not None and before and here / before - 1 <= -FALL:
            fell.append(
                {
                    "quarter": f"{year}-Q{quarter}",
                    "known_on": (parts[-1].starts + timedelta(days=7)).isoformat(),
                    "change": here / before - 1,
                    "before_minor": before,
                    "after_minor": here,
                    "sessions": sessions,
                }
            )
        before = here
    return tuple(fell)
