"""`truelift ask sessions|landing-pages|channels`: every flag, the same as in the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from truelift.cli.main import main
from truelift.lake.home import Home


EVENTS = """\
name,visitor_id,occurred_at,url,device,value,currency
page_view,v1,2026-05-01T10:00:00Z,https://shop.example/sale?utm_source=news&utm_medium=email&utm_campaign=may,phone,,
page_view,v1,2026-05-01T10:01:00Z,https://shop.example/bag?utm_source=news&utm_medium=email&utm_campaign=june,phone,,
purchase,v1,2026-05-01T10:02:00Z,,phone,20,EUR
page_view,v1,2026-05-02T10:00:00Z,https://shop.example/,phone,,
page_view,v2,2026-05-01T11:00:00Z,https://shop.example/sale?utm_source=google&utm_medium=cpc,desktop,,
"""


@pytest.fixture
def shop(home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Home:
    file = tmp_path / "events.csv"
    file.write_text(EVENTS)
    with pytest.raises(SystemExit):
        main(["load", str(file), "--site", "shop", "--json"])
    assert json.loads(capsys.readouterr().out)["stored"] == 5
    return home


def rows(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    with pytest.raises(SystemExit) as ended:
        main(["ask", *arguments, "--site", "shop", "--json"])
    said = capsys.readouterr()
    assert (ended.value.code, said.err) == (0, "")
    found = json.loads(said.out)
    assert {"question", "semantics", "rows", "whole", "lake_version", "took_ms"} <= found.keys()
    listed: list[dict[str, Any]] = found["rows"]
    return listed


@pytest.mark.usefixtures("shop")
def test_sessions_may_be_split_by_campaign_and_have_money(
    capsys: pytest.CaptureFixture[str],
) -> None:
    (plain,) = rows(capsys, "sessions")
    (split,) = rows(capsys, "sessions", "--campaign-split", "--revenue")

    assert (plain["sessions"], plain["conversions"]) == (3, 1)
    assert "revenue" not in plain
    assert (split["sessions"], split["revenue"]) == (4, 2000)


@pytest.mark.usefixtures("shop")
def test_landing_pages_have_a_second_dimension_and_a_smallest_group(
    capsys: pytest.CaptureFixture[str],
) -> None:
    pages = rows(capsys, "landing-pages")
    divided = rows(capsys, "landing-pages", "--by", "device", "--rows", "1")
    large = rows(capsys, "landing-pages", "--smallest", "2", "--since", "2026-05-01")

    assert [(row["by"], row["sessions"], row["revenue"]) for row in pages] == [
        ({"entry_page": "/sale"}, 2, 2000),
        ({"entry_page": "/"}, 1, 0),
    ]
    assert [row["by"]["device"] for row in divided] == ["desktop", "phone", None]
    assert [(row.get("others", 0), row["people"]) for row in large] == [(0, 2), (1, None)]


@pytest.mark.usefixtures("shop")
def test_channels_go_deeper_and_are_attributed_as_asked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    channels = rows(capsys, "channels")
    sources = rows(capsys, "channels", "--level", "source", "--channel", "Email")
    first = rows(capsys, "channels", "--attribution", "first_touch")
    last = rows(capsys, "channels", "--attribution", "last_non_direct", "--lookback", "30d")

    def counted(found: list[dict[str, Any]]) -> dict[str, int]:
        return {row["by"]["channel"]: row["sessions"] for row in found}

    assert counted(channels) == {"Direct": 1, "Email": 1, "Paid Search": 1}
    assert [row["by"] for row in sources] == [{"channel": "Email", "source": "news"}]
    assert counted(first) == counted(last) == {"Email": 2, "Paid Search": 1}


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("landing-pages", ["/sale", "bounce_rate", "revenue_per_session"]),
        ("channels", ["Paid Search", "conversions", "2,000"]),
    ],
)
def test_a_person_reads_a_table(
    command: str, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["ask", command, "--site", "shop"])

    out = capsys.readouterr().out
    assert [word for word in words if word not in out] == []


@pytest.mark.usefixtures("shop")
def test_what_cannot_be_asked_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["ask", "channels", "--site", "shop", "--level", "deep", "--lookback", "long"])

    said = json.loads(capsys.readouterr().err.splitlines()[-1])["error"]
    assert (ended.value.code, said["code"]) == (1, "questions.bad_question")
    assert "level is not one of channel, source, medium, campaign" in said["message"]
    assert "lookback is not a duration" in said["message"]


def test_an_answer_says_which_files_it_lacks(
    shop: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    (damaged,) = shop.events_table("shop").glob("bucket=*/*.parquet")
    damaged.write_bytes(damaged.read_bytes()[:100])

    for flags in ([], ["--json"]):
        with pytest.raises(SystemExit):
            main(["ask", "sessions", "--site", "shop", *flags])
    said = capsys.readouterr()

    assert "INCOMPLETE" in said.err
    assert json.loads(said.out.splitlines()[-1])["unread"] == [f"bucket=0/{damaged.name}"]
