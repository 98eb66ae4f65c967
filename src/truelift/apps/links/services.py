"""What may be done with tools elsewhere: connect one, link a ticket, hear what became of it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from truelift.apps.accounts.audit import record as audit
from truelift.apps.accounts.tokens import new_token
from truelift.apps.experiments.job_kinds import queue
from truelift.apps.inbox.sealing import sealed
from truelift.apps.inbox.services import notify, settle
from truelift.apps.links.models import HeardRecord, TicketRecord, ToolKind, ToolRecord
from truelift.apps.links.speaking import APIS, SPEECH, secret_of, web_host
from truelift.apps.links.ticket import BadWebhook, Heard, Ticket, TicketState
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import is_storable, storable
from truelift.apps.rollouts.reads import rollout_of
from truelift.apps.rollouts.services import move as move_rollout
from truelift.apps.sites.models import Site
from truelift.apps.threads.items import Kind, item_of
from truelift.egress.gate import parsed
from truelift.errors import Refusal
from truelift.lifecycle.notice import Notice, Severity, Topic
from truelift.lifecycle.obstacle import MoveRefused
from truelift.lifecycle.rollout import RolloutAction, RolloutStage


REFRESH: Final = "links.refresh"
PRINT: Final = "links.print"

MOST_TOOLS: Final = 20
MOST_TICKETS: Final = 30

FRESH: Final = {
    # Linear says so itself; Jira sends again for a while what was not taken.
    ToolKind.GITHUB: timedelta(minutes=5),
    ToolKind.LINEAR: timedelta(minutes=5),
    ToolKind.JIRA: timedelta(hours=1),
}
"""How far a webhook's own time may be from ours, where it says one."""

_HEADER_SAFE: Final = re.compile(r"[\x21-\x7e]*")


class BadTool(Refusal):
    """A tool is not described so that it can be spoken to.

    Attributes:
        wrong: Field and what is wrong with it.
    """

    code = "links.bad_tool"

    def __init__(self, wrong: dict[str, str]) -> None:
        self.wrong = wrong
        super().__init__(" ".join(wrong.values()), fields=tuple(wrong))


class NoSuchTool(Refusal):
    """The site speaks with no such tool."""

    code = "links.no_such_tool"

    def __init__(self) -> None:
        super().__init__("There is no such tool, or it was disconnected. The page lists all.")


class BadTicket(Refusal):
    """An address that is no ticket of a connected tool."""

    code = "links.bad_ticket"


class NoSuchTicket(Refusal):
    """The item has no such ticket."""

    code = "links.no_such_ticket"

    def __init__(self) -> None:
        super().__init__("There is no such ticket at this item. Its page lists all.")


@transaction.atomic
def connect(
    site: Site,
    *,
    kind: str,
    name: str,
    api: str = "",
    account: str = "",
    token: str = "",
    secret: str = "",
    by: Actor,
    now: datetime,
) -> ToolRecord:
    """Let a site speak with a tool elsewhere.

    Args:
        site: Which.
        kind: `github`, `linear` or `jira`.
        name: How people call it.
        api: Where its interface begins; empty for the maker's own.
        account: E-mail address that the token belongs to, for Jira in the cloud.
        token: With which the tool is asked; empty where it only tells.
        secret: Of its webhooks, where the tool makes it.
        by: Who.
        now: When.

    Raises:
        BadTool: Something does not fit, with every field.
    """
    wrong: dict[str, str] = {}
    if kind not in ToolKind.values:
        raise BadTool({"kind": f"It is one of {', '.join(ToolKind.values)}."})
    if not name.strip() or len(name.strip()) > 80 or not is_storable(name):
        wrong["name"] = "Give it a name of at most 80 letters."
    base = api.strip().rstrip("/") or APIS[ToolKind(kind)]
    try:
        parts, _, _ = parsed(base)
    except Refusal:
        wrong["api"] = "Give the address where its interface begins, as https://acme.atlassian.net."
    else:
        if parts.query or parts.fragment or len(base) > 300:
            wrong["api"] = "Give the address without anything after ? or #."
    for field, given in (("token", token), ("secret", secret), ("account", account)):
        if len(given) > 1000 or not _HEADER_SAFE.fullmatch(given.strip()):
            wrong[field] = "It has letters that no such thing has. Copy it again."
    if kind == ToolKind.LINEAR and not secret.strip():
        wrong["secret"] = "Copy the signing secret from the webhook’s page in Linear."  # noqa: S105
    if ToolRecord.objects.filter(site=site, ended_at=None).count() >= MOST_TOOLS:
        wrong["name"] = f"A site speaks with at most {MOST_TOOLS} tools. Disconnect one first."
    if wrong:
        raise BadTool(wrong)
    made = ToolRecord.objects.create(
        site=site,
        kind=kind,
        name=name.strip(),
        api=base,
        account=account.strip(),
        token=sealed(token.strip()) if token.strip() else "",
        secret=sealed(secret.strip()) if kind == ToolKind.LINEAR else "",
        public_id=new_token(),
        nonce=new_token(),
        made_by=by.user,
        made_at=now,
    )
    _audit(made, "tool.connected", {"kind": kind, "name": made.name, "api": base}, by=by, now=now)
    return made


