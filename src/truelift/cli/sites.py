"""`truelift sites`: make sites and see their keys."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from truelift.errors import Refusal


app = typer.Typer(add_completion=False, no_args_is_help=True)

As_json = Annotated[bool, typer.Option("--json", help="Answer with one JSON document.")]


class NoSuchKey(Refusal):
    """A key that is to be revoked does not work anyway, or is another site's."""

    code = "sites.no_such_key"

    def __init__(self, *, key_id: str, site: str) -> None:
        super().__init__(
            f"{site} has no working key {key_id!r}; `truelift sites keys {site}` lists them.",
            key_id=key_id,
            site=site,
        )


@app.command()
def create(
    site: Annotated[str, typer.Argument(help="2 to 40 small letters, digits and hyphens.")],
    *,
    title: Annotated[str, typer.Option(help="What people call it.")] = "",
    time_zone: Annotated[str, typer.Option(help="Whose days and weeks count.")] = "UTC",
    currency: Annotated[str, typer.Option(help="In which money is reported.")] = "EUR",
    write_key: Annotated[str, typer.Option(help="Use this public key.")] = "",
    as_json: As_json = False,
) -> None:
    """Make a site with a public and a secret key; the secret one is shown now and never again."""
    now = _ready()
    from truelift.apps.sites.services import create_site

    made = create_site(
        site,
        title=title,
        time_zone=time_zone,
        currency=currency,
        write_key=write_key,
        by="operator",
        now=now,
    )
    _say(
        {
            "site": made.site.name,
            "write_key": made.write_key,
            "secret_key": made.secret_key,
            "time_zone": made.site.time_zone,
            "currency": made.site.currency,
        },
        f"{site} is made.\n  public key  {made.write_key}\n  secret key  {made.secret_key}"
        "   (shown now and never again)",
        as_json=as_json,
    )


@app.command("list")
def list_sites(*, as_json: As_json = False) -> None:
    """List every site."""
    _ready()
    from truelift.apps.sites.models import Site

    sites = [
        {
            "site": each.name,
            "title": each.title,
            "time_zone": each.time_zone,
            "currency": each.currency,
        }
        for each in Site.objects.order_by("name")
    ]
    lines = [f"{each['site']}  {each['time_zone']}  {each['currency']}" for each in sites]
    _say({"sites": sites}, "\n".join(lines) or "There is no site.", as_json=as_json)


@app.command()
def keys(
    site: Annotated[str, typer.Argument(help="Whose keys.")],
    *,
    new: Annotated[str, typer.Option(help="Make a `public` or a `secret` key.")] = "",
    revoke: Annotated[str, typer.Option(help="Make this key worthless, such as k3.")] = "",
    as_json: As_json = False,
) -> None:
    """List a site's keys, make one or revoke one; secret keys are known by their ends only."""
    now = _ready()
    from truelift.apps.sites.reads import keys_of, site_named
    from truelift.apps.sites.services import NoSuchSite, make_key, revoke_key

    place = site_named(site)
    if place is None:
        raise NoSuchSite(site=site)
    if new not in {"", "public", "secret"}:
        raise typer.BadParameter("--new takes `public` or `secret`")
    if revoke and not revoke.removeprefix("k").isdecimal():
        raise typer.BadParameter("--revoke takes a key's id, such as k3")
    if revoke:
        if revoke not in {key.key_id for key in keys_of(place)}:
            raise NoSuchKey(key_id=revoke[:40], site=site)
        revoke_key(place, int(revoke.removeprefix("k")), by="operator", now=now)
    made = make_key(place, kind=new, by="operator", now=now) if new else None
    rows: list[dict[str, Any]] = [
        {
            "key_id": key.key_id,
            "kind": key.kind,
            "key": key.plain or None,
            "hint": key.hint,
            "created": key.created_at.isoformat(),
        }
        for key in keys_of(place)
    ]
    answer: dict[str, Any] = {"site": site, "keys": rows}
    lines = [
        f"{row['key_id']}  {row['kind']}  {row['key'] or '…' + str(row['hint'])}" for row in rows
    ]
    if made:
        answer["new"] = {"key_id": made.row.key_id, "kind": new, "key": made.key}
        lines.append(f"new {new} key {made.row.key_id}: {made.key}")
    _say(answer, "\n".join(lines) or "No key works.", as_json=as_json)


