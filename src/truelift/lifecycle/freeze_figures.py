"""What freezes cost and whether they are kept: days per surface, deploys without approval."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from truelift.lifecycle.deploy_check import (
    Approval,
    DeployPolicy,
    DeployRequest,
    Trial,
    Verdict,
    decide,
)
from truelift.lifecycle.freeze import Freeze, Strength
from truelift.lifecycle.surface import Surface


Window = tuple[datetime, datetime | None]

MOST_FROZEN: Final = 0.5
"""A surface that is frozen for more than this share of a quarter: tests block delivery there."""


@dataclass(frozen=True, slots=True)
class Frozen:
    """How long a surface is frozen within a span of time.

    Attributes:
        surface: Its name.
        days: Days on which it may not be deployed without approval; overlaps count once.
        share: Of the span.
    """

    surface: str
    days: float
    share: float

    @property
    def too_long(self) -> bool:
        """Whether tests block delivery there."""
        return self.share > MOST_FROZEN


@dataclass(frozen=True, slots=True)
class Deploy:
    """Something that was deployed to where visitors meet it.

    Attributes:
        surfaces: Where.
        at: When.
        sha: Which release.
    """

    surfaces: tuple[str, ...]
    at: datetime
    sha: str = ""


@dataclass(frozen=True, slots=True)
class Compliance:
    """Whether deploys keep to the freezes (R106).

    Attributes:
        deploys: How many were counted.
        against: Those on a frozen surface without approval.
    """

    deploys: int
    against: int

    @property
    def share(self) -> float | None:
        """Deploys on frozen surfaces without approval, of all; None while there are none."""
        return self.against / self.deploys if self.deploys else None


@dataclass(frozen=True, slots=True)
class Checked:
    """One check, as far as counting goes.

    Attributes:
        release: What tells releases apart: repository and commit; the check's own name where
            the pipeline gave neither.
        denied: Whether it was denied, or would have been without an emergency.
        overridden: Whether an emergency lifted that.
    """

    release: str
    denied: bool
    overridden: bool


def windows_by_surface(
    surfaces: Iterable[str],
    *,
    freezes: Sequence[Freeze],
    tests: Sequence[Trial],
    policy: DeployPolicy,
) -> Mapping[str, tuple[Window, ...]]:
    """Give the times at which each surface may not be deployed without approval."""
    found: dict[str, list[Window]] = {name.strip().casefold(): [] for name in surfaces}

    def add(names: Iterable[str], window: Window | None) -> None:
        for name in names:
            if window is not None and name.strip().casefold() in found:
                found[name.strip().casefold()].append(window)

    by_test = {each.of for each in freezes if each.of}
    for freeze in freezes:
        if freeze.strength is not Strength.ADVISE:
            add(freeze.surfaces, freeze.window)
    if policy.agreed_at_once and policy.tests is not Strength.ADVISE:
        for test in tests:
            if test.key not in by_test:
                add(test.surfaces, (test.starts, test.ends))
    return {name: tuple(windows) for name, windows in found.items()}


def frozen_days(windows: Iterable[Window], *, since: datetime, until: datetime) -> float:
    """Add up the time that any of the windows covers, in days; what overlaps counts once."""
    total, reached = timedelta(0), since
    for starts, ends in sorted(windows, key=lambda window: window[0]):
        begins, over = max(starts, reached), min(until, ends or until)
        if begins < over:
            total += over - begins
            reached = over
    return total / timedelta(days=1)


def frozen_of(
    surfaces: Sequence[str],
    *,
    freezes: Sequence[Freeze],
    tests: Sequence[Trial],
    policy: DeployPolicy,
    since: datetime,
    until: datetime,
) -> tuple[Frozen, ...]:
    """Say of each surface how long it is frozen, the longest first."""
    windows = windows_by_surface(surfaces, freezes=freezes, tests=tests, policy=policy)
    span = (until - since) / timedelta(days=1)
    found = []
    for name in surfaces:
        days = frozen_days(windows[name.strip().casefold()], since=since, until=until)
        found.append(Frozen(name, days, days / span if span else 0.0))
    return tuple(sorted(found, key=lambda each: (-each.days, each.surface)))


def compliance(
    deploys: Iterable[Deploy],
    *,
    surfaces: Sequence[Surface],
    freezes: Sequence[Freeze],
    tests: Sequence[Trial],
    policy: DeployPolicy,
    approvals: Collection[Approval] = (),
) -> Compliance:
    """Count the deploys that a check would have denied at their moment.

    An emergency is no approval: it is counted as what it is.
    """
    many = against = 0
    for deploy in deploys:
        many += 1
        if not deploy.surfaces:
            continue
        said = decide(
            DeployRequest(deploy.surfaces, env=policy.environments[0], sha=deploy.sha),
            surfaces=surfaces,
            freezes=freezes,
            tests=tests,
            policy=policy,
            at=deploy.at,
            approvals=approvals,
            also_known=deploy.surfaces,
        )
        against += said.verdict is Verdict.DENY
    return Compliance(many, against)


def overridden_share(checks: Iterable[Checked]) -> float | None:
    """Give the share of denied releases that an emergency let through; None while there are none.

    Releases are counted, not checks: a pipeline asks again and again.
    """
    denied: dict[str, bool] = {}
    for each in checks:
        if each.denied or each.overridden:
            denied[each.release] = denied.get(each.release, False) or each.overridden
    return sum(denied.values()) / len(denied) if denied else None
