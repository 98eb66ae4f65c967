"""How each kind of sender signs its messages, and where its changes stand in them.

Every function takes headers in small letters, the raw bytes over which the message is signed,
what they say as JSON, and the sender's secret; it raises `BadSignature` before it reads anything.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

from truelift.apps.changes.models import SenderKind
from truelift.apps.changes.told import (
    BadSignature,
    Told,
    at,
    check_hex,
    kind_of,
    list_at,
    moment_at,
    moment_of,
    same,
    standard_signature,
    text_at,
)
from truelift.lifecycle.change import Change, ChangeKind, Trust


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it came in.

    Attributes:
        headers: Names in small letters.
        body: The raw bytes.
        document: What they say as JSON; None where they are none.
        secret: Of the sender.
        usual: What kind its changes are when it does not say.
        fields: Name of a change's field → where it stands.
        now: When it came.
    """

    headers: Mapping[str, str]
    body: bytes
    document: object
    secret: str
    usual: ChangeKind
    fields: Mapping[str, str]
    now: datetime

    @property
    def told_by_content(self) -> str:
        """A name for a message that has none: the same words within a minute are the same."""
        return f"{hashlib.sha256(self.body).hexdigest()[:24]}@{self.now.astimezone(UTC):%Y%m%d%H%M}"


PRODUCTION: Final = "production"


def github(message: Message) -> Told:
    """Read GitHub's `deployment_status`, signed in `X-Hub-Signature-256`."""
    given = message.headers.get("x-hub-signature-256", "")
    check_hex(given, message.body, message.secret, name="X-Hub-Signature-256", prefix="sha256=")
    message_id = message.headers.get("x-github-delivery", "")
    if not message_id:
        raise BadSignature(why="X-GitHub-Delivery is missing.")
    document, event = message.document, message.headers.get("x-github-event", "")
    if event != "deployment_status":
        return Told(message_id, Trust.SIGNED, ignored=f"A message about {event or 'nothing'}.")
    state = text_at(document, "deployment_status.state")
    if state != "success":
        return Told(message_id, Trust.SIGNED, ignored=f"The deployment is {state or 'nameless'}.")
    env = text_at(document, "deployment_status.environment") or text_at(
        document, "deployment.environment"
    )
    repo, number = text_at(document, "repository.full_name"), text_at(document, "deployment.id")
    sha, ref = text_at(document, "deployment.sha", most=80), text_at(document, "deployment.ref")
    # What the creator of the deployment said of it; GitHub itself names no files.
    said = _unpacked(at(document, "deployment.payload"))
    change = Change(
        kind=kind_of(text_at(said, "kind"), ChangeKind.DEPLOY),
        external_id=f"{repo}:{number}" if repo and number else "",
        what=text_at(document, "deployment.description") or f"{ref or sha[:7]} of {repo}",
        env=PRODUCTION if at(document, "deployment.production_environment") is True else env,
        repo=repo,
        sha=sha,
        paths=list_at(said, "paths"),
        surfaces=list_at(said, "surfaces"),
        urls=list_at(said, "urls"),
        elements=list_at(said, "elements"),
        arms=list_at(said, "arms"),
        planned_for=list_at(said, "planned_for"),
        finished_at=moment_at(document, "deployment_status.created_at"),
        actor=text_at(document, "deployment_status.creator.login"),
        url=text_at(document, "deployment_status.target_url", most=500),
    )
    return Told(message_id, Trust.SIGNED, change)


def gitlab(message: Message) -> Told:
    """Read GitLab's deployment events, which carry the secret in `X-Gitlab-Token`."""
    if not same(message.headers.get("x-gitlab-token", ""), message.secret):
        raise BadSignature(why="X-Gitlab-Token does not fit.")
    message_id = message.headers.get("x-gitlab-event-uuid", "") or message.headers.get(
        "idempotency-key", ""
    )
    message_id = message_id or message.told_by_content
    document = message.document
    kind, status = text_at(document, "object_kind"), text_at(document, "status")
    if kind != "deployment":
        return Told(message_id, Trust.TOKEN, ignored=f"A message about {kind or 'nothing'}.")
    if status != "success":
        return Told(message_id, Trust.TOKEN, ignored=f"The deployment is {status or 'nameless'}.")
    repo = text_at(document, "project.path_with_namespace")
    number = text_at(document, "deployment_id")
    tier = text_at(document, "environment_tier")
    change = Change(
        kind=ChangeKind.DEPLOY,
        external_id=f"{repo}:{number}" if repo and number else "",
        what=text_at(document, "commit_title") or f"{text_at(document, 'ref')} of {repo}",
        env=PRODUCTION if tier == PRODUCTION else text_at(document, "environment", most=80),
        repo=repo,
        sha=text_at(document, "short_sha", most=80),
        finished_at=moment_at(document, "status_changed_at"),
        actor=text_at(document, "user.username"),
        url=text_at(document, "deployable_url", most=500),
    )
    return Told(message_id, Trust.TOKEN, change)


