from __future__ import annotations

import io
import json

import pytest
from django.test import Client

from truelift.apps.accounts.models import User
from truelift.apps.accounts.reads import role_of
from truelift.apps.accounts.roles import Role
from truelift.apps.sites.models import Site
from truelift.cli.main import run


pytestmark = [pytest.mark.database, pytest.mark.django_db]


def test_add_makes_an_account_and_prints_its_password_once(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    status = run(
        "users", ["add", "Dora@example.com", "--site", "shop", "--role", "editor", "--json"]
    )

    answer = json.loads(capsys.readouterr().out)
    dora = User.objects.get(email="dora@example.com")
    assert status == 0
    assert dora.check_password(answer["password"])
    assert role_of(dora, site) is Role.EDITOR


def test_a_password_can_come_from_stdin_and_is_not_printed(
    site: Site, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("four words made up\n"))

    run("users", ["add", "op@example.com", "--operator", "--password-stdin", "--json"])

    answer = json.loads(capsys.readouterr().out)
    operator = User.objects.get(email="op@example.com")
    assert answer == {"email": "op@example.com", "operator": True}
    assert operator.is_operator
    assert operator.check_password("four words made up")


def test_a_role_that_cannot_be_given_makes_no_account(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("users", ["add", "dora@example.com", "--site", "nowhere"]) == 1

    assert json.loads(capsys.readouterr().err)["error"]["code"] == "sites.no_such_site"
    assert not User.objects.filter(email="dora@example.com").exists()


def test_invite_prints_a_link_that_works(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    run("users", ["invite", "dora@example.com", "--site", "shop", "--role", "analyst", "--json"])

    link = json.loads(capsys.readouterr().out)["link"]
    page = Client().get(link.removeprefix("http://testserver"))
    assert page.status_code == 200
    assert b"dora@example.com" in page.content


def test_role_changes_and_takes_away(
    ada: User, ben: User, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    run("users", ["role", ben.email, "owner", "--site", "shop"])
    assert role_of(ben, site) is Role.OWNER

    run("users", ["role", ada.email, "none", "--site", "shop"])
    assert role_of(ada, site) is None

    assert run("users", ["role", ben.email, "none", "--site", "shop"]) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert json.loads(said)["error"]["code"] == "accounts.last_owner"


def test_reset_prints_a_link_that_sets_a_password(
    ada: User, capsys: pytest.CaptureFixture[str]
) -> None:
    run("users", ["reset", ada.email, "--json"])

    link = json.loads(capsys.readouterr().out)["link"]
    page = Client().get(link.removeprefix("http://testserver"), follow=True)
    assert b"Choose a new password" in page.content


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["reset", "nobody@example.com"], "accounts.no_such_person"),
        (["invite", "x@example.com", "--site", "shop", "--role", "king"], "accounts.bad_role"),
        (["invite", "x@example.com", "--site", "nowhere"], "sites.no_such_site"),
        (["add", "ada@example.com"], "accounts.already_there"),
        (["add", "no address"], "accounts.bad_address"),
        (["invite", "no@address", "--site", "shop"], "accounts.bad_address"),
        (["invite", "ada@example.com", "--site", "shop"], "accounts.already_member"),
    ],
)
def test_refusals_carry_their_code(
    words: list[str], code: str, ada: User, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("users", words) == 1

    assert json.loads(capsys.readouterr().err.splitlines()[-1])["error"]["code"] == code


def test_list_shows_everyone_with_their_roles(
    ada: User, capsys: pytest.CaptureFixture[str]
) -> None:
    run("users", ["list", "--json"])

    assert json.loads(capsys.readouterr().out)["users"] == [
        {"email": "ada@example.com", "name": "Ada", "operator": False, "roles": {"shop": "owner"}}
    ]


def test_a_role_is_given_with_functions(
    site: Site, ben: User, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--function", "analytics", "--function", "cro_lead", "--site", "shop", "--json"]

    done = run("users", ["role", ben.email, "editor", *given])
    answer = json.loads(capsys.readouterr().out)
    wrong = run("users", ["role", ben.email, "viewer", "--function", "king", "--site", "shop"])
    said = json.loads(capsys.readouterr().err)["error"]["code"]
    run("users", ["role", ben.email, "editor", "--function", "none", "--site", "shop", "--json"])

    assert (done, wrong, said) == (0, 1, "accounts.bad_function")
    assert answer["functions"] == ["analytics", "cro_lead"]
    assert role_of(ben, site) is Role.EDITOR
    assert json.loads(capsys.readouterr().out)["functions"] == []
