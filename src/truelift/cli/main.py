"""The command's entry: finds the sub-command, loads only its module, says errors in one line."""

from __future__ import annotations

import importlib
import json
import math
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from typing import Any, Final

from truelift.errors import TrueliftError


COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "init": ("truelift.cli.init", "Make a data directory; twice changes nothing."),
    "serve": ("truelift.cli.serve", "Run everything on one port."),
    "edge": ("truelift.cli.edge", "Run the collector, passing everything else on to `web`."),
    "web": ("truelift.cli.web", "Run the web application alone."),
    "collect": ("truelift.cli.collect", "Run the collector alone."),
    "work": ("truelift.cli.work", "Run the loader and the jobs alone."),
    "users": ("truelift.cli.users", "Add, invite and manage people."),
    "policy": ("truelift.cli.policy", "Show and change what a programme has agreed on."),
    "programme": ("truelift.cli.programme", "Give the figures of a programme."),
    "sites": ("truelift.cli.sites", "Create sites and show their keys."),
    "load": ("truelift.cli.load", "Import CSV, NDJSON or Parquet as events."),
    "ask": ("truelift.cli.ask", "Answer a question from the lake."),
    "analyse": ("truelift.cli.analyse", "Give the verdict on an experiment."),
    "metrics": ("truelift.cli.metrics", "List the metrics that questions know."),
    "segments": ("truelift.cli.segments", "Save and show segments of a site's visitors."),
    "experiments": ("truelift.cli.experiments", "Create, move and show experiments."),
    "deploy-check": ("truelift.cli.deploy_check", "Say whether something may be deployed now."),
    "intake": ("truelift.cli.intake", "Take in signals and ideas from e-mails."),
    "rollouts": ("truelift.cli.rollouts", "Follow winners until they are live."),
    "warnings": ("truelift.cli.warnings", "List what warns of a fall before results do."),
    "facts": ("truelift.cli.facts", "Take facts in: spend, orders, refunds, leads, ledger."),
    "memory": ("truelift.cli.memory", "Take everything that is known out, and back in."),
    "identities": ("truelift.cli.identities", "Show who was made one person, and undo it."),
    "stats": ("truelift.cli.stats", "The statistics: JSON in, JSON out."),
    "worlds": ("truelift.cli.worlds", "Simulated companies whose truth is known."),
    "erase": ("truelift.cli.erase", "Remove a person from everything."),
    "doctor": ("truelift.cli.doctor", "Check that everything received is accounted for."),
    "audit": ("truelift.cli.audit", "Check that the audit is still what was written."),
    "demo": ("truelift.cli.demo", "Build the demo company and say what the loop found."),
}
"""Every command, the module whose `app` runs it, and what it does."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit with its code; only its own module is imported.

    Exits 0 when it went well, 1 when it was refused or failed, 2 when the call
    was wrong; an error is one line of JSON, the last on stderr.
    """
    os.umask(0o077)  # what a home holds is nobody else's: visitors, sessions, password hashes
    words = sys.argv[1:] if arguments is None else list(arguments)
    if not words:
        print(overview())
        say("cli.usage", "Name a command; the lines above list them.", {})
        sys.exit(2)
    if words[0] in {"--help", "-h", "help"}:
        print(overview())
        sys.exit(0)
    if words[0] == "--version":
        from truelift import __version__

        print(__version__)
        sys.exit(0)
    if words[0] not in COMMANDS:
        say("cli.usage", f"There is no command {words[0]!r}; `truelift --help` lists them.", {})
        sys.exit(2)
    sys.exit(run(words[0], words[1:]))


def run(command: str, arguments: Sequence[str]) -> int:
    """Run one command's Typer application and turn what happened into an exit code."""
    import typer

    # Typer carries its own click; the base of its one public usage error is click's.
    usage: type[Exception] = typer.BadParameter.__mro__[1]
    try:
        module = importlib.import_module(COMMANDS[command][0])
        code: Any = module.app(
            list(arguments), prog_name=f"truelift {command}", standalone_mode=False
        )
    except TrueliftError as error:
        say(error.code, str(error), error.facts)
        return 1
    except usage as error:
        say("cli.usage", str(error) or f"See `truelift {command} --help`.", {})
        return 2
    except (typer.Abort, KeyboardInterrupt):
        say("cli.aborted", "Stopped before it was done.", {})
        return 1
    except OSError as error:
        traceback.print_exc()
        say(
            "cli.system",
            f"{error}. Make sure that the path, disk or address is there and may be used.",
            {"kind": type(error).__name__},
        )
        return 1
    except Exception as error:  # noqa: BLE001 - scripts rely on the last line, bugs included
        traceback.print_exc()
        say(
            "cli.bug",
            f"Truelift has a bug ({type(error).__name__}). Nothing you typed should lead here:"
            " please report the lines above, and try the command with other values meanwhile.",
            {"kind": type(error).__name__, "command": command},
        )
        return 1
    return code if isinstance(code, int) else 0


def overview() -> str:
    """List every command with what it does."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {meaning}" for name, (_, meaning) in COMMANDS.items()]
    return "\n".join(
        [
            "truelift: the self-hosted operating system for conversion-rate optimisation",
            "",
            "usage: truelift COMMAND [OPTIONS]",
            "",
            *lines,
            "",
            "`truelift COMMAND --help` says more about one of them.",
        ]
    )


def say(code: str, message: str, facts: Mapping[str, Any]) -> None:
    """Put an error on stderr in the one form that scripts may hold on to."""
    # JSON has no word for NaN; a script could not read the line.
    told = {
        name: str(fact) if isinstance(fact, float) and not math.isfinite(fact) else fact
        for name, fact in facts.items()
    }
    line = {"error": {"code": code, "message": message, "facts": told}}
    print(json.dumps(line, default=str, ensure_ascii=False), file=sys.stderr)
