"""`truelift warnings`: what stands on a site, since when, whose it is and what to do."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from truelift.cli.experiments import JsonOption, SiteOption, ready, site_called


if TYPE_CHECKING:
    from truelift.apps.warnings.models import WarningRecord

app = typer.Typer(add_completion=False)

UNANSWERED: Final = 10
UNKNOWN: Final = 20
"""Exit codes with `--fail`, as those of `deploy-check`; 1 is an error and 2 wrong usage."""

LOOKED_WITHIN: Final = timedelta(days=2)
"""Every night looks: what is older says nothing of today."""


@app.command()
def warnings(
    site: SiteOption,
    fail: Annotated[
        bool,
        typer.Option(
            "--fail",
            help="Exit 10 when one is nobody’s or overdue, 20 when nobody has looked lately.",
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List the warnings that stand, the worst first, with since when, whose and what to do."""
    now = datetime.now(UTC)
    ready(now)
    from truelift.apps.experiments.domain import day_at
    from truelift.apps.warnings.reads import (
        readings_of,
        standing_of,
        unanswered,
        warning_document,
    )

    place = site_called(site)
    today = day_at(place, now)
    rows = standing_of(place)
    waiting = [each for each in rows if unanswered(each, today=today)]
    looked = max((each.looked_at for each in readings_of(place).values()), default=None)
    recent = looked is not None and now - looked <= LOOKED_WITHIN
    if as_json:
        document: dict[str, Any] = {
            "site": place.name,
            "looked_at": looked,
            "recent": recent,
            "unanswered": [each.key for each in waiting],
            "warnings": [warning_document(each) for each in rows],
        }
        typer.echo(json.dumps(document, default=_json, ensure_ascii=False))
    else:
        if looked is None:
            typer.echo(f"Nobody has looked for warnings on {site} yet; it is done every night.")
        elif not recent:
            typer.echo(f"Last looked {looked:%Y-%m-%d}: see that `truelift work` runs.")
        if looked is not None and not rows:
            typer.echo("No warning stands.")
        for each in rows:
            typer.echo(_said(each, overdue=each.owner is not None and each in waiting))
    if fail and not recent:
        raise typer.Exit(UNKNOWN)
    if fail and waiting:
        raise typer.Exit(UNANSWERED)


def _said(row: WarningRecord, *, overdue: bool) -> str:
    from truelift.lifecycle.warning import Kind, WarningStage

    taken = row.stage == WarningStage.ACKNOWLEDGED
    owner = str(row.owner) if taken and row.owner else "nobody’s yet"
    due = f", {'overdue since' if overdue else 'due'} {row.due}" if taken and row.due else ""
    lines = [
        f"{row.key:<6} {row.severity:<8} {Kind(row.kind).called}",
        f"       since {row.first_seen}, {owner}{due}",
        f"       {row.sentence}",
        *([f"       → {row.advice}"] if row.advice else []),
    ]
    return "\n".join(lines)


def _json(value: object) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
