"""What is watched while an experiment runs: findings, what follows from them, and alerts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from truelift.lifecycle.functions import Item, Parts, Standing, people_obstacles
from truelift.lifecycle.obstacle import MoveRefused, Obstacle
from truelift.lifecycle.policy import HarmResponse


class Concern(StrEnum):
    """What can be the matter."""

    GUARDRAIL = "guardrail"
    SPLIT = "split"
    NO_EXPOSURES = "no_exposures"
    UNKNOWN_VARIANT = "unknown_variant"
    CROSSOVERS = "crossovers"
    OVERRUN = "overrun"
    OPEN_DECISION = "open_decision"
    SITE_LEVEL = "site_level"
    SITE_DRIFT = "site_drift"
    TURNED = "turned"

    @property
    def called(self) -> str:
        """The concern as it stands at the head of a row."""
        return _CALLED[self]


_CALLED: Final[Mapping[Concern, str]] = MappingProxyType(
    {
        Concern.GUARDRAIL: "Guardrail",
        Concern.SPLIT: "Split of visitors",
        Concern.NO_EXPOSURES: "Exposures",
        Concern.UNKNOWN_VARIANT: "Variants",
        Concern.CROSSOVERS: "Visitors who saw both",
        Concern.OVERRUN: "Planned end",
        Concern.OPEN_DECISION: "Decision",
        Concern.SITE_LEVEL: "The whole site",
        Concern.SITE_DRIFT: "The whole site",
        Concern.TURNED: "Delayed outcome",
    }
)


class Level(StrEnum):
    """How pressing a finding is."""

    NOTE = "note"
    WATCH = "watch"
    STOP = "stop"

    @property
    def rank(self) -> int:
        """Place from the mildest."""
        return tuple(Level).index(self)


class Harm(StrEnum):
    """What an interval of harm that holds at every look says against the margin."""

    CLEARED = "cleared"
    UNCLEAR = "unclear"
    HARM = "harm"
    TOO_MUCH = "too_much"


def harm_of(low: float, high: float, *, margin: float | None) -> Harm:
    """Read an interval of harm, above 0 for worse.

    Too much: even its lower end is beyond the margin. Cleared: its upper end is within it. So a
    harm that is clear and tolerated is cleared. Without a margin no harm is small enough, and
    none is known to be too much.

    Args:
        low: Its lower end.
        high: Its upper end.
        margin: The most harm that was agreed to, in the same unit; None for none.
    """
    if margin is not None and high < margin:
        return Harm.CLEARED
    if margin is None and high <= 0:
        return Harm.CLEARED
    if margin is not None and low > margin:
        return Harm.TOO_MUCH
    return Harm.HARM if low > 0 else Harm.UNCLEAR


class Reaction(StrEnum):
    """What is done about harm."""

    NOTHING = "nothing"
    NOTIFY = "notify"
    RECOMMEND = "recommend"
    PAUSE = "pause"


def reaction_to(harm: Harm, *, policy: HarmResponse) -> Reaction:
    """Say what a programme does about harm: clear harm is told, too much is acted on."""
    if harm in {Harm.CLEARED, Harm.UNCLEAR}:
        return Reaction.NOTHING
    if harm is Harm.HARM or policy is HarmResponse.NOTIFY:
        return Reaction.NOTIFY
    return Reaction.PAUSE if policy is HarmResponse.PAUSE else Reaction.RECOMMEND


TOLERATED: Final = 0.25
"""Share of the planned length by which a test may run over before it is an alarm (R078)."""


@dataclass(frozen=True, slots=True)
class Overrun:
    """How far a test has run over.

    Attributes:
        days: Beyond the first day that no longer counts.
        share: Of the planned length.
    """

    days: int
    share: float

    @property
    def alarms(self) -> bool:
        """Whether it is more than what is tolerated."""
        return self.share > TOLERATED


def overrun(starts: date, ends: date, *, today: date) -> Overrun:
    """Say how far a test runs over its planned end; nothing before that.

    Args:
        starts: Its first day.
        ends: The first day that no longer counts.
        today: The day at the site.
    """
    planned = max(1, (ends - starts).days)
    days = max(0, (today - ends).days)
    return Overrun(days=days, share=days / planned)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is the matter now.

    Attributes:
        concern: What.
        cause: What tells causes of one concern apart, such as a metric and a variant; one alert
            each, however often it is seen.
        level: How pressing.
        sentence: What is the matter, since when, with its number.
        quiet: The same for those who may not know an effect yet; the sentence where that tells
            none.
        remedy: What to do.
    """

    concern: Concern
    cause: str
    level: Level
    sentence: str
    remedy: str
    quiet: str = ""

    @property
    def key(self) -> str:
        """What one alert is about, stable from look to look."""
        return f"{self.concern.value}:{self.cause}" if self.cause else self.concern.value

    @property
    def said_to_all(self) -> str:
        """What those read who may not know an effect yet."""
        return self.quiet or self.sentence


