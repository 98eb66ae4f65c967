"""`truelift load` on the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from truelift.cli.main import main
from truelift.lake.home import Home
from truelift.lake.imports.products import Product, built_in_map


EXPORTS = Path(__file__).parents[1] / "lake" / "imports" / "exports"


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


def test_an_export_of_another_product_needs_no_map(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(EXPORTS / "matomo.json"), "--site", "shop", "--from", "matomo", "--dry-run"]

    code, out, err = run([*arguments, "--json"], capsys)
    _, told, _ = run(arguments, capsys)

    document = json.loads(out)
    assert (code, err) == (0, "")
    assert (document["read"], document["stored"], document["rejected"]) == (8, 5, 3)
    assert document["rejects"][0]["element"] == 6
    assert "the first one is line 1, element 6" in told
    assert list(home.rejects.iterdir()) == []


@pytest.mark.parametrize("product", Product)
def test_a_built_in_map_can_be_printed_and_used_as_one_s_own(
    product: Product, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(["--from", product, "--print-map"], capsys)

    assert (code, out, err) == (0, built_in_map(product), "")


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("arguments", "exit_code", "code"),
    [
        (["F", "--site", "shop", "--from", "ga4"], 1, "imports.missing_columns"),
        (["F", "--site", "shop", "--from", "omniture"], 2, "cli.usage"),
        (["F", "--site", "shop", "--from", "ga4", "--map", "m.toml"], 2, "cli.usage"),
        (["--print-map"], 2, "cli.usage"),
        (["F"], 2, "cli.usage"),
        (["--site", "shop"], 2, "cli.usage"),
    ],
)
def test_a_wrong_product_or_use_is_refused(
    file: Path,
    arguments: list[str],
    exit_code: int,
    code: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = [str(file) if word == "F" else word for word in arguments]

    found, out, err = run(words, capsys)

    assert (found, out) == (exit_code, "")
    assert json.loads(err.splitlines()[-1])["error"]["code"] == code


def test_loading_needs_no_django() -> None:
    program = "import sys, truelift.cli.load; sys.exit('django' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
