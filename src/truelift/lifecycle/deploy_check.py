"""May this be deployed now? Every test and freeze in the way, said at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from truelift.lifecycle.freeze import Freeze, FreezeStage, Strength
from truelift.lifecycle.obstacle import Obstacle
from truelift.lifecycle.surface import Surface, surfaces_of_files


class Verdict(StrEnum):
    """What a pipeline is told; a later one outweighs an earlier one."""

    ALLOW = "allow"
    WARN = "warn"
    UNKNOWN = "unknown"
    DENY = "deny"

    @property
    def rank(self) -> int:
        """Position in the order, for comparing."""
        return tuple(Verdict).index(self)


class Fail(StrEnum):
    """What a pipeline does when nobody answers."""

    OPEN = "open"
    CLOSED = "closed"


class Side(StrEnum):
    """Who has to approve of a deploy on a frozen surface."""

    LIAISON = "liaison"
    DECISION_OWNER = "decision_owner"

    @property
    def called(self) -> str:
        """Whose side it is, as it stands in a sentence."""
        return {
            Side.LIAISON: "for the surface",
            Side.DECISION_OWNER: "for the test",
        }[self]


class ReasonKind(StrEnum):
    """What is in the way, or worth a word."""

    RUNNING_TEST = "running_test"
    FREEZE = "freeze"
    SEASON = "season"
    SHARED_CODE = "shared_code"
    UPSTREAM = "upstream"
    UNMAPPED_CODE = "unmapped_code"
    UNKNOWN_SURFACE = "unknown_surface"
    OTHER_ENVIRONMENT = "other_environment"


MOST_PATHS: Final = 20
"""Of files that no surface claims, as many are named."""


@dataclass(frozen=True, slots=True)
class DeployPolicy:
    """What a team has chosen for its deploys; the defaults hold where nothing was chosen.

    Attributes:
        version: Counted per site from 1; 0 for the defaults.
        tests: What a running test asks of a deploy while its freeze says nothing else.
        agreed_at_once: A test freezes its surface without anybody having to agree.
        unmapped: What is said of files that no surface claims.
        fail: What a pipeline should do when nobody answers; its own flag decides.
        lead_days: A test's freeze begins so many days before its start.
        environments: In which freezes hold; small letters.
    """

    version: int = 0
    tests: Strength = Strength.DENY
    agreed_at_once: bool = True
    unmapped: Verdict = Verdict.WARN
    fail: Fail = Fail.OPEN
    lead_days: int = 0
    environments: tuple[str, ...] = ("production", "prod", "live")


USUAL_DEPLOY_POLICY: Final = DeployPolicy()
"""What holds where a team has chosen nothing."""

MOST_LEAD_DAYS: Final = 30


def deploy_policy_obstacles(policy: DeployPolicy) -> tuple[Obstacle, ...]:
    """Say what is wrong with a policy before it is kept."""
    found = []
    if not 0 <= policy.lead_days <= MOST_LEAD_DAYS:
        found.append(
            Obstacle(
                "deploy_policy.lead_days",
                f"lead_days is {policy.lead_days}, which is not from 0 to {MOST_LEAD_DAYS}.",
                f"Choose a whole number from 0 to {MOST_LEAD_DAYS}.",
            )
        )
    if policy.unmapped is Verdict.UNKNOWN:
        found.append(
            Obstacle(
                "deploy_policy.unmapped",
                "Files that no surface claims are allowed, warned of or denied.",
                "Choose one of the three.",
            )
        )
    if not policy.environments or not all(
        0 < len(each) <= 80 and each == each.strip().casefold() for each in policy.environments
    ):
        found.append(
            Obstacle(
                "deploy_policy.environments",
                "It names no environment, or one that is not in small letters.",
                "Name the environments that visitors meet, as production.",
            )
        )
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Trial:
    """A test as a deploy meets it.

    Attributes:
        key: Of the experiment.
        surfaces: Where it runs.
        starts: When visitors met it first, or will.
        ends: When it is over; None while it runs and nobody knows.
        owner: What the person is called who decides about it.
        share_collected: How much of its sample it has, 0 to 1; None while nobody has counted.
    """

    key: str
    surfaces: tuple[str, ...]
    starts: datetime
    ends: datetime | None = None
    owner: str = ""
    share_collected: float | None = None

    def covers(self, moment: datetime) -> bool:
        """Say whether it runs at a moment."""
        return self.starts <= moment and (self.ends is None or moment < self.ends)


@dataclass(frozen=True, slots=True)
class Approval:
    """Somebody has said that a deploy may go ahead in spite of a test or a freeze.

    Attributes:
        of: Key of the test or the freeze.
        side: For whom they said it.
        by: What they are called.
        surface: Where; empty for every surface of it.
        sha: Which release; empty for any.
        until: It holds before this instant.
        since: And from this one on.
    """

    of: str
    side: Side
    by: str
    until: datetime
    since: datetime
    surface: str = ""
    sha: str = ""


@dataclass(frozen=True, slots=True)
class DeployRequest:
    """What somebody wants to deploy.

    Attributes:
        surfaces: Where, as people call it.
        paths: Which files it changes; they say where, too.
        env: To which environment.
        repo: Which repository.
        sha: Which release.
        actor: Who deploys, in the pipeline's word.
        emergency: It cannot wait, whatever is in its way.
        reason: Why it cannot.
        by: The person who says so; empty where nobody has signed in.
    """

    surfaces: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    env: str = "production"
    repo: str = ""
    sha: str = ""
    actor: str = ""
    emergency: bool = False
    reason: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that is in the way of a deploy, or worth a word.

    Attributes:
        kind: What it is.
        id: Key of the test or the freeze; the surface or file for the others.
        verdict: What it alone would mean.
        surface: Where.
        starts: Since when; None where it has no time.
        ends: Until when; None where nobody knows.
        owner: Who can be asked.
        share_collected: How much of its sample a test has; None where it is no test.
        sentence: What is the matter, as a full sentence.
        approved_by: Who has approved in spite of it.
        missing: Sides whose approval would lift it.
        freeze: Key of the freeze that says so; empty where none does.
    """

    kind: ReasonKind
    id: str
    verdict: Verdict
    surface: str
    sentence: str
    starts: datetime | None = None
    ends: datetime | None = None
    owner: str = ""
    share_collected: float | None = None
    approved_by: tuple[str, ...] = ()
    missing: tuple[Side, ...] = ()
    freeze: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether something may be deployed.

    Attributes:
        verdict: What the pipeline is told.
        before_override: What it would have been told without the emergency.
        until: When what is in the way is over; None when nothing is, or when nobody knows.
        reasons: Everything, the gravest first.
        surfaces: Where it would be deployed, in the words of the list of surfaces.
        approvals_possible: Sides whose approval would change the answer.
        tests: Tests that run on these surfaces: an emergency contaminates them.
        overridden: Whether an emergency lifted it.
        policy: Version of the policy that was followed.
    """

    verdict: Verdict
    before_override: Verdict
    until: datetime | None = None
    reasons: tuple[Reason, ...] = ()
    surfaces: tuple[str, ...] = ()
    approvals_possible: tuple[Side, ...] = ()
    tests: tuple[str, ...] = ()
    overridden: bool = False
    policy: int = 0


_OF_STRENGTH: Final[Mapping[Strength, Verdict]] = MappingProxyType(
    {
        Strength.ADVISE: Verdict.WARN,
        Strength.REQUIRE_APPROVAL: Verdict.DENY,
        Strength.DENY: Verdict.DENY,
    }
)


def request_obstacles(request: DeployRequest) -> tuple[Obstacle, ...]:
    """Say why a request cannot be answered at all; nothing said means that it can."""
    found = []
    if not request.surfaces and not request.paths:
        found.append(
            Obstacle(
                "deploys.nothing_asked",
                "It names neither a surface nor a file.",
                "Say where it is deployed, or which files it changes.",
            )
        )
    if request.emergency and not request.reason.strip():
        found.append(
            Obstacle(
                "deploys.no_reason",
                "Nobody says why it cannot wait.",
                "Give the reason; it is written to every test that it touches.",
            )
        )
    if request.emergency and not request.by:
        found.append(
            Obstacle(
                "deploys.nobody_overrides",
                "A person overrides a freeze, not a pipeline.",
                "Use your own access token, or name the person with --as.",
            )
        )
    return tuple(found)


def decide(
    request: DeployRequest,
    *,
    surfaces: Sequence[Surface],
    freezes: Iterable[Freeze],
    tests: Iterable[Trial],
    policy: DeployPolicy,
    at: datetime,
    approvals: Collection[Approval] = (),
    also_known: Collection[str] = (),
) -> Decision:
    """Say whether something may be deployed at a moment, with every reason at once.

    Args:
        request: What is to be deployed where; see `request_obstacles`.
        surfaces: The surfaces of the site.
        freezes: Its freezes, as they were written down.
        tests: Its tests, with the times at which visitors meet them.
        policy: What the team has chosen.
        at: The moment of the deploy.
        approvals: Who has approved of what.
        also_known: Names of surfaces that are on no list, and that tests have used.
    """
    if request.env.strip().casefold() not in policy.environments:
        note = Reason(
            ReasonKind.OTHER_ENVIRONMENT,
            request.env,
            Verdict.ALLOW,
            "",
            f"Visitors do not meet {request.env!r}, so no freeze holds there.",
        )
        return Decision(Verdict.ALLOW, Verdict.ALLOW, reasons=(note,), policy=policy.version)
    tests, freezes = tuple(tests), tuple(freezes)
    known = _known(surfaces, also_known, freezes, tests)
    places: dict[str, str] = {}
    said: list[Reason] = []
    for name in request.surfaces:
        found = known.get(_folded(name))
        if found is None:
            said.append(_unknown(name))
        else:
            places[_folded(found)] = found
    if request.paths:
        claimed = surfaces_of_files(request.paths, surfaces)
        places.update((_folded(name), name) for name in claimed.surfaces)
        if claimed.unmapped:
            said.append(_unmapped(claimed.unmapped, policy))
    near = _shared(places, surfaces)
    said += _in_the_way(places, near, freezes, tests, policy, request, approvals, at)
    said += _upstream(places, near, surfaces, tests, at)
    before = max((each.verdict for each in said), key=lambda one: one.rank, default=Verdict.ALLOW)
    overridden = request.emergency and before is not Verdict.ALLOW
    blocking = [each for each in said if each.verdict is before]
    return Decision(
        verdict=Verdict.ALLOW if request.emergency else before,
        before_override=before,
        until=_until(blocking, places, freezes, tests, policy)
        if before in {Verdict.DENY, Verdict.WARN}
        else None,
        reasons=tuple(sorted(said, key=lambda one: -one.verdict.rank)),
        surfaces=tuple(places.values()),
        approvals_possible=_possible(blocking) if before is Verdict.DENY else (),
        tests=tuple(
            each.key
            for each in tests
            if each.covers(at) and places.keys() & {_folded(name) for name in each.surfaces}
        ),
        overridden=overridden,
        policy=policy.version,
    )


def surfaces_said(text: str, known: Collection[str]) -> tuple[str, ...]:
    """Read surfaces that were written with commas, where names have commas of their own.

    The longest name that fits is taken each time: with `Checkout, payment step` on the list,
    `Checkout, payment step, Cart` are two.

    Args:
        text: As somebody wrote it.
        known: The names of the site.
    """
    names = {_joined(name.split(",")) for name in known}
    parts = [part.strip() for part in text.split(",") if part.strip()]
    found = []
    while parts:
        takes = next((n for n in range(len(parts), 0, -1) if _joined(parts[:n]) in names), 1)
        found.append(", ".join(parts[:takes]))
        parts = parts[takes:]
    return tuple(found)


def _joined(parts: Iterable[str]) -> str:
    return ", ".join(part.strip() for part in parts).casefold()


def _folded(name: str) -> str:
    return name.strip().casefold()


def _known(
    surfaces: Iterable[Surface],
    also: Iterable[str],
    freezes: Iterable[Freeze],
    tests: Iterable[Trial],
) -> dict[str, str]:
    """Map every spelling to the list's own; what only tests and freezes name is known too."""
    found: dict[str, str] = {}
    named = [each.name for each in surfaces]
    named += also
    named += [name for freeze in freezes for name in freeze.surfaces]
    named += [name for test in tests for name in test.surfaces]
    for name in named:
        if name.strip():
            found.setdefault(_folded(name), name)
    return found


