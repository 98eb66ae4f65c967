"""However a command ends, scripts find one line of JSON at the end of stderr, and an exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from truelift.cli import main as entry
from truelift.cli.main import main, run


def no_constant(word: str) -> None:
    raise ValueError(f"{word} is not JSON")


def last_error(text: str) -> dict[str, Any]:
    """Read the last line of stderr as strictly as another language would."""
    found: dict[str, Any] = json.loads(text.splitlines()[-1], parse_constant=no_constant)
    assert set(found) == {"error"}
    assert set(found["error"]) == {"code", "message", "facts"}
    assert found["error"]["message"]
    error: dict[str, Any] = found["error"]
    return error


def ended(*words: str) -> int:
    umask = os.umask(0)
    try:
        main(words)
    except SystemExit as end:
        return int(end.code or 0)
    finally:
        os.umask(umask)
    return 0


@pytest.mark.parametrize(
    ("words", "status", "code"),
    [
        ((), 2, "cli.usage"),
        (("nothing",), 2, "cli.usage"),
        (("--nothing",), 2, "cli.usage"),
        (("ask",), 2, "cli.usage"),
        (("ask", "nothing"), 2, "cli.usage"),
        (("ask", "funnel"), 2, "cli.usage"),
        (("ask", "funnel", "--nothing"), 2, "cli.usage"),
        (("serve", "--port", "NaN"), 2, "cli.usage"),
        (("serve", "--port", "99999"), 2, "cli.usage"),
        (("ask", "sessions", "--site", "../etc"), 1, "lake.no_such_site"),
        (("load", "/there/is/none.csv", "--site", "shop"), 1, "imports.unreadable"),
        (("load", __file__, "--site", "../etc"), 1, "lake.bad_site_name"),
        (("worlds", "build", "shop", "--home", "/x", "--scale", "NaN"), 1, "worlds.bad_scale"),
        (("worlds", "build", "../shop", "--home", "/x"), 1, "worlds.no_such_world"),
    ],
)
def test_a_wrong_call_ends_with_its_code_and_one_line(
    words: tuple[str, ...],
    status: int,
    code: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("TRUELIFT_HOME", str(tmp_path / "home"))

    assert ended(*words) == status
    assert last_error(capsys.readouterr().err)["code"] == code


@pytest.mark.parametrize(
    "text", ["", "{", "NaN", "[]", "\ud800", '{"observed":[1,NaN],"weights":[1,1]}', "[" * 100_000]
)
def test_bad_json_on_stdin_is_refused_in_one_line(text: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "truelift.cli", "stats", "srm"],
        input=text.encode(errors="surrogatepass"),
        capture_output=True,
        check=False,
    )

    assert ended.returncode == 1
    assert ended.stdout == b""
    assert last_error(ended.stderr.decode())["code"] == "stats.bad_input"


def test_a_bug_still_ends_with_the_line_and_the_traceback_above_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import truelift.cli.doctor

    def broken(*arguments: object, **options: object) -> None:
        raise ZeroDivisionError("a secret detail\nof two lines")

    monkeypatch.setattr(truelift.cli.doctor, "app", broken)

    status = run("doctor", [])

    error = capsys.readouterr().err
    assert status == 1
    assert last_error(error)["code"] == "cli.bug"
    assert "report" in last_error(error)["message"]
    assert "Traceback" in error
    assert "a secret detail" not in error.splitlines()[-1]


def test_a_command_that_cannot_be_loaded_is_a_bug_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(entry.COMMANDS, "doctor", ("truelift.cli.is_not_there", "…"))

    assert run("doctor", []) == 1
    assert last_error(capsys.readouterr().err)["code"] == "cli.bug"


def test_what_the_system_refuses_is_said_with_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    in_the_way = tmp_path / "a file"
    in_the_way.write_text("")
    monkeypatch.setenv("TRUELIFT_HOME", str(in_the_way / "home"))

    status = run("init", [])

    error = last_error(capsys.readouterr().err)
    assert status == 1
    assert error["code"] == "cli.system"
    assert str(in_the_way) in error["message"]


def test_a_doctor_who_finds_something_wrong_says_so_in_the_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TRUELIFT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("TRUELIFT_LAKE", raising=False)
    run("init", [])
    (tmp_path / "home" / "published" / "keys.json").write_text("{")

    assert run("doctor", []) == 1
    assert last_error(capsys.readouterr().err)["code"] == "doctor.not_in_order"


def test_what_a_command_writes_into_a_home_is_nobody_elses(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o755)

    for words in (["init"], ["sites", "create", "shop"]):
        subprocess.run(
            [sys.executable, "-m", "truelift.cli", *words],
            env={**os.environ, "TRUELIFT_HOME": str(home)},
            check=True,
            capture_output=True,
            umask=0o022,
        )

    made = [path for path in home.rglob("*") if not path.is_symlink()]
    assert {path.name for path in made} >= {"secret.key", "truelift.sqlite3", "keys.json"}
    assert [str(path) for path in made if path.stat().st_mode & 0o077] == []
