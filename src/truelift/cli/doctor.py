"""`truelift doctor`: is everything received accounted for, and is the home in order?"""

from __future__ import annotations

import json
from typing import Annotated

import typer

from truelift.lake.checkup import checkup
from truelift.lake.home import Home
from truelift.settings import settings_from


app = typer.Typer(add_completion=False)


@app.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Check that received = stored + duplicates + quarantined + waiting, and the home's files.

    Exits 1 when a sum is off or a file is not as it should be.
    """
    report = checkup(Home.of(settings_from()))
    if as_json:
        typer.echo(json.dumps(report.document(), ensure_ascii=False))
    else:
        for site in report.sites:
            ledger = site.ledger
            typer.echo(
                f"{site.site}: {ledger.received:,} received = {ledger.stored:,} stored"
                f" + {ledger.duplicates:,} duplicates + {ledger.quarantined:,} quarantined"
                f" + {ledger.waiting:,} waiting; {site.rows:,} rows there"
            )
            for reason, count in ledger.reasons.items():
                typer.echo(f"  {count:,} quarantined: {reason}")
        for remark in report.remarks:
            typer.echo(f"{'!' if remark.wrong else '·'} {remark.text}")
        typer.echo("Everything is in order." if report.healthy else "Something is wrong.")
    if not report.healthy:
        raise typer.Exit(1)
