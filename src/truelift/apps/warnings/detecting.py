"""Which detectors there are: each is a function that says of a site what it sees."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from types import MappingProxyType
from typing import Final

import structlog

from truelift.apps.sites.models import Site
from truelift.errors import Outage, Refusal
from truelift.lifecycle.warning import Kind, Look


Detector = Callable[[Site, datetime], Iterable[Look]]
"""Looks for one kind. It says what there is also when nothing is the matter."""

Replay = Callable[[Site, datetime], Iterable[date]]
"""Gives the past days on which a kind would have been a warning, by what was known then."""

_DETECTORS: Final[dict[Kind, Detector]] = {}
_REPLAYS: Final[dict[Kind, Replay]] = {}


def detects(kind: Kind) -> Callable[[Detector], Detector]:
    """Name the function that looks for a kind; its module is imported by `AppConfig.ready`."""

    def named(detector: Detector) -> Detector:
        _DETECTORS[kind] = detector
        return detector

    return named


def replays(kind: Kind) -> Callable[[Replay], Replay]:
    """Name the function that replays the past for a kind."""

    def named(replay: Replay) -> Replay:
        _REPLAYS[kind] = replay
        return replay

    return named


def detectors() -> Mapping[Kind, Detector]:
    """Give every detector by its kind, in the order in which they look."""
    return MappingProxyType(_DETECTORS)


def replayers() -> Mapping[Kind, Replay]:
    """Give what replays the past by its kind."""
    return MappingProxyType(_REPLAYS)


def look_for_all(site: Site, *, now: datetime) -> tuple[Look, ...]:
    """Let every detector look; one that cannot is said and does not keep the others."""
    found: list[Look] = []
    for kind, detector in _DETECTORS.items():
        try:
            found += detector(site, now)
        except (Refusal, Outage) as error:
            log = structlog.get_logger("truelift.warnings")
            log.info("not_looked", site=site.name, kind=kind.value, code=error.code)
            found.append(Look(kind, f"Not judged. {error}", short="Not judged", told=False))
    return tuple(found)


def replayed_days(site: Site, *, now: datetime) -> dict[Kind, tuple[date, ...]]:
    """Give by kind the past days on which it would have been a warning."""
    found: dict[Kind, tuple[date, ...]] = {}
    for kind, replay in _REPLAYS.items():
        try:
            found[kind] = tuple(sorted(replay(site, now)))
        except (Refusal, Outage) as error:
            log = structlog.get_logger("truelift.warnings")
            log.info("not_replayed", site=site.name, kind=kind.value, code=error.code)
    return found