@transaction.atomic
def disconnect(site: Site, pk: int, *, by: Actor, now: datetime) -> ToolRecord:
    """Forget a tool's token and believe its webhooks no more; its tickets stay as they are.

    Raises:
        NoSuchTool: The site speaks with none such.
    """
    found = (
        ToolRecord.objects.select_for_update(of=("self",))
        .filter(site=site, pk=pk, ended_at=None)
        .first()
    )
    if found is None:
        raise NoSuchTool
    found.ended_at, found.token, found.secret = now, "", ""
    found.save(update_fields=["ended_at", "token", "secret"])
    _audit(found, "tool.disconnected", {"name": found.name}, by=by, now=now)
    return found


@transaction.atomic
def link(site: Site, kind: str, key: str, url: str, *, by: Actor, now: datetime) -> TicketRecord:
    """Link a ticket to an item; linking it again gives the link that there is.

    Raises:
        BadTicket: The address is no ticket of a connected tool, or the item has too many.
    """
    if item_of(site, kind, key) is None:
        raise BadTicket(f"There is no {kind} {key} on this site.")
    given = url.strip()
    parts = urlsplit(given) if len(given) <= 500 and is_storable(given) else None
    found: tuple[ToolRecord, str] | None = None
    if parts is not None and parts.scheme in {"http", "https"} and parts.username is None:
        for tool in ToolRecord.objects.filter(site=site, ended_at=None).order_by("pk"):
            outside = SPEECH[ToolKind(tool.kind)].outside_of(parts.path)
            if outside and parts.netloc.lower() == web_host(tool):
                found = (tool, outside)
                break
    if found is None:
        raise BadTicket(
            "That is no ticket of a connected tool. Copy the address of the ticket’s own page, or"
            " let an owner connect the tool."
        )
    if tickets_at(site, kind, key).count() >= MOST_TICKETS:
        raise BadTicket(f"An item has at most {MOST_TICKETS} tickets.")
    tool, outside = found
    clean = f"{parts.scheme}://{parts.netloc}{parts.path}" if parts else ""
    made, new = TicketRecord.objects.get_or_create(
        tool=tool,
        kind=kind,
        key=key,
        outside=outside,
        defaults={"url": clean, "made_by": by.user, "made_at": now},
    )
    if new:
        _audit_item(made, "link.added", by=by, now=now)
    if tool.token:
        queue(REFRESH, f"ticket:{made.pk}", by=by.user, now=now)
    return made


@transaction.atomic
def unlink(site: Site, pk: int, *, by: Actor, now: datetime) -> TicketRecord:
    """Take a ticket off an item.

    Raises:
        NoSuchTicket: No item of the site has it.
    """
    found = TicketRecord.objects.filter(tool__site=site, pk=pk).select_related("tool__site").first()
    if found is None:
        raise NoSuchTicket
    _audit_item(found, "link.removed", by=by, now=now)
    found.delete()
    return found


def tickets_at(site: Site, kind: str, key: str) -> QuerySet[TicketRecord]:
    """Give the tickets of an item, the oldest first."""
    return (
        TicketRecord.objects.filter(tool__site=site, kind=kind, key=key)
        .select_related("tool")
        .order_by("pk")
    )


