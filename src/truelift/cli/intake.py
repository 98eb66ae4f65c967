"""`truelift intake`: take in what a mail server has put into a folder."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import typer

from truelift.cli.experiments import (
    AsOption,
    JsonOption,
    SiteOption,
    actor_named,
    ready,
    site_called,
)
from truelift.errors import Refusal


app = typer.Typer(add_completion=False, no_args_is_help=True)


class NoSuchFolder(Refusal):
    """The folder of e-mails is not there."""

    code = "cli.no_such_folder"

    def __init__(self, *, path: Path) -> None:
        super().__init__(
            f"{path} is no folder. Name the one into which the mail server writes.", path=str(path)
        )


@app.callback()
def _only() -> None:
    """Take in what comes from elsewhere."""


@app.command()
def mail(
    folder: Path, site: SiteOption, as_user: AsOption = "", as_json: JsonOption = False
) -> None:
    """Take in every .eml file of a folder, and move it to `taken` or, with why, to `refused`."""
    if not folder.is_dir():
        raise NoSuchFolder(path=folder)
    now = datetime.now(UTC)
    ready(now)
    from truelift.apps.intake.mail import take_mail

    done = take_mail(site_called(site), folder, by=actor_named(as_user), now=now)
    if as_json:
        json.dump({"mails": [asdict(each) for each in done]}, sys.stdout, ensure_ascii=False)
        sys.stdout.write("\n")
        return
    for each in done:
        typer.echo(f"{each.file}  {each.key or f'refused: {each.why}'}")
    if not done:
        typer.echo(f"No .eml file is in {folder}.")
