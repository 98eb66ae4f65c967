"""Warnings that come before results do: what each is, who takes it on, and how it ends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from truelift.lifecycle.functions import Function, Item, Parts, Standing, people_obstacles
from truelift.lifecycle.obstacle import MoveRefused, Obstacle


class Kind(StrEnum):
    """What a warning is of. The first four are always shown, also when they are quiet."""

    TRAFFIC_GAP = "traffic_gap"
    WINNERS = "winners"
    INCONCLUSIVE = "inconclusive"
    ROADMAP = "roadmap"
    CEILING = "ceiling"
    METRIC_CONFLICT = "metric_conflict"
    RHYTHM = "rhythm"
    FRESHNESS = "freshness"
    SILENT_SOURCE = "silent_source"
    TRACKING = "tracking"

    @property
    def called(self) -> str:
        """The kind as it stands at the head of a row."""
        return _CALLED[self]

    @property
    def why(self) -> str:
        """Why it comes before results do."""
        return _WHY[self]

    @property
    def owners(self) -> tuple[Function, ...]:
        """Who is told of it, the first who are there."""
        return _OWNERS[self]


_CALLED: Final[Mapping[Kind, str]] = MappingProxyType(
    {
        Kind.TRAFFIC_GAP: "Traffic grows, conversion falls",
        Kind.WINNERS: "Winners not implemented",
        Kind.INCONCLUSIVE: "Inconclusive tests",
        Kind.ROADMAP: "Roadmap unchanged",
        Kind.CEILING: "Ceiling of the remit",
        Kind.METRIC_CONFLICT: "Metrics in conflict",
        Kind.RHYTHM: "Meetings missed",
        Kind.FRESHNESS: "Feeds gone stale",
        Kind.SILENT_SOURCE: "Silent sources",
        Kind.TRACKING: "Events lost",
    }
)

_WHY: Final[Mapping[Kind, str]] = MappingProxyType(
    {
        Kind.TRAFFIC_GAP: "Teams that work apart show here first: one buys visits, another loses "
        "them, and each one’s own figures look well.",
        Kind.WINNERS: "A win that nobody builds changes nothing: results stay where they are "
        "although tests succeed.",
        Kind.INCONCLUSIVE: "Some tests end without an answer. More than their noise explains "
        "means ideas that come from too few people.",
        Kind.ROADMAP: "A roadmap that nobody rethinks is decoration: work goes on for goals that "
        "have moved.",
        Kind.CEILING: "Results improve modestly and then stop at what the programme’s own people "
        "may change.",
        Kind.METRIC_CONFLICT: "Two teams cannot both be right for long when what helps one figure "
        "hurts the other.",
        Kind.RHYTHM: "Alignment lasts as long as people meet.",
        Kind.FRESHNESS: "Numbers that stopped coming look like numbers that stopped moving.",
        Kind.SILENT_SOURCE: "A team that tells nothing any more is not a team without problems.",
        Kind.TRACKING: "What is not tracked looks like what did not happen; every rate and "
        "every test that rests on it is wrong.",
    }
)

_F = Function
_OWNERS: Final[Mapping[Kind, tuple[Function, ...]]] = MappingProxyType(
    {
        Kind.TRAFFIC_GAP: (_F.MARKETING, _F.CRO_LEAD),
        Kind.WINNERS: (_F.ENGINEERING, _F.CRO_LEAD),
        Kind.INCONCLUSIVE: (_F.CRO_LEAD,),
        Kind.ROADMAP: (_F.CRO_LEAD,),
        Kind.CEILING: (_F.SPONSOR, _F.CRO_LEAD),
        Kind.METRIC_CONFLICT: (_F.CRO_LEAD,),
        Kind.RHYTHM: (_F.CRO_LEAD,),
        Kind.FRESHNESS: (_F.ANALYTICS, _F.CRO_LEAD),
        Kind.SILENT_SOURCE: (_F.CRO_LEAD,),
        Kind.TRACKING: (_F.ANALYTICS, _F.CRO_LEAD),
    }
)

FOUR: Final = (Kind.TRAFFIC_GAP, Kind.WINNERS, Kind.INCONCLUSIVE, Kind.ROADMAP)
"""Those that are always visible."""


class Severity(StrEnum):
    """How bad it is."""

    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """Place from the mildest."""
        return tuple(Severity).index(self)


class WarningStage(StrEnum):
    """Where a warning stands."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    ACCEPTED_RISK = "accepted_risk"
    RESOLVED = "resolved"

    @property
    def called(self) -> str:
        """The stage as it stands on a page."""
        return self.value.replace("_", " ")


