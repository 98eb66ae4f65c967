"""Freezes and the deploy check over HTTP, through the same services."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from django.http import Http404, HttpRequest
from ninja import Field, Query, Router, Schema, Status
from ninja.security import HttpBearer, SessionAuth
from typing_extensions import override

from truelift.apps.accounts.models import User
from truelift.apps.accounts.roles import Role
from truelift.apps.accounts.services import bearer
from truelift.apps.freezes import deploy_services, services
from truelift.apps.freezes.checking import Asking, BadDeployCheck, NoSuchSurface, check
from truelift.apps.freezes.deploy_services import pipeline
from truelift.apps.freezes.figures import figures_document, figures_of
from truelift.apps.freezes.models import Asker, DeployTokenRecord, FreezeRecord
from truelift.apps.freezes.reads import (
    approval_document,
    check_line,
    checks_of,
    deploy_policy_document,
    deploy_policy_of,
    freeze_document,
    freeze_of,
    freeze_rows,
    freeze_summary,
    tokens_of,
)
from truelift.apps.freezes.services import FreezeFields, NoSuchFreeze
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import BadFields
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_for
from truelift.lifecycle.deploy_check import DeployPolicy, DeployRequest, Fail, Verdict
from truelift.lifecycle.freeze import FreezeAction, Strength


router = Router(tags=["freezes"])

Document = dict[str, Any]
Names = list[str]


class DeployAuth(HttpBearer):
    """A deploy token, which may check its site, or a person's access token."""

    @override
    def authenticate(self, request: HttpRequest, token: str) -> object | None:
        """Give the token's row, or put the person where a view looks for them."""
        row = pipeline(token, now=_now())
        if row is not None:
            return row
        user = bearer(token, now=_now())
        if user is not None:
            request.user = user
        return user


class OwnSession(SessionAuth):
    """A page's own scripts; they need the CSRF token where there is a session to protect."""

    @override
    def __call__(self, request: HttpRequest) -> object | None:
        """Let a stranger fall through to 401."""
        return super().__call__(request) if request.user.is_authenticated else None


PIPELINES: Final = [DeployAuth(), OwnSession()]
"""Who may check: besides people, a pipeline with a token of its site."""


class DeployCheckIn(Schema):
    """What is to be deployed where; it names a surface or files."""

    surface: str = Field(default="", max_length=2000, description="One, or several with commas.")
    surfaces: Names = Field(default=[], max_length=50)
    paths: Names = Field(default=[], max_length=5000, description="Files that it changes.")
    env: str = Field(default="production", max_length=80)
    repo: str = Field(default="", max_length=200)
    sha: str = Field(default="", max_length=64)
    actor: str = Field(default="", max_length=120)
    at: datetime | None = Field(default=None, description="The moment of the deploy; else now.")
    emergency: bool = Field(default=False, description="It takes a person's token.")
    reason: str = Field(default="", max_length=1000)
    fail: str = Field(default="", max_length=6, description="What the pipeline does else.")


class DeployCheckWanted(Schema):
    """The same in an address."""

    surface: str = Field(default="", max_length=2000)
    paths: str = Field(default="", max_length=8000, description="Files, with commas.")
    env: str = Field(default="production", max_length=80)
    repo: str = Field(default="", max_length=200)
    sha: str = Field(default="", max_length=64)
    actor: str = Field(default="", max_length=120)
    at: datetime | None = None


class FreezeIn(Schema):
    """What is said of a freeze; what is left out stays as it is."""

    what: str | None = Field(default=None, max_length=200)
    surfaces: Names | None = Field(default=None, max_length=50)
    starts: datetime | None = None
    ends: datetime | None = None
    strength: str | None = Field(default=None, max_length=16)
    source: str | None = Field(default=None, max_length=10)
    owner: str | None = Field(default=None, max_length=254)
    version: int | None = None


class FreezeMoveIn(Schema):
    """A step to take."""

    action: FreezeAction
    reason: str = Field(default="", max_length=1000)
    version: int | None = None


class DeployApprovalIn(Schema):
    """That a deploy may go ahead in spite of a freeze."""

    side: str = Field(max_length=14, description="`liaison` or `decision_owner`.")
    reason: str = Field(max_length=500)
    hours: int = Field(default=24)
    surface: str = Field(default="", max_length=120)
    sha: str = Field(default="", max_length=64)


