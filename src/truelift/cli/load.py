"""`truelift load`: events from a file, once."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from truelift.lake.home import Home
from truelift.lake.imports.load import Loaded, Progress, load_file
from truelift.lake.imports.products import Product, built_in_map
from truelift.settings import settings_from


app = typer.Typer(add_completion=False)


@app.command()
def load(
    file: Annotated[
        Path | None,
        typer.Argument(help="CSV, NDJSON, a JSON list or Parquet; also as .gz or .zst."),
    ] = None,
    site: Annotated[str | None, typer.Option("--site", help="Whose events they are.")] = None,
    map_file: Annotated[
        Path | None,
        typer.Option("--map", help="TOML that says what the columns mean; see docs/guide/loading."),
    ] = None,
    product: Annotated[
        Product | None,
        typer.Option("--from", help="Whose export it is: a built-in map in the place of --map."),
    ] = None,
    print_map: Annotated[
        bool, typer.Option("--print-map", help="Print the built-in map of --from, load nothing.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read everything, store nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Import events. Safe to repeat: rows read = stored + duplicates + rejected, always.

    Without --map the file has these columns: name, visitor_id, occurred_at, and if
    it likes message_id, user_id, value, currency, url, referrer, device, country,
    source, experiment, variant. Every other column becomes a property.

    Examples:
        truelift load events.parquet --site shop --from ga4 --dry-run
        truelift load --from matomo --print-map > matomo.toml
    """
    if product is not None and map_file is not None:
        raise typer.BadParameter("Give --map or --from, not both.")
    if print_map:
        if product is None:
            raise typer.BadParameter(f"--print-map needs --from: {', '.join(Product)}.")
        typer.echo(built_in_map(product), nl=False)
        return
    if file is None or site is None:
        raise typer.BadParameter("Name the FILE, and with --site whose events they are.")
    with _shown() as progress:
        loaded = load_file(
            Home.of(settings_from()),
            site,
            file,
            map_file=map_file,
            product=product,
            now=lambda: datetime.now(UTC),
            dry_run=dry_run,
            progress=progress,
        )
    if as_json:
        typer.echo(json.dumps(loaded.document(), ensure_ascii=False))
    else:
        typer.echo(_told(loaded, file=file, site=site))


@contextmanager
def _shown() -> Iterator[Progress]:
    """A bar on stderr when a person looks, nothing when a program does."""
    if not sys.stderr.isatty():
        yield lambda stage, done, total: None  # noqa: ARG005
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    tasks: dict[str, TaskID] = {}
    with Progress(
        TextColumn("{task.description:<8}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bars:

        def note(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage)
            bars.update(tasks[stage], completed=done, total=max(total, 1))

        yield note


def _told(loaded: Loaded, *, file: Path, site: str) -> str:
    verb = "would become" if loaded.dry_run else "became"
    told = (
        f"{file.name} → {site}: {loaded.read:,} rows read, {loaded.stored:,}"
        f"{' fit' if loaded.dry_run else ' stored'}, {loaded.duplicates:,} duplicates,"
        f" {loaded.rejected:,} rejected; they {verb} {loaded.events:,} events."
    )
    lines = [told, *(f"  {count:,} × {reason}" for reason, count in loaded.reasons.items())]
    if loaded.rejects:
        first = loaded.rejects[0]
        element = f", element {first.element}" if first.element is not None else ""
        lines.append(f"  the first one is line {first.line}{element}: {first.text[:120]}")
    if loaded.reject_file is not None:
        lines.append(f"  all of them, with line and reason: {loaded.reject_file}")
    return "\n".join(lines)
