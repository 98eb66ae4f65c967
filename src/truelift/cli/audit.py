"""`truelift audit`: whether the record of who changed what is still what was written."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from truelift.errors import Outage


app = typer.Typer(add_completion=False, no_args_is_help=True)


class AuditBroken(Outage):
    """A row of the audit was changed, lost or put in past the application."""

    code = "audit.broken"

    def __init__(self, *, at: int, why: str) -> None:
        super().__init__(
            f"The audit does not hold at row {at}: {why}. Compare the database with a backup,"
            " and find out who could write to it.",
            at=at,
            why=why,
        )


@app.callback()
def audit() -> None:
    """Look at the record of who changed what."""


@app.command()
def verify(
    *, as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False
) -> None:
    """Walk the whole chain; exits 1 when a row is not what was written.

    Rows cut off at the end leave no gap: keep the count and the last seal somewhere
    else, and compare.
    """
    from truelift.project.start import bring_up_to_date

    bring_up_to_date()
    from truelift.apps.accounts.audit import verify as broken_at
    from truelift.apps.accounts.models import AuditEvent

    broken = broken_at()
    if broken is not None:
        raise AuditBroken(at=broken.at, why=broken.why)
    rows, seal = AuditEvent.objects.order_by("-id").values_list("id", "chain").first() or (0, None)
    if as_json:
        typer.echo(json.dumps({"rows": rows, "last_seal": seal, "holds": True}))
    else:
        typer.echo(f"{rows:,} rows are as they were written; the last seal is {seal}.")
