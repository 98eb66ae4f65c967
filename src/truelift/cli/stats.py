"""`truelift stats`: the statistics as JSON in on stdin, JSON out on stdout."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated

import typer

from truelift.stats.asked import STATISTICS, answer, written


JsonOption = Annotated[bool, typer.Option("--json", help="The answer is JSON with or without it.")]

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="The statistics as JSON in on stdin, JSON out on stdout.",
)


def _asks(name: str) -> Callable[..., None]:
    """Make the command of a statistic: one document in, one out."""

    def ask(*, as_json: JsonOption = False) -> None:  # noqa: ARG001 - accepted everywhere
        typer.echo(written(answer(name, sys.stdin.buffer.read())))

    return ask


for _name, _place in STATISTICS.items():
    app.command(_name, help=_place.says)(_asks(_name))
