"""How Linear calls its issues, asks to be spoken to, and signs its webhooks."""

from __future__ import annotations

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


API: Final = "https://api.linear.app"
_PATH: Final = re.compile(r"/[\w.-]{1,100}/issue/([A-Za-z][A-Za-z0-9]{0,9}-\d{1,9})(?:/[^/]*)?/?")

_STATES: Final = {
    "triage": TicketState.OPEN,
    "backlog": TicketState.OPEN,
    "unstarted": TicketState.OPEN,
    "started": TicketState.STARTED,
    "completed": TicketState.DONE,
    "canceled": TicketState.DROPPED,
    "duplicate": TicketState.DROPPED,
}

_ISSUE: Final = (
    "query Issue($id: String!) {"
    " issue(id: $id) { id identifier title updatedAt state { name type } } }"
)
_ATTACH: Final = (
    "mutation Attach($input: AttachmentCreateInput!) {"
    " attachmentCreate(input: $input) { success } }"
)
_COMMENT: Final = (
    "mutation Comment($input: CommentCreateInput!) { commentCreate(input: $input) { success } }"
)


def outside_of(path: str) -> str | None:
    """Read the path of an issue's address: `/acme/issue/ENG-12/a-title` is `ENG-12`."""
    found = _PATH.fullmatch(path)
    return found[1].upper() if found else None


def ask(api: str, outside: str, *, token: str, account: str) -> Call:
    """Ask for an issue."""
    del account
    return _call(api, token, _ISSUE, {"id": outside})


def answered(outside: str, document: object) -> Ticket:
    """Read what Linear says of an issue.

    Raises:
        UnreadableAnswer: It is none.
    """
    issue = at(document, "data", "issue")
    if not text_of(issue, "title"):
        raise UnreadableAnswer
    return _ticket(outside, issue)


def comment(api: str, outside: str, text: str, *, token: str, account: str) -> Call:
    """Say something at an issue."""
    del account
    return _call(api, token, _COMMENT, {"input": {"issueId": outside, "body": text}})


def link_back(api: str, outside: str, *, url: str, title: str, token: str, account: str) -> Call:
    """Say at an issue where its item is; the same address again renews the attachment."""
    del account
    given = {"issueId": outside, "url": url, "title": title, "subtitle": "Truelift"}
    return _call(api, token, _ATTACH, {"input": given})


def heard(headers: Mapping[str, str], body: bytes, document: object, *, secret: bytes) -> Heard:
    """Believe a webhook that is signed with the secret.

    Raises:
        BadWebhook: It is not, or does not say when it was sent.
    """
    wanted = hmac.new(secret, body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(headers.get("linear-signature", "").encode(), wanted.encode()):
        raise BadWebhook(why="Linear-Signature does not fit.")
    sent = at(document, "webhookTimestamp")
    message_id = headers.get("linear-delivery", "")
    if not isinstance(sent, int) or not 0 < sent < 1 << 45 or not message_id:
        raise BadWebhook(why="webhookTimestamp or Linear-Delivery is missing.")
    data = at(document, "data")
    name = text_of(data, "identifier")
    is_issue = text_of(document, "type") == "Issue" and bool(name)
    removed = text_of(document, "action") == "remove"
    ticket = _ticket(name, data) if is_issue and not removed else None
    return Heard(message_id, datetime.fromtimestamp(sent / 1000, UTC), ticket)


def _ticket(outside: str, issue: object) -> Ticket:
    return Ticket(
        outside,
        text_of(issue, "title"),
        _STATES.get(text_of(issue, "state", "type"), TicketState.UNKNOWN),
        text_of(issue, "state", "name"),
        moment_of(text_of(issue, "updatedAt")),
    )


def _call(api: str, token: str, query: str, variables: Mapping[str, object]) -> Call:
    # A personal key stands alone; only OAuth tokens are preceded by a word.
    headers = {"authorization": token, "user-agent": "Truelift"}
    return Call("POST", f"{api}/graphql", headers, {"query": query, "variables": variables})
