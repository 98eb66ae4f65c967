"""The import contracts hold, and each is proven to fail on a planted import."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest


ROOT = Path(__file__).parents[1]

PLANTED = {
    "the middle asks the edge": ("stats/planted.py", "import truelift.lake.home"),
    "two rooms of the middle know each other": (
        "events/planted.py",
        "import truelift.stats.summary",
    ),
    "the lake asks the applications": ("lake/planted.py", "import truelift.apps.accounts"),
    "the command is imported from below": ("project/planted.py", "import truelift.cli.main"),
    "a pure room loads a framework": ("lifecycle/planted.py", "import django"),
    "a pure room reads the clock": ("questions/planted.py", "import time"),
    "a pure room opens an engine": ("questions/planted.py", "import duckdb"),
    "the collector loads Django": ("collector/planted.py", "from django.conf import settings"),
}


def contracts_kept_in(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=folder,
        env={"PYTHONPATH": str(folder / "src"), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


def copy_of_the_tree(folder: Path) -> Path:
    shutil.copy(ROOT / "pyproject.toml", folder)
    shutil.copytree(
        ROOT / "src" / "truelift",
        folder / "src" / "truelift",
        ignore=shutil.ignore_patterns("__pycache__", "static", "templates"),
    )
    return folder


def test_the_tree_as_it_stands_keeps_every_contract() -> None:
    answer = contracts_kept_in(ROOT)

    assert answer.returncode == 0, answer.stdout


@pytest.mark.parametrize("what", PLANTED)
def test_a_planted_import_breaks_a_contract(what: str, tmp_path: Path) -> None:
    tree = copy_of_the_tree(tmp_path)
    place, line = PLANTED[what]
    (tree / "src" / "truelift" / place).write_text(f"{line}\n")

    answer = contracts_kept_in(tree)

    assert answer.returncode == 1
    assert "BROKEN" in answer.stdout
