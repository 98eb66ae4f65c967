"""`truelift ask page-engagement|web-vitals|form-fields`: every flag, the same as in the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from truelift.cli.main import main
from truelift.lake.home import Home


EVENTS = """\
name,visitor_id,occurred_at,url,device,page_view_id,lcp,percent_scrolled
page_view,v1,2026-05-01T10:00:00Z,https://shop.example/sale,phone,a,,30
beat,v1,2026-05-01T10:00:08Z,https://shop.example/sale,phone,a,,80
beat,v1,2026-05-01T10:00:28Z,https://shop.example/sale,phone,a,,60
speed,v1,2026-05-01T10:00:29Z,https://shop.example/sale,phone,a,2600.04,
page_view,v1,2026-05-01T10:01:00Z,https://shop.example/bag,phone,b,,
speed,v1,2026-05-01T10:01:09Z,https://shop.example/bag,phone,b,900,
page_view,v2,2026-05-02T10:00:00Z,https://shop.example/sale,desktop,c,,
"""


@pytest.fixture
def shop(home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Home:
    file = tmp_path / "events.csv"
    file.write_text(EVENTS)
    with pytest.raises(SystemExit):
        main(["load", str(file), "--site", "shop", "--json"])
    assert json.loads(capsys.readouterr().out)["stored"] == 7
    return home


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as ended:
        main(["ask", *arguments, "--site", "shop"])
    out, err = capsys.readouterr()
    assert (ended.value.code, err) == (0, "")
    return str(out)


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(said(capsys, *arguments, "--json"))
    return found


@pytest.mark.usefixtures("shop")
def test_page_engagement_takes_the_sites_own_heartbeats(
    capsys: pytest.CaptureFixture[str],
) -> None:
    flags = ("--beats", "beat", "--every", "20", "--first", "8")

    found = answer(capsys, "page-engagement", *flags, "--by", "path,device")

    assert [(row["by"], row["views"], row["exits"]) for row in found["rows"]] == [
        ({"path": "/bag", "device": "phone"}, 1, 1),
        ({"path": "/sale", "device": "desktop"}, 1, 1),
        ({"path": "/sale", "device": "phone"}, 1, 0),
    ]
    assert found["rows"][2]["engaged"]["mean_s"] == 28
    assert found["rows"][2]["scrolled"]["mean"] == 0.8
    assert found["whole"]["exit_rate"] == pytest.approx(2 / 3)


@pytest.mark.usefixtures("shop")
def test_web_vitals_are_asked_of_the_sites_own_event_by_day(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = answer(capsys, "web-vitals", "--event", "speed", "--by", "day")

    (row,) = found["rows"]
    assert (row["by"], row["page_views"]) == ({"day": "2026-05-01"}, 2)
    assert row["lcp"]["p75"] == pytest.approx(900 + 0.75 * 1700.1)
    assert row["passes"] is None
    assert found["limits"]["lcp"] == {"unit": "ms", "good": 2500, "poor_above": 4000}


@pytest.mark.usefixtures("shop")
def test_a_file_says_the_same_as_flags(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "question.json"
    file.write_text(json.dumps({"event": "speed", "by": ["device"], "smallest": 1}))

    filed = answer(capsys, "web-vitals", "--question", str(file))
    flagged = answer(
        capsys, "web-vitals", "--event", "speed", "--by", "device", "--smallest", "1", "--rows", "9"
    )

    assert filed["rows"] == flagged["rows"]
    assert filed["rows"][0]["by"] == {"device": "phone"}


@pytest.mark.usefixtures("shop")
def test_people_read_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    pages = said(capsys, "page-engagement", "--beats", "beat")
    vitals = said(capsys, "web-vitals", "--event", "speed", "--smallest", "1")
    nothing = said(capsys, "web-vitals")

    assert [word in pages for word in ("/sale", "exit_rate", "median_s")] == [True] * 3
    assert [word in vitals for word in ("all", "/bag", "2,600.1", "lcp")] == [True] * 4
    assert nothing.startswith("Nothing yet.")


@pytest.mark.usefixtures("shop")
def test_the_fields_of_a_form_are_asked_of_the_sites_own_events(
    capsys: pytest.CaptureFixture[str],
) -> None:
    flags = ("--focused", "page_view", "--completed", "speed", "--field", "device")

    found = answer(capsys, "form-fields", *flags)
    shown = said(capsys, "form-fields", *flags)

    (first, second) = found["rows"]
    assert (first["field"], first["reached"], first["completed"]) == ("desktop", 1, 0)
    assert (second["field"], second["completed"], second["refocused"]) == ("phone", 1, 1.0)
    assert [word in shown for word in ("phone", "gave_up", "median_s")] == [True] * 3
