"""The supervisor starts its parts, starts dead ones again, and leaves no orphan."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from truelift.cli.supervisor import AlreadyServing, Part, PartFailed, Supervisor, hold


STAND_IN = """
import pathlib, sys, time
from truelift.lifeline import end_with_parent, say_ready
end_with_parent()
pathlib.Path(sys.argv[1]).open("a").write("started\\n")
say_ready()
time.sleep(60)
"""
"""A child that does what every part does first, and then nothing."""

A_SUPERVISOR = """
import sys
from truelift.cli.supervisor import Supervisor, Part
supervisor = Supervisor(parts=[Part("one", ("stand-in",)), Part("two", ("stand-in",))])
supervisor.start()
print("ready", *(part.process.pid for part in supervisor.parts), flush=True)
supervisor.watch()
"""


def eventually(condition: Callable[[], bool], *, within_s: float = 10.0) -> bool:
    until = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make `python -m truelift.cli` run the stand-in, and give the file it writes to."""
    package = tmp_path / "truelift"
    (package / "cli").mkdir(parents=True)
    source = Path(__file__).parents[2] / "src" / "truelift"
    for name in ("__init__.py", "errors.py", "lifeline.py", "cli/__init__.py", "cli/supervisor.py"):
        (package / name).write_text((source / name).read_text())
    marks = tmp_path / "marks"
    (package / "cli" / "__main__.py").write_text(STAND_IN.replace("sys.argv[1]", repr(str(marks))))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return marks


def test_start_returns_when_every_part_has_said_that_it_is_ready(stand_in: Path) -> None:
    supervisor = Supervisor(parts=[Part("one", ()), Part("two", ())])

    supervisor.start()
    said = stand_in.read_text()
    supervisor.stop()

    assert said == "started\nstarted\n"
    assert [part.process and part.process.poll() for part in supervisor.parts] == [-15, -15]


def test_a_part_that_dies_is_started_again(stand_in: Path) -> None:
    supervisor = Supervisor(parts=[Part("one", ())])
    supervisor.start()
    first = supervisor.parts[0].process
    assert first is not None

    first.kill()

    def tended() -> bool:
        supervisor.tend()
        return stand_in.read_text().count("started") == 2

    assert eventually(tended)
    supervisor.stop()


def test_a_part_that_ends_before_it_is_ready_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "truelift" / "cli").mkdir(parents=True)
    (tmp_path / "truelift" / "__init__.py").touch()
    (tmp_path / "truelift" / "cli" / "__init__.py").touch()
    (tmp_path / "truelift" / "cli" / "__main__.py").write_text("raise SystemExit(3)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    with pytest.raises(PartFailed, match="one process ended with status 3"):
        Supervisor(parts=[Part("one", ())]).start()


@pytest.mark.fault
@pytest.mark.usefixtures("stand_in")
def test_killing_the_supervisor_outright_leaves_no_child() -> None:
    supervisor = subprocess.Popen(
        [sys.executable, "-c", A_SUPERVISOR], stdout=subprocess.PIPE, text=True
    )
    assert supervisor.stdout is not None
    children = [int(word) for word in supervisor.stdout.readline().split()[1:]]

    os.kill(supervisor.pid, signal.SIGKILL)
    supervisor.wait()
    supervisor.stdout.close()

    assert len(children) == 2
    assert eventually(lambda: not any(psutil.pid_exists(child) for child in children))


def test_a_home_is_served_by_one_process_at_a_time(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()

    with hold(tmp_path), pytest.raises(AlreadyServing, match="another process"):
        hold(tmp_path)

    hold(tmp_path).close()
