"""What the commands of `truelift stats` share: the document on stdin, the answer on stdout."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Annotated, ClassVar, TypeVar

import msgspec
import typer

from truelift.errors import Refusal


# The statistics themselves are imported by the command that uses them: a split
# check must answer in 0.4 s, and Student's t alone takes longer to load.

Input = TypeVar("Input")
JsonOption = Annotated[bool, typer.Option("--json", help="The answer is JSON with or without it.")]


def _statistics() -> None:
    """Do nothing; but for this Typer would take a single loaded command for the whole program."""


app = typer.Typer(
    callback=_statistics,
    add_completion=False,
    no_args_is_help=True,
    help="The statistics as JSON in on stdin, JSON out on stdout.",
)


class BadInput(Refusal):
    """What came in on stdin is not the document that the statistic takes."""

    code: ClassVar[str] = "stats.bad_input"

    def __init__(self, *, reason: str) -> None:
        super().__init__(f"The input cannot be used: {reason}.", reason=reason)


def asked_for(shape: type[Input]) -> Input:
    """Read the one JSON document on stdin, strictly.

    Raises:
        BadInput: It is no JSON (NaN and Infinity are none), a field is missing,
            of the wrong type, or not known.
    """
    try:
        return msgspec.json.decode(sys.stdin.buffer.read(), type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(reason=str(error).rstrip(".")) from error


def tell(document: Mapping[str, object]) -> None:
    """Print the answer: exactly one JSON document."""
    typer.echo(json.dumps(document, ensure_ascii=False, allow_nan=False))