class DeployPolicyIn(Schema):
    """What is to hold for deploys; what is left out stays as it is."""

    version: int = Field(description="The version that was seen.")
    tests: Strength | None = None
    agreed_at_once: bool | None = None
    unmapped: Verdict | None = None
    fail: Fail | None = None
    lead_days: int | None = None
    environments: Names | None = Field(default=None, max_length=20)
    because: str = Field(default="", max_length=500)


class DeployTokenIn(Schema):
    """A token to make."""

    name: str = Field(max_length=80)


class ChecksWanted(Schema):
    """Which checks of the log."""

    decision: str = Field(default="", max_length=7)
    before: int | None = Field(default=None, ge=1)
    most: int = Field(default=50, ge=1, le=200)


@router.get("/deploy-check", auth=PIPELINES)
def ask_deploy(request: HttpRequest, wanted: Query[DeployCheckWanted], site: str = "") -> Document:
    """Say whether something may be deployed, with every reason; it is written to the log."""
    asked = DeployRequest(
        surfaces=(wanted.surface,) if wanted.surface.strip() else (),
        paths=_listed(wanted.paths),
        env=wanted.env,
        repo=wanted.repo,
        sha=wanted.sha,
        actor=wanted.actor,
    )
    return _answer(request, site, asked, at=wanted.at)


@router.post("/deploy-check", auth=PIPELINES)
def check_deploy(request: HttpRequest, given: DeployCheckIn, site: str = "") -> Document:
    """Say whether something may be deployed; an emergency is allowed and written to its tests."""
    asked = DeployRequest(
        surfaces=tuple(text for text in (given.surface, *given.surfaces) if text.strip()),
        paths=tuple(given.paths),
        env=given.env,
        repo=given.repo,
        sha=given.sha,
        actor=given.actor,
        emergency=given.emergency,
        reason=given.reason,
    )
    return _answer(request, site, asked, at=given.at, fail=given.fail)


def _answer(
    request: HttpRequest, name: str, asked: DeployRequest, *, at: datetime | None, fail: str = ""
) -> Document:
    token = getattr(request, "auth", None)
    if isinstance(token, DeployTokenRecord):
        place = token.site
        if name and name != place.name:
            raise Http404
        asking = Asking(Actor(None, machine=True), Asker.API, token, fail)
    else:
        needs = Role.ANALYST if asked.emergency else Role.VIEWER
        place = site_for(request.user, name, needs=needs)
        asking = Asking(_actor(request), Asker.API, None, fail)
    if at is not None and at.tzinfo is None:
        raise BadDeployCheck(
            {"deploys.at": "Say the moment with its offset, as 2026-11-21T10:00Z."}
        )
    done = check(place, asked, asking=asking, now=_now(), at=at)
    if done.decision.verdict is Verdict.UNKNOWN:
        raise NoSuchSurface(names=done.unknown, check_id=done.record.public_id)
    return done.document


@router.get("/deploy-checks")
def list_checks(request: HttpRequest, site: str, wanted: Query[ChecksWanted]) -> Document:
    """List what was checked, the newest first; `next` is the number to go on before."""
    found = checks_of(
        _site(request, site), decision=wanted.decision, before=wanted.before, most=wanted.most
    )
    return {
        "checks": [check_line(each) for each in found],
        "next": found[-1].pk if len(found) == wanted.most else None,
    }


@router.get("/deploy-policy")
def show_policy(request: HttpRequest, site: str) -> Document:
    """Show what the team has chosen for its deploys."""
    return deploy_policy_document(deploy_policy_of(_site(request, site)))


@router.put("/deploy-policy")
def change_policy(request: HttpRequest, site: str, given: DeployPolicyIn) -> Document:
    """Choose the next version."""
    place = _site(request, site, needs=Role.OWNER)
    before = deploy_policy_of(place)
    policy = DeployPolicy(
        version=given.version,
        tests=given.tests or before.tests,
        agreed_at_once=before.agreed_at_once
        if given.agreed_at_once is None
        else given.agreed_at_once,
        unmapped=given.unmapped or before.unmapped,
        fail=given.fail or before.fail,
        lead_days=before.lead_days if given.lead_days is None else given.lead_days,
        environments=before.environments
        if given.environments is None
        else tuple(given.environments),
    )
    after = deploy_services.change_deploy_policy(
        place, policy, by=_actor(request), now=_now(), because=given.because
    )
    return deploy_policy_document(after)


