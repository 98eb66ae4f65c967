"""How Jira calls its issues, asks to be spoken to, and signs its webhooks."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from truelift.apps.links.ticket import (
    BadWebhook,
    Call,
    Heard,
    Ticket,
    TicketState,
    UnreadableAnswer,
    at,
    moment_of,
    text_of,
)


_PATH: Final = re.compile(r"(?:/[\w.-]+)*/browse/([A-Za-z][A-Za-z0-9_]{1,30}-\d{1,9})/?")

_STATES: Final = {
    "new": TicketState.OPEN,
    "undefined": TicketState.OPEN,
    "indeterminate": TicketState.STARTED,
    "done": TicketState.DONE,
}

_DROPPED: Final = frozenset({"won't do", "won't fix", "duplicate", "cannot reproduce", "declined"})
"""Resolutions of work that is over without having been done; Jira calls all of it done."""


def outside_of(path: str) -> str | None:
    """Read the path of an issue's address: `/browse/SHOP-5` is `SHOP-5`."""
    found = _PATH.fullmatch(path)
    return found[1].upper() if found else None


def ask(api: str, outside: str, *, token: str, account: str) -> Call:
    """Ask for an issue."""
    url = f"{api}/rest/api/2/issue/{outside}?fields=summary,status,resolution,updated"
    return Call("GET", url, _headers(token, account))


def answered(outside: str, document: object) -> Ticket:
    """Read what Jira says of an issue.

    Raises:
        UnreadableAnswer: It is none.
    """
    if not text_of(document, "fields", "summary"):
        raise UnreadableAnswer
    return _ticket(outside, document)


def comment(api: str, outside: str, text: str, *, token: str, account: str) -> Call:
    """Say something at an issue."""
    url = f"{api}/rest/api/2/issue/{outside}/comment"
    return Call("POST", url, _headers(token, account), {"body": text})


def link_back(api: str, outside: str, *, url: str, title: str, token: str, account: str) -> Call:
    """Say at an issue where its item is; the same `globalId` again renews the link."""
    return Call(
        "POST",
        f"{api}/rest/api/2/issue/{outside}/remotelink",
        _headers(token, account),
        {
            "globalId": f"truelift={url}",
            "application": {"type": "org.truelift", "name": "Truelift"},
            "object": {"url": url, "title": title},
        },
    )


def heard(headers: Mapping[str, str], body: bytes, document: object, *, secret: bytes) -> Heard:
    """Believe a webhook that is signed with the secret.

    Raises:
        BadWebhook: It is not, or does not say when it was sent.
    """
    wanted = "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(headers.get("x-hub-signature", "").encode(), wanted.encode()):
        raise BadWebhook(why="X-Hub-Signature does not fit.")
    sent = at(document, "timestamp")
    message_id = headers.get("x-atlassian-webhook-identifier", "")
    if not isinstance(sent, int) or not 0 < sent < 1 << 45 or not message_id:
        raise BadWebhook(why="timestamp or X-Atlassian-Webhook-Identifier is missing.")
    name = text_of(document, "issue", "key")
    event = text_of(document, "webhookEvent")
    ticket = None
    if name and event in {"jira:issue_created", "jira:issue_updated"}:
        ticket = _ticket(name, at(document, "issue"))
    return Heard(message_id, datetime.fromtimestamp(sent / 1000, UTC), ticket)


def _ticket(outside: str, issue: object) -> Ticket:
    fields = at(issue, "fields")
    said = text_of(fields, "status", "name")
    state = _STATES.get(text_of(fields, "status", "statusCategory", "key"), TicketState.UNKNOWN)
    resolution = text_of(fields, "resolution", "name").lower().replace("’", "'")
    if state is TicketState.DONE and resolution in _DROPPED:
        state = TicketState.DROPPED
    return Ticket(
        outside, text_of(fields, "summary"), state, said, moment_of(text_of(fields, "updated"))
    )


def _headers(token: str, account: str) -> dict[str, str]:
    """Sign in as a cloud account, or with a token of the company’s own server."""
    if account:
        pair = base64.b64encode(f"{account}:{token}".encode()).decode()
        return {"authorization": f"Basic {pair}", "user-agent": "Truelift"}
    return {"authorization": f"Bearer {token}", "user-agent": "Truelift"}
