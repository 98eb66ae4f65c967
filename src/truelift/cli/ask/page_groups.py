"""Options of questions whose rows are groups of page views."""

from __future__ import annotations

from typing import Annotated, Any

import typer


ByPage = Annotated[
    str | None,
    typer.Option("--by", help="One or two of dimensions, properties and day, commas; path."),
]


def smallest(usual: int) -> Any:  # noqa: ANN401 - typer's own type
    """Say below how many page views groups are put together.

    Args:
        usual: Where nothing is said.
    """
    return typer.Option(
        "--smallest", min=1, help=f"Groups of fewer page views are together; {usual}."
    )
