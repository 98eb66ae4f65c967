"""Speaks with a tool elsewhere: asks for a ticket, comments on it, through the egress gate."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, Protocol
from urllib.parse import urlsplit

from truelift.apps.inbox.sealing import derived, opened
from truelift.apps.links import github, jira, linear
from truelift.apps.links.models import TicketRecord, ToolKind, ToolRecord
from truelift.apps.links.ticket import Call, Heard, Ticket, UnreadableAnswer, at
from truelift.apps.qa.hosts import gate
from truelift.egress.fetching import Limits, fetch
from truelift.errors import Outage, Refusal


_LIMITS: Final = Limits(body=2_000_000, seconds=15, redirects=0)


class ToolRefused(Refusal):
    """A tool does not do what it was asked for."""

    code = "links.tool_refused"

    def __init__(self, *, status: int) -> None:
        why = {
            401: "it does not know the token",
            403: "the token may not do that",
            404: "it has no such ticket, or the token may not see it",
            410: "the ticket was deleted",
        }.get(status, "see its own log")
        super().__init__(f"The tool answered {status}: {why}.", status=status)


class ToolBusy(Outage):
    """A tool answers nothing now; it is asked again."""

    code = "links.tool_busy"

    def __init__(self, *, what: str) -> None:
        super().__init__(f"The tool cannot be asked now ({what}). It is tried again.", what=what)


class _Ask(Protocol):
    def __call__(self, api: str, outside: str, *, token: str, account: str) -> Call: ...


class _Comment(Protocol):
    def __call__(self, api: str, outside: str, text: str, *, token: str, account: str) -> Call: ...


class _LinkBack(Protocol):
    def __call__(
        self, api: str, outside: str, *, url: str, title: str, token: str, account: str
    ) -> Call: ...


class _Heard(Protocol):
    def __call__(
        self, headers: Mapping[str, str], body: bytes, document: object, *, secret: bytes
    ) -> Heard: ...


class Speech:
    """How one kind of tool is spoken to."""

    __slots__ = ("answered", "ask", "comment", "heard", "link_back", "outside_of", "web")

    def __init__(
        self,
        *,
        outside_of: Callable[[str], str | None],
        ask: _Ask,
        answered: Callable[[str, object], Ticket],
        comment: _Comment,
        link_back: _LinkBack,
        heard: _Heard,
        web: str,
    ) -> None:
        self.outside_of = outside_of
        self.ask = ask
        self.answered = answered
        self.comment = comment
        self.link_back = link_back
        self.heard = heard
        self.web = web


def _of(module: object, *, web: str = "") -> Speech:
    names = ("outside_of", "ask", "answered", "comment", "link_back", "heard")
    return Speech(**{name: getattr(module, name) for name in names}, web=web)


SPEECH: Final[Mapping[ToolKind, Speech]] = MappingProxyType(
    {
        ToolKind.GITHUB: _of(github, web="github.com"),
        ToolKind.LINEAR: _of(linear, web="linear.app"),
        ToolKind.JIRA: _of(jira),
    }
)

APIS: Final = {ToolKind.GITHUB: github.API, ToolKind.LINEAR: linear.API, ToolKind.JIRA: ""}
"""Where each tool's interface begins, unless the company runs its own."""


def web_host(tool: ToolRecord) -> str:
    """Give the host on which people see a tool's tickets."""
    kind = ToolKind(tool.kind)
    if tool.api == APIS[kind]:
        return SPEECH[kind].web
    return urlsplit(tool.api).netloc.lower()


def secret_of(tool: ToolRecord) -> str:
    """Give the secret of a tool's webhooks: the tool's own, or one made of the server's key."""
    if tool.secret:
        return opened(tool.secret)
    return derived(f"truelift.links.tool:{tool.public_id}:{tool.nonce}").hex()


def ask(ticket: TicketRecord) -> Ticket:
    """Ask a tool what it says of a ticket.

    Raises:
        ToolRefused: It does not say.
        ToolBusy: It cannot be asked now.
        UnreadableAnswer: What it says is no ticket.
    """
    speech = SPEECH[ToolKind(ticket.tool.kind)]
    call = speech.ask(ticket.tool.api, ticket.outside, **_signed_in(ticket.tool))
    return speech.answered(ticket.outside, _asked(call))


def comment(ticket: TicketRecord, text: str) -> None:
    """Say something at a ticket.

    Raises:
        ToolRefused: It does not take it.
        ToolBusy: It cannot be asked now.
    """
    speech = SPEECH[ToolKind(ticket.tool.kind)]
    _asked(speech.comment(ticket.tool.api, ticket.outside, text, **_signed_in(ticket.tool)))


def link_back(ticket: TicketRecord, *, url: str, title: str) -> None:
    """Say at a ticket where its item is.

    Raises:
        ToolRefused: It does not take it.
        ToolBusy: It cannot be asked now.
    """
    speech, tool = SPEECH[ToolKind(ticket.tool.kind)], ticket.tool
    _asked(speech.link_back(tool.api, ticket.outside, url=url, title=title, **_signed_in(tool)))


def _signed_in(tool: ToolRecord) -> dict[str, str]:
    return {"token": opened(tool.token), "account": tool.account}


def _asked(call: Call) -> object:
    body = None if call.body is None else json.dumps(call.body).encode()
    headers = {"accept": "application/json", **call.headers}
    if body is not None:
        headers["content-type"] = "application/json"
    try:
        answer = fetch(
            call.url, gate=gate(), method=call.method, body=body, headers=headers, limits=_LIMITS
        )
    except Refusal as error:
        if error.code in {"egress.not_reached", "egress.too_slow"}:
            raise ToolBusy(what=error.code) from error
        raise
    if answer.status == 429 or answer.status >= 500:
        raise ToolBusy(what=str(answer.status))
    if not 200 <= answer.status < 300:
        raise ToolRefused(status=answer.status)
    try:
        document: object = json.loads(answer.body)
    except ValueError as error:
        raise UnreadableAnswer from error
    if at(document, "errors"):
        # GraphQL says no with status 200.
        raise ToolRefused(status=422)
    return document
