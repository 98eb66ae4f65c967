"""`truelift ask events|checks|recent`: what arrives."""

from __future__ import annotations

from truelift.cli.ask.asking import (
    AsJson,
    Repeat,
    Since,
    Site,
    Until,
    app,
    run,
)
from truelift.cli.ask.shown import show_rows


@app.command()
def events(
    site: Site,
    since: Since = None,
    until: Until = None,
    repeat: Repeat = 1,
    as_json: AsJson = False,
) -> None:
    """List the events that a site has, with how often and when last."""
    given = {"since": since, "until": until}
    run("events", site, given, None, repeat=repeat, as_json=as_json, show=show_rows)


@app.command()
def checks(site: Site, repeat: Repeat = 1, as_json: AsJson = False) -> None:
    """Hold what arrives against what funnels, revenue and experiments need."""
    run("checks", site, {}, None, repeat=repeat, as_json=as_json, show=show_rows)


@app.command()
def recent(site: Site, repeat: Repeat = 1, as_json: AsJson = False) -> None:
    """Show the events that arrived last, also the ones that were kept apart."""
    run("recent", site, {}, None, repeat=repeat, as_json=as_json, show=show_rows)
