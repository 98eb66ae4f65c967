"""`truelift experiments`: create, move, show and list experiments, as the pages do."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from truelift.errors import Refusal


if TYPE_CHECKING:
    from truelift.apps.research.actor import Actor
    from truelift.apps.sites.models import Site

app = typer.Typer(add_completion=False, no_args_is_help=True)

SiteOption = Annotated[str, typer.Option("--site", metavar="SITE", help="Name of the site.")]
AsOption = Annotated[
    str,
    typer.Option(
        "--as",
        metavar="USER",
        help="On behalf of this e-mail address; recorded as the operator's doing.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


class UnreadableFile(Refusal):
    """The file of an experiment cannot be read."""

    code = "cli.unreadable_file"

    def __init__(self, *, path: Path, why: str) -> None:
        super().__init__(f"{path} cannot be read: {why}.", path=str(path))


class NoSuchUser(Refusal):
    """Nobody has an account with this address."""

    code = "cli.no_such_user"

    def __init__(self, *, user: str) -> None:
        super().__init__(
            f"Nobody has an account {user!r}; `truelift users add` makes one.", user=user
        )


class NoSuchMove(Refusal):
    """There is no action of this name."""

    code = "experiment.no_such_move"

    def __init__(self, *, action: str, known: tuple[str, ...]) -> None:
        super().__init__(
            f"There is no action {action!r}. It is one of {', '.join(known)}.", action=action
        )


@app.command()
def create(
    site: SiteOption,
    file: Annotated[Path, typer.Option("--file", help="TOML; see docs/guide/the-loop.md.")],
    as_user: AsOption = "",
    as_json: JsonOption = False,
) -> None:
    """Store an experiment that a file describes: a draft, or stopped when it is imported."""
    now = datetime.now(UTC)
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFile(path=file, why=str(error)) from error
    ready(now)
    from truelift.apps.experiments.services import plan_experiment
    from truelift.apps.experiments.spec import spec_from_toml

    record = plan_experiment(
        site_called(site), spec_from_toml(text), by=actor_named(as_user), now=now
    )
    _print_experiment(site, record.key, now=now, as_json=as_json)


@app.command()
def move(
    key: str,
    action: str,
    site: SiteOption,
    choice: Annotated[str, typer.Option(help="For `decide`: ship, iterate or stop.")] = "",
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    reviewer: Annotated[
        str, typer.Option(help="Who agrees with a decision against the recommendation.")
    ] = "",
    override: Annotated[
        str, typer.Option(help="Why a micro win that may cost the business is shipped.")
    ] = "",
    as_user: AsOption = "",
    as_json: JsonOption = False,
) -> None:
    """Move an experiment one step, or say every reason why it may not."""
    from truelift.lifecycle.experiment import Action, Choice

    if action not in list(Action):
        raise NoSuchMove(action=action, known=tuple(Action))
    if choice and choice not in list(Choice):
        raise NoSuchMove(action=choice, known=tuple(Choice))
    now = datetime.now(UTC)
    ready(now)
    from truelift.apps.experiments.services import move_experiment

    move_experiment(
        site_called(site),
        key,
        Action(action),
        by=actor_named(as_user),
        now=now,
        choice=Choice(choice) if choice else None,
        reason=reason,
        reviewer=reviewer,
        override=override,
    )
    _print_experiment(site, key, now=now, as_json=as_json)


@app.command()
def brief(
    key: str,
    site: SiteOption,
    file: Annotated[
        Path | None, typer.Option("--file", help="JSON with the fields to write; see the guide.")
    ] = None,
    as_user: AsOption = "",
    as_json: JsonOption = False,
) -> None:
    """Show the brief of an experiment and what its gates miss; with a file, write into it."""
    now = datetime.now(UTC)
    given = _fields(file) if file else None
    ready(now)
    from truelift.apps.briefs.services import BriefChange, write_brief

    if given is not None:
        known = {each.name for each in fields(BriefChange)}
        strange = sorted(set(given) - known)
        if strange:
            raise UnreadableFile(path=file or Path(), why=f"a brief has no {', '.join(strange)}")
        change = BriefChange(**given)
        write_brief(site_called(site), key, change, by=actor_named(as_user), now=now)
    _print_brief(site, key, now=now, as_json=as_json)


@app.command()
def approve(
    key: str,
    what: Annotated[
        str, typer.Argument(help="goals, guardrails, a review, a risk, analytics or engineering.")
    ],
    site: SiteOption,
    note: Annotated[str, typer.Option(help="What is added.")] = "",
    as_user: AsOption = "",
    as_json: JsonOption = False,
) -> None:
    """Agree with one thing of an experiment, as its plan stands."""
    now = datetime.now(UTC)
    ready(now)
    from truelift.apps.briefs.services import approve as agree

    agree(site_called(site), key, what, by=actor_named(as_user), now=now, note=note)
    _print_brief(site, key, now=now, as_json=as_json)


@app.command()
def acknowledge(
    key: str, site: SiteOption, as_user: AsOption = "", as_json: JsonOption = False
) -> None:
    """Agree, as the implementer, to build the winner."""
    now = datetime.now(UTC)
    ready(now)
    from truelift.apps.briefs.services import acknowledge as agree

    agree(site_called(site), key, by=actor_named(as_user), now=now)
    _print_brief(site, key, now=now, as_json=as_json)


@app.command("import-results")
def import_results(
    file: Annotated[Path, typer.Argument(help="CSV: name, surface, n, effect, se, decision.")],
    site: SiteOption,
    as_user: AsOption = "",
    as_json: JsonOption = False,
) -> None:
    """Take in results alone of experiments that ended elsewhere; they count apart."""
    now = datetime.now(UTC)
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFile(path=file, why=str(error)) from error
    ready(now)
    from truelift.apps.experiments.imported import results_from, take_results

    done = take_results(site_called(site), results_from(text), by=actor_named(as_user), now=now)
    if as_json:
        _print_json(asdict(done))
        return
    typer.echo(f"{len(done.keys)} taken in, {len(done.known)} known already")
    for key in done.keys:
        typer.echo(f"  {key}")


@app.command("follow-up")
def follow_up(
    key: str,
    item: Annotated[str, typer.Argument(help="H-7, ID-3 or S-12.")],
    site: SiteOption,
    as_user: AsOption = "",
    as_json: JsonOption = False,
) -> None:
    """Say which signal, idea or hypothesis an experiment led to."""
    now = datetime.now(UTC)
    ready(now)
    from truelift.apps.briefs.services import name_follow_up

    name_follow_up(site_called(site), key, item, by=actor_named(as_user), now=now)
    _print_brief(site, key, now=now, as_json=as_json)


def _fields(file: Path) -> dict[str, Any]:
    try:
        given = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UnreadableFile(path=file, why=str(error)) from error
    if not isinstance(given, dict):
        raise UnreadableFile(path=file, why="it is no JSON object")
    return given


def _print_brief(site: str, key: str, *, now: datetime, as_json: bool) -> None:
    from truelift.apps.briefs.reads import brief_document
    from truelift.apps.experiments.reads import experiment_of
    from truelift.apps.experiments.services import NoSuchExperiment

    record = experiment_of(site_called(site), key)
    if record is None:
        raise NoSuchExperiment(key=key[:80], site=site)
    document = brief_document(record, now=now)
    if as_json:
        _print_json(document)
        return
    typer.echo(f"{key}  {document['goal'] or 'no goal yet'}")
    for gate in document["gates"]:
        said = [f"{each['sentence']} {each['remedy']}" for each in gate["obstacles"]]
        force = "in force" if gate["in_force"] else "not in force"
        typer.echo(f"  {gate['gate']} ({force}): {'settled' if not said else 'not yet'}")
        for line in said:
            typer.echo(f"    - {line}")


@app.command()
def allocate(
    key: str,
    site: SiteOption,
    weights: Annotated[
        str, typer.Option("--weights", help="Of all variants, such as `control=90,new=10`.")
    ],
    reason: Annotated[str, typer.Option(help="Why.")],
    since: Annotated[
        datetime | None,
        typer.Option(help="From when on, in UTC; now when left out."),
    ] = None,
    as_user: AsOption = "",
    as_json: JsonOption = False,
) -> None:
    """Write down that the test tool draws by other weights, so that it is no broken split."""
    now = datetime.now(UTC)
    ready(now)
    from truelift.apps.experiments.phases import change_allocation

    change_allocation(
        site_called(site),
        key,
        weights=_weights(key, weights),
        since=now if since is None else since.replace(tzinfo=UTC),
        reason=reason,
        by=actor_named(as_user),
        now=now,
    )
    _print_experiment(site, key, now=now, as_json=as_json)


def _weights(key: str, text: str) -> dict[str, float]:
    from truelift.apps.experiments.phases import BadAllocation

    found = {}
    for part in text.split(","):
        variant, _, weight = part.partition("=")
        try:
            found[variant.strip()] = float(weight)
        except ValueError:
            reason = f"{part.strip()!r} is not a variant with its weight, such as control=90"
            raise BadAllocation(key=key[:80], reasons=(reason,)) from None
    return found


@app.command()
def show(key: str, site: SiteOption, as_user: AsOption = "", as_json: JsonOption = False) -> None:
    """Show an experiment: plan, stage, what stands in the way, decision and learnings."""
    now = datetime.now(UTC)
    ready(now)
    _print_experiment(site, key, now=now, as_json=as_json, as_user=as_user)


@app.command("list")
def list_all(site: SiteOption, as_json: JsonOption = False) -> None:
    """List the experiments of a site."""
    ready(datetime.now(UTC))
    from truelift.apps.experiments.reads import experiment_summaries

    rows = experiment_summaries(site_called(site))
    if as_json:
        _print_json({"experiments": rows})
        return
    if not rows:
        typer.echo(f"{site} has no experiment yet. `truelift experiments create` makes one.")
        return
    width = max(len(str(row["key"])) for row in rows)
    for row in rows:
        typer.echo(f"{row['key']:<{width}}  {row['stage']:<9}  {row['name']}")


def ready(now: datetime) -> None:
    """Load Django for the home, with its tables in their newest form."""
    from truelift.project.start import ensure_ready, is_migrated, start_django

    start_django()
    if not is_migrated():
        ensure_ready(now=now)


def site_called(name: str) -> Site:
    """Give a site by its name.

    Raises:
        NoSuchSite: There is none.
    """
    from truelift.apps.sites.reads import site_named
    from truelift.apps.sites.services import NoSuchSite

    site = site_named(name)
    if site is None:
        raise NoSuchSite(site=name[:60])
    return site


def actor_named(email: str) -> Actor:
    """Give the operator, on behalf of the person named.

    Raises:
        NoSuchUser: Nobody has that address.
    """
    from truelift.apps.accounts.models import User
    from truelift.apps.research.actor import Actor

    if not email:
        return Actor(None, operator=True)
    user = User.objects.filter(email=email.strip().lower(), is_active=True).first()
    if user is None:
        raise NoSuchUser(user=email[:254])
    return Actor(user, operator=True)


def _print_experiment(
    site: str, key: str, *, now: datetime, as_json: bool, as_user: str = ""
) -> None:
    from truelift.apps.experiments.reads import experiment_document, experiment_of
    from truelift.apps.experiments.services import NoSuchExperiment

    found = site_called(site)
    record = experiment_of(found, key)
    if record is None:
        raise NoSuchExperiment(key=key[:80], site=site)
    document = experiment_document(record, by=actor_named(as_user), now=now)
    if as_json:
        _print_json(document)
        return
    typer.echo(f"{document['key']}  {document['stage']}  {document['name']}")
    for step in document["actions"]:
        said = [f"{each['sentence']} {each['remedy']}" for each in step["obstacles"]]
        typer.echo(f"  {step['action']}: {'possible' if not said else 'not yet'}")
        for line in said:
            typer.echo(f"    - {line}")


def _print_json(document: object) -> None:
    json.dump(document, sys.stdout, default=str, ensure_ascii=False)
    sys.stdout.write("\n")
