"""`truelift ask`: a question about what a site's visitors did, answered from the lake."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any, Final

from truelift.cli.ask import asking


COMMANDS: Final[dict[str, str]] = {
    "funnel": "funnel",
    "trend": "trend",
    "sessions": "sessions",
    "segments": "segments",
    "channels": "channels",
    "landing-pages": "landing_pages",
    "page-engagement": "page_engagement",
    "web-vitals": "web_vitals",
    "form-fields": "form_fields",
    "paths": "paths",
    "journeys": "journeys",
    "retention": "retention",
    "time-to-value": "time_to_value",
    "metric": "metric",
    "events": "events",
    "checks": "events",
    "recent": "events",
}
"""Every command, and the module beside this one that has it."""


def app(arguments: Sequence[str], **settings: Any) -> Any:  # noqa: ANN401 - as Typer's are
    """Run the command that comes first; only its own module is imported, for help all are."""
    first = arguments[0] if arguments else ""
    wanted = [COMMANDS[first]] if first in COMMANDS else dict.fromkeys(COMMANDS.values())
    for module in wanted:
        import_module(f"truelift.cli.ask.{module}")
    return asking.app(arguments, **settings)
