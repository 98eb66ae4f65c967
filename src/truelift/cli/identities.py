"""`truelift identities`: who was made one person, and taking that back."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from truelift.cli.experiments import (
    AsOption,
    JsonOption,
    SiteOption,
    actor_named,
    ready,
    site_called,
)
from truelift.errors import Outage


app = typer.Typer(add_completion=False, no_args_is_help=True)

_PATIENCE_S = 120.0


class StillUndoing(Outage):
    """The loader has not come to it yet."""

    code = "identity.still_undoing"

    def __init__(self, *, merge: str) -> None:
        super().__init__(
            f"The running loader has not undone {merge} yet; it will before it loads anything"
            " else. `truelift identities show` tells when it has.",
            merge=merge,
        )


@app.callback()
def identities() -> None:
    """Look at merges of visitors and users, and undo those that were wrong."""


@app.command()
def show(
    site: SiteOption,
    user: Annotated[str, typer.Option(help="Only merges of this user id.")] = "",
    max_rows: Annotated[int, typer.Option(min=1, max=10_000, help="List so many.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """List who was made one person, the newest first.

    A user who signs in on a first device adopts the visitor there, and a shared
    device follows its current user: neither is a merge.
    """
    from truelift.lake.home import Home
    from truelift.lake.identity import person_of_user, person_of_visitor
    from truelift.lake.lake import Lake
    from truelift.lake.merges import Mention, mentions_of, merges_of
    from truelift.settings import settings_from

    settings = settings_from()
    home = Home.of(settings)
    lake = Lake(home)
    lake.position(site)
    found = merges_of(home, site)
    if user:
        wanted = person_of_user(site, user)
        found = [each for each in found if wanted in {each.pair.user, each.pair.other}]
    shown = found[:max_rows]
    mentions: list[Mention] = lake.ask(site, mentions_of(home, site, shown)).answer if shown else []
    names: dict[int, tuple[str, str]] = {}
    events: dict[int, int] = {}
    for each in mentions:
        if each.user_id is not None:
            number = person_of_user(site, each.user_id)
            names[number] = ("user", each.user_id)
            if each.visitor_id is None:
                events[number] = events.get(number, 0) + each.events
        if each.visitor_id is not None:
            number = person_of_visitor(site, each.visitor_id)
            names[number] = ("visitor", each.visitor_id)
            events[number] = events.get(number, 0) + each.events
    rows: list[dict[str, Any]] = []
    for merge in shown:
        kind, other = names.get(merge.pair.other, (None, None))
        undone = merge.undone
        rows.append(
            {
                "merge": merge.name,
                "at": merge.at.isoformat(),
                "by": "alias" if merge.kind == "alias" else "identify",
                "user": names.get(merge.pair.user, ("user", None))[1],
                "with": {"kind": kind, "id": other},
                "events": events.get(merge.pair.other, 0),
                "undone": undone and {"by": undone.by, "at": undone.at.isoformat()},
            }
        )
    if as_json:
        typer.echo(json.dumps({"rows": rows, "merges": len(found)}, ensure_ascii=False))
        return
    if not rows:
        typer.echo(f"Nobody of {site} was merged{' with this user' if user else ''}.")
    for row in rows:
        other, undone = row["with"], row["undone"]
        typer.echo(
            f"{row['merge']}  {row['at'][:16]}  user {row['user'] or '(erased)'}"
            f" with {other['kind'] or 'somebody'} {other['id'] or '(erased)'},"
            f" {row['events']:,} events, by {row['by']}"
            + (f"; undone by {undone['by']} {undone['at'][:16]}" if undone else "")
        )
    if len(found) > len(rows):
        typer.echo(f"… and {len(found) - len(rows):,} older ones; --max-rows shows more.")


@app.command()
def undo(
    merge: Annotated[str, typer.Argument(help="Its name; `identities show` lists them.")],
    site: SiteOption,
    as_user: AsOption = "",
    as_json: JsonOption = False,
) -> None:
    """Take a merge back: every event is whose it was, also in answers about the past.

    It does not come back by itself: this visitor and this user stay apart.
    """
    now = datetime.now(UTC)
    ready(now)
    from django.conf import settings

    from truelift.apps.measurement.identities_services import undo_merge
    from truelift.lake.home import Home
    from truelift.lake.loader import Loader, LoaderRunning

    by = actor_named(as_user)
    request = undo_merge(site_called(site), merge, by=by, now=now)
    try:
        with Loader(Home.of(settings.TRUELIFT), now=lambda: datetime.now(UTC)):
            pass
    except LoaderRunning:
        deadline = time.monotonic() + _PATIENCE_S
        while request.path.exists():
            if time.monotonic() > deadline:
                raise StillUndoing(merge=merge) from None
            time.sleep(0.1)
    if as_json:
        typer.echo(json.dumps({"merge": merge, "undone": True, "by": request.by}))
    else:
        typer.echo(f"{merge} is undone: answers are as if it had never been.")
