"""`truelift deploy-check`: may this be deployed now? Exit 0 yes, 10 no, 20 nobody can say."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer

from truelift.cli.main import say
from truelift.errors import Outage, Refusal


app = typer.Typer(add_completion=False)

DENIED: Final = 10
UNKNOWN: Final = 20
"""Exit codes beside 0; 1 is an error and 2 wrong usage, as everywhere."""

TOKEN: Final = "TRUELIFT_DEPLOY_TOKEN"  # noqa: S105 - the name of a variable, not a token
MOST_BYTES: Final = 4_000_000


class BadMoment(Refusal):
    """A moment that cannot be read."""

    code = "cli.bad_moment"

    def __init__(self, *, text: str) -> None:
        super().__init__(
            f"{text!r} is no moment; write it with its offset, as 2026-11-21T10:00Z.", at=text
        )


class NobodyAnswers(Outage):
    """The server does not answer, or not what it should."""

    code = "deploys.nobody_answers"

    def __init__(self, *, why: str) -> None:
        super().__init__(f"The server cannot be asked: {why}.", why=why)


class Refused(Refusal):
    """The server does not answer the question.

    Attributes:
        said: The server's own code for it; empty where it gave none.
        is_unknown: Whether the question was right: the token or the surface is not known.
    """

    code = "deploys.refused"

    def __init__(self, *, status: int, said: str, detail: str) -> None:
        self.said = said
        self.is_unknown = status in {401, 403, 404}
        super().__init__(detail or f"The server answered {status}.", status=status, said=said)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked, as the API takes it, and of whom."""

    site: str
    body: dict[str, Any]
    url: str
    token: str
    as_user: str
    timeout: float