def _shared(places: Mapping[str, str], surfaces: Iterable[Surface]) -> dict[str, str]:
    """Name the surfaces that share code with the ones deployed, and with which."""
    surfaces = tuple(surfaces)
    bundles = {
        each.bundle: each.name for each in surfaces if each.bundle and _folded(each.name) in places
    }
    return {
        _folded(each.name): bundles[each.bundle]
        for each in surfaces
        if each.bundle in bundles and _folded(each.name) not in places
    }


def _unknown(name: str) -> Reason:
    return Reason(
        ReasonKind.UNKNOWN_SURFACE,
        name,
        Verdict.UNKNOWN,
        name,
        f"There is no surface {name!r}: it may be misspelt, or nobody has entered it.",
    )


def _unmapped(paths: Sequence[str], policy: DeployPolicy) -> Reason:
    many = f"{len(paths)} files belong" if len(paths) > 1 else "A file belongs"
    named = ", ".join(paths[:MOST_PATHS])
    more = f" and {len(paths) - MOST_PATHS} more" if len(paths) > MOST_PATHS else ""
    return Reason(
        ReasonKind.UNMAPPED_CODE,
        paths[0],
        policy.unmapped,
        "",
        f"{many} to no surface: {named}{more}.",
    )


def _in_the_way(
    places: Mapping[str, str],
    near: Mapping[str, str],
    freezes: Sequence[Freeze],
    tests: Sequence[Trial],
    policy: DeployPolicy,
    request: DeployRequest,
    approvals: Collection[Approval],
    at: datetime,
) -> Iterator[Reason]:
    """Say which freezes and tests stand on the surfaces, each once per surface."""
    of_tests = _by_test(freezes)
    for test in tests:
        if not test.covers(at):
            continue
        for name in test.surfaces:
            place = _folded(name)
            if place in places:
                yield _of_test(test, places[place], of_tests, policy, request, approvals, at)
            elif place in near:
                yield _of_shared_code(test, name, near[place])
    running = {each.key for each in tests if each.covers(at)}
    for freeze in freezes:
        if freeze.of in running or freeze.as_of(at).stage is not FreezeStage.ACTIVE:
            continue
        for name in freeze.surfaces:
            if _folded(name) in places:
                yield _of_freeze(freeze, places[_folded(name)], request, approvals, at)