@router.get("/deploy-tokens")
def list_tokens(request: HttpRequest, site: str) -> Document:
    """List the tokens with which pipelines ask; for owners."""
    place = _site(request, site, needs=Role.OWNER)
    return {
        "tokens": [
            {"token": each.pk, "name": each.name, "made_at": each.made_at, "used_at": each.used_at}
            for each in tokens_of(place)
        ]
    }


@router.post("/deploy-tokens", response={201: Document})
def make_token(request: HttpRequest, site: str, given: DeployTokenIn) -> Status[Document]:
    """Make a token for a pipeline; it is said now and never again."""
    place = _site(request, site, needs=Role.OWNER)
    made = deploy_services.make_token(place, given.name, by=_actor(request), now=_now())
    said = {"token": made.record.pk, "name": made.record.name, "secret": made.token}
    return Status(201, said)


@router.delete("/deploy-tokens/{token}", response={204: None})
def revoke_token(request: HttpRequest, site: str, token: int) -> Status[None]:
    """Believe a token no more."""
    place = _site(request, site, needs=Role.OWNER)
    deploy_services.revoke_token(place, token, by=_actor(request), now=_now())
    return Status(204, None)


@router.get("/freezes")
def list_freezes(request: HttpRequest, site: str, stage: str = "") -> Document:
    """List freezes by their start; those that are over too."""
    rows = freeze_rows(_site(request, site)).order_by("starts_at", "pk")
    found = [freeze_summary(each, now=_now()) for each in rows]
    return {"freezes": [each for each in found if not stage or each["stage"] == stage]}


@router.post("/freezes", response={201: Document})
def propose(request: HttpRequest, site: str, given: FreezeIn) -> Status[Document]:
    """Propose a freeze."""
    place = _site(request, site, needs=Role.ANALYST)
    made = services.propose(place, _fields(given), by=_actor(request), now=_now())
    return Status(201, _document(request, made))


# Before the addresses of single freezes, which would take its last word for a key.
@router.get("/freezes/figures")
def figures(request: HttpRequest, site: str) -> Document:
    """Say how freezes are kept, what they cost each surface, and how often they are overridden."""
    return figures_document(figures_of(_site(request, site), now=_now()))


@router.get("/freezes/{key}")
def show_freeze(request: HttpRequest, site: str, key: str) -> Document:
    """Show a freeze, with what stands in the way of each step."""
    return _document(request, _freeze(_site(request, site), key))


@router.patch("/freezes/{key}")
def edit_freeze(request: HttpRequest, site: str, key: str, given: FreezeIn) -> Document:
    """Change what a proposal says."""
    place = _site(request, site, needs=Role.ANALYST)
    made = services.edit_freeze(
        place, key, _fields(given), by=_actor(request), now=_now(), version=given.version
    )
    return _document(request, made)


@router.post("/freezes/{key}/move")
def move_freeze(request: HttpRequest, site: str, key: str, given: FreezeMoveIn) -> Document:
    """Take one step, or say every reason why it may not be taken."""
    place = _site(request, site, needs=Role.ANALYST)
    services.move(
        place,
        key,
        given.action,
        by=_actor(request),
        now=_now(),
        reason=given.reason,
        version=given.version,
    )
    return _document(request, _freeze(place, key))


@router.post("/freezes/{key}/approvals", response={201: Document})
def approve(request: HttpRequest, site: str, key: str, given: DeployApprovalIn) -> Status[Document]:
    """Say that a deploy may go ahead in spite of a freeze."""
    place = _site(request, site, needs=Role.ANALYST)
    made = services.approve(place, key, by=_actor(request), now=_now(), **given.dict())
    return Status(201, approval_document(made))


def _fields(given: FreezeIn) -> FreezeFields:
    for at in (given.starts, given.ends):
        if at is not None and at.tzinfo is None:
            raise BadFields({"starts": "Say moments with their offset, as 2026-11-21T10:00Z."})
    return FreezeFields(**given.dict(exclude={"version"}))


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _freeze(site: Site, key: str) -> FreezeRecord:
    record = freeze_of(site, key)
    if record is None:
        raise NoSuchFreeze(key=key)
    return record


def _document(request: HttpRequest, record: FreezeRecord) -> Document:
    return freeze_document(record, by=_actor(request), now=_now())


def _site(request: HttpRequest, name: str, *, needs: Role = Role.VIEWER) -> Site:
    return site_for(request.user, name, needs=needs)


def _actor(request: HttpRequest) -> Actor:
    assert isinstance(request.user, User)  # noqa: S101 - every endpoint signs in first
    return Actor(request.user)


def _now() -> datetime:
    return datetime.now(UTC)
