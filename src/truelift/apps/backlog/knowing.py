"""Fills in what the system knows about an item, and works out its score and its route."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from statistics import median
from typing import Final

from truelift.apps.backlog.rule import Agreed
from truelift.apps.surfaces.models import SurfaceRecord
from truelift.lifecycle.policy import Framework
from truelift.lifecycle.scoring import (
    Agreement,
    Input,
    Opinion,
    Origin,
    Score,
    agreement_of,
    score_of,
    ten_point,
)
from truelift.lifecycle.scoring_route import Learnable, Routed, routed
from truelift.lifecycle.scoring_value import Prior, Slot, Stake, Worth, cv2_of, worth_of
from truelift.stats.design import Design
from truelift.stats.power import NothingDetectable, detectable_lift
from truelift.stats.spreads import Share


CONFIDENCE: Final[Mapping[int, float]] = {1: 0.5, 2: 0.8}
"""Kinds of evidence → confidence of RICE; three and more are 1."""

FEWEST_BEFORE: Final = 3
"""Items of a surface that must have been judged before their middle stands in for a judgement."""

_PXL_EVIDENCE: Final[Mapping[str, str]] = {
    "user_test": "user_test",
    "qual": "voice",
    "analytics": "analytics",
    "tracking": "behaviour",
}
"""Row of the PXL table → kind of evidence that answers it."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is on record about an item.

    Attributes:
        surface: Where.
        problem: Whether a problem is linked.
        leak_minor: What the linked findings cost a week; None where nobody knows.
        kinds: Kinds of evidence behind it.
        pieces: Pieces of evidence.
        findings: Keys of the linked findings.
    """

    surface: str = ""
    problem: bool = False
    leak_minor: float | None = None
    kinds: frozenset[str] = frozenset()
    pieces: int = 0
    findings: tuple[str, ...] = ()
    defect: bool = False
    if_wins: str = ""
    if_loses: str = ""


@dataclass(frozen=True, slots=True)
class Site:
    """What holds for every item of a site.

    Attributes:
        agreed: The active framework and its settings.
        prior: How true lifts are spread.
        surfaces: Name, in small letters, → what its data show.
        largest_leak: Of all items, for places on a scale.
        past: Surface, in small letters, → input → what was judged of its items.
    """

    agreed: Agreed
    prior: Prior
    surfaces: Mapping[str, SurfaceRecord]
    largest_leak: float = 0.0
    past: Mapping[str, Mapping[str, Sequence[float]]] = field(default_factory=dict)

    @property
    def busiest(self) -> float:
        """People a week on the busiest surface."""
        return max((each.weekly_units or 0.0 for each in self.surfaces.values()), default=0.0)


@dataclass(frozen=True, slots=True)
class Known:
    """Everything that is worked out about an item.

    Attributes:
        worth: The parts of an expected value; None for other frameworks, or while it is undefined.
    """

    score: Score
    inputs: Mapping[str, Input]
    agreements: Mapping[str, Agreement]
    routed: Routed
    weekly_units: float | None
    mde: float | None
    worth: Worth | None

    @property
    def discuss(self) -> bool:
        """Whether scorers are so far apart that they should talk."""
        return any(each.discuss for each in self.agreements.values())


def known(facts: Facts, opinions: Sequence[Opinion], *, site: Site) -> Known:
    """Work out an item's score and where it goes."""
    rule = site.agreed.rule
    agreements = agreement_of(rule, opinions)
    surface = site.surfaces.get(facts.surface.lower())
    inputs = _inputs(facts, agreements, surface, site)
    units = None if surface is None else surface.weekly_units
    mde = None
    if surface is not None and surface.weekly_units and surface.rate:
        mde = _mde(surface.weekly_units, surface.rate, site.agreed.policy.max_weeks)
    worth = None
    if rule.framework is Framework.EV:
        missing = tuple(each.name for each in rule.asks if each.name not in inputs)
        worth = None if missing else _worth(inputs, site)
        score = Score(
            rule.framework,
            rule.version,
            None if worth is None else worth.per_slot_week,
            missing,
            low=None if worth is None else worth.low,
            high=None if worth is None else worth.high,
        )
    else:
        score = score_of(rule, inputs)
    route = routed(
        Learnable(
            defect=facts.defect,
            problem=facts.problem,
            evidence=facts.pieces,
            mde=mde,
            weeks=site.agreed.policy.max_weeks,
            weekly_units=units,
            if_wins=facts.if_wins,
            if_loses=facts.if_loses,
        )
    )
    return Known(score, inputs, agreements, route, units, mde, worth)


