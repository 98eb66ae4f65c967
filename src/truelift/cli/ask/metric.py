"""`truelift ask metric`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from truelift.cli.ask.asking import (
    AsJson,
    QuestionFile,
    Repeat,
    Since,
    Site,
    Until,
    app,
    run,
    wrong,
)
from truelift.cli.ask.shown import show_rows


@app.command()
def metric(
    site: Site,
    key: Annotated[
        str | None,
        typer.Option(
            "--metric", help="A key of `truelift metrics`, the site's own also as KEY@VERSION."
        ),
    ] = None,
    interval: Annotated[
        str | None, typer.Option("--interval", help="day (default) or week.")
    ] = None,
    since: Since = None,
    until: Until = None,
    question: QuestionFile = None,
    repeat: Repeat = 1,
    as_json: AsJson = False,
) -> None:
    """Give a metric's value over a period, and day by day or week by week."""
    if key is None and question is None:
        wrong("Say which metric: --metric order_rate (or --question FILE).")
    given = {"metric": key, "interval": interval, "since": since, "until": until}
    run("metric_value", site, given, question, repeat=repeat, as_json=as_json, show=_show_metric)


def _show_metric(document: Mapping[str, Any]) -> None:
    metric, value = document["metric"], document["value"]
    version = "" if metric["version"] is None else f" (version {metric['version']})"
    said = "undefined" if value is None else f"{value:,.6g}"
    typer.echo(f"{metric['title']}{version}: {said}")
    if metric["formula"]:
        typer.echo(metric["formula"])
    for change in document["breaks"]:
        typer.echo(
            f"changed at {change['at']}: version {change['from_version']} → {change['to_version']}"
        )
    show_rows(document)
