"""`truelift segments` and `--segment`: saved with Django, asked without it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from truelift.cli.main import main
from truelift.lake.home import Home


EVENTS = """\
name,visitor_id,occurred_at,device
view,v1,2026-05-01T10:00:00Z,phone
purchase,v1,2026-05-01T10:06:00Z,phone
view,v2,2026-05-01T11:00:00Z,desktop
view,v3,2026-05-03T11:00:00Z,phone
"""


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    said = capsys.readouterr()
    return int(str(ended.value.code)), said.out, said.err


@pytest.fixture
def shop(home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Home:
    file = tmp_path / "events.csv"
    file.write_text(EVENTS)
    assert run(capsys, "load", str(file), "--site", "shop", "--json")[0] == 0
    return home


@pytest.fixture
def buyers(tmp_path: Path) -> str:
    file = tmp_path / "buyers.json"
    file.write_text(json.dumps({"did": "purchase"}))
    return str(file)


def people(out: str) -> Any:
    document = json.loads(out)
    return document["whole"]["people"], document.get("segment")


TREND = ("ask", "trend", "--site", "shop", "--json")


@pytest.mark.usefixtures("shop")
def test_a_condition_of_a_file_is_ad_hoc(buyers: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, *TREND, "--segment-file", buyers)

    assert code == 0
    assert people(out) == (1, {"ad_hoc": True, "definition": {"did": "purchase"}})
    assert people(run(capsys, *TREND)[1]) == (3, None)


def test_a_published_segment_is_asked_by_its_name(
    shop: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    versions = [
        {"version": 1, "definition": {"did": "purchase"}},
        {"version": 2, "definition": {"did_not": "purchase"}},
    ]
    shop.segments_file.write_text(json.dumps({"segments": {"shop": {"buyers": versions}}}))

    newest = run(capsys, *TREND, "--segment", "buyers")[1]
    first = run(capsys, *TREND, "--segment", "buyers@1")[1]
    missing = run(capsys, *TREND, "--segment", "buyers@3")

    assert people(newest) == (2, {"name": "buyers", "version": 2})
    assert people(first) == (1, {"name": "buyers", "version": 1})
    assert (missing[0], json.loads(missing[2])["error"]["code"]) == (
        1,
        "questions.no_such_segment",
    )


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(
    ("command", "code"),
    [
        (("sessions",), 0),
        (("events",), 0),
        (("segments",), 0),
        (("funnel", "--steps", "view,purchase"), 0),
        (("checks",), 1),
        (("recent",), 1),
    ],
)
def test_every_command_about_people_takes_a_segment(
    command: tuple[str, ...], code: int, buyers: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found, out, err = run(
        capsys, "ask", *command, "--site", "shop", "--json", "--segment-file", buyers
    )

    assert found == code
    if code:
        assert json.loads(err)["error"]["code"] == "questions.bad_question"
    else:
        assert json.loads(out)["segment"]["ad_hoc"] is True


@pytest.mark.usefixtures("shop")
def test_two_segments_at_once_are_wrong_usage(
    buyers: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(capsys, *TREND, "--segment", "buyers", "--segment-file", buyers)[0] == 2


@pytest.mark.django_db
def test_segments_are_saved_listed_shown_and_put_away(
    site: object, buyers: str, capsys: pytest.CaptureFixture[str]
) -> None:
    del site
    place = ("--site", "shop", "--json")

    saved = run(capsys, "segments", "save", "buyers", "--file", buyers, *place)
    listed = run(capsys, "segments", "list", *place)
    shown = run(capsys, "segments", "show", "buyers@1", *place)
    away = run(capsys, "segments", "archive", "buyers", *place)
    gone = run(capsys, "segments", "show", "buyers", *place)

    assert [each[0] for each in (saved, listed, shown, away, gone)] == [0, 0, 0, 0, 1]
    assert json.loads(saved[1])["version"] == 1
    assert [each["name"] for each in json.loads(listed[1])["segments"]] == ["buyers"]
    assert json.loads(shown[1])["definition"] == {"did": "purchase"}
    assert json.loads(away[1])["archived"] is True
