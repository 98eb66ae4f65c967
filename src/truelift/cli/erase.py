"""`truelift erase`: remove a person from everything, and keep a receipt that names nobody."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final, TypedDict

import typer

from truelift.errors import Outage
from truelift.lake.erasure_list import (
    Receipt,
    Request,
    Who,
    ask_again,
    ask_to_erase,
    receipt_of,
    receipts,
    take_list,
)
from truelift.lake.home import Home
from truelift.settings import settings_from


app = typer.Typer(add_completion=False, no_args_is_help=True)

PATIENCE_S: Final = 600.0
"""So long a running loader may take before the command stops waiting."""

_POLL_S: Final = 0.1


class NotFinished(Outage):
    """The erasure is asked for and is not done yet."""

    code = "erasure.not_finished"

    def __init__(self, *, request: str) -> None:
        super().__init__(
            "The erasure is written down and not done yet: it is finished as soon as the loader"
            " can, also after a restart. Look at the log of `truelift work`, see that every"
            f" collector runs, and find the receipt as erasures/{request}.json in the home.",
            request=request,
        )


@app.command()
def erase(
    *,
    site: Annotated[str, typer.Option(help="Whose visitor it was.")] = "",
    visitor: Annotated[str, typer.Option(help="The visitor id, as the site sends it.")] = "",
    user: Annotated[str, typer.Option(help="The user id, as the site sends it.")] = "",
    person: Annotated[str, typer.Option(help="The person's number.")] = "",
    again: Annotated[
        bool, typer.Option("--again", help="Apply the erasure list to what is there now.")
    ] = False,
    from_list: Annotated[
        Path | None, typer.Option("--from", help="With --again: a list that was saved.")
    ] = None,
    show: Annotated[
        bool, typer.Option("--list", help="Print the erasure list, to save it.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Answer with one JSON document.")] = False,
) -> None:
    """Remove a person with all visitors and users that are known to be the same.

    Nothing of it stays: lake, index, fresh tail, journal, quarantine, reject files,
    identities, database. What arrives later for these ids begins a new person. After
    a restore of an older copy of the home, `--again` removes everybody once more.
    """
    home = Home.of(settings_from())
    if show:
        for entry in receipts(home):
            if not entry.again:
                typer.echo(json.dumps(entry.document()))
        return
    named = [(kind, who) for kind, who in zip(Who, (visitor, user, person), strict=True) if who]
    if again != (not site and not named) or (not again and (not site or len(named) != 1)):
        raise typer.BadParameter(
            "say whose site with --site, and one of --visitor, --user and --person;"
            " or --again or --list alone"
        )
    _check_site(home, site)
    if again:
        home.make()
        if from_list is not None:
            take_list(home, from_list)
        request = ask_again(home)
    else:
        request = ask_to_erase(home, site, *named[0])
    receipt = wait_for(home, request)
    cleaned = _clean_database(home, request)
    if as_json:
        typer.echo(json.dumps({**receipt.document(), "database": cleaned}))
    else:
        typer.echo(_told(receipt))
        typer.echo(f"{cleaned['changed']} rows of the web application named it and were changed.")
        for table in cleaned["kept"]:
            typer.echo(f"A row of {table} names it and may not be changed: look at it yourself.")


def wait_for(home: Home, request: Request, *, patience_s: float = PATIENCE_S) -> Receipt:
    """Return the receipt of a request, whoever the loader is.

    Raises:
        NotFinished: The loader did not do it in time; it stays asked for.
    """
    from truelift.lake.loader import Loader, LoaderRunning

    until = time.monotonic() + patience_s
    while time.monotonic() < until:
        receipt = receipt_of(home, request.key)
        if receipt is not None:
            return receipt
        try:
            with Loader(home, now=lambda: datetime.now(UTC)) as loader:
                while receipt_of(home, request.key) is None and time.monotonic() < until:
                    loader.step()
                    time.sleep(_POLL_S)
        except LoaderRunning:
            time.sleep(_POLL_S)
    raise NotFinished(request=request.key)


def _check_site(home: Home, site: str) -> None:
    if not site:
        return
    from truelift.lake.lake import Lake, NoSuchSite

    if site not in Lake(home).sites():
        raise NoSuchSite(site=site)


class Cleaned(TypedDict):
    """What was done to the database."""

    changed: int
    kept: list[str]


def _clean_database(home: Home, request: Request) -> Cleaned:
    from truelift.project.start import bring_up_to_date

    bring_up_to_date()
    from truelift.apps.sites.erasure import finish_erasures

    # When a process that works has done it meanwhile, there is nothing left to say.
    done = finish_erasures(home).get(request.key)
    return Cleaned(changed=done.changed if done else 0, kept=list(done.kept) if done else [])


def _told(receipt: Receipt) -> str:
    if receipt.again:
        return (
            f"{receipt.applied:,} entries of the erasure list were found again:"
            f" {receipt.stored:,} stored and {receipt.quarantined:,} quarantined rows are gone,"
            f" {receipt.rejected:,} lines of reject files."
        )
    return (
        f"Erased from {receipt.site}: {receipt.stored:,} stored and {receipt.quarantined:,}"
        f" quarantined rows, {receipt.rejected:,} lines of reject files;"
        f" {receipt.unnamed:,} rows of others stay without the name.\n"
        f"receipt {receipt.digest}\n"
        f"kept as erasures/{receipt.key}.json in the home; keep a copy beside every backup"
        " (`truelift erase --list`)."
    )
