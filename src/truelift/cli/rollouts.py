"""`truelift rollouts`: list winners, move them on, have a browser look, as the pages do."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from truelift.cli.experiments import (
    AsOption,
    JsonOption,
    NoSuchMove,
    SiteOption,
    actor_named,
    ready,
    site_called,
)


app = typer.Typer(add_completion=False, no_args_is_help=True)


@app.command("list")
def list_all(site: SiteOption, as_json: JsonOption = False) -> None:
    """List the winners of a site with what each costs while it is not live."""
    now = datetime.now(UTC)
    ready(now)
    from truelift.apps.drawing.wording import rough_money
    from truelift.apps.rollouts.reads import (
        lateness_document,
        lateness_of,
        summary_document,
        winners,
    )

    place = site_called(site)
    rows, counter = winners(place, now=now)
    if as_json:
        _print(
            {
                "rollouts": [summary_document(row) for row in rows],
                "unrealised_minor": counter.value,
                "warning": lateness_document(lateness_of(place, now=now)),
            }
        )
        return
    if not rows:
        typer.echo(f"{site} has no winner yet. A decision to ship makes one.")
    for row in rows:
        value = row.value.value
        lost = rough_money(value, place.currency) if value is not None else "value not known"
        stage = row.record.stage.replace("_", " ")
        typer.echo(
            f"{row.record.key:<6} {stage:<11} {row.age_days:>4} days  {lost:>16}"
            f"  {row.record.experiment.name}"
        )


@app.command()
def move(
    key: str,
    action: str,
    site: SiteOption,
    reason: Annotated[str, typer.Option(help="Why; for `abandon`.")] = "",
    as_user: AsOption = "",
    as_json: JsonOption = False,
) -> None:
    """Take one step, or say every reason why it may not be taken."""
    from truelift.lifecycle.rollout import RolloutAction

    if action not in list(RolloutAction):
        raise NoSuchMove(action=action, known=tuple(RolloutAction))
    now = datetime.now(UTC)
    ready(now)
    from truelift.apps.rollouts import services

    place, actor = site_called(site), actor_named(as_user)
    record = services.move(place, key, RolloutAction(action), by=actor, now=now, reason=reason)
    if not as_json:
        typer.echo(f"{record.key} is {record.stage.replace('_', ' ')}.")
        return
    from truelift.apps.rollouts.reads import rollout_document

    _print(rollout_document(record, by=actor, now=now))


@app.command()
def check(key: str, site: SiteOption, as_user: AsOption = "", as_json: JsonOption = False) -> None:
    """Open the page now and say what was found; exit 1 when something is not as it must be."""
    now = datetime.now(UTC)
    ready(now)
    from truelift.apps.qa.run import outside_of
    from truelift.apps.rollouts import services
    from truelift.apps.rollouts.checking import check_page
    from truelift.apps.rollouts.reads import check_document

    place = site_called(site)
    asked = services.ask_for_check(place, key, by=actor_named(as_user), now=now)
    check_page(asked, outside=outside_of(place), now=datetime.now(UTC))
    if as_json:
        _print(check_document(asked))
    else:
        for line in asked.lines:
            place_of = "is there" if line["wanted"] else "is gone"
            typer.echo(f"{'ok    ' if line['ok'] else 'FAILED'} {line['what']} {place_of}")
        typer.echo(asked.problem or ("It passed." if asked.passed else "It did not pass."))
    if not asked.passed:
        raise typer.Exit(1)


def _print(document: dict[str, Any]) -> None:
    json.dump(document, sys.stdout, default=_json, ensure_ascii=False, indent=2)
    typer.echo()


def _json(value: object) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
