"""`truelift ask` on the command line: shapes, refusals, wrong usage."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from truelift.cli.main import main
from truelift.lake.home import Home


EVENTS = """\
name,visitor_id,occurred_at,device,value,currency,plan
view,v1,2026-05-01T10:00:00Z,phone,,,pro
cart,v1,2026-05-01T10:05:00Z,phone,,,
purchase,v1,2026-05-01T10:06:00Z,phone,20,EUR,
view,v2,2026-05-01T11:00:00Z,desktop,,,
view,v3,2026-05-03T11:00:00Z,phone,,,
cart,v3,2026-05-03T11:00:00Z,phone,,,
"""


@pytest.fixture
def shop(home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Home:
    file = tmp_path / "events.csv"
    file.write_text(EVENTS)
    with pytest.raises(SystemExit):
        main(["load", str(file), "--site", "shop", "--json"])
    assert json.loads(capsys.readouterr().out)["stored"] == 6
    return home


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["ask", *arguments])
    said = capsys.readouterr()
    return int(str(ended.value.code)), said.out, said.err


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    code, out, err = run(capsys, *arguments, "--json")
    assert (code, err) == (0, "")
    found: dict[str, Any] = json.loads(out)
    return found


def error(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code, out, err = run(capsys, *arguments)
    assert out == ""
    said = json.loads(err.splitlines()[-1])["error"]
    return code, said["code"], said["message"]


@pytest.mark.usefixtures("shop")
def test_a_funnel_has_the_contracts_shape(capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(
        capsys, "funnel", "--site", "shop", "--steps", "view, cart,purchase", "--window", "7d"
    )

    assert [step["units"] for step in found["groups"][0]["steps"]] == [3, 2, 1]
    assert found["groups"][0]["by"] == {}
    assert found["semantics"]["window_s"] == 604_800
    assert {"question", "immature", "lake_version", "journal_position"} <= found.keys()
    assert found["took_ms"] >= 0
    assert found["start_ms"] > 0


@pytest.mark.usefixtures("shop")
def test_a_funnel_takes_all_of_its_flags(capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(
        capsys,
        *("funnel", "--site", "shop", "--steps", "view,cart", "--window", "1h", "--by", "device"),
        *("--order", "strict", "--exclude", "logout", "--unit", "session", "--where", "plan="),
        *("--since", "2026-05-01", "--until", "2026-05-04", "--as-of", "2026-05-03T11:30:00Z"),
    )

    assert found["groups"] == []
    assert found["semantics"]["order"] == "strict"
    assert found["semantics"]["unit"] == "session"


@pytest.mark.usefixtures("shop")
def test_open_windows_are_immature(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("--steps", "view,purchase", "--window", "1h", "--as-of", "2026-05-03T11:30:00Z")

    assert answer(capsys, "funnel", "--site", "shop", *arguments)["immature"] == 1


@pytest.mark.usefixtures("shop")
def test_asking_again_and_again_adds_how_long_each_took(capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(capsys, "funnel", "--site", "shop", "--steps", "view", "--repeat", "3")

    assert len(found["runs_ms"]) == 3


@pytest.mark.usefixtures("shop")
def test_a_file_says_what_flags_cannot_and_flags_say_it_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "question.json"
    pro = {"names": ["view"], "where": [{"field": "plan", "values": ["pro"]}]}
    file.write_text(json.dumps({"steps": [pro, "cart"], "window": "1m"}))

    found = answer(capsys, "funnel", "--site", "shop", "--question", str(file), "--window", "1h")

    assert [step["units"] for step in found["groups"][0]["steps"]] == [1, 1]


@pytest.mark.usefixtures("shop")
def test_a_trend_fills_empty_days(capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(capsys, "trend", "--site", "shop", "--event", "view", "--interval", "day")

    assert [(row["begins"], row["count"]) for row in found["rows"]] == [
        ("2026-05-01T00:00:00Z", 2),
        ("2026-05-02T00:00:00Z", 0),
        ("2026-05-03T00:00:00Z", 1),
    ]
    money = answer(capsys, "trend", "--site", "shop", "--event", "purchase", "--metric", "revenue")
    assert money["rows"][0]["sum"] == 2000


@pytest.mark.usefixtures("shop")
def test_sessions_channels_segments_events_checks_and_recent_have_rows(
    capsys: pytest.CaptureFixture[str],
) -> None:
    sessions = answer(capsys, "sessions", "--site", "shop")
    assert (sessions["rows"][0]["sessions"], sessions["rows"][0]["people"]) == (3, 3)
    channels = answer(capsys, "channels", "--site", "shop")
    assert (channels["question"], channels["rows"][0]["key_sessions"]) == ("channels", 1)
    segments = answer(capsys, "segments", "--site", "shop", "--metric", "cart", "--min-units", "1")
    phone = {"dimension": "device", "by": {"device": "phone"}, "units": 2, "successes": 2}
    assert [row for row in segments["rows"] if phone.items() <= row.items()]
    events = answer(capsys, "events", "--site", "shop")
    assert [row["event"] for row in events["rows"]] == ["view", "cart", "purchase"]
    assert len(answer(capsys, "checks", "--site", "shop")["rows"]) == 5
    assert len(answer(capsys, "recent", "--site", "shop")["rows"]) == 6


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("funnel", "--steps", "view,cart", "--by", "device"), ["device: phone", "view", "100.0%"]),
        (("trend", "--event", "view"), ["begins", "2026-05-02"]),
        (("segments",), ["dimension", "visitor", "few people"]),
        (("trend", "--event", "nothing"), ["Nothing yet."]),
    ],
)
def test_a_person_reads_a_table(
    arguments: tuple[str, ...], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capsys, *arguments, "--site", "shop")

    assert code == 0
    assert [word for word in words if word not in out] == []


@pytest.mark.usefixtures("shop")
def test_what_cannot_be_asked_is_refused_with_every_reason(
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ("funnel", "--site", "shop", "--steps", "view", "--window", "soon", "--order", "up")

    code, name, message = error(capsys, *arguments)

    assert (code, name) == (1, "questions.bad_question")
    assert "window is not a duration" in message
    assert "order is not one of" in message


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("text", ["{", "[]", '{"window_s": NaN}', "\xff", '{"question":"trend"}'])
def test_a_file_that_holds_no_such_question_is_refused(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "question.json"
    file.write_bytes(text.encode("latin-1"))

    code, name, _ = error(capsys, "funnel", "--site", "shop", "--question", str(file))

    assert (code, name) == (1, "questions.bad_file")


@pytest.mark.usefixtures("shop")
def test_sites_and_segments_that_are_not_there_are_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    steps = ("funnel", "--steps", "view")

    assert error(capsys, *steps, "--site", "stop")[:2] == (1, "lake.no_such_site")
    assert error(capsys, *steps, "--site", "../x")[:2] == (1, "lake.no_such_site")
    segment = error(capsys, *steps, "--site", "shop", "--segment", "vip")
    assert segment[:2] == (1, "questions.no_such_segment")


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    "arguments",
    [
        ("funnel", "--steps", "view"),
        ("funnel", "--site", "shop"),
        ("gossip", "--site", "shop"),
        ("trend", "--site", "shop", "--repeat", "0"),
        ("trend", "--site", "shop", "--where", "plan"),
    ],
)
def test_wrong_usage_exits_with_2(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert error(capsys, *arguments)[:2] == (2, "cli.usage")


def test_asking_needs_no_django_and_no_compiler() -> None:
    code = (
        "import sys, truelift.cli.ask, truelift.lake.lake, truelift.questions.parse;"
        "sys.exit(any(name in sys.modules for name in ('django', 'numba')))"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
