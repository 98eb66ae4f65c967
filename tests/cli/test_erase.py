"""`truelift erase` on the command line, alone and while everything runs."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.served import Served
from truelift.cli.main import main
from truelift.lake.home import Home


CSV = (
    "name,visitor_id,user_id,occurred_at,value\n"
    "buy,dora-0001,,2026-05-01,3\n"
    "login,dora-0001,dora@example.com,2026-05-02,\n"
    "buy,emil-0002,,2026-05-01,4\n"
    "buy,dora-0001,,2026-05-01,x\n"
)


def run(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    said = capsys.readouterr()
    return int(str(ended.value.code)), said.out, said.err


@pytest.fixture
def loaded(home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Home:
    path = tmp_path / "f.csv"
    path.write_text(CSV)
    run(["load", str(path), "--site", "shop"], capsys)
    return home


def files_naming(root: Path, name: str) -> list[str]:
    return sorted(
        str(path.relative_to(root))
        for path in root.rglob("*")
        if path.is_file() and name.encode() in path.read_bytes()
    )


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--site", "shop"],
        ["--visitor", "v"],
        ["--site", "shop", "--visitor", "v", "--user", "u"],
        ["--again", "--site", "shop"],
    ],
)
@pytest.mark.usefixtures("home")
def test_whom_to_erase_must_be_said_once(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, _ = run(["erase", *arguments], capsys)

    assert code == 2


def test_an_id_that_names_nobody_and_a_site_that_is_not_there_are_refused(
    loaded: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    nobody = run(["erase", "--site", "shop", "--user", "undefined"], capsys)
    nowhere = run(["erase", "--site", "nope", "--user", "dora@example.com"], capsys)

    assert (nobody[0], nowhere[0]) == (1, 1)
    assert json.loads(nobody[2])["error"]["code"] == "erasure.names_nobody"
    assert json.loads(nowhere[2])["error"]["code"] == "lake.no_such_site"
    assert not list((loaded.loader / "erasures").glob("*"))


def test_the_receipt_counts_and_names_nobody(loaded: Home) -> None:
    installed = Served(loaded.root)
    before = files_naming(loaded.root, "dora")

    out = installed.command("erase", "--site", "shop", "--user", "dora@example.com", "--json")
    listed = installed.command("erase", "--list")

    receipt = json.loads(out)
    assert before
    assert files_naming(loaded.root, "dora") == []
    assert (receipt["stored"], receipt["rejected"]) == (2, 1)
    assert json.loads(listed)["receipt"] == receipt["receipt"]
    assert "dora" not in out


def test_no_address_of_a_contact_stays_in_the_database(tmp_path: Path) -> None:
    installed = Served(tmp_path / "home")
    installed.command("sites", "create", "shop")
    events = tmp_path / "events.csv"
    events.write_text(
        "name,visitor_id,user_id,occurred_at,email\n"
        "identify,vera-0001,u-47110815,2026-05-01,vera@example.com\n"
        "identify,emil-0002,u-47110816,2026-05-01,emil@example.com\n"
    )
    installed.command("load", str(events), "--site", "shop")
    mails = tmp_path / "mails"
    mails.mkdir()
    for name in ("Vera", "Emil"):
        (mails / f"{name}.eml").write_text(
            f"From: {name} <{name}@Example.com>\nMessage-ID: <{name}.1@mail.example>\n"
            f"Subject: Where is my parcel?\n\nWrite to {name.lower()}@example.com, please.\n"
        )
    installed.command("intake", "mail", str(mails), "--site", "shop")
    before = files_naming(installed.home, "Vera@Example.com")

    said = json.loads(
        installed.command("erase", "--site", "shop", "--user", "u-47110815", "--json")
    )

    assert before
    assert said["database"]["changed"] == 1
    for address in ("vera@example.com", "Vera@Example.com"):
        assert files_naming(installed.home, address) == []
    assert files_naming(installed.home, "Emil@Example.com") == ["truelift.sqlite3"]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    served = Served(tmp_path / "served")
    yield served
    if served.process is not None:
        served.kill_group()


@pytest.mark.fault
def test_a_person_is_erased_while_everything_runs(served: Served, tmp_path: Path) -> None:
    served.command("init", str(served.home))
    key = json.loads(served.command("sites", "create", "shop", "--json"))["write_key"]
    served.start()
    batch = [
        {
            "type": "track",
            "event": "view",
            "messageId": f"m{number}",
            "anonymousId": "dora-0001" if number % 2 else "emil-0002",
        }
        for number in range(20)
    ]
    request = urllib.request.Request(
        served.address + "/v1/batch",
        data=json.dumps({"batch": batch, "writeKey": key}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200

    receipt = json.loads(
        served.command("erase", "--site", "shop", "--visitor", "dora-0001", "--json")
    )
    left = json.loads(served.command("doctor", "--json"))["sites"]

    assert receipt["stored"] == 10
    assert files_naming(served.home, "dora-0001") == []
    assert [(site["received"], site["stored"], site["erased"]) for site in left] == [(20, 10, 10)]
