"""What a programme's log says of it: when things came through, what waits, what was done twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from truelift.lifecycle.experiment import Action, Stage


DAY: Final = timedelta(days=1)

ACTED_WITHIN: Final = timedelta(days=60)
"""An insight on which nothing was done for so long was not acted on (R137)."""

LEAST_RATIO: Final = 0.5
"""Below this share a programme does not act, or does not prove."""

CONCLUDED: Final = frozenset({Stage.DECIDED, Stage.LEARNED, Stage.CLOSED})
UNDER_WAY: Final = frozenset(
    {
        Stage.DESIGNED,
        Stage.BUILD,
        Stage.QA,
        Stage.READY,
        Stage.SCHEDULED,
        Stage.RUNNING,
        Stage.PAUSED,
        Stage.STOPPED,
        Stage.ANALYSED,
    }
)
"""Stages in which an experiment is somebody's work."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the log.

    Attributes:
        action: Which.
        before: From where.
        after: To where.
        at: When.
    """

    action: str
    before: str
    after: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Trial:
    """An experiment as its log tells it.

    Attributes:
        key: Its key.
        begun: When it was planned.
        steps: In order; those of one moment in the order they were taken.
    """

    key: str
    begun: datetime
    steps: tuple[Step, ...] = ()

    @property
    def launched_at(self) -> datetime | None:
        """When visitors first saw it."""
        return self.first(Action.LAUNCH)

    @property
    def decided_at(self) -> datetime | None:
        """When it was decided."""
        return self.first(Action.DECIDE)

    @property
    def invalid_at(self) -> datetime | None:
        """When its result was given up."""
        return self.first(Action.INVALIDATE)

    @property
    def over_at(self) -> datetime | None:
        """When it was decided or given up."""
        return self.decided_at or self.invalid_at

    @property
    def taken_up_at(self) -> datetime | None:
        """When it left the brief for the first time."""
        return self.steps[0].at if self.steps else None

    @property
    def stage(self) -> Stage:
        """Where it stands."""
        return Stage(self.steps[-1].after) if self.steps else Stage.BRIEFED

    @property
    def since(self) -> datetime:
        """Since when it stands there."""
        return self.steps[-1].at if self.steps else self.begun

    def first(self, action: Action) -> datetime | None:
        """Give the moment of the first step of a kind."""
        return next((each.at for each in self.steps if each.action == action), None)

    def until(self, now: datetime) -> Trial:
        """Give it as it stood at a moment."""
        return Trial(self.key, self.begun, tuple(each for each in self.steps if each.at <= now))


@dataclass(frozen=True, slots=True)
class Wait:
    """A stretch of time from one thing to another.

    Attributes:
        key: Of what.
        began: When it began.
        ended: When it ended; None while it goes on, or when it was given up.
    """

    key: str
    began: datetime
    ended: datetime | None

    def days(self, now: datetime) -> float:
        """Give its length so far, in days; nothing takes less than no time."""
        return max(((self.ended or now) - self.began) / DAY, 0.0)


def decisions(trials: Iterable[Trial]) -> tuple[Wait, ...]:
    """Give the stretches from launch to decision; what became invalid has none to wait for."""
    return tuple(
        Wait(each.key, each.launched_at, each.decided_at)
        for each in trials
        if each.launched_at is not None and each.invalid_at is None
    )


def time_in_stages(trials: Iterable[Trial]) -> Mapping[Stage, tuple[Wait, ...]]:
    """Give every stay of every experiment in every stage in which somebody has to do something."""
    found: dict[Stage, list[Wait]] = {}
    for trial in trials:
        came, stage = trial.begun, Stage.BRIEFED
        for step in trial.steps:
            found.setdefault(stage, []).append(Wait(trial.key, came, step.at))
            came, stage = step.at, Stage(step.after)
        found.setdefault(stage, []).append(Wait(trial.key, came, None))
    found.pop(Stage.CLOSED, None)
    return {stage: tuple(found[stage]) for stage in Stage if stage in found}


@dataclass(frozen=True, slots=True)
class Rework:
    """What was done twice, or for nothing.

    Attributes:
        returned: Steps back to the brief.
        resumed: Tests that went on after a pause.
        invalid: Tests whose result was given up.
        launched: Tests that were launched.
    """

    returned: int
    resumed: int
    invalid: int
    launched: int

    @property
    def rate(self) -> float | None:
        """All three by launched tests; None before the first launch."""
        done = self.returned + self.resumed + self.invalid
        return done / self.launched if self.launched else None


def rework(trials: Sequence[Trial]) -> Rework:
    """Count steps back, restarts and invalid tests (R124)."""
    steps = Counter(each.action for trial in trials for each in trial.steps)
    return Rework(
        returned=steps[Action.RETURN],
        resumed=steps[Action.RESUME],
        invalid=sum(each.invalid_at is not None for each in trials),
        launched=sum(each.launched_at is not None for each in trials),
    )


@dataclass(frozen=True, slots=True)
class Flow:
    """Little's law: what is under way is what comes out a day times how long each takes.

    Attributes:
        days: Length of the window.
        out: What came out in it.
        cycle_days: Mean time under way of what came out; None when nothing did.
        expected: What should be under way on average by the law; None when nothing came out.
        mean: What was under way on average.
    """

    days: float
    out: int
    cycle_days: float | None
    expected: float | None
    mean: float | None


def flow(trials: Iterable[Trial], *, since: datetime, until: datetime) -> Flow:
    """Hold what is under way against what comes out and how long it takes (R123).

    The two agree over a long time while the programme is steady; far more under way than the
    law says is work that never comes out.
    """
    length = (until - since) / DAY
    under_way, cycles = 0.0, []
    for trial in trials:
        began, over = trial.taken_up_at, trial.over_at
        if began is None:
            continue
        inside = min(over or until, until) - max(began, since)
        under_way += max(inside / DAY, 0.0)
        if over is not None and since <= over < until:
            cycles.append((over - began) / DAY)
    mean_cycle = sum(cycles) / len(cycles) if cycles else None
    return Flow(
        days=length,
        out=len(cycles),
        cycle_days=mean_cycle,
        expected=None if mean_cycle is None or length <= 0 else len(cycles) / length * mean_cycle,
        mean=under_way / length if length > 0 else None,
    )


class Every(StrEnum):
    """Length of a period."""

    MONTH = "month"
    QUARTER = "quarter"


def period_of(day: date, every: Every) -> str:
    """Name the period that a day lies in: 2026-03 or 2026-Q1."""
    if every is Every.MONTH:
        return f"{day:%Y-%m}"
    return f"{day.year}-Q{(day.month + 2) // 3}"


def periods_between(first: date, last: date, every: Every) -> tuple[str, ...]:
    """Name every period from the one of a day to the one of another, none left out."""
    found = []
    day = first.replace(day=1)
    while day <= last:
        found.append(period_of(day, every))
        day = (day + timedelta(days=31)).replace(day=1)
    return tuple(dict.fromkeys(found))


def per_period(days: Iterable[date], every: Every, *, first: date, last: date) -> dict[str, int]:
    """Count days by period, with a zero for each in which nothing was."""
    counted = Counter(period_of(each, every) for each in days)
    return {period: counted[period] for period in periods_between(first, last, every)}


@dataclass(frozen=True, slots=True)
class Handled:
    """An insight, and what became of it.

    Attributes:
        key: `I-4`.
        accepted: When it was accepted.
        acted: When somebody first did anything with it: a hypothesis, a direct fix or a
            dismissal with a reason; None while nobody has.
    """

    key: str
    accepted: datetime
    acted: datetime | None


@dataclass(frozen=True, slots=True)
class Ratio:
    """A share of something, or that there is nothing yet to have a share of."""

    part: int
    whole: int

    @property
    def value(self) -> float | None:
        """The share; None of nothing."""
        return self.part / self.whole if self.whole else None


def action_ratio(insights: Iterable[Handled], *, now: datetime) -> Ratio:
    """Count the insights that were acted on in time; those whose time is not over do not count."""
    due = [each for each in insights if each.accepted + ACTED_WITHIN <= now]
    acted = [
        each
        for each in due
        if each.acted is not None and each.acted - each.accepted <= ACTED_WITHIN
    ]
    return Ratio(len(acted), len(due))


class Quadrant(StrEnum):
    """How a programme fails, or that it does neither (R137)."""

    SOUND = "sound"
    ACTION_POOR = "action_poor"
    PROOF_POOR = "proof_poor"
    BOTH = "both"
    UNKNOWN = "unknown"

    @property
    def sentence(self) -> str:
        """Say it in the words that people use."""
        return _QUADRANTS[self]

    @property
    def called(self) -> str:
        """The same in a few words, for a field of the drawing."""
        return _FIELDS[self]


_QUADRANTS: Final[Mapping[Quadrant, str]] = MappingProxyType(
    {
        Quadrant.SOUND: "What is known is acted on, and what is shipped is proven.",
        Quadrant.ACTION_POOR: "Data rich and action poor: most insights lead to nothing.",
        Quadrant.PROOF_POOR: "Shipping fast with no proof: most releases follow no decision.",
        Quadrant.BOTH: "Data rich and action poor, and shipping fast with no proof.",
        Quadrant.UNKNOWN: "Too little has happened to say how the programme fails.",
    }
)


_FIELDS: Final[Mapping[Quadrant, str]] = MappingProxyType(
    {
        Quadrant.SOUND: "Acts, and proves",
        Quadrant.ACTION_POOR: "Data rich and action poor",
        Quadrant.PROOF_POOR: "Shipping fast with no proof",
        Quadrant.BOTH: "Action poor, and no proof",
        Quadrant.UNKNOWN: "Not known",
    }
)


def quadrant(action: Ratio, proof: Ratio) -> Quadrant:
    """Name where a programme stands by what it acts on and what it proves."""
    if action.value is None or proof.value is None:
        return Quadrant.UNKNOWN
    acts, proves = action.value >= LEAST_RATIO, proof.value >= LEAST_RATIO
    if acts and proves:
        return Quadrant.SOUND
    if acts:
        return Quadrant.PROOF_POOR
    return Quadrant.ACTION_POOR if proves else Quadrant.BOTH
