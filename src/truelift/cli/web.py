"""`truelift web`: the web application alone, on a Unix socket or a port."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from truelift.lifeline import STARTED_BY, end_with_parent


app = typer.Typer(add_completion=False)

THREADS: Final = 8
"""Requests answered at a time; a page waits for database and lake, which release the GIL."""


LOGS_TO_STDERR: Final = {
    "handlers": {
        name: {
            "class": "logging.StreamHandler",
            "formatter": "generic",
            "stream": "ext://sys.stderr",
        }
        for name in ("console", "access")
    }
}
"""Granian speaks on stdout by default, which belongs to the `ready` line alone."""


@app.command()
def web(
    uds: Annotated[Path | None, typer.Option(help="Listen on this Unix socket.")] = None,
    host: Annotated[str, typer.Option(help="Listen on this address.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
) -> None:
    """Bring the database up to date, then answer pages and the API.

    While nobody has an account, a one-time set-up link is printed on stderr.
    """
    end_with_parent()
    serve_web(uds=uds, host=host, port=port)


def serve_web(*, uds: Path | None = None, host: str = "127.0.0.1", port: int = 8000) -> None:
    """Prepare the home and serve until told to stop."""
    from granian.constants import Interfaces
    from granian.log import LogLevels
    from granian.server import Server

    from truelift.project.start import ensure_ready, let_go

    link = ensure_ready(now=datetime.now(UTC))
    let_go()
    if link:
        print(f"Nobody has an account yet. Set up Truelift, once:\n\n  {link}\n", file=sys.stderr)
    if uds is not None:
        uds.parent.mkdir(parents=True, exist_ok=True)
        uds.unlink(missing_ok=True)  # left by a process that was killed
    # The worker that granian starts ends with this process, however this process ends.
    os.environ[STARTED_BY] = str(os.getpid())
    Server(
        "truelift.project.wsgi:application",
        address=host,
        port=port,
        uds=uds,
        uds_permissions=0o600 if uds else None,
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=THREADS,
        backlog=256,
        respawn_failed_workers=True,
        log_level=LogLevels.error,
        log_dictconfig=LOGS_TO_STDERR,
    ).serve()
