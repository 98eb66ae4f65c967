"""`truelift ask funnel` beyond the plain funnel: over time, times, who dropped, side by side."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from truelift.cli.main import main
from truelift.lake.home import Home


EVENTS = """\
name,visitor_id,user_id,occurred_at,device,value,currency
view,v1,,2026-05-01T10:00:00Z,phone,,
cart,v1,ada,2026-05-01T10:05:00Z,phone,,
purchase,v1,ada,2026-05-01T10:06:00Z,desktop,20,EUR
view,v2,,2026-05-01T11:00:00Z,desktop,,
view,v3,,2026-05-03T11:00:00Z,phone,,
logout,v3,,2026-05-03T11:00:01Z,phone,,
cart,v3,,2026-05-03T11:00:02Z,phone,,
"""


@pytest.fixture(autouse=True)
def shop(home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Home:
    file = tmp_path / "events.csv"
    file.write_text(EVENTS)
    with pytest.raises(SystemExit):
        main(["load", str(file), "--site", "shop", "--json"])
    assert json.loads(capsys.readouterr().out)["stored"] == 7
    return home


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    steps = () if "--question" in arguments else ("--steps", "view,cart,purchase")
    with pytest.raises(SystemExit) as ended:
        main(["ask", "funnel", "--site", "shop", *steps, *arguments])
    said = capsys.readouterr()
    return int(str(ended.value.code)), said.out, said.err


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    code, out, err = run(capsys, *arguments, "--json")
    assert (code, err) == (0, "")
    found: dict[str, Any] = json.loads(out)
    return found


def units(group: dict[str, Any]) -> list[int]:
    return [step["units"] for step in group["steps"]]


def test_by_the_last_value_and_by_a_steps_value(capsys: pytest.CaptureFixture[str]) -> None:
    last = answer(capsys, "--by", "device", "--attribution", "last")
    third = answer(capsys, "--by", "device", "--attribution", "3")

    assert [(g["by"]["device"], units(g)) for g in last["groups"]] == [
        ("desktop", [2, 1, 1]),
        ("phone", [1, 1, 0]),
    ]
    assert [(g["by"]["device"], units(g)) for g in third["groups"]] == [
        (None, [2, 1, 0]),
        ("desktop", [1, 1, 1]),
    ]
    assert third["semantics"]["attribution_step"] == 3


def test_an_event_excluded_between_two_steps(capsys: pytest.CaptureFixture[str]) -> None:
    early = answer(capsys, "--exclude-between", "logout:1-2")
    late = answer(capsys, "--exclude-between", "logout:2-3")

    assert units(early["groups"][0]) == [3, 1, 1]
    assert units(late["groups"][0]) == [3, 2, 1]


def test_money_at_every_step(capsys: pytest.CaptureFixture[str]) -> None:
    (group,) = answer(capsys, "--revenue")["groups"]

    assert [step["amount_minor"] for step in group["steps"]] == [0, 0, 2000]
    assert [step["revenue_per_unit_minor"] for step in group["steps"]] == [2000 / 3, 1000, 2000]


def test_over_time(capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(capsys, "--every", "day")

    assert [(row["begins"], row["conversion"]) for row in found["groups"][0]["rows"]] == [
        ("2026-05-01T00:00:00Z", 0.5),
        ("2026-05-02T00:00:00Z", None),
        ("2026-05-03T00:00:00Z", 0),
    ]


def test_times_between_two_steps(capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(capsys, "--times", "1-2")

    assert found["groups"][0]["quantiles_s"] == {"p25": 2, "p50": 2, "p75": 300, "p90": 300}


def test_who_dropped_page_by_page(capsys: pytest.CaptureFixture[str]) -> None:
    whole = answer(capsys, "--dropped", "1")
    cart = answer(capsys, "--dropped", "2", "--limit", "1")

    assert [row["visitor_id"] for row in whole["rows"]] == ["v2"]
    assert (cart["units"], cart["next"]) == (1, None)
    assert cart["rows"][0]["reached_at"] == "2026-05-03T11:00:02Z"


def test_two_periods_side_by_side(capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(
        capsys,
        *("--since", "2026-05-02", "--until", "2026-05-04"),
        *("--against-since", "2026-05-01", "--against-until", "2026-05-02"),
    )

    second = found["groups"][0]["steps"][1]
    assert (second["from_before"]["rate"], second["from_before"]["against"]) == (1, 0.5)
    assert second["from_before"]["difference"]["value"] == 0.5


def test_a_file_may_ask_any_of_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "question.json"
    file.write_text(json.dumps({"question": "funnel_people", "steps": ["view", "cart"], "step": 1}))

    assert answer(capsys, "--question", str(file))["units"] == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--revenue",), ["per unit", "2,000"]),
        (("--every", "week"), ["begins", "conversion"]),
        (("--times", "1-3"), ["p50 s", "360"]),
        (("--dropped", "1"), ["visitor_id", "v2"]),
        (("--against-where", "device=desktop"), ["against rate", "difference"]),
    ],
)
def test_people_get_tables(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: list[str]
) -> None:
    code, out, _ = run(capsys, *arguments)

    assert code == 0
    assert [word for word in words if word not in out] == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("--times", "1"),
        ("--exclude-between", "logout"),
        ("--times", "1-2", "--every", "day"),
        ("--limit", "5"),
    ],
)
def test_wrong_usage_is_said(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    code, out, err = run(capsys, *arguments)

    assert (code, out) == (2, "")
    assert "--" in err


@pytest.mark.parametrize("arguments", [("--dropped", "0"), ("--every", "")])
def test_what_cannot_be_is_refused_and_not_passed_over(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    code, out, err = run(capsys, *arguments)

    assert (code, out) == (1, "")
    assert "questions.bad_question" in err