STANDING: Final = (WarningStage.OPEN, WarningStage.ACKNOWLEDGED)
"""What waits for somebody."""

GRACE_DAYS: Final = 14
"""What a person has settled may show up again for so long before it counts as come back."""

LONGEST_DUE_DAYS: Final = 120
"""Nobody promises to deal with a warning later than that."""

LONGEST_RISK_DAYS: Final = 366
"""Nobody accepts a risk for longer than that without looking again."""


@dataclass(frozen=True, slots=True)
class Look:
    """What looking for one cause came to.

    Attributes:
        kind: What was looked for.
        cause: What tells causes of one kind apart; empty where there is one.
        sentence: What is the matter with its numbers, or what there is where nothing is.
        severity: None when it is quiet.
        short: The same in a few words, for the strip.
        advice: What to do.
        told: Whether it could be judged; otherwise the sentence says what is missing.
        owner: Key of the person whom it concerns most; empty where its kind says who.
        root: What lies behind it, where others may see the same from elsewhere; empty for none.
        evidence: The numbers behind it and behind its chart, as a document.
    """

    kind: Kind
    sentence: str
    severity: Severity | None = None
    cause: str = ""
    short: str = ""
    advice: str = ""
    told: bool = True
    owner: str = ""
    root: str = ""
    evidence: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def key(self) -> tuple[Kind, str]:
        """What there is never more than one warning of."""
        return self.kind, self.cause


@dataclass(frozen=True, slots=True)
class Warned:
    """One cause, from the first day on which it was seen.

    Attributes:
        stage: Where it stands.
        severity: The worst since it was opened.
        since: When it came to this stage.
        until: Of an accepted risk: the last day on which it is.
        by_person: Whether a person brought it there.
    """

    kind: Kind
    cause: str
    stage: WarningStage
    severity: Severity
    since: date
    until: date | None = None
    by_person: bool = False

    @property
    def key(self) -> tuple[Kind, str]:
        """What there is never more than one warning of."""
        return self.kind, self.cause


class Change(StrEnum):
    """What a night changes about a cause."""

    OPENED = "opened"
    CAME_BACK = "came_back"
    WORSE = "worse"
    SAME = "same"
    OVER = "over"


def changes(
    known: Iterable[Warned], looks: Iterable[Look], *, today: date
) -> dict[tuple[Kind, str], Change]:
    """Hold what a night found against the warnings that there are; one a cause.

    What was not judged is neither over nor new. What a person has settled comes back when it is
    still there two weeks later, or worse; an accepted risk when its time is over, or it is worse.

    Args:
        known: Every cause that was ever seen.
        looks: What was found, quiet ones too: a kind without any that could be judged is left.
        today: The day at the site.
    """
    looks = list(looks)
    before = {each.key: each for each in known}
    found = {each.key: each for each in looks if each.severity is not None}
    judged = {each.kind for each in looks if each.told}
    said: dict[tuple[Kind, str], Change] = {}
    for key, look in found.items():
        severity = look.severity
        was = before.get(key)
        if severity is None:
            continue
        if was is None:
            said[key] = Change.OPENED
        elif was.stage is WarningStage.RESOLVED:
            kept = was.by_person and (today - was.since).days <= GRACE_DAYS
            worse = severity.rank > was.severity.rank
            said[key] = Change.SAME if kept and not worse else Change.CAME_BACK
        elif was.stage is WarningStage.ACCEPTED_RISK and (
            was.until is None or today > was.until or severity.rank > was.severity.rank
        ):
            said[key] = Change.CAME_BACK
        elif severity.rank > was.severity.rank:
            said[key] = Change.WORSE
        else:
            said[key] = Change.SAME
    for key, was in before.items():
        if key not in found and was.kind in judged and was.stage is not WarningStage.RESOLVED:
            said[key] = Change.OVER
    return said