def _by_test(freezes: Iterable[Freeze]) -> dict[str, list[Freeze]]:
    found: dict[str, list[Freeze]] = {}
    for each in freezes:
        if each.of:
            found.setdefault(each.of, []).append(each)
    return found


def strength_of(
    freezes: Sequence[Freeze], policy: DeployPolicy, *, at: datetime
) -> tuple[Strength | None, Freeze | None]:
    """Say what a running test asks of a deploy, and which freeze says so; None: only a warning.

    Args:
        freezes: The freezes of the test.
        policy: What holds where it has none.
        at: The moment.
    """
    standing = [each.as_of(at) for each in freezes]
    active = [each for each in standing if each.stage is FreezeStage.ACTIVE]
    if active:
        firmest = max(active, key=lambda each: tuple(Strength).index(each.strength))
        return firmest.strength, firmest
    if standing:
        # It was proposed and nobody agreed, or it was given free: that is a person's word.
        return None, standing[-1]
    return (policy.tests, None) if policy.agreed_at_once else (None, None)


def _of_test(
    test: Trial,
    surface: str,
    of_tests: Mapping[str, Sequence[Freeze]],
    policy: DeployPolicy,
    request: DeployRequest,
    approvals: Collection[Approval],
    at: datetime,
) -> Reason:
    strength, freeze = strength_of(of_tests.get(test.key, ()), policy, at=at)
    sentence = f"{test.key} runs on {surface}"
    if strength is None:
        sentence += {
            None: "; nobody has agreed to freeze it",
            FreezeStage.PROPOSED: "; nobody has agreed to its freeze",
            FreezeStage.AGREED: "; its freeze has not begun",
        }.get(freeze.stage if freeze else None, "; its freeze was lifted")
    keys = (test.key, freeze.key) if freeze else (test.key,)
    verdict, by, missing = _lifted(strength, keys, surface, request, approvals, at)
    return Reason(
        ReasonKind.RUNNING_TEST,
        test.key,
        verdict,
        surface,
        f"{sentence}{_approved(by)}.",
        starts=test.starts,
        ends=test.ends,
        owner=test.owner,
        share_collected=test.share_collected,
        approved_by=by,
        missing=missing,
        freeze=freeze.key if freeze else "",
    )


