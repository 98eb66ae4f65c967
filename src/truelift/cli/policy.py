"""`truelift policy`: what a site's programme has agreed on."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Any

import typer


app = typer.Typer(add_completion=False, no_args_is_help=True)

As_json = Annotated[bool, typer.Option("--json", help="Answer with one JSON document.")]
Site_named = Annotated[str, typer.Option("--site", help="Which site.")]


@app.command()
def show(*, site: Site_named, as_json: As_json = False) -> None:
    """Show the policy."""
    place = _site(site)
    from truelift.apps.programme.reads import policy_document, policy_of

    _say(policy_document(policy_of(place)), as_json=as_json)


@app.command("set")
def set_policy(
    settings: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME=VALUE...",
            help="What is to be different: research=research_led max_weeks=6"
            " early_hidden_from=stakeholder,marketing weights=ease:3,traffic:2.",
        ),
    ],
    *,
    site: Site_named,
    because: Annotated[str, typer.Option(help="Why; kept with the version.")] = "",
    acting: Annotated[
        str, typer.Option("--as", help="For whom; the audit names the operator too.")
    ] = "",
    as_json: As_json = False,
) -> None:
    """Agree on the next version of the policy."""
    place = _site(site)
    from truelift.apps.accounts.services import person_named
    from truelift.apps.programme.reads import policy_document
    from truelift.apps.programme.services import change_policy
    from truelift.apps.programme.words import change_from
    from truelift.apps.research.actor import Actor

    after = change_policy(
        place,
        change_from(settings),
        by=Actor(person_named(acting) if acting else None, operator=True),
        now=datetime.now(UTC),
        because=because,
    )
    _say(policy_document(after), as_json=as_json)


def _site(name: str) -> Any:  # noqa: ANN401 - the model cannot be imported before Django is set up
    from truelift.project.start import bring_up_to_date

    bring_up_to_date()
    from truelift.apps.sites.reads import site_named
    from truelift.apps.sites.services import NoSuchSite

    found = site_named(name)
    if found is None:
        raise NoSuchSite(site=name)
    return found


def _say(document: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(document, ensure_ascii=False))
        return
    from truelift.apps.programme.reads import SETTINGS, in_words

    print(f"version {document['version']}")
    for name, called in SETTINGS.items():
        print(f"{name} = {in_words(document[name])}  ({called})")
