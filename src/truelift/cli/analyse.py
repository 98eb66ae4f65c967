"""`truelift analyse`: the verdict on an experiment."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from truelift.cli.experiments import SiteOption, actor_named, ready, site_called


app = typer.Typer(add_completion=False)


@app.command()
def analyse(
    experiment: Annotated[str, typer.Argument(help="Key of the experiment.")],
    site: SiteOption,
    as_user: Annotated[
        str, typer.Option("--as", metavar="USER", help="On behalf of this e-mail address.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the document.")] = False,
) -> None:
    """Compute an experiment's analysis, keep it as a snapshot, and print it."""
    now = datetime.now(UTC)
    ready(now)
    from truelift.apps.experiments.analysing import analyse_experiment
    from truelift.apps.experiments.monitoring_hiding import hides_from, shown_to

    snapshot = analyse_experiment(site_called(site), experiment, by=actor_named(as_user), now=now)
    record, user = snapshot.experiment, actor_named(as_user).user
    hides = hides_from(record, user, now=now)
    document = dict(shown_to(record, snapshot.document, user, now=now))
    if as_json:
        typer.echo(json.dumps(document, ensure_ascii=False) if hides else snapshot.text)
        return
    typer.echo(in_words(document, number=snapshot.number))


def in_words(document: dict[str, Any], *, number: int) -> str:
    """Write a snapshot for a person at a terminal: integrity first."""
    lines = [f"{document['name']} ({document['experiment']}), snapshot {number}"]
    lines += [f"  {each['variant']}: {each['units']:,} units" for each in document["variants"]]
    lines.append("Can it be believed?")
    lines += [f"  [{each['status']}] {each['detail']}" for each in document["integrity"]]
    lines.append(judged(document))
    lines.append(f"Recommendation: {document['recommendation']['action'].replace('_', ' ')}")
    lines += [f"  {reason}" for reason in document["recommendation"]["because"]]
    lines.append("`--json` prints every number.")
    return "\n".join(lines)


def judged(document: dict[str, Any]) -> str:
    """Say how the effects are judged, and where the test stands among its looks."""
    looks = document.get("looks")
    said = f"Judged: {document['method']}"
    if looks is None:
        return said
    done = len(looks["before"]) + looks["counts"]
    due = looks["next_at"]
    return f"{said}, look {done} of {looks['planned']}" + (
        f"; next at {due:,} units" if due else ""
    )
