"""`truelift users`: people, from the command line of whoever runs the installation."""

from __future__ import annotations

import json
import secrets
import sys
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from truelift.errors import Refusal


app = typer.Typer(add_completion=False, no_args_is_help=True)

As_json = Annotated[bool, typer.Option("--json", help="Answer with one JSON document.")]


class BadFunction(Refusal):
    """A word is no function."""

    code = "accounts.bad_function"

    def __init__(self, *, word: str, words: tuple[str, ...]) -> None:
        super().__init__(
            f"There is no function {word!r}. Functions are {', '.join(words)}; `none` takes all"
            " away.",
            word=word,
        )


class BadRole(Refusal):
    """A role is not one of the four."""

    code = "accounts.bad_role"

    def __init__(self, *, role: str, roles: tuple[str, ...]) -> None:
        super().__init__(f"There is no role {role!r}. Roles are {', '.join(roles)}.", role=role)


@app.command()
def add(
    email: Annotated[str, typer.Argument(help="Address to sign in with.")],
    *,
    name: Annotated[str, typer.Option(help="What they are called.")] = "",
    operator: Annotated[bool, typer.Option(help="Runs the installation.")] = False,
    site: Annotated[str, typer.Option(help="Give a role on this site.")] = "",
    role: Annotated[str, typer.Option(help="viewer, analyst, editor or owner.")] = "viewer",
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from stdin.")
    ] = False,
    as_json: As_json = False,
) -> None:
    """Make an account. Without a password on stdin one is made and printed, once."""
    now = _ready()
    from django.db import transaction

    from truelift.apps.accounts import services

    password = sys.stdin.readline().rstrip("\n") if password_stdin else secrets.token_urlsafe(15)
    with transaction.atomic():
        person = services.add_person(
            email=email, password=password, name=name, is_operator=operator, by="operator", now=now
        )
        if site:
            services.give_role(_site(site), person, _role(role), by="operator", now=now)
    answer: dict[str, Any] = {"email": person.email, "operator": operator}
    if site:
        answer |= {"site": site, "role": role}
    if not password_stdin:
        answer["password"] = password
    words = f"{person.email} can sign in."
    _say(answer, words if password_stdin else f"{words} Password: {password}", as_json=as_json)


@app.command()
def invite(
    email: Annotated[str, typer.Argument(help="Whom to invite.")],
    *,
    site: Annotated[str, typer.Option(help="To which site.")],
    role: Annotated[str, typer.Option(help="viewer, analyst, editor or owner.")] = "viewer",
    as_json: As_json = False,
) -> None:
    """Invite somebody to a site; prints the link, which works once, for 14 days."""
    now = _ready()
    from truelift.apps.accounts import services

    invited = services.invite(_site(site), email=email, role=_role(role), by="operator", now=now)
    _say(
        {
            "email": invited.invitation.email,
            "site": site,
            "role": role,
            "link": invited.url,
            "expires": invited.invitation.expires_at.isoformat(),
        },
        invited.url,
        as_json=as_json,
    )


@app.command()
def role(
    email: Annotated[str, typer.Argument(help="Whose role.")],
    role: Annotated[str, typer.Argument(help="viewer, analyst, editor, owner or none.")],
    *,
    site: Annotated[str, typer.Option(help="On which site.")],
    function: Annotated[
        list[str] | None,
        typer.Option(
            "--function", help="What they do there, instead of before; repeat it, or `none`."
        ),
    ] = None,
    as_json: As_json = False,
) -> None:
    """Give a person a role on a site, or take it away with `none`."""
    now = _ready()
    from django.db import transaction

    from truelift.apps.accounts import services
    from truelift.lifecycle.functions import Function

    person = services.person_named(email)
    place = _site(site)
    functions = None if function is None else _functions(function)
    answer: dict[str, Any] = {"email": person.email, "site": site, "role": role}
    words = f"{person.email}: {role} on {site}."
    if role == "none":
        services.remove_member(place, person, by="operator", now=now)
        answer["role"] = None
    else:
        with transaction.atomic():
            member = services.give_role(place, person, _role(role), by="operator", now=now)
            if functions is not None:
                member = services.set_functions(place, person, functions, by="operator", now=now)
        answer["functions"] = member.functions
        if member.functions:
            words += f" Functions: {', '.join(Function(each).called for each in member.functions)}."
    _say(answer, words, as_json=as_json)


@app.command()
def reset(
    email: Annotated[str, typer.Argument(help="Whose password.")],
    *,
    as_json: As_json = False,
) -> None:
    """Print the link with which a person sets a new password."""
    _ready()
    from truelift.apps.accounts import services

    link = services.reset_link(services.person_named(email))
    _say({"email": email, "link": link}, link, as_json=as_json)


@app.command("list")
def list_users(*, as_json: As_json = False) -> None:
    """List everyone with an account."""
    _ready()
    from truelift.apps.accounts.models import User

    people: list[dict[str, Any]] = [
        {
            "email": person.email,
            "name": person.name,
            "operator": person.is_operator,
            "roles": {each.site.name: each.role for each in person.memberships.all()},
            **(
                {"functions": does}
                if (
                    does := {
                        each.site.name: each.functions
                        for each in person.memberships.all()
                        if each.functions
                    }
                )
                else {}
            ),
        }
        for person in User.objects.order_by("email").prefetch_related("memberships__site")
    ]
    lines = [
        f"{each['email']}  {'operator ' if each['operator'] else ''}"
        + ", ".join(f"{site}: {role}" for site, role in sorted(each["roles"].items()))
        for each in people
    ]
    _say({"users": people}, "\n".join(lines) or "Nobody has an account.", as_json=as_json)


def _ready() -> datetime:
    from truelift.project.start import bring_up_to_date

    bring_up_to_date()
    return datetime.now(UTC)


def _site(name: str) -> Any:  # noqa: ANN401 - the model cannot be imported before Django is set up
    from truelift.apps.sites.reads import site_named
    from truelift.apps.sites.services import NoSuchSite

    found = site_named(name)
    if found is None:
        raise NoSuchSite(site=name)
    return found


def _role(word: str) -> Any:  # noqa: ANN401
    from truelift.apps.accounts.roles import Role

    try:
        return Role(word)
    except ValueError as error:
        raise BadRole(role=word, roles=tuple(each.value for each in Role)) from error


def _functions(words: list[str]) -> Any:  # noqa: ANN401
    from truelift.lifecycle.functions import Function

    if words == ["none"]:
        return ()
    known = tuple(each.value for each in Function)
    for word in words:
        if word not in known:
            raise BadFunction(word=word, words=known)
    return tuple(Function(word) for word in words)


def _say(answer: dict[str, Any], words: str, *, as_json: bool) -> None:
    print(json.dumps(answer, ensure_ascii=False) if as_json else words)