def _of_shared_code(test: Trial, surface: str, shares_with: str) -> Reason:
    return Reason(
        ReasonKind.SHARED_CODE,
        test.key,
        Verdict.WARN,
        surface,
        f"{test.key} runs on {surface}, which shares code with {shares_with}.",
        starts=test.starts,
        ends=test.ends,
        owner=test.owner,
        share_collected=test.share_collected,
    )


def _upstream(
    places: Mapping[str, str],
    near: Mapping[str, str],
    surfaces: Iterable[Surface],
    tests: Iterable[Trial],
    at: datetime,
) -> Iterator[Reason]:
    """Say which tests visitors come to from a surface that is deployed.

    Who arrives there may then be others than before: both variants get them alike, so it is
    worth a word and no more.
    """
    surfaces = tuple(surfaces)
    listed = {_folded(each.name): each for each in surfaces}
    deployed = [listed[place] for place in places if place in listed]
    for test in tests:
        for name in test.surfaces if test.covers(at) else ():
            place = _folded(name)
            if place in places or place in near or place not in listed:
                continue
            above = next((each for each in deployed if each.is_upstream_of(listed[place])), None)
            if above is not None:
                yield Reason(
                    ReasonKind.UPSTREAM,
                    test.key,
                    Verdict.WARN,
                    name,
                    f"{test.key} runs on {name}, where visitors come from {above.name}.",
                    starts=test.starts,
                    ends=test.ends,
                    owner=test.owner,
                    share_collected=test.share_collected,
                )


