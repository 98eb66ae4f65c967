"""Ask gbstats, which lives in an environment of its own because it needs an older numpy."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self


ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".setup" / "gbstats-env" / "bin" / "python"
PEER = Path(__file__).with_name("gbstats_peer.py")

Question = Mapping[str, Any]
Answer = Mapping[str, Any]


class Gbstats:
    """A process of gbstats that answers batches; what may be asked, `gbstats_peer.py` says.

    Attributes:
        seconds: Processor time gbstats itself took for the last batch.
    """

    def __init__(self) -> None:
        # One thread per library: its arrays are scalars, and the machine is shared.
        env = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            [PYTHON, "-I", PEER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=env,
        )
        self.seconds = 0.0

    def __call__(self, questions: Sequence[Question]) -> list[Answer]:
        """Answer a batch, in its order."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(questions) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"gbstats ended with {self.process.wait()}; see standard error")
        said = json.loads(line)
        if "failed" in said:
            raise RuntimeError(said["failed"])
        self.seconds = said["seconds"]
        answers: list[Answer] = said["answers"]
        return answers

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(timeout=20)
