"""The pages of freezes as values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from truelift.apps.drawing.wording import clock, count, day, number, percent, short_day
from truelift.apps.experiments.domain import day_at, midnight_at
from truelift.apps.freezes.figures import COUNTED_DAYS, Figures, figures_of
from truelift.apps.freezes.models import (
    ApprovalRecord,
    DeployCheckRecord,
    FreezeRecord,
)
from truelift.apps.freezes.reads import (
    Agreement,
    agreements_of,
    approvals_at,
    approvals_of,
    asker_of,
    checks_of,
    deploy_policy_of,
    freeze_rows,
    freezes_within,
    named_surfaces,
    refusals,
    shares_collected,
    trials_of,
)
from truelift.apps.freezes.services import sides_of
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.apps.surfaces.reads import surfaces_of
from truelift.lifecycle.deploy_check import (
    Decision,
    DeployRequest,
    Side,
    Trial,
    Verdict,
    decide,
)
from truelift.lifecycle.freeze import Freeze, FreezeAction, FreezeStage, Strength
from truelift.lifecycle.freeze_figures import MOST_FROZEN
from truelift.lifecycle.functions import Item
from truelift.lifecycle.obstacle import Obstacle
from truelift.lifecycle.stage_words import stage_word
from truelift.lifecycle.surface import Surface


BEFORE: Final = timedelta(days=7)
AFTER: Final = timedelta(days=49)
"""How much of the past and of what comes is drawn."""

GLYPHS: Final = {
    FreezeStage.PROPOSED: "missing",
    FreezeStage.AGREED: "waiting",
    FreezeStage.ACTIVE: "failed",
    FreezeStage.ENDED: "passed",
    FreezeStage.CANCELLED: "invalid",
}
"""The shape of a stage."""

VERDICTS: Final = {
    Verdict.ALLOW: ("passed", "Yes"),
    Verdict.WARN: ("watch", "With care"),
    Verdict.UNKNOWN: ("missing", "Not known"),
    Verdict.DENY: ("failed", "No"),
}
"""The shape of an answer, and the answer."""

ACTIONS: Final = {
    FreezeAction.AGREE: "Agree to it",
    FreezeAction.END: "End it now",
    FreezeAction.CANCEL: "Cancel it",
}

_PAST: Final = {
    "agree": "agreed to it",
    "activate": "It began",
    "end": "ended it",
    "cancel": "cancelled it",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether a surface may be deployed now."""

    surface: str
    glyph: str
    word: str
    why: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A freeze or a test in its lane; places in per cent of the width.

    Attributes:
        kind: `agreed`, `proposed` or `test`.
        collected: How much of the bar is filled; empty for none.
    """

    x: str
    width: str
    y: int
    label: str
    said: str
    href: str
    kind: str
    collected: str = ""


@dataclass(frozen=True, slots=True)
class Lane:
    """A surface with what stands on it."""

    surface: str
    team: str
    height: int
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Tick:
    """A Monday on the axis."""

    x: str
    day: str
    month: str


@dataclass(frozen=True, slots=True)
class FreezeRow:
    """A line of the list."""

    record: FreezeRecord
    glyph: str
    stage: str
    where: str
    when: str
    strength: str
    source: str


@dataclass(frozen=True, slots=True)
class FreezesPage:
    """Which surfaces are frozen, now and next."""

    answer: str
    answers: tuple[Answer, ...]
    lanes: tuple[Lane, ...]
    ticks: tuple[Tick, ...]
    today: str
    span: str
    rows: tuple[FreezeRow, ...]
    over: bool
    warnings: tuple[str, ...]
    facts: tuple[tuple[str, str, str], ...]
    frozen: tuple[tuple[str, str, str], ...]
    quarter: str
    any: bool


@dataclass(frozen=True, slots=True)
class Button:
    """A step that can be taken, or the reasons why it cannot."""

    action: str
    label: str
    reasons: tuple[Obstacle, ...]


@dataclass(frozen=True, slots=True)
class FreezePage:
    """One freeze."""

    record: FreezeRecord
    row: FreezeRow
    main: Button | None
    quiet: tuple[Button, ...]
    facts: tuple[tuple[str, str, str], ...]
    approvals: tuple[tuple[ApprovalRecord, str, str], ...]
    approving: str
    sides: tuple[tuple[str, str], ...]
    timeline: tuple[tuple[str, str], ...]
    is_open: bool
    is_proposed: bool
    agreements: tuple[tuple[str, str, str, str], ...]
    agreed: str


@dataclass(frozen=True, slots=True)
class CheckRow:
    """A line of the log."""

    record: DeployCheckRecord
    glyph: str
    word: str
    when: str
    asker: str
    what: str
    until: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChecksPage:
    """What pipelines have asked."""

    answer: str
    rows: tuple[CheckRow, ...]
    older: int | None
    decision: str
    any: bool


@dataclass(frozen=True, slots=True)
class _Now:
    """What stands on the surfaces of a site, and what a pipeline would be told of each."""

    surfaces: tuple[Surface, ...]
    names: dict[str, str]
    tests: tuple[Trial, ...]
    freezes: dict[str, Freeze]
    decisions: dict[str, Decision]
    shares: dict[str, float]


def _now(
    site: Site,
    *,
    since: datetime,
    until: datetime,
    now: datetime,
    surfaces: tuple[Surface, ...] | None = None,
) -> _Now:
    surfaces = surfaces_of(site) if surfaces is None else surfaces
    names = {each.name.strip().casefold(): each.name for each in surfaces}
    for name in named_surfaces(site):
        names.setdefault(name.strip().casefold(), name)
    policy = deploy_policy_of(site)
    tests = trials_of(site, since=since, until=until, now=now)
    records = freezes_within(site, since=since, until=until)
    freezes = {each.key: each.as_domain() for each in records}
    approvals = approvals_of(site, since=now)
    decisions = {
        name: decide(
            DeployRequest((name,), env=policy.environments[0]),
            surfaces=surfaces,
            freezes=freezes.values(),
            tests=tests,
            policy=policy,
            at=now,
            approvals=approvals,
            also_known=names.values(),
        )
        for name in names.values()
    }
    shares = shares_collected(site, {each.key for each in tests if each.covers(now)}, at=now)
    return _Now(surfaces, names, tests, freezes, decisions, shares)


def answers_now(
    site: Site, *, now: datetime, surfaces: tuple[Surface, ...] | None = None
) -> tuple[Answer, ...]:
    """Say of each surface whether it may be deployed now, those in whose way something is first.

    The number of queries does not grow with what stands on the surfaces.

    Args:
        site: Where.
        now: The moment.
        surfaces: Those of the site, where they were read already.
    """
    stands = _now(site, since=now, until=now + timedelta(days=1), now=now, surfaces=surfaces)
    zone = ZoneInfo(site.time_zone)
    order = sorted(stands.decisions, key=lambda name: -stands.decisions[name].verdict.rank)
    return tuple(_said(name, stands.decisions[name], stands.shares, zone) for name in order)


def freezes_page(site: Site, *, now: datetime, over: bool = False) -> FreezesPage:
    """Say which surfaces may be deployed, and draw what stands on them.

    Args:
        site: Where.
        now: The moment.
        over: Whether freezes that are over are listed, in place of the others.
    """
    zone = ZoneInfo(site.time_zone)
    today = day_at(site, now)
    since = midnight_at(site, today - BEFORE)
    until = midnight_at(site, today + AFTER)
    stands = _now(site, since=since, until=now + timedelta(days=400), now=now)
    names, decisions, shares = stands.names, stands.decisions, stands.shares
    drawing = _Drawing(site, since, until, zone)
    lanes = [
        _lane(
            name,
            next((each.team for each in stands.surfaces if each.name == name), ""),
            stands.freezes.values(),
            stands.tests,
            shares,
            drawing,
        )
        for name in names.values()
    ]
    figures = figures_of(site, now=now)
    stages = [each.value for each in FreezeStage]
    rows = freeze_rows(site)
    # The clock ends freezes, and the job writes it down later: the row's own stage is not asked.
    listed = [
        row
        for row in rows.order_by("-starts_at" if over else "starts_at", "pk")[:500]
        if (row.as_domain().at(now).stage in {FreezeStage.ENDED, FreezeStage.CANCELLED}) is over
        and row.stage in stages
    ]
    return FreezesPage(
        answer=_answer(decisions),
        answers=tuple(_said(name, each, shares, zone) for name, each in decisions.items()),
        lanes=tuple(lane for lane in lanes if lane.bars),
        ticks=drawing.ticks,
        today=drawing.place(now),
        span=f"{short_day(today - BEFORE)} to {short_day(today + AFTER)}",
        rows=tuple(_row(each, now=now) for each in listed[:100]),
        over=over,
        warnings=_warnings(figures),
        facts=_facts(figures),
        frozen=tuple(
            (each.surface, number(each.days, digits=1), percent(each.share, digits=0))
            for each in figures.frozen
            if each.days > 0
        ),
        quarter=f"{short_day(figures.quarter)} to {short_day(figures.until - timedelta(days=1))}",
        any=bool(names) or bool(stands.freezes),
    )


def _answer(decisions: dict[str, Decision]) -> str:
    if not decisions:
        return "No surface is known yet, so nothing is frozen"
    frozen = [name for name, each in decisions.items() if each.verdict is Verdict.DENY]
    if not frozen:
        return "Every surface may be deployed now"
    if len(frozen) == len(decisions):
        return "No surface may be deployed now without approval"
    if len(frozen) == 1:
        return f"{frozen[0]} is frozen; {_rest(len(decisions) - 1)} may be deployed"
    return f"{count(len(frozen))} of {count(len(decisions))} surfaces are frozen now"


def _rest(many: int) -> str:
    return "the other" if many == 1 else f"the other {count(many)}"


def _said(name: str, decision: Decision, shares: dict[str, float], zone: ZoneInfo) -> Answer:
    glyph, word = VERDICTS[decision.verdict]
    parts = []
    for reason in decision.reasons:
        text = reason.sentence.rstrip(".")
        if reason.ends is not None:
            text += f", until {day(reason.ends.astimezone(zone).date())}"
        if reason.id in shares and reason.share_collected is None:
            text += f", {percent(shares[reason.id], digits=0)} collected"
        parts.append(f"{text}.")
    return Answer(name, glyph, word, " ".join(parts) or "No test and no freeze.")


class _Drawing:
    """Places moments between two midnights, in per cent."""

    def __init__(self, site: Site, since: datetime, until: datetime, zone: ZoneInfo) -> None:
        self.site = site
        self.since = since
        self.until = until
        self.zone = zone

    def share(self, at: datetime) -> float:
        """Give where a moment is, from 0 to 100; what lies outside stands at the edge."""
        whole = (self.until - self.since).total_seconds()
        return 100 * min(1.0, max(0.0, (at - self.since).total_seconds() / whole))

    def place(self, at: datetime) -> str:
        """Give the same as an attribute."""
        return f"{self.share(at):.2f}%"

    @property
    def ticks(self) -> tuple[Tick, ...]:
        """The Mondays; the first of a month has its name."""
        found = []
        at = self.since.astimezone(self.zone).date()
        last = self.until.astimezone(self.zone).date()
        month = 0
        while at < last:
            if at.weekday() == 0:
                named = f"{at:%B}" if at.month != month else ""
                month = at.month
                found.append(Tick(self.place(midnight_at(self.site, at)), str(at.day), named))
            at += timedelta(days=1)
        return tuple(found)


def _lane(
    name: str,
    team: str,
    freezes: Iterable[Freeze],
    tests: Sequence[Trial],
    shares: dict[str, float],
    drawing: _Drawing,
) -> Lane:
    place = name.strip().casefold()
    bars: list[Bar] = []
    y = 6
    for test in tests:
        if place in {each.strip().casefold() for each in test.surfaces}:
            share = shares.get(test.key)
            said = f"{test.key}, test, {_between(test.starts, test.ends, drawing.zone)}"
            if share is not None:
                said += f", {percent(share, digits=0)} collected"
            bar = _bar(
                test.starts,
                test.ends,
                y,
                test.key,
                said,
                f"/s/{drawing.site.name}/experiments/{test.key}/",
                "test",
                drawing,
                collected="" if share is None else f"{100 * share:.0f}%",
            )
            if bar:
                bars.append(bar)
                y += 30
    for freeze in freezes:
        bar = _of_freeze(freeze, place, y, drawing)
        if bar:
            bars.append(bar)
            y += 30
    return Lane(name, team, max(36, y + 2), tuple(bars))


def _of_freeze(freeze: Freeze, place: str, y: int, drawing: _Drawing) -> Bar | None:
    if freeze.starts is None or place not in {each.strip().casefold() for each in freeze.surfaces}:
        return None
    proposed = freeze.stage is FreezeStage.PROPOSED
    if not proposed and freeze.window is None:
        return None
    starts, ends = (freeze.starts, freeze.ends) if proposed else freeze.window or (None, None)
    if starts is None:
        return None
    word = "proposed" if proposed else "agreed"
    said = f"{freeze.key} {freeze.what}, freeze, {word}, {_between(starts, ends, drawing.zone)}"
    href = f"/s/{drawing.site.name}/freezes/{freeze.key}/"
    label = f"{freeze.key} {freeze.what}"
    return _bar(starts, ends, y, label, said, href, word, drawing)


def _bar(
    starts: datetime,
    ends: datetime | None,
    y: int,
    label: str,
    said: str,
    href: str,
    kind: str,
    drawing: _Drawing,
    *,
    collected: str = "",
) -> Bar | None:
    last = ends or drawing.until
    if starts >= drawing.until or last <= drawing.since:
        return None
    x, end = drawing.share(starts), drawing.share(last)
    return Bar(f"{x:.2f}%", f"{max(0.8, end - x):.2f}%", y, label, said, href, kind, collected)


def _between(starts: datetime, ends: datetime | None, zone: ZoneInfo) -> str:
    first = short_day(starts.astimezone(zone).date())
    if ends is None:
        return f"from {first}"
    # The last day on which it holds: a freeze to midnight does not hold on the day that begins.
    last = short_day((ends - timedelta(seconds=1)).astimezone(zone).date())
    return first if first == last else f"{first} to {last}"


def _row(record: FreezeRecord, *, now: datetime) -> FreezeRow:
    freeze = record.as_domain().at(now)
    zone = ZoneInfo(record.site.time_zone)
    return FreezeRow(
        record=record,
        glyph=GLYPHS[freeze.stage],
        stage=stage_word(Item.FREEZE, freeze.stage),
        where=", ".join(freeze.surfaces),
        when=_between(record.starts_at, freeze.ends, zone),
        strength=freeze.strength.called,
        source=freeze.source.called,
    )


def _warnings(figures: Figures) -> tuple[str, ...]:
    long = [each for each in figures.frozen if each.too_long]
    if not long:
        return ()
    named = ", ".join(f"{each.surface} ({percent(each.share, digits=0)})" for each in long[:5])
    more = f" and {len(long) - 5} more" if len(long) > 5 else ""
    are = "is" if len(long) == 1 else "are"
    said = (
        f"{named}{more} {are} frozen for more than {percent(MOST_FROZEN, digits=0)} of this"
        " quarter: tests block delivery there. Run shorter tests, several at once, or freeze"
        " only what they touch."
    )
    return (said,)


def _facts(figures: Figures) -> tuple[tuple[str, str, str], ...]:
    kept = figures.compliance
    share = f"{percent(kept.share, digits=0)}" if kept.share is not None else "not known"
    overridden = (
        percent(figures.overridden, digits=0)
        if figures.overridden is not None
        else "nothing was denied"
    )
    mean = "no surface yet" if figures.mean_days is None else number(figures.mean_days, digits=1)
    return (
        (
            "Deploys on frozen surfaces without approval",
            share,
            f"{count(kept.against)} of {count(kept.deploys)} in {COUNTED_DAYS} days"
            if kept.deploys
            else "no deploy was recorded; changes come in by webhook or API",
        ),
        ("Denied releases that an emergency let through", overridden, f"in {COUNTED_DAYS} days"),
        ("Frozen days per surface", mean, "this quarter, the mean of all surfaces"),
    )


def freeze_page(record: FreezeRecord, *, by: Actor, now: datetime) -> FreezePage:
    """Lay out one freeze."""
    site = record.site
    zone = ZoneInfo(site.time_zone)
    freeze = record.as_domain().at(now)
    refused = refusals(record, by=by, now=now)
    buttons = {
        action: Button(action.value, ACTIONS[action], reasons)
        for action, reasons in refused.items()
    }
    main = buttons.pop(FreezeAction.AGREE, None)
    is_open = freeze.stage not in {FreezeStage.ENDED, FreezeStage.CANCELLED}
    owner = record.owner or (record.experiment.decision_owner if record.experiment else None)
    experiment = record.experiment
    facts = (
        ("Surfaces", ", ".join(record.surfaces), ""),
        ("From", clock(record.starts_at.astimezone(zone)), ""),
        (
            "Until",
            clock(record.ends_at.astimezone(zone)) if record.ends_at else "its test is over",
            "",
        ),
        ("Asks", freeze.strength.called, ""),
        ("Comes from", freeze.source.called, ""),
        *(
            (("Protects", experiment.key, f"/s/{site.name}/experiments/{experiment.key}/"),)
            if experiment
            else ()
        ),
        ("Answers for it", str(owner) if owner else "nobody", ""),
    )
    sides = sides_of(record, by.user) if by.user and is_open else ()
    asked_for = freeze.stage is FreezeStage.PROPOSED or record.agreements.exists()
    agreements = agreements_of(record) if asked_for else ()
    return FreezePage(
        record=record,
        row=_row(record, now=now),
        main=main,
        quiet=tuple(buttons.values()),
        facts=facts,
        approvals=tuple(
            (each, Side(each.side).called, clock(each.until.astimezone(zone)))
            for each in approvals_at(site, record, now=now)
        ),
        approving=_approving(freeze.strength),
        sides=tuple((each.value, each.called) for each in sides)
        if freeze.strength is not Strength.ADVISE
        else (),
        timeline=_timeline(record, zone),
        is_open=is_open,
        is_proposed=freeze.stage is FreezeStage.PROPOSED,
        agreements=tuple(
            (
                each.claim.surface,
                "passed" if each.at else "waiting",
                "Agreed" if each.at else "Missing",
                f"{each.claim.agreed_by}, {clock(each.at.astimezone(zone))}"
                if each.at
                else each.claim.waits_for,
            )
            for each in agreements
        ),
        agreed=_agreed(agreements),
    )


def _agreed(agreements: Sequence[Agreement]) -> str:
    missing = [each for each in agreements if each.at is None]
    if not missing:
        return "Everybody has agreed"
    if len(missing) == len(agreements):
        return "Nobody has agreed yet"
    return f"{count(len(missing))} of {count(len(agreements))} surfaces wait for agreement"


def _approving(strength: Strength) -> str:
    return {
        Strength.ADVISE: "It only warns; nothing has to be approved.",
        Strength.REQUIRE_APPROVAL: "One approval, for the surface or for the test, lifts it.",
        Strength.DENY: "Two approvals, for the surface and for the test, lift it.",
    }[strength]


def _timeline(record: FreezeRecord, zone: ZoneInfo) -> tuple[tuple[str, str], ...]:
    who = str(record.made_by) if record.made_by else "The programme"
    lines = [(f"{who} proposed it", clock(record.made_at.astimezone(zone)))]
    for each in record.moves.select_related("by"):
        done = _PAST.get(each.action, each.action)
        text = f"{each.by} {done}" if each.by else done.replace("ended it", "It ended")
        text = text.replace("cancelled it", "It was cancelled") if not each.by else text
        lines.append(
            (
                f"{text}: {each.reason}" if each.reason else text,
                clock(each.moved_at.astimezone(zone)),
            )
        )
    return tuple(lines)


def checks_page(site: Site, *, decision: str, before: int | None, most: int = 50) -> ChecksPage:
    """Lay out the log, the newest first."""
    zone = ZoneInfo(site.time_zone)
    wanted = decision if decision in set(Verdict) else ""
    found = checks_of(site, decision=wanted, before=before, most=most + 1)
    rows = tuple(_check_row(each, zone) for each in found[:most])
    if rows:
        newest = rows[0]
        answer = f"The last check was answered “{newest.word.lower()}” on {newest.when}"
    else:
        answer = "No pipeline has asked yet" if not wanted and before is None else "None such"
    return ChecksPage(
        answer=answer,
        rows=rows,
        older=found[most - 1].pk if len(found) > most else None,
        decision=wanted,
        any=bool(rows) or bool(wanted),
    )


_WORDS: Final = {"allow": "Allowed", "warn": "Warned", "unknown": "Not known", "deny": "Denied"}


def _check_row(record: DeployCheckRecord, zone: ZoneInfo) -> CheckRow:
    word = "Emergency" if record.emergency and record.denied else _WORDS[record.decision]
    glyph = "watch" if record.emergency and record.denied else VERDICTS[Verdict(record.decision)][0]
    parts = [", ".join(record.surfaces), record.repo, record.sha[:12]]
    return CheckRow(
        record=record,
        glyph=glyph,
        word=word,
        when=clock(record.asked_at.astimezone(zone)),
        asker=asker_of(record),
        what=" · ".join(part for part in parts if part),
        until=clock(record.until.astimezone(zone)) if record.until else "",
        reasons=tuple(each["sentence"] for each in record.reasons),
    )