def receive(tool: ToolRecord, headers: Mapping[str, str], body: bytes, *, now: datetime) -> bool:
    """Take a webhook in; False where it was taken before, or is about nothing that is linked.

    Args:
        tool: Whose address it came to.
        headers: Names in small letters.
        body: The raw bytes, over which it is signed.
        now: When.

    Raises:
        BadWebhook: It is not signed with the secret, is old, or makes no sense.
    """
    kind = ToolKind(tool.kind)
    try:
        document: object = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    heard = SPEECH[kind].heard(headers, body, document, secret=secret_of(tool).encode())
    if document is None:
        raise BadWebhook(why="It is no JSON; choose application/json in the tool.")
    _check_fresh(heard, kind, now=now)
    with transaction.atomic():
        try:
            with transaction.atomic():
                HeardRecord.objects.create(
                    tool=tool, message_id=heard.message_id[:120], heard_at=now
                )
        except IntegrityError:
            return False
        # Only as long as the tool could send one again.
        HeardRecord.objects.filter(tool=tool, heard_at__lt=now - timedelta(days=30)).delete()
        ToolRecord.objects.filter(pk=tool.pk).update(heard_at=now)
        if heard.ticket is None:
            return False
        return learn(tool, heard.ticket, now=now)


@transaction.atomic
def learn(tool: ToolRecord, said: Ticket, *, now: datetime) -> bool:
    """Keep what a tool says of a ticket at every item that it is linked to, and follow it."""
    linked = list(
        TicketRecord.objects.select_for_update(of=("self",))
        .filter(tool=tool, outside__iexact=storable(said.outside))
        .select_related("tool__site")
    )
    for ticket in linked:
        if (
            said.changed_at is not None
            and ticket.changed_at is not None
            and said.changed_at < ticket.changed_at
        ):
            # It was overtaken on its way by a newer one.
            continue
        before = ticket.state
        ticket.title = storable(said.title)[:300]
        ticket.state, ticket.said = said.state.value, storable(said.said)[:80]
        ticket.changed_at, ticket.problem = said.changed_at or now, ""
        ticket.save()
        if before != ticket.state and ticket.kind == Kind.ROLLOUT:
            _follow(ticket, now=now)
    return bool(linked)


def _follow(ticket: TicketRecord, *, now: datetime) -> None:
    """Let a rollout go where its ticket has gone, as far as its own rules allow."""
    site = ticket.tool.site
    steps: tuple[RolloutAction, ...]
    match ticket.state:
        case TicketState.STARTED:
            steps = (RolloutAction.START,)
        case TicketState.DONE:
            steps = (RolloutAction.START, RolloutAction.GO_LIVE)
        case _:
            steps = ()
    cause = f"ticket:{ticket.key}:{ticket.outside}"
    why = f"{ticket.outside} is {ticket.said or ticket.state} in {ticket.tool}."
    problem = ""
    if ticket.state == TicketState.DROPPED:
        problem = f"{ticket.outside} was closed without being done, and {ticket.key} is not live."
    for action in steps:
        record = rollout_of(site, ticket.key)
        if record is None or _STARTS[action] != record.stage:
            continue
        try:
            move_rollout(site, ticket.key, action, by=Actor(None), now=now, reason=why)
        except MoveRefused as refusal:
            said = " ".join(each.sentence for each in refusal.obstacles)
            problem = f"{why} {ticket.key} cannot follow: {said}"
            break
    if not problem:
        settle(site, cause, now=now)
        return
    record = rollout_of(site, ticket.key)
    if record is None or record.stage not in set(_STARTS.values()):
        return
    owner = record.owner or record.experiment.decision_owner
    notice = Notice(
        cause,
        Severity.WATCH,
        problem,
        "See what is missing, or abandon it with a reason.",
        f"/s/{site.name}/winners/{ticket.key}/",
        Topic.WORK,
    )
    notify(site, notice, to=[owner] if owner else (), now=now)


_STARTS: Final = {
    RolloutAction.START: RolloutStage.PLANNED.value,
    RolloutAction.GO_LIVE: RolloutStage.IN_PROGRESS.value,
}
"""From which stage each step is taken that a ticket can bring about."""


def _check_fresh(heard: Heard, kind: ToolKind, *, now: datetime) -> None:
    if heard.sent_at is not None and abs(now - heard.sent_at) > FRESH[kind]:
        raise BadWebhook(why="It was not sent just now.")


def _audit(
    tool: ToolRecord, action: str, after: dict[str, str], *, by: Actor, now: datetime
) -> None:
    audit(
        action=action,
        target=f"tool:{tool.pk}",
        after=dict(after),
        now=now,
        site=tool.site.name,
        **by.audited,
    )


def _audit_item(ticket: TicketRecord, action: str, *, by: Actor, now: datetime) -> None:
    audit(
        action=action,
        target=f"{ticket.kind}:{ticket.key}",
        after={"ticket": ticket.outside, "url": ticket.url},
        now=now,
        site=ticket.tool.site.name,
        **by.audited,
    )
