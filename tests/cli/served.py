"""A real `truelift serve` for tests: started, killed, started again."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil


def free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


def eventually(condition: Callable[[], bool], *, within_s: float = 20.0) -> bool:
    until = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


@dataclass
class Served:
    """One installation on a port of its own, in a process group of its own."""

    home: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[str] | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self.home.parent / f"{self.home.name}.log").read_text(errors="replace")

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "TRUELIFT_HOME": str(self.home)}

    def command(self, *words: str) -> str:
        answer = subprocess.run(
            [sys.executable, "-m", "truelift.cli", *words],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert answer.returncode == 0, answer.stderr
        return answer.stdout

    def start(self) -> str:
        """Start, and give the first line of stdout."""
        with (self.home.parent / f"{self.home.name}.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "truelift.cli", "serve", "--port", str(self.port)],
                env=self.environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        RUNNING.append(self)
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(30)
        self._forget()
        return status

    def kill_group(self) -> None:
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)
        self._forget()

    def kill_supervisor(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)
        self._forget()

    def part(self, name: str) -> psutil.Process:
        """The running process of one part."""
        assert self.process is not None
        for child in psutil.Process(self.process.pid).children():
            try:
                words = child.cmdline()
            except psutil.Error:  # gone, or a zombie that nobody has waited for yet
                continue
            if "truelift.cli" in words and words[words.index("truelift.cli") + 1] == name:
                return child
        raise LookupError(name)

    def waits_for_a_core_ms(self, name: str) -> dict[str, float]:
        """How long each thread of a part has waited until now for a core that others used."""
        part = self.part(name)
        waits = {}
        for process in [part, *part.children(recursive=True)]:
            for said in Path(f"/proc/{process.pid}/task").glob("*/schedstat"):
                with contextlib.suppress(OSError):  # a thread that has ended
                    waits[said.parent.name] = int(said.read_text().split()[1]) / 1e6
        return waits

    def family(self) -> list[psutil.Process]:
        """Every process of this installation, whoever its parent is by now."""
        found = []
        for process in psutil.process_iter():
            try:
                mine = process.environ().get("TRUELIFT_HOME") == str(self.home)
            except (psutil.Error, OSError):
                continue
            if mine and process.pid != os.getpid():
                found.append(process)
        return found

    def setup_link(self) -> str:
        link = re.search(r"http://\S+/setup/\S+", self.log)
        assert link is not None, self.log
        return link.group()

    def _forget(self) -> None:
        RUNNING.remove(self)
        if self.process is not None and self.process.stdout is not None:
            self.process.stdout.close()
        self.process = None


RUNNING: list[Served] = []
"""Those that have not been stopped: what they said is shown beside a failure."""