@app.command()
def deploy_check(
    site: Annotated[str, typer.Option("--site", metavar="SITE", help="Name of the site.")],
    surface: Annotated[str, typer.Option(help="Where it is deployed; several with commas.")] = "",
    paths: Annotated[
        str, typer.Option(help="Files that it changes, with commas; - reads them from stdin.")
    ] = "",
    env: Annotated[str, typer.Option(help="To which environment.")] = "production",
    repo: Annotated[str, typer.Option(help="Of which repository.")] = "",
    sha: Annotated[str, typer.Option(help="Which commit.")] = "",
    actor: Annotated[str, typer.Option(help="Who deploys, for the log.")] = "",
    at: Annotated[str, typer.Option(help="The moment of the deploy; else now.")] = "",
    emergency: Annotated[
        bool, typer.Option("--emergency", help="It cannot wait; written to every test.")
    ] = False,
    reason: Annotated[str, typer.Option(help="Why it cannot wait.")] = "",
    as_user: Annotated[
        str, typer.Option("--as", metavar="USER", help="On behalf of this e-mail address.")
    ] = "",
    url: Annotated[
        str, typer.Option(help="Address of the server; without it this home is asked.")
    ] = "",
    token: Annotated[
        str, typer.Option(help=f"A token of the site; better in the variable {TOKEN}.")
    ] = "",
    fail_open: Annotated[
        bool,
        typer.Option("--fail-open/--fail-closed", help="Deploy or not when nobody answers."),
    ] = True,
    timeout: Annotated[float, typer.Option(min=0.1, max=120, help="Seconds to wait.")] = 5.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Say whether something may be deployed now, with every reason.

    Exits 0 when it may, also with a warning; 10 when it may not; 20 when nobody can say,
    because the surface is not known, the token is refused, or nobody answers and
    --fail-closed was chosen.
    """
    body: dict[str, Any] = {
        "surfaces": [surface] if surface.strip() else [],
        "paths": _files(paths),
        "env": env,
        "repo": repo,
        "sha": sha,
        "actor": actor,
        "at": _moment(at),
        "emergency": emergency,
        "reason": reason,
        "fail": "open" if fail_open else "closed",
    }
    asked = Asked(site, body, url, token or os.environ.get(TOKEN, ""), as_user, timeout)
    try:
        document = _over_http(asked) if url else _at_home(asked)
    except Outage as error:
        _nobody(error, fail_open=fail_open, as_json=as_json)
        return
    except Refusal as error:
        if not _is_unknown(error):
            raise
        code = error.said if isinstance(error, Refused) and error.said else error.code
        _say({"decision": "unknown", "code": code, "detail": str(error)}, as_json=as_json)
        say(code, str(error), error.facts)
        raise typer.Exit(UNKNOWN) from error
    _say(document, as_json=as_json)
    if document["decision"] == "deny":
        raise typer.Exit(DENIED)
    if document["decision"] == "unknown":
        raise typer.Exit(UNKNOWN)


def _is_unknown(error: Refusal) -> bool:
    """Say whether the question was right and cannot be answered; else it was asked wrongly."""
    if isinstance(error, Refused):
        return error.is_unknown
    return error.code.rpartition(".")[2].startswith("no_such_")


def _nobody(error: Outage, *, fail_open: bool, as_json: bool) -> None:
    """Follow the team's choice, and never silently."""
    chosen = "open" if fail_open else "closed"
    document = {
        "decision": "unknown",
        "code": error.code,
        "detail": str(error),
        "fail": chosen,
        "deploys": fail_open,
    }
    done = "so it may be deployed unchecked" if fail_open else "so it may not be deployed"
    said = f"{error} It fails {chosen}, {done}."
    _say({**document, "detail": said}, as_json=as_json)
    say(error.code, said, {**error.facts, "fail": chosen})
    if not fail_open:
        raise typer.Exit(UNKNOWN)


def _say(document: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(document, ensure_ascii=False))
        return
    words = {"allow": "Free", "warn": "Free, with a warning", "deny": "Frozen"}
    until = f" until {document['until']}" if document.get("until") else ""
    typer.echo(f"{words.get(document['decision'], 'Not known')}{until}.")
    if document.get("detail"):
        typer.echo(f"  {document['detail']}")
    for each in document.get("reasons", ()):
        more = [f"until {each['ends']}" if each["ends"] else "", each["owner"]]
        if each["share_collected"] is not None:
            more.append(f"{each['share_collected']:.0%} collected")
        told = ", ".join(part for part in more if part)
        typer.echo(f"  - {each['sentence']}{f' ({told})' if told else ''}")
    if document.get("approvals_possible"):
        typer.echo(f"  An approval lifts it: {', '.join(document['approvals_possible'])}.")
    if "emergency" in document:
        typer.echo(f"  Emergency of {document['emergency']['by']}, written to every test.")
    if "check_id" in document:
        typer.echo(f"  Check {document['check_id']}, policy {document['policy']}.")


def _over_http(asked: Asked) -> dict[str, Any]:
    """Ask a server, without loading more than that takes.

    Raises:
        NobodyAnswers: It does not, or not what it should.
        Refused: It answers that it cannot say.
    """
    import urllib.error
    import urllib.parse
    import urllib.request

    if urllib.parse.urlsplit(asked.url).scheme not in {"http", "https"}:
        raise typer.BadParameter("--url begins with https:// or http://.")
    address = f"{asked.url.rstrip('/')}/api/v1/deploy-check?" + urllib.parse.urlencode(
        {"site": asked.site}
    )
    headers = {"content-type": "application/json", "user-agent": "truelift deploy-check"}
    if asked.token:
        headers["authorization"] = f"Bearer {asked.token}"
    request = urllib.request.Request(  # noqa: S310 - the scheme was looked at above
        address, json.dumps(asked.body).encode(), headers, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=asked.timeout) as answer:  # noqa: S310
            status, said = answer.status, answer.read(MOST_BYTES)
    except urllib.error.HTTPError as error:
        status, said = error.code, error.read(MOST_BYTES)
    except (OSError, ValueError) as error:
        why = getattr(error, "reason", None) or error
        raise NobodyAnswers(why=str(why).rstrip(".")[:300]) from error
    try:
        document: Any = json.loads(said)
    except ValueError:
        document = None
    if status >= 500 or status == 429:
        raise NobodyAnswers(why=f"it answered {status}")
    if not isinstance(document, dict):
        raise NobodyAnswers(why="it answered something else")
    if status >= 400:
        said_code, detail = str(document.get("code", "")), str(document.get("detail", ""))
        raise Refused(status=status, said=said_code, detail=detail)
    if "decision" not in document:
        raise NobodyAnswers(why="it answered something else")
    return document


def _at_home(asked: Asked) -> dict[str, Any]:
    """Ask the home of this machine, as the operator or for somebody."""
    from django.db import Error as DatabaseError

    from truelift.cli.experiments import actor_named, ready, site_called

    now = datetime.now(UTC)
    try:
        ready(now)
        from truelift.apps.freezes.checking import Asking, NoSuchSurface, check
        from truelift.apps.freezes.models import Asker
        from truelift.lifecycle.deploy_check import DeployRequest, Verdict

        given = dict(asked.body)
        at, fail = given.pop("at"), given.pop("fail")
        request = DeployRequest(
            **{**given, "surfaces": tuple(given["surfaces"]), "paths": tuple(given["paths"])}
        )
        asking = Asking(actor_named(asked.as_user), Asker.COMMAND, None, fail)
        done = check(
            site_called(asked.site),
            request,
            asking=asking,
            now=now,
            at=datetime.fromisoformat(at) if at else None,
        )
    except DatabaseError as error:
        raise NobodyAnswers(why=f"the database does not answer ({error})"[:300]) from error
    if done.decision.verdict is Verdict.UNKNOWN:
        raise NoSuchSurface(names=done.unknown, check_id=done.record.public_id)
    return done.document


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _files(text: str) -> list[str]:
    """Read files as a pipeline gives them: with commas, or one a line on stdin."""
    if text == "-":
        return [line.strip() for line in sys.stdin if line.strip()]
    return _listed(text)


def _moment(text: str) -> str | None:
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadMoment(text=text[:60]) from error
    if at.tzinfo is None:
        raise BadMoment(text=text[:60])
    return at.isoformat()