def _worth(inputs: Mapping[str, Input], site: Site) -> Worth:
    agreed = site.agreed
    work = inputs["work"]
    day = agreed.day_minor
    units = inputs["weekly_units"].value
    slot = Slot(units, cv2_of(inputs["rate"].value), weeks=agreed.weeks)
    stake = Stake(
        revenue=inputs["revenue"].value,
        sessions=units,
        reached=inputs["reached"].value,
        implemented=agreed.implemented.value,
        decay=agreed.decay,
        build_cost=work.value * day,
    )
    ends = [work.value if each is None else each for each in (work.low, work.high)]
    return worth_of(site.prior, slot, stake, costs=(ends[0] * day, ends[1] * day))


@cache
def _mde(units: float, rate: float, weeks: int) -> float | None:
    """Give the smallest lift that the longest test would see; infinite where it sees none."""
    if not 0 < rate < 1:
        return None
    try:
        found = detectable_lift(Design(Share(rate)), n_per_arm=max(2.0, units * weeks / 2))
    except NothingDetectable:
        return None
    return found if math.isfinite(found) else None


def _inputs(
    facts: Facts,
    agreements: Mapping[str, Agreement],
    surface: SurfaceRecord | None,
    site: Site,
) -> dict[str, Input]:
    """Give every input that is there: what the data say before what people judge."""
    judged = {
        name: Input(
            each.median,
            Origin.JUDGEMENT,
            _apart(each),
            low=each.low,
            high=each.high,
        )
        for name, each in agreements.items()
    }
    filled = _filled(facts, surface, site)
    found = {**judged, **filled}
    for name, usual in _usual(facts, site).items():
        found.setdefault(name, usual)
    return {each.name: found[each.name] for each in site.agreed.rule.asks if each.name in found}


def _apart(each: Agreement) -> str:
    if each.n == 1:
        return "One person"
    if each.low == each.high:
        return f"{each.n} people, asked apart, say the same"
    return f"{each.n} people, asked apart: {each.low:g} to {each.high:g}"


def _filled(facts: Facts, surface: SurfaceRecord | None, site: Site) -> dict[str, Input]:
    """Give what the data say."""
    found: dict[str, Input] = {}

    def data(name: str, value: float, said: str) -> None:
        found[name] = Input(value, Origin.DATA, said)

    framework = site.agreed.rule.framework
    from_findings = f"From {' and '.join(facts.findings[:3])}" if facts.findings else ""
    if facts.leak_minor is not None and site.largest_leak > 0:
        place = ten_point(facts.leak_minor, of=site.largest_leak)
        said = f"Leak of the findings, beside the largest one. {from_findings}"
        if framework is Framework.ICE:
            data("impact", place, said)
        if framework is Framework.PIE:
            data("potential", place, said)
    kinds = len(facts.kinds)
    if framework is Framework.RICE and kinds:
        sure = CONFIDENCE.get(kinds, 1.0)
        data("confidence", sure, f"Kinds of evidence: {kinds}. {from_findings}")
    if framework is Framework.PXL and facts.findings:
        for row, kind in _PXL_EVIDENCE.items():
            data(row, float(kind in facts.kinds), from_findings)
    if surface is None or surface.weekly_units is None:
        return found
    units = surface.weekly_units
    counted = f"People on “{surface.name}”, last 28 days"
    if framework is Framework.PIE:
        data("importance", ten_point(units, of=site.busiest), f"{counted}, beside the busiest")
    if framework is Framework.RICE:
        data("reach", units * 4, counted)
    if framework is Framework.PXL:
        data("traffic", float(units >= site.busiest / 2), f"{counted}, beside the busiest")
    if framework is Framework.EV and units > 0:
        data("weekly_units", units, counted)
        if surface.rate and 0 < surface.rate < 1:
            data("rate", surface.rate, f"Orders within a week of “{surface.name}”, last 28 days")
        if surface.revenue_minor is not None:
            data("revenue", surface.revenue_minor, "Money of those orders, per person on it")
    return found


def _usual(facts: Facts, site: Site) -> dict[str, Input]:
    """Give what stands in where nobody has judged yet: earlier items on the same surface."""
    found: dict[str, Input] = {}
    past = site.past.get(facts.surface.lower(), {}) if facts.surface else {}
    for name in ("ease", "work", "effort"):
        before = past.get(name, ())
        if len(before) >= FEWEST_BEFORE:
            said = f"Middle of {len(before)} earlier items on “{facts.surface}”"
            found[name] = Input(
                float(median(before)), Origin.DATA, said, low=min(before), high=max(before)
            )
    if site.agreed.rule.framework is Framework.EV:
        found["reached"] = Input(1.0, Origin.SETTING, "Everybody on the surface, unless judged")
    return found
