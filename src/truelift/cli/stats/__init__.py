"""`truelift stats`: the statistics as JSON in on stdin, JSON out on stdout."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any, Final

from truelift.cli.stats import asking


COMMANDS: Final[dict[str, str]] = {
    "compare": "compare",
    "srm": "srm",
    "power": "power",
    "duration": "power",
    "interaction": "interaction",
    "fpr": "programme",
    "shrink": "programme",
    "inconclusive": "programme",
}
"""Every command, and the module beside this one that has it."""


def app(arguments: Sequence[str], **settings: Any) -> Any:  # noqa: ANN401 - as Typer's are
    """Run the command that comes first; only its own module is imported, for help all are."""
    first = arguments[0] if arguments else ""
    wanted = [COMMANDS[first]] if first in COMMANDS else dict.fromkeys(COMMANDS.values())
    for module in wanted:
        import_module(f"truelift.cli.stats.{module}")
    return asking.app(arguments, **settings)