def _of_freeze(
    freeze: Freeze,
    surface: str,
    request: DeployRequest,
    approvals: Collection[Approval],
    at: datetime,
) -> Reason:
    verdict, by, missing = _lifted(freeze.strength, (freeze.key,), surface, request, approvals, at)
    season = freeze.source.value == ReasonKind.SEASON.value
    return Reason(
        ReasonKind.SEASON if season else ReasonKind.FREEZE,
        freeze.key,
        verdict,
        surface,
        f"{surface} is frozen: {freeze.what}{_approved(by)}.",
        starts=freeze.starts,
        ends=freeze.ends,
        owner=freeze.owner,
        approved_by=by,
        missing=missing,
        freeze=freeze.key,
    )


def _approved(by: Sequence[str]) -> str:
    return f", and {' and '.join(by)} approved" if by else ""


def _lifted(
    strength: Strength | None,
    keys: Collection[str],
    surface: str,
    request: DeployRequest,
    approvals: Collection[Approval],
    at: datetime,
) -> tuple[Verdict, tuple[str, ...], tuple[Side, ...]]:
    """Say what is left after the approvals, who gave them, and which would change it still.

    One of the two sides is enough where an approval is required, both are needed where it is
    denied: a person who owns both still counts once for each side that they spoke for.
    """
    if strength is None or strength is Strength.ADVISE:
        return Verdict.WARN, (), ()
    given = {
        each.side: each.by
        for each in approvals
        if each.of in keys
        and each.since <= at < each.until
        and (not each.surface or _folded(each.surface) == _folded(surface))
        and (not each.sha or each.sha == request.sha)
    }
    missing = tuple(side for side in Side if side not in given)
    enough = bool(given) if strength is Strength.REQUIRE_APPROVAL else not missing
    by = tuple(dict.fromkeys(given[side] for side in Side if side in given))
    return (Verdict.ALLOW, by, ()) if enough else (_OF_STRENGTH[strength], by, missing)


def _possible(blocking: Sequence[Reason]) -> tuple[Side, ...]:
    """Name the sides whose approval helps; none where something cannot be approved."""
    if any(not each.missing for each in blocking):
        return ()
    return tuple(side for side in Side if any(side in each.missing for each in blocking))


def _until(
    blocking: Sequence[Reason],
    places: Mapping[str, str],
    freezes: Sequence[Freeze],
    tests: Sequence[Trial],
    policy: DeployPolicy,
) -> datetime | None:
    """Say when the surfaces are free: what begins before then is counted in."""
    timed = [each for each in blocking if each.starts is not None]
    if not timed or any(each.ends is None for each in timed):
        return None
    until = max(each.ends for each in timed if each.ends is not None)
    floor = max((each.verdict for each in timed), key=lambda one: one.rank)
    of_tests = _by_test(freezes)
    windows: list[tuple[datetime, datetime | None]] = []
    for test in tests:
        if places.keys() & {_folded(name) for name in test.surfaces}:
            strength, _ = strength_of(
                of_tests.get(test.key, ()), policy, at=max(test.starts, until)
            )
            if floor is Verdict.WARN or strength not in {None, Strength.ADVISE}:
                windows.append((test.starts, test.ends))
    windows += [
        freeze.window
        for freeze in freezes
        if freeze.window
        and places.keys() & {_folded(name) for name in freeze.surfaces}
        and (floor is Verdict.WARN or freeze.strength is not Strength.ADVISE)
    ]
    for starts, ends in sorted(windows, key=lambda window: window[0]):
        if starts <= until:
            if ends is None:
                return None
            until = max(until, ends)
    return until