def sentry(message: Message) -> Told:
    """Read a release or a deploy of Sentry, signed in `Sentry-Hook-Signature`."""
    given = message.headers.get("sentry-hook-signature", "")
    check_hex(given, message.body, message.secret, name="Sentry-Hook-Signature")
    message_id = message.headers.get("request-id", "") or message.told_by_content
    sent_at = moment_of(message.headers.get("sentry-hook-timestamp"))
    document = message.document
    data = at(document, "data") if at(document, "data") is not None else document
    deploy, release = at(data, "deploy"), at(data, "release")
    version = (
        text_at(release, "version")
        or text_at(data, "release")
        or text_at(deploy, "release.version")
        or text_at(data, "version")
    )
    resource = message.headers.get("sentry-hook-resource", "")
    if not (deploy or release or (version and resource in {"release", "deploy"})):
        said = f"A message about {resource or 'nothing'}."
        return Told(message_id, Trust.SIGNED, ignored=said, sent_at=sent_at)
    env = text_at(deploy, "environment", most=80)
    number = text_at(deploy, "id")
    change = Change(
        kind=ChangeKind.DEPLOY,
        external_id=f"deploy:{number}" if number else f"release:{version}:{env}",
        what=text_at(deploy, "name") or f"Release {version}",
        env=env,
        sha=version[:80],
        started_at=moment_at(deploy, "dateStarted"),
        finished_at=moment_at(deploy, "dateFinished") or moment_at(release, "dateReleased"),
        actor=text_at(document, "actor.name"),
        url=text_at(deploy, "url", most=500) or text_at(release, "url", most=500),
    )
    return Told(message_id, Trust.SIGNED, change, sent_at=sent_at)


def datadog(message: Message) -> Told:
    """Read an event of Datadog, which can sign nothing: without the secret it only proposes."""
    trust, message_id, sent_at = proved(message)
    document = message.document
    tags: dict[str, list[str]] = {}
    for tag in list_at(document, "tags"):
        name, _, value = tag.partition(":")
        tags.setdefault(name.strip(), []).append(value.strip())
    first = {name: values[0] for name, values in tags.items()}
    version = first.get("version", "") or first.get("git.commit.sha", "")
    change = Change(
        kind=kind_of(first.get("kind", ""), message.usual),
        external_id=text_at(document, "id", most=200)
        or text_at(document, "aggregation_key", most=200)
        or message.told_by_content,
        what=text_at(document, "title") or text_at(document, "event_title"),
        env=first.get("env", "")[:80],
        repo=first.get("service", "")[:200],
        sha=version[:80],
        surfaces=tuple(tags.get("surface", ())),
        finished_at=moment_at(document, "date_happened") or moment_at(document, "date"),
        actor=text_at(document, "user"),
        url=text_at(document, "url", most=500) or text_at(document, "link", most=500),
    )
    return Told(message_id, trust, change, sent_at=sent_at)


def generic(message: Message) -> Told:
    """Read any JSON: fields called as in the API, or found where the sender's page says."""
    trust, message_id, sent_at = proved(message)
    document = message.document

    def path(name: str) -> str:
        return message.fields.get(name, name)

    change = Change(
        kind=kind_of(text_at(document, path("kind")), message.usual),
        external_id=text_at(document, path("external_id"), most=200) or message.told_by_content,
        what=text_at(document, path("what")),
        env=text_at(document, path("env"), most=80),
        repo=text_at(document, path("repo"), most=200),
        sha=text_at(document, path("sha"), most=80),
        paths=list_at(document, path("paths")),
        surfaces=list_at(document, path("surfaces")),
        urls=list_at(document, path("urls")),
        elements=list_at(document, path("elements")),
        arms=list_at(document, path("arms")),
        planned_for=list_at(document, path("planned_for")),
        started_at=moment_at(document, path("started_at")),
        finished_at=moment_at(document, path("finished_at")),
        actor=text_at(document, path("actor"), most=200),
        url=text_at(document, path("url"), most=500),
    )
    return Told(message_id, trust, change, sent_at=sent_at)


def proved(message: Message) -> tuple[Trust, str, datetime | None]:
    """Say how a sender proved who it is: by a signature, by its secret, or not at all.

    A proof that is there and does not fit is refused, and never taken for none.
    """
    headers = message.headers
    signature = headers.get("webhook-signature", "")
    if signature:
        message_id, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        if not message_id or len(message_id) > 120:
            raise BadSignature(why="webhook-id is missing or longer than 120 letters.")
        if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12):
            raise BadSignature(why="webhook-timestamp is not in seconds.")
        wanted = standard_signature(
            message.secret, message_id=message_id, stamp=stamp, body=message.body
        )
        # All are compared, each in constant time: how long it takes tells nothing.
        if not sum([same(each, wanted) for each in signature.split(" ")[:8]]):
            raise BadSignature(why="webhook-signature does not fit.")
        return Trust.SIGNED, message_id, moment_of(stamp)
    message_id = headers.get("webhook-id", "")[:120] or message.told_by_content
    if "authorization" in headers:
        scheme, _, token = headers["authorization"].partition(" ")
        if scheme.casefold() != "bearer" or not same(token.strip(), message.secret):
            raise BadSignature(why="Authorization does not carry the secret.")
        return Trust.TOKEN, message_id, None
    return Trust.NONE, message_id, None


def _unpacked(said: object) -> object:
    """Read JSON that was sent as a text, as some creators of deployments do."""
    if not isinstance(said, str):
        return said
    try:
        unpacked: object = json.loads(said)
    except (ValueError, RecursionError):
        return None
    return unpacked


READ: Final[Mapping[SenderKind, Callable[[Message], Told]]] = MappingProxyType(
    {
        SenderKind.GITHUB: github,
        SenderKind.GITLAB: gitlab,
        SenderKind.SENTRY: sentry,
        SenderKind.DATADOG: datadog,
        SenderKind.CMS: generic,
        SenderKind.WEBHOOK: generic,
    }
)
