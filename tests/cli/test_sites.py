from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from truelift.apps.accounts.models import AuditEvent
from truelift.apps.sites.models import Site, WriteKey
from truelift.cli.main import run
from truelift.lake.home import Home


pytestmark = [pytest.mark.database, pytest.mark.django_db]


def test_create_answers_with_the_keys(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    status = run(
        "sites",
        ["create", "shop", "--write-key", "pk_mine_1234", "--time-zone", "Europe/Berlin", "--json"],
    )

    answer = json.loads(capsys.readouterr().out)
    assert status == 0
    assert (answer["site"], answer["write_key"]) == ("shop", "pk_mine_1234")
    assert answer["secret_key"].startswith("sk_")
    assert Site.objects.get().time_zone == "Europe/Berlin"
    assert AuditEvent.objects.get(action="site.created").actor == "operator"


@pytest.mark.parametrize(
    ("words", "code", "status"),
    [
        (["create", "Bad Name"], "lake.bad_site_name", 1),
        (["create", "shop"], "sites.exists", 1),
        (["create", "two", "--time-zone", "Mars"], "sites.bad_time_zone", 1),
        (["create", "two", "--write-key", "pk_shop_public"], "sites.bad_key", 1),
        (["keys", "nothing"], "sites.no_such_site", 1),
        (["events", "nothing"], "sites.no_such_site", 1),
        (["events", "shop", "buy=order"], "sites.bad_event_names", 1),
        (["events", "shop", "purchase"], "sites.bad_event_names", 1),
        (["events", "shop", "purchase="], "sites.bad_event_names", 1),
        (["events", "shop", "--usual", "buy"], "sites.bad_event_names", 1),
        (["keys", "shop", "--revoke", "k999"], "sites.no_such_key", 1),
        (["keys", "shop", "--revoke", "k²"], "cli.usage", 2),
        (["keys", "shop", "--new", "golden"], "cli.usage", 2),
        (["keys", "shop", "--revoke", "x"], "cli.usage", 2),
        (["create"], "cli.usage", 2),
    ],
)
def test_what_is_refused_says_so_in_one_line_of_json(
    words: list[str], code: str, status: int, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("sites", words) == status

    said = capsys.readouterr()
    assert said.out == ""
    assert json.loads(said.err.splitlines()[-1])["error"]["code"] == code


def test_list_names_every_site(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    run("sites", ["list", "--json"])

    assert json.loads(capsys.readouterr().out)["sites"] == [
        {"site": "shop", "title": "Shop", "time_zone": "Europe/Berlin", "currency": "EUR"}
    ]


def test_keys_are_made_and_revoked(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    run("sites", ["keys", "shop", "--new", "secret", "--json"])
    made = json.loads(capsys.readouterr().out)["new"]

    run("sites", ["keys", "shop", "--revoke", made["key_id"], "--json"])

    left = json.loads(capsys.readouterr().out)["keys"]
    assert made["key"].startswith("sk_")
    assert made["key_id"] not in [key["key_id"] for key in left]
    assert WriteKey.objects.get(pk=int(made["key_id"][1:])).revoked_at is not None


def test_an_empty_home_becomes_ready_by_itself_and_publishes(tmp_path: Path) -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "truelift.cli", "sites", "create", "shop", "--json"],
        env={"TRUELIFT_HOME": str(tmp_path / "new"), "PATH": "", "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert answer.returncode == 0, answer.stderr
    published = json.loads((tmp_path / "new/published/keys.json").read_text())
    assert [key["site"] for key in published["keys"]] == ["shop", "shop"]
    assert len(answer.stdout.splitlines()) == 1


def test_events_are_shown_named_and_audited(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    run("sites", ["events", "shop", "--json"])
    assert json.loads(capsys.readouterr().out)["event_names"] == {}

    run("sites", ["events", "shop", "purchase=Order Completed", "purchase=order", "refund=back"])

    lines = capsys.readouterr().out.splitlines()
    assert any(line.split(maxsplit=1) == ["purchase", "Order Completed | order"] for line in lines)
    event = AuditEvent.objects.get(action="site.settings_changed")
    named = {"purchase": ["Order Completed", "order"], "refund": ["back"]}
    assert (event.actor, event.after) == ("operator", {"event_names": named})


def test_names_given_again_take_the_place_of_the_old_ones_and_usual_ones_come_back(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    run("sites", ["events", "shop", "purchase=order", "refund=back", "sign_up=joined"])

    again = ["purchase=sale", "refund=refund", "--usual", "sign_up", "--json"]
    status = run("sites", ["events", "shop", *again])

    site.refresh_from_db()
    assert status == 0
    assert site.event_names == {"purchase": ["sale"]}
    answer = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert answer["events"]["sign_up"] == ["sign_up"]
