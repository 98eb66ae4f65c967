"""`truelift load` on the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from truelift.cli.main import main
from truelift.lake.home import Home


def run(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["load", *arguments])
    said = capsys.readouterr()
    return int(str(ended.value.code)), said.out, said.err


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "f.csv"
    path.write_text("name,visitor_id,occurred_at,value\nbuy,v,2026-05-01,3\nbuy,v,2026-05-01,x\n")
    return path


def test_json_is_one_document_in_the_contracts_shape(
    home: Home, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run([str(file), "--site", "shop", "--json"], capsys)

    document = json.loads(out)
    assert (code, err) == (0, "")
    assert {name: document[name] for name in ("read", "stored", "duplicates", "rejected")} == {
        "read": 2,
        "stored": 1,
        "duplicates": 0,
        "rejected": 1,
    }
    assert Path(document["reject_file"]).parent == home.rejects
    assert document["journal"]["position"] == 1


@pytest.mark.usefixtures("home")
def test_a_person_reads_a_sentence(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run([str(file), "--site", "shop"], capsys)

    assert "2 rows read, 1 stored, 0 duplicates, 1 rejected" in out
    assert "1 × bad_value" in out


def test_a_dry_run_shows_events_and_rejects(
    home: Home, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out, _ = run([str(file), "--site", "shop", "--dry-run", "--json"], capsys)

    document = json.loads(out)
    assert document["dry_run"] is True
    assert document["examples"][0]["value"] == 3.0
    assert document["rejects"][0]["line"] == 3
    assert list(home.rejects.iterdir()) == []


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["missing.csv", "--site", "shop"], "imports.unreadable"),
        (["F", "--site", "Shop!"], "lake.bad_site_name"),
        (["F", "--site", "shop", "--map", "nowhere.toml"], "imports.unreadable"),
    ],
)
def test_a_refusal_is_one_line_of_json_on_stderr(
    file: Path, arguments: list[str], code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [str(file) if word == "F" else word for word in arguments]

    exit_code, out, err = run(words, capsys)

    assert (exit_code, out) == (1, "")
    assert json.loads(err)["error"]["code"] == code


def test_loading_needs_no_django() -> None:
    program = "import sys, truelift.cli.load; sys.exit('django' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
