"""`truelift identities`: merges are shown by name and taken back, by whom is written down."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.lake.conftest import Clock, Sender
from truelift.apps.accounts.models import AuditEvent, User
from truelift.apps.sites.models import Site
from truelift.cli.main import main
from truelift.lake.home import Home
from truelift.lake.loader import Loader


@pytest.fixture
def merged(site: Site, home: Home) -> Home:
    del site
    sender = Sender(home, Clock())
    sender({"visitor_id": "phone", "user_id": "ada"}, {"visitor_id": "laptop"}, trusted=True)
    sender({"visitor_id": "laptop", "user_id": "ada"}, trusted=True)
    sender.close()
    with Loader(home, now=Clock()) as loader:
        loader.flush()
    return home


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any, str]:
    with pytest.raises(SystemExit) as ended:
        main(["identities", *arguments, "--site", "shop", "--json"])
    said = capsys.readouterr()
    return int(str(ended.value.code)), json.loads(said.out) if said.out else None, said.err


@pytest.mark.usefixtures("merged")
@pytest.mark.django_db(transaction=True)
def test_a_merge_is_shown_by_name_and_undone_once(
    ada: User, capsys: pytest.CaptureFixture[str]
) -> None:
    _, shown, _ = run(capsys, "show")
    (row,) = shown["rows"]

    code, done, _ = run(capsys, "undo", row["merge"], "--as", ada.email)

    assert (row["user"], row["with"], row["events"], row["undone"]) == (
        "ada",
        {"kind": "visitor", "id": "laptop"},
        2,
        None,
    )
    assert (code, done["undone"], done["by"]) == (0, True, ada.get_username())
    again, _, error = run(capsys, "undo", row["merge"])
    assert again == 1
    assert json.loads(error.splitlines()[-1])["error"]["code"] == "identity.undone_already"
    _, shown, _ = run(capsys, "show", "--user", "ada")
    assert shown["rows"][0]["undone"]["by"] == ada.get_username()
    assert shown["rows"][0]["with"]["id"] == "laptop"


@pytest.mark.usefixtures("merged")
@pytest.mark.django_db(transaction=True)
def test_who_undid_a_merge_stands_in_the_audit_without_the_visitor(
    ada: User, capsys: pytest.CaptureFixture[str]
) -> None:
    merge = run(capsys, "show")[1]["rows"][0]["merge"]

    run(capsys, "undo", merge, "--as", ada.email)

    event = AuditEvent.objects.get(action="identity.merge_undone")
    assert (event.actor, event.on_behalf_of, event.site) == (
        "operator",
        ada.get_username(),
        "shop",
    )
    assert event.target == f"merge:{merge}"
    assert "laptop" not in json.dumps([event.before, event.after])


@pytest.mark.django_db(transaction=True)
def test_a_running_loader_is_asked_to_do_it(
    merged: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    merge = run(capsys, "show")[1]["rows"][0]["merge"]
    stop = threading.Event()
    loader = Loader(merged, now=lambda: datetime.now(UTC))
    running = threading.Thread(target=loader.run, args=(stop,))
    running.start()

    code, done, _ = run(capsys, "undo", merge)

    stop.set()
    running.join()
    loader.close()
    assert (code, done["undone"]) == (0, True)


@pytest.mark.usefixtures("merged")
@pytest.mark.django_db(transaction=True)
def test_what_is_no_merge_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, error = run(capsys, "undo", "0123456789ab")

    assert code == 1
    assert json.loads(error.splitlines()[-1])["error"]["code"] == "identity.no_such_merge"
    assert not AuditEvent.objects.filter(action="identity.merge_undone").exists()