class AlertStage(StrEnum):
    """Where an alert stands."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Alert:
    """One cause, from the first time it was seen until it is settled.

    Attributes:
        key: The finding's.
        stage: Where it stands.
        level: The most pressing that it was.
        acknowledged_by: Key of the person who took it on; empty for nobody.
        acknowledged_at: When.
        resolved_at: When it was settled.
    """

    key: str
    stage: AlertStage = AlertStage.OPEN
    level: Level = Level.WATCH
    acknowledged_by: str = ""
    acknowledged_at: datetime | None = None
    resolved_at: datetime | None = None


MOVES: Final[Mapping[AlertStage, frozenset[AlertStage]]] = MappingProxyType(
    {
        AlertStage.OPEN: frozenset({AlertStage.ACKNOWLEDGED, AlertStage.RESOLVED}),
        AlertStage.ACKNOWLEDGED: frozenset({AlertStage.RESOLVED}),
        AlertStage.RESOLVED: frozenset(),
    }
)
"""From where to where. What comes again after it was settled is a new alert."""


def alert_obstacles(
    alert: Alert, to: AlertStage, *, by: Standing, parts: Parts, note: str
) -> tuple[Obstacle, ...]:
    """Say why an alert may not be brought to a stage.

    Args:
        alert: Which.
        to: Where.
        by: Who.
        parts: Who has which part of the experiment.
        note: What they say about it.
    """
    if to not in MOVES[alert.stage]:
        return (
            Obstacle(
                "alert.wrong_stage",
                f"The alert is {alert.stage}, from where it does not become {to}.",
                "Load the page again; somebody may have been faster.",
            ),
        )
    found = list(people_obstacles(Item.WARNING, to.value, by=by, parts=parts))
    if to is AlertStage.RESOLVED and not by.machine and not note.strip():
        found.append(
            Obstacle(
                "alert.no_reason",
                "Nobody wrote down what settled it.",
                "Say in one sentence what was the matter and what was done.",
            )
        )
    return tuple(found)


def move_alert(
    alert: Alert, to: AlertStage, *, by: Standing, parts: Parts, note: str, now: datetime
) -> Alert:
    """Bring an alert to a stage.

    Raises:
        MoveRefused: With every reason.
    """
    found = alert_obstacles(alert, to, by=by, parts=parts, note=note)
    if found:
        raise MoveRefused(subject="The alert", action=f"be {to}", obstacles=found)
    if to is AlertStage.ACKNOWLEDGED:
        return replace(alert, stage=to, acknowledged_by=by.key, acknowledged_at=now)
    return replace(alert, stage=to, resolved_at=now)


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What a look changes.

    Attributes:
        opened: Findings that nobody knows of.
        worse: Findings whose alert was milder; those who took it on hear of it again.
        same: Findings that are known.
        over: Keys of alerts whose cause was not found any more.
    """

    opened: tuple[Finding, ...]
    worse: tuple[Finding, ...]
    same: tuple[Finding, ...]
    over: tuple[str, ...]


LASTING: Final = frozenset({Concern.GUARDRAIL, Concern.SPLIT, Concern.TURNED})
"""Evidence that does not go away by looking again: only a person settles these."""


def reconcile(
    alerts: Iterable[Alert], findings: Iterable[Finding], *, looked_at: frozenset[Concern]
) -> Reconciled:
    """Hold what a look found against the alerts that there are.

    Args:
        alerts: Those that are not settled, one a key; and those that a person settled while
            the cause is still found, which is no reason to begin again unless it gets worse.
        findings: What was found, one a key.
        looked_at: Concerns that could be judged this time: what could not be looked at is not
            over because it was not found.
    """
    given = list(alerts)
    settled = {each.key: each for each in given if each.stage is AlertStage.RESOLVED}
    alerts = [each for each in given if each.stage is not AlertStage.RESOLVED]
    findings = [
        each
        for each in findings
        if each.key not in settled or each.level.rank > settled[each.key].level.rank
    ]
    known = {each.key: each for each in alerts}
    found = {each.key: each for each in findings}
    return Reconciled(
        opened=tuple(each for key, each in found.items() if key not in known),
        worse=tuple(
            each
            for key, each in found.items()
            if key in known and each.level.rank > known[key].level.rank
        ),
        same=tuple(
            each
            for key, each in found.items()
            if key in known and each.level.rank <= known[key].level.rank
        ),
        over=tuple(
            key
            for key in known
            if key not in found
            and (concern := Concern(key.partition(":")[0])) in looked_at
            and concern not in LASTING
        ),
    )


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a delayed outcome said at one time.

    Attributes:
        rises: Whether the estimate is above 0.
        clear: Whether its interval leaves out 0.
        held: Whether the harm is within the margin; None where no margin was agreed.
    """

    rises: bool
    clear: bool
    held: bool | None = None


def turned(before: Verdict, after: Verdict) -> str:
    """Say how a verdict turned, as the rest of a sentence; empty where it did not.

    A sign turns a question open again when one of the two was clear; two estimates on either
    side of nothing, neither of them clear, are noise.
    """
    if before.held is True and after.held is False:
        return "harm within the margin can no longer be claimed"
    if before.held is False and after.held is True:
        return "harm is now shown to be within the margin"
    if before.rises != after.rises and (before.clear or after.clear):
        return "the effect now points the other way"
    return ""
