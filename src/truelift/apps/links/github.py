"""How GitHub calls its issues, asks to be spoken to, and signs its webhooks."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
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


API: Final = "https://api.github.com"
_PATH: Final = re.compile(r"/([\w.-]{1,100})/([\w.-]{1,100})/(?:issues|pull)/(\d{1,9})/?")
_NAME: Final = re.compile(r"([\w.-]{1,100})/([\w.-]{1,100})#(\d{1,9})")


def outside_of(path: str) -> str | None:
    """Read the path of an issue's address: `/acme/shop/issues/12` is `acme/shop#12`."""
    found = _PATH.fullmatch(path)
    return f"{found[1]}/{found[2]}#{found[3]}" if found else None


def ask(api: str, outside: str, *, token: str, account: str) -> Call:
    """Ask for an issue."""
    del account
    return Call("GET", _issue(api, outside), _headers(token))


def answered(outside: str, document: object) -> Ticket:
    """Read what GitHub says of an issue.

    Raises:
        UnreadableAnswer: It is none.
    """
    if not text_of(document, "title"):
        raise UnreadableAnswer
    return _ticket(outside, document)


def comment(api: str, outside: str, text: str, *, token: str, account: str) -> Call:
    """Say something at an issue."""
    del account
    return Call("POST", f"{_issue(api, outside)}/comments", _headers(token), {"body": text})


def link_back(api: str, outside: str, *, url: str, title: str, token: str, account: str) -> Call:
    """Say at an issue where its item is; GitHub has no links but in comments."""
    return comment(api, outside, f"Truelift: [{title}]({url})", token=token, account=account)


def heard(headers: Mapping[str, str], body: bytes, document: object, *, secret: bytes) -> Heard:
    """Believe a webhook that is signed with the secret.

    Raises:
        BadWebhook: It is not, or has no id.
    """
    given = headers.get("x-hub-signature-256", "")
    wanted = "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(given.encode(), wanted.encode()):
        raise BadWebhook(why="X-Hub-Signature-256 does not fit.")
    message_id = headers.get("x-github-delivery", "")
    if not message_id:
        raise BadWebhook(why="X-GitHub-Delivery is missing.")
    ticket = None
    number, repository = (
        at(document, "issue", "number"),
        text_of(document, "repository", "full_name"),
    )
    if headers.get("x-github-event") == "issues" and isinstance(number, int) and repository:
        ticket = _ticket(f"{repository}#{number}", at(document, "issue"))
    return Heard(message_id, None, ticket)


def _ticket(outside: str, issue: object) -> Ticket:
    state, why = text_of(issue, "state"), text_of(issue, "state_reason")
    if state == "closed":
        found = TicketState.DROPPED if why == "not_planned" else TicketState.DONE
    else:
        found = TicketState.OPEN
    said = f"{state}, {why.replace('_', ' ')}" if why else state
    return Ticket(
        outside, text_of(issue, "title"), found, said, moment_of(text_of(issue, "updated_at"))
    )


def _issue(api: str, outside: str) -> str:
    found = _NAME.fullmatch(outside)
    assert found is not None  # noqa: S101 - `outside_of` made it
    return f"{api}/repos/{found[1]}/{found[2]}/issues/{found[3]}"


def _headers(token: str) -> dict[str, str]:
    return {
        "authorization": f"Bearer {token}",
        "accept": "application/vnd.github+json",
        "x-github-api-version": "2022-11-28",
        "user-agent": "Truelift",
    }
