"""`truelift ask` as a process of its own: what it loads, and that its index is all it needs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from truelift.cli.ask import COMMANDS
from truelift.cli.main import main
from truelift.lake.home import Home
from truelift.lake.indexing import Indexing


EVENTS = """\
name,visitor_id,occurred_at
view,v1,2026-05-01T10:00:00Z
cart,v1,2026-05-01T10:05:00Z
view,v2,2026-05-01T11:00:00Z
"""

UNNEEDED = {
    "aiohttp",
    "asyncio",
    "django",
    "duckdb",
    "granian",
    "msgspec",
    "pyarrow.parquet",
    "rich",
    "scipy",
    "structlog",
    "truelift.apps",
    "truelift.collector",
    "truelift.lake.journal",
    "truelift.lake.loader",
    "truelift.stats.comparison",
}
"""What a funnel over an index does without."""

MODULES = {f"truelift.cli.ask.{name}" for name in COMMANDS.values()}

PROCESS = """
import sys
from truelift.cli.main import main
try:
    main(["ask", *sys.argv[1:]])
finally:
    print(*sys.modules, file=sys.stderr)
"""


@pytest.fixture
def indexed(home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Home:
    file = tmp_path / "events.csv"
    file.write_text(EVENTS)
    with pytest.raises(SystemExit):
        main(["load", str(file), "--site", "shop"])
    while Indexing(home).step():
        pass
    capsys.readouterr()
    return home


def asked(home: Home, *arguments: str) -> tuple[dict[str, object], set[str]]:
    """Ask in a process of its own; give the answer, and every module that it loaded."""
    ended = subprocess.run(
        [sys.executable, "-c", PROCESS, *arguments],
        env={**os.environ, "TRUELIFT_HOME": str(home.root)},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(ended.stdout), set(ended.stderr.split())


def test_a_funnel_loads_nothing_that_it_does_not_need(indexed: Home) -> None:
    answer, loaded = asked(indexed, "funnel", "--site", "shop", "--steps", "view,cart", "--json")

    assert answer["journal_position"] == 3
    assert loaded & UNNEEDED == set()
    assert loaded & MODULES == {"truelift.cli.ask.funnel"}
    assert {name for name in loaded if name.startswith("truelift.questions.funnel")} == {
        "truelift.questions.funnel",
        "truelift.questions.funnel_tally",
    }
    assert "truelift.questions.sessions" not in loaded


def test_what_only_files_can_tell_is_told_all_the_same(indexed: Home) -> None:
    answer, loaded = asked(indexed, "events", "--site", "shop", "--json")

    assert answer["journal_position"] == 3
    assert "duckdb" in loaded


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_says_what_it_takes(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["ask", command, "--help"])

    assert ended.value.code == 0
    assert f"truelift ask {command} [OPTIONS]" in " ".join(capsys.readouterr().out.split())


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["ask", "--help"])

    said = capsys.readouterr().out
    assert ended.value.code == 0
    assert [name for name in COMMANDS if f"│ {name} " not in said] == []
