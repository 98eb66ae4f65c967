"""`truelift doctor`: is everything received accounted for, and is the home in order?"""

from __future__ import annotations

import json
from typing import Annotated

import typer

from truelift.errors import Outage
from truelift.lake.checkup import checkup
from truelift.lake.home import Home
from truelift.lake.ledger import Ledger
from truelift.settings import settings_from


app = typer.Typer(add_completion=False)


class NotInOrder(Outage):
    """A sum is off, or a file is not as it should be."""

    code = "doctor.not_in_order"

    def __init__(self, *, wrong: tuple[str, ...]) -> None:
        super().__init__(
            " ".join(("The home is not in order.", *wrong)),
            wrong=wrong,
        )


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
                f" + {ledger.waiting:,} waiting{_removed(ledger)}; {site.rows:,} rows there"
            )
            for reason, count in ledger.reasons.items():
                typer.echo(f"  {count:,} quarantined: {reason}")
        for remark in report.remarks:
            typer.echo(f"{'!' if remark.wrong else '·'} {remark.text}")
        typer.echo("Everything is in order." if report.healthy else "Something is wrong.")
    if not report.healthy:
        raise NotInOrder(wrong=tuple(each.text for each in report.remarks if each.wrong))


def _removed(ledger: Ledger) -> str:
    terms = ((ledger.erased, "erased"), (ledger.expired, "expired"))
    return "".join(f" + {count:,} {what}" for count, what in terms if count)
