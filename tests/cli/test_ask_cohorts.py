"""`truelift ask retention` and `time-to-value` on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from truelift.cli.main import main
from truelift.lake.home import Home


EVENTS = """\
name,visitor_id,occurred_at,device,value,currency
sign_up,v1,2026-03-02T10:00:00Z,phone,,
purchase,v1,2026-03-03T09:00:00Z,phone,20,EUR
purchase,v1,2026-03-10T10:00:00Z,phone,5,EUR
sign_up,v2,2026-03-04T10:00:00Z,desktop,,
sign_up,v3,2026-03-10T10:00:00Z,phone,,
"""

RETENTION = ("retention", "--site", "shop", "--cohort", "sign_up", "--return", "purchase")
RETENTION_THEN = (*RETENTION, "--as-of", "2026-03-16T00:00:00Z", "--intervals", "1")
WAIT = ("time-to-value", "--site", "shop", "--start", "sign_up", "--value", "purchase")
WAIT_THEN = (*WAIT, "--as-of", "2026-03-16T00:00:00Z", "--intervals", "2")


@pytest.fixture
def shop(home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Home:
    file = tmp_path / "events.csv"
    file.write_text(EVENTS)
    with pytest.raises(SystemExit):
        main(["load", str(file), "--site", "shop", "--json"])
    assert json.loads(capsys.readouterr().out)["stored"] == 5
    return home


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        main(["ask", *arguments])
    return int(str(ended.value.code)), capsys.readouterr().out


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    code, out = printed(capsys, *arguments, "--json")
    assert code == 0
    found: dict[str, Any] = json.loads(out)
    return found


@pytest.mark.usefixtures("shop")
def test_cohorts_have_the_contracts_shape(capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(capsys, *RETENTION_THEN, "--interval", "week")

    assert found["question"] == "retention"
    assert [(row["cohort"], row["people"]) for row in found["rows"]] == [
        ("2026-03-02", 2),
        ("2026-03-09", 1),
    ]
    assert found["rows"][1]["cells"] == [
        {"interval": 0, "returned": 0, "rate": 0.0, "immature": False},
        {"interval": 1, "returned": None, "rate": None, "immature": True},
    ]
    assert {"lake_version", "journal_position", "took_ms"} <= found.keys()


@pytest.mark.usefixtures("shop")
def test_revenue_makes_a_curve_of_lifetime_value(capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(capsys, *RETENTION_THEN, "--metric", "revenue")

    cells = found["rows"][0]["cells"]
    assert [cell["cumulative_per_person"] for cell in cells] == [1000, 1250]
    assert found["semantics"]["currency"] == "EUR"


@pytest.mark.usefixtures("shop")
def test_a_triangle_says_what_is_not_over(capsys: pytest.CaptureFixture[str]) -> None:
    code, out = printed(capsys, *RETENTION_THEN, "--by", "device")

    assert code == 0
    assert "2026-03-02" in out
    assert "device: phone" in out
    assert "…" in out
    assert printed(capsys, *RETENTION_THEN, "--metric", "revenue")[0] == 0


@pytest.mark.usefixtures("shop")
def test_time_to_value_is_told_with_those_who_wait(capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(capsys, *WAIT_THEN)

    group = found["groups"][0]
    assert (group["people"], group["reached"], group["median"]) == (3, 1, None)
    assert [row["share"] for row in group["rows"]] == pytest.approx([0, 1 / 3, 1 / 3])


@pytest.mark.usefixtures("shop")
def test_a_median_that_is_not_reached_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    code, out = printed(capsys, *WAIT_THEN, "--by", "device")

    assert code == 0
    assert "not reached" in out
    assert "phone" in out


@pytest.mark.parametrize("name", ["retention", "time-to-value"])
def test_a_command_says_what_it_lacks(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["ask", name, "--site", "shop"])

    assert ended.value.code == 2
    assert "--question FILE" in capsys.readouterr().err
