"""Answers a pipeline: gathers what is in the way, decides, and writes down what was said."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.db import connection, transaction

from truelift.apps.accounts.audit import record as audit
from truelift.apps.accounts.tokens import new_token
from truelift.apps.freezes.models import Asker, DeployCheckRecord, DeployTokenRecord
from truelift.apps.freezes.picture import picture_at
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import is_storable, storable
from truelift.apps.sites.models import Site
from truelift.errors import Refusal
from truelift.lifecycle.deploy_check import (
    Decision,
    DeployRequest,
    Fail,
    Reason,
    ReasonKind,
    Verdict,
    decide,
    request_obstacles,
    surfaces_said,
)


MOST_SURFACES: Final = 50
MOST_PATHS: Final = 5_000

LATE: Final = timedelta(minutes=5)
"""Clocks may differ by so much: an emergency is now, or is told of afterwards."""


class BadDeployCheck(Refusal):
    """What was asked cannot be answered; every reason is said at once."""

    code = "deploys.bad_request"

    def __init__(self, wrong: Mapping[str, str]) -> None:
        super().__init__(" ".join(wrong.values()), codes=tuple(wrong))


class NoSuchSurface(Refusal):
    """Nobody knows a surface that a deploy was asked about."""

    code = "deploys.no_such_surface"

    def __init__(self, *, names: tuple[str, ...], check_id: str) -> None:
        super().__init__(
            f"There is no surface {', '.join(names)}: it may be misspelt, or nobody has entered"
            " it. The page of surfaces has all; enter it there, or correct the name.",
            surfaces=names,
            check_id=check_id,
        )


class TokenMayNotOverride(Refusal):
    """A pipeline's token was used for an emergency."""

    code = "deploys.token_may_not_override"

    def __init__(self) -> None:
        super().__init__(
            "A deploy token checks; it does not override a freeze. Use the access token of the"
            " person who answers for it."
        )


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks, and by which way.

    Attributes:
        by: The person; nobody for a pipeline.
        asker: By which way.
        token: The pipeline's token.
        fail: What the pipeline does when nobody answers; empty where it does not say.
    """

    by: Actor
    asker: Asker = Asker.API
    token: DeployTokenRecord | None = None
    fail: str = ""


@dataclass(frozen=True, slots=True)
class Answered:
    """What was said.

    Attributes:
        decision: Whether it may be deployed.
        record: The line of the log.
        at: The moment that was asked about.
    """

    decision: Decision
    record: DeployCheckRecord
    at: datetime

    @property
    def document(self) -> dict[str, Any]:
        """The answer as the API and the command give it."""
        return document_of(self.decision, self.record)

    @property
    def unknown(self) -> tuple[str, ...]:
        """The surfaces that nobody knows."""
        return tuple(
            each.surface
            for each in self.decision.reasons
            if each.kind is ReasonKind.UNKNOWN_SURFACE
        )


def check(
    site: Site,
    request: DeployRequest,
    *,
    asking: Asking,
    now: datetime,
    at: datetime | None = None,
) -> Answered:
    """Say whether something may be deployed, and write down that it was asked.

    An emergency is written to every test that it touches, in the same transaction: what was
    allowed and what that costs are never apart.

    Args:
        site: Where.
        request: What is to be deployed.
        asking: Who asks.
        now: When they ask.
        at: The moment of the deploy; None: now.

    Raises:
        BadDeployCheck: It cannot be answered, with every reason.
        TokenMayNotOverride: A pipeline asks for an emergency.
    """
    moment = at or now
    request = _checked(request, asking, moment=moment, now=now)
    decision = decision_at(site, request, at=moment, now=now)
    if not decision.overridden:
        with _without_waiting_for_the_disk():
            record = _kept(site, request, decision, asking, moment, now)
        return Answered(decision, record, moment)
    with transaction.atomic():
        record = _kept(site, request, decision, asking, moment, now)
        audit(
            action="deploy.overridden",
            target=f"deploy_check:{record.public_id}",
            after={
                "surfaces": list(decision.surfaces),
                "tests": list(decision.tests),
                "reason": request.reason,
                "sha": request.sha,
                "repo": request.repo,
            },
            now=now,
            site=site.name,
            **asking.by.audited,
        )
        if decision.tests:
            # It reaches over to experiments and their analyses; checks begin without it.
            from truelift.apps.changes.services import record_emergency

            record_emergency(
                site,
                surfaces=decision.surfaces,
                by=asking.by,
                reason=request.reason,
                now=min(moment, now),
                sha=request.sha,
                repo=request.repo,
            )
    return Answered(decision, record, moment)


def decision_at(site: Site, request: DeployRequest, *, at: datetime, now: datetime) -> Decision:
    """Decide with what is known of a site; nothing is written, and the lake is not asked."""
    picture = picture_at(site, at=at, now=now)
    known = (*(each.name for each in picture.surfaces), *picture.names)
    said = (surfaces_said(text, known) for text in request.surfaces)
    decision = decide(
        replace(request, surfaces=tuple(name for names in said for name in names)),
        surfaces=picture.surfaces,
        freezes=picture.freezes,
        tests=picture.tests,
        policy=picture.policy,
        at=at,
        approvals=picture.approvals,
        also_known=picture.names,
    )
    reasons = tuple(
        replace(each, share_collected=picture.shares.get(each.id))
        if each.kind in _OF_TESTS
        else each
        for each in decision.reasons
    )
    return replace(decision, reasons=reasons)


_OF_TESTS: Final = frozenset({ReasonKind.RUNNING_TEST, ReasonKind.SHARED_CODE, ReasonKind.UPSTREAM})


def _checked(
    request: DeployRequest, asking: Asking, *, moment: datetime, now: datetime
) -> DeployRequest:
    """Give the request with who stands behind it, or refuse it."""
    if request.emergency and asking.token is not None:
        raise TokenMayNotOverride
    # Who runs the installation is somebody; a pipeline with a token is not.
    by = "" if asking.by.machine else asking.by.person.name
    request = replace(request, by=by, reason=storable(request.reason).strip()[:1000])
    wrong = {each.code: f"{each.sentence} {each.remedy}" for each in request_obstacles(request)}
    texts = (request.env, request.repo, request.sha, request.actor, *request.surfaces)
    if not all(is_storable(text) for text in texts):
        wrong["deploys.text"] = "A name has letters that no name has."
    for name, given, most in (
        ("env", request.env, 80),
        ("repo", request.repo, 200),
        ("sha", request.sha, 64),
        ("actor", request.actor, 120),
    ):
        if len(given) > most:
            wrong[f"deploys.{name}"] = f"{name} has more than {most} letters."
    if len(request.surfaces) > MOST_SURFACES or len(request.paths) > MOST_PATHS:
        wrong["deploys.too_many"] = (
            f"It names more than {MOST_SURFACES} surfaces or {MOST_PATHS:,} files."
        )
    if any(len(text) > MOST_SURFACES * 120 for text in request.surfaces):
        wrong["deploys.surface"] = "The name of a surface has at most 120 letters."
    if asking.fail and asking.fail not in set(Fail):
        wrong["deploys.fail"] = "fail is open or closed."
    if request.emergency and moment - now > LATE:
        wrong["deploys.not_now"] = "An emergency does not wait. Leave the moment out."
    if wrong:
        raise BadDeployCheck(wrong)
    return request


@contextmanager
def _without_waiting_for_the_disk() -> Iterator[None]:
    """Let SQLite write a line of the log when it comes to it: a hundred pipelines a second ask.

    The database stays whole whatever happens; a power failure may lose the last lines of
    checks, and never an emergency, which is written in a transaction of its own.
    """
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA synchronous=NORMAL")
        try:
            yield
        finally:
            cursor.execute("PRAGMA synchronous=FULL")


def _kept(
    site: Site,
    request: DeployRequest,
    decision: Decision,
    asking: Asking,
    at: datetime,
    now: datetime,
) -> DeployCheckRecord:
    return DeployCheckRecord.objects.create(
        site=site,
        public_id=new_token(),
        at=at,
        asked_at=now,
        env=request.env,
        repo=request.repo,
        sha=request.sha,
        surfaces=list(decision.surfaces or request.surfaces),
        paths=len(request.paths),
        actor=request.actor,
        asker=asking.asker.value,
        token=asking.token,
        asked_by=asking.by.user,
        operator=asking.by.operator,
        decision=decision.verdict.value,
        denied=decision.before_override is Verdict.DENY,
        emergency=request.emergency,
        reason=request.reason if request.emergency else "",
        until=decision.until,
        reasons=[reason_document(each) for each in decision.reasons],
        tests=list(decision.tests),
        policy=decision.policy,
        fail=asking.fail,
    )


def document_of(decision: Decision, record: DeployCheckRecord) -> dict[str, Any]:
    """Give an answer in the form that pipelines hold on to."""
    document: dict[str, Any] = {
        "decision": decision.verdict.value,
        "until": _iso(decision.until),
        "reasons": record.reasons,
        "approvals_possible": [each.value for each in decision.approvals_possible],
        "check_id": record.public_id,
        "policy": f"v{decision.policy}",
        "surfaces": list(decision.surfaces),
        "at": _iso(record.at),
        "env": record.env,
    }
    if record.emergency:
        document["emergency"] = {
            "by": str(record.asked_by) if record.asked_by else "the operator",
            "reason": record.reason,
            "without": decision.before_override.value,
            "contaminates": list(decision.tests) if decision.overridden else [],
        }
    return document


def reason_document(reason: Reason) -> dict[str, Any]:
    """Give one reason in the form that pipelines hold on to."""
    return {
        "kind": reason.kind.value,
        "id": reason.id,
        "surface": reason.surface,
        "decision": reason.verdict.value,
        "sentence": reason.sentence,
        "starts": _iso(reason.starts),
        "ends": _iso(reason.ends),
        "owner": reason.owner,
        "share_collected": reason.share_collected,
        "approved_by": list(reason.approved_by),
        "approvals_missing": [each.value for each in reason.missing],
        "freeze": reason.freeze,
    }


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")