@app.command()
def retention(
    site: Annotated[str, typer.Argument(help="Whose events.")],
    kept: Annotated[
        list[str] | None, typer.Argument(help="EVENT=DAYS; *=DAYS for all others.")
    ] = None,
    *,
    forever: Annotated[
        list[str] | None, typer.Option("--forever", help="Keep this event again for ever.")
    ] = None,
    as_json: As_json = False,
) -> None:
    """Show for how many days a site keeps its events, or change that.

    What is older is removed for good once a day. An event that is not named is kept
    as long as `*` says, and for ever when nothing does.
    """
    now = _ready()
    from truelift.apps.sites.reads import site_named
    from truelift.apps.sites.services import BadRetention, NoSuchSite, change_settings

    place = site_named(site)
    if place is None:
        raise NoSuchSite(site=site)
    wanted: dict[str, Any] = dict(place.retention)
    for each in kept or ():
        event, _, days = each.rpartition("=")
        if not event or not days.isdecimal():
            raise BadRetention(event=event or each, days=days)
        wanted[event] = int(days)
    for event in forever or ():
        wanted.pop(event, None)
    if wanted != place.retention:
        changes: dict[str, Any] = {"retention": wanted}
        change_settings(place, changes, version=place.version, by="operator", now=now)
    lines = [f"{event}  {days:,} days" for event, days in sorted(wanted.items())]
    _say(
        {"site": site, "retention": wanted},
        "\n".join(lines) or "Every event is kept for ever.",
        as_json=as_json,
    )


@app.command()
def events(
    site: Annotated[str, typer.Argument(help="Whose events.")],
    names: Annotated[
        list[str] | None,
        typer.Argument(help="EVENT=NAME; one event several times for several names."),
    ] = None,
    *,
    usual: Annotated[
        list[str] | None, typer.Option("--usual", help="This event has its usual name again.")
    ] = None,
    as_json: As_json = False,
) -> None:
    """Show what a site calls the events of the built-in metrics, or change that.

    The names that are given for an event take the place of those that it had. It holds
    for every question at once, for events of the past as well.
    """
    now = _ready()
    from truelift.apps.sites.reads import site_named
    from truelift.apps.sites.services import BadEventNames, NoSuchSite, change_settings
    from truelift.questions.metric_library import ROLES

    place = site_named(site)
    if place is None:
        raise NoSuchSite(site=site)
    given: dict[str, list[str]] = {}
    for each in names or ():
        event, _, name = each.partition("=")
        given.setdefault(event, []).append(name.strip())
    for event in [*given, *(usual or ())]:
        if event not in ROLES:
            raise BadEventNames(event=event)
    wanted: dict[str, Any] = {**place.event_names, **given}
    wanted = {
        event: list(dict.fromkeys(called))
        for event, called in wanted.items()
        if called != [event] and event not in (usual or ())
    }
    if wanted != place.event_names:
        changes: dict[str, Any] = {"event_names": wanted}
        change_settings(place, changes, version=place.version, by="operator", now=now)
    called = {event: wanted.get(event, [event]) for event in ROLES}
    width = max(map(len, ROLES))
    lines = [f"{event:<{width}}  {' | '.join(each)}" for event, each in called.items()]
    _say(
        {"site": site, "event_names": wanted, "events": called},
        "\n".join(lines),
        as_json=as_json,
    )


def _ready() -> datetime:
    from truelift.project.start import bring_up_to_date

    bring_up_to_date()
    return datetime.now(UTC)


def _say(answer: dict[str, Any], words: str, *, as_json: bool) -> None:
    print(json.dumps(answer, ensure_ascii=False) if as_json else words)
