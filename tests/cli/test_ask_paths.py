"""`truelift ask paths` and `truelift ask journeys` on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from truelift.cli.main import main
from truelift.lake.home import Home


EVENTS = """\
name,visitor_id,occurred_at,url,source
page_view,v1,2026-05-01T10:00:00Z,https://shop.example/,google
page_view,v1,2026-05-01T10:01:00Z,https://shop.example/cart,
page_view,v1,2026-05-01T10:02:00Z,https://shop.example/delivery,
page_view,v1,2026-05-01T10:03:00Z,https://shop.example/cart,
purchase,v1,2026-05-01T10:04:00Z,https://shop.example/cart,
page_view,v2,2026-05-01T11:00:00Z,https://shop.example/,
page_view,v2,2026-05-01T11:01:00Z,https://shop.example/cart,
email_opened,v3,2026-05-02T11:00:00Z,,
page_view,v3,2026-05-02T11:01:00Z,https://shop.example/,
"""


@pytest.fixture(autouse=True)
def shop(home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Home:
    file = tmp_path / "events.csv"
    file.write_text(EVENTS)
    with pytest.raises(SystemExit):
        main(["load", str(file), "--site", "shop", "--json"])
    assert json.loads(capsys.readouterr().out)["stored"] == 9
    return home


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as ended:
        main(["ask", *arguments, "--site", "shop"])
    out, err = capsys.readouterr()
    assert (ended.value.code, err) == (0, "")
    return out


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(said(capsys, *arguments, "--json"))
    return found


def test_paths_have_the_contracts_shape(capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(capsys, "paths", "--start", "/", "--goal", "purchase", "--as-of", "2026-06-01")

    assert found["question"] == "paths"
    assert [row["units"] for row in found["rows"]] == [3, 2, 1, 1, 0]
    assert found["rows"][0]["nodes"] == [
        {
            "node": "/",
            "units": 3,
            "share": 1.0,
            "onward": 2,
            "ended": 1,
            "exits": 1,
            "immature": 0,
        }
    ]
    assert found["links"][0] == {"step": 1, "from": "/", "to": "/cart", "units": 2}
    assert found["goal"] == {"converted": 1, "undecided": 0, "conversion": 1 / 3}
    assert found["loops"][0]["node"] == "/cart"
    assert {"lake_version", "journal_position", "took_ms"} <= found.keys()


def test_paths_back_from_an_event_take_all_flags(capsys: pytest.CaptureFixture[str]) -> None:
    flags = "--end purchase --nodes both --unit person --window 7d --steps 3 --hide email_opened"
    more = "--page-depth 1 --repeats --top 5 --since 2026-05-01 --where source=google"

    found = answer(capsys, "paths", *flags.split())
    narrow = answer(capsys, "paths", *flags.split(), *more.split())

    assert found["paths"] == [
        {"nodes": ["/delivery", "/cart", "purchase"], "units": 1, "share": 1.0, "immature": 0}
    ]
    assert narrow["units"] == 0


def test_a_person_reads_paths_as_tables(capsys: pytest.CaptureFixture[str]) -> None:
    printed = said(capsys, "paths", "--start", "/", "--goal", "purchase", "--top", "1")

    assert "/ → /cart → /delivery → /cart" in printed
    assert "there and back" in printed


def test_a_path_needs_one_anchor(capsys: pytest.CaptureFixture[str]) -> None:
    for wrong in ([], ["--start", "/", "--end", "/"]):
        with pytest.raises(SystemExit) as ended:
            main(["ask", "paths", "--site", "shop", *wrong])

        assert ended.value.code == 2
        assert "--start /cart or --end purchase" in capsys.readouterr().err.replace("\n", " ")


SURFACES = "email_opened,landing=/,/cart,order=purchase"


def test_journeys_say_what_happened_at_each_surface(capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(capsys, "journeys", "--surfaces", SURFACES, "--as-of", "2026-07-01")

    assert found["question"] == "journeys"
    assert [(row["surface"], row["people"], row["in_order"]["units"]) for row in found["rows"]] == [
        ("email_opened", 1, 1),
        ("landing", 3, 1),
        ("/cart", 2, 0),
        ("order", 1, 0),
    ]
    assert found["rows"][1]["gap"] == {"median_s": 60, "p90_s": 60}
    assert found["orders"][0]["surfaces"] == ["email_opened", "landing"]
    assert (found["people"], found["completed"], found["immature"]) == (3, 1, 0)


def test_journeys_take_all_flags_and_print_tables(capsys: pytest.CaptureFixture[str]) -> None:
    flags = "--window 7d --top 1 --since 2026-05-01 --until 2026-06-01 --where source=google"

    assert "2 others" in said(capsys, "journeys", "--surfaces", SURFACES, "--top", "1")
    found = answer(capsys, "journeys", "--surfaces", SURFACES, *flags.split())
    assert found["people"] == 1


def test_a_journey_needs_surfaces(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["ask", "journeys", "--site", "shop"])

    assert ended.value.code == 2
    assert "Say which surfaces" in capsys.readouterr().err
