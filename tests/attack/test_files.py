"""Files that are given to a command and are not what they seem."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from truelift.cli.main import run
from truelift.lake.home import Home


DEEP = "a = " + "[" * 20_000


def code_of(status: int, text: str) -> tuple[int, str]:
    return status, json.loads(text.splitlines()[-1])["error"]["code"]


def test_a_map_nested_without_end_is_refused(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "map.toml").write_text(DEEP)
    (tmp_path / "x.csv").write_text("name\nx\n")

    status = run(
        "load",
        [str(tmp_path / "x.csv"), "--site", "shop", "--map", str(tmp_path / "map.toml")],
    )

    assert code_of(status, capsys.readouterr().err) == (1, "imports.bad_map")


@pytest.mark.database
@pytest.mark.django_db
def test_an_experiment_nested_without_end_is_refused(
    home: Home, site: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.toml").write_text(DEEP)

    status = run("experiments", ["create", "--site", "shop", "--file", str(tmp_path / "x.toml")])

    assert code_of(status, capsys.readouterr().err) == (1, "experiment.bad_spec")