def led(looks: Iterable[Look]) -> dict[tuple[Kind, str], tuple[Kind, str]]:
    """Say which of what fires has the same root as something else, and which of these leads.

    People hear of a root once. The first kind leads, then what was seen first.
    """
    order = tuple(Kind)
    leads: dict[str, tuple[Kind, str]] = {}
    found: dict[tuple[Kind, str], tuple[Kind, str]] = {}
    for look in sorted(looks, key=lambda each: order.index(each.kind)):
        if look.severity is None or not look.root:
            continue
        first = leads.setdefault(look.root, look.key)
        if first != look.key:
            found[look.key] = first
    return found


MOVES: Final[Mapping[WarningStage, frozenset[WarningStage]]] = MappingProxyType(
    {
        WarningStage.OPEN: frozenset(
            {WarningStage.ACKNOWLEDGED, WarningStage.ACCEPTED_RISK, WarningStage.RESOLVED}
        ),
        # Acknowledged again is handed on, or promised for another day.
        WarningStage.ACKNOWLEDGED: frozenset(
            {WarningStage.ACKNOWLEDGED, WarningStage.ACCEPTED_RISK, WarningStage.RESOLVED}
        ),
        WarningStage.ACCEPTED_RISK: frozenset({WarningStage.ACKNOWLEDGED, WarningStage.RESOLVED}),
        WarningStage.RESOLVED: frozenset(),
    }
)
"""From where to where people bring a warning; only a detector opens one."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody asks of a warning.

    Attributes:
        by: Who.
        parts: Who has which part of it.
        today: The day at the site.
        owner: Of an acknowledgement: whether somebody is named who deals with it.
        day: Of an acknowledgement the day until which; of a risk the last day of accepting it.
        note: What they say.
    """

    by: Standing
    parts: Parts
    today: date
    owner: bool = False
    day: date | None = None
    note: str = ""


def warning_obstacles(warned: Warned, to: WarningStage, *, asked: Asked) -> tuple[Obstacle, ...]:
    """Say why a warning may not be brought to a stage; every reason at once."""
    if to not in MOVES[warned.stage]:
        return (
            Obstacle(
                "warning.wrong_stage",
                f"The warning is {warned.stage.called}, from where it does not become {to.called}.",
                "Load the page again; somebody may have been faster, or its cause is over.",
            ),
        )
    found = list(people_obstacles(Item.WARNING, to.value, by=asked.by, parts=asked.parts))
    if to is WarningStage.ACKNOWLEDGED:
        if not asked.owner:
            found.append(
                Obstacle("warning.no_owner", "Nobody deals with it.", "Name who deals with it.")
            )
        found += _day(asked, "due", "until when it is dealt with", LONGEST_DUE_DAYS)
    else:
        if not asked.note.strip():
            found.append(
                Obstacle(
                    "warning.no_reason",
                    "Nobody says why.",
                    "Say in a sentence what was done, or why the risk is worth it.",
                )
            )
        if to is WarningStage.ACCEPTED_RISK:
            found += _day(asked, "until", "until when the risk is accepted", LONGEST_RISK_DAYS)
    return tuple(found)


def _day(asked: Asked, name: str, what: str, longest: int) -> Iterable[Obstacle]:
    if asked.day is None:
        yield Obstacle(f"warning.no_{name}", f"Nobody says {what}.", "Name a day.")
    elif not asked.today <= asked.day <= asked.today + timedelta(days=longest):
        yield Obstacle(
            f"warning.bad_{name}",
            f"{asked.day:%-d %B %Y} is gone, or more than {longest} days away.",
            "Name a nearer day.",
        )


def move_warning(warned: Warned, to: WarningStage, *, asked: Asked) -> Warned:
    """Bring a warning to a stage.

    Raises:
        MoveRefused: With every reason.
    """
    found = warning_obstacles(warned, to, asked=asked)
    if found:
        raise MoveRefused(subject="The warning", action=f"be {to.called}", obstacles=found)
    until = asked.day if to is WarningStage.ACCEPTED_RISK else None
    return replace(warned, stage=to, since=asked.today, until=until, by_person=True)


def first_lead(fired: Iterable[date], fell: date) -> int | None:
    """Give how many days before a fall the warning that stood then was first seen.

    Args:
        fired: The days on which the detector fired, one look after the other.
        fell: The day on which the result showed it.

    Returns:
        None where it had not fired in the half year before.
    """
    before = [day for day in fired if 0 < (fell - day).days <= LOOKED_BACK_DAYS]
    return (fell - min(before)).days if before else None


LOOKED_BACK_DAYS: Final = 182
"""A warning older than that was of something else."""
