from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.template.loader import render_to_string
from django.test import Client
from pytest_django import Settings

from truelift.apps.accounts import services
from truelift.apps.accounts.models import AuditEvent, Invitation, Membership, User
from truelift.apps.accounts.reads import role_of
from truelift.apps.accounts.roles import Role
from truelift.apps.sites.models import Site


pytestmark = [pytest.mark.database, pytest.mark.django_db]


@pytest.fixture
def path(site: Site, ada: User) -> str:
    """The invitation of dora as analyst, as a path."""
    invited = services.invite(
        site, email="dora@example.com", role=Role.ANALYST, by=ada, now=datetime.now(UTC)
    )
    return invited.url.removeprefix("http://testserver")


def test_an_owner_invites_and_copies_the_link(
    ada: User, site: Site, client_of: Callable[[User], Client]
) -> None:
    response = client_of(ada).post(
        "/s/shop/members/invite/", {"email": "Dora@Example.com", "role": "editor"}
    )

    link = re.search(rb"http://testserver(/invitations/[^/<]+/)", response.content)
    assert link
    assert "no-store" in response["Cache-Control"]
    assert Client().get(link[1].decode()).status_code == 200
    assert Invitation.objects.get().email == "dora@example.com"
    assert AuditEvent.objects.filter(action="member.invited", actor="ada@example.com").exists()


def test_the_link_is_mailed_where_mail_is_set_up(
    ada: User,
    client_of: Callable[[User], Client],
    settings: Settings,
    mailoutbox: list[object],
) -> None:
    settings.TRUELIFT = replace(settings.TRUELIFT, email_url="smtp://mail.example")

    response = client_of(ada).post(
        "/s/shop/members/invite/", {"email": "dora@example.com", "role": "editor"}
    )

    assert b"The link was mailed" in response.content
    assert "/invitations/" in str(mailoutbox[0].body)  # type: ignore[attr-defined]


def test_a_newcomer_makes_an_account_and_is_in(client: Client, path: str, site: Site) -> None:
    response = client.post(path, {"name": "Dora", "password": "four words made up"})

    dora = User.objects.get(email="dora@example.com")
    assert response["Location"] == "/s/shop/"
    assert role_of(dora, site) is Role.ANALYST
    assert not dora.is_operator


def test_an_invitation_ends_on_a_day_of_its_site(site: Site, ada: User) -> None:
    # Half an hour before midnight in UTC it is the next day in Berlin.
    late = datetime(2026, 5, 1, 23, 30, tzinfo=UTC)
    invited = services.invite(site, email="dora@example.com", role=Role.VIEWER, by=ada, now=late)
    about = {"sender": ada, "offer": invited.invitation, "url": invited.url}

    mail = render_to_string("accounts/invitation.txt", about)

    assert site.time_zone == "Europe/Berlin"
    assert "until 16 May 2026" in mail


def test_the_link_works_once_even_for_the_right_person(client: Client, path: str) -> None:
    client.post(path, {"name": "Dora", "password": "four words made up"})

    assert client.get(path).status_code == 410


def test_somebody_with_an_account_signs_in_and_accepts(
    mallory: User, ada: User, site: Site, client_of: Callable[[User], Client]
) -> None:
    invited = services.invite(
        site, email=mallory.email, role=Role.VIEWER, by=ada, now=datetime.now(UTC)
    )
    path = invited.url.removeprefix("http://testserver")
    browser = client_of(mallory)

    assert b"Accept" in browser.get(path).content
    assert browser.post(path)["Location"] == "/s/shop/"

    assert role_of(mallory, site) is Role.VIEWER


def test_an_invitation_is_no_use_to_anybody_else(
    path: str, mallory: User, site: Site, client_of: Callable[[User], Client]
) -> None:
    browser = client_of(mallory)

    assert b"This invitation is for dora@example.com" in browser.get(path).content
    assert browser.post(path).status_code == 409

    assert role_of(mallory, site) is None


def test_an_account_cannot_be_taken_over_through_an_invitation(
    ada: User, mallory: User, site: Site, client: Client
) -> None:
    invited = services.invite(
        site, email=mallory.email, role=Role.VIEWER, by=ada, now=datetime.now(UTC)
    )
    path = invited.url.removeprefix("http://testserver")

    client.post(path, {"name": "Not Mallory", "password": "four words made up"})

    mallory.refresh_from_db()
    assert mallory.name == "Mallory"
    assert role_of(mallory, site) is None


def test_an_invitation_runs_out_after_two_weeks(path: str) -> None:
    token = path.split("/")[2]

    with pytest.raises(services.LinkSpent):
        services.invitation_of(token, now=datetime.now(UTC) + timedelta(days=15))


def test_an_owner_withdraws_an_invitation(
    path: str, ada: User, client: Client, client_of: Callable[[User], Client]
) -> None:
    offer = Invitation.objects.get()

    client_of(ada).post(f"/s/shop/members/invitations/{offer.pk}/withdraw/")

    assert client.get(path).status_code == 410


def test_inviting_again_makes_the_first_link_worthless(path: str, ada: User, site: Site) -> None:
    now = datetime.now(UTC)
    services.invite(site, email="dora@example.com", role=Role.VIEWER, by=ada, now=now)

    with pytest.raises(services.LinkSpent):
        services.invitation_of(path.split("/")[2], now=now)


def test_members_are_not_invited_a_second_time(
    ada: User, ben: User, client_of: Callable[[User], Client]
) -> None:
    response = client_of(ada).post(
        "/s/shop/members/invite/", {"email": ben.email, "role": "viewer"}
    )

    assert response.status_code == 409
    assert b"already belongs to shop" in response.content


def test_a_token_is_kept_as_its_hash_only(path: str) -> None:
    token = path.split("/")[2]

    assert token not in str(Invitation.objects.get().__dict__)


@pytest.mark.parametrize("who", ["ben", "cleo"])
def test_only_owners_invite(
    who: str, request: pytest.FixtureRequest, client_of: Callable[[User], Client]
) -> None:
    person = request.getfixturevalue(who)

    response = client_of(person).post(
        "/s/shop/members/invite/", {"email": "x@example.com", "role": "owner"}
    )

    assert response.status_code == 403
    assert not Invitation.objects.exists()
    assert Membership.objects.filter(user=person).count() == 1


def test_mail_goes_to_files_when_settings_say_so(tmp_path: Path) -> None:
    from truelift.project.mail import mail_settings

    found = mail_settings(f"file://{tmp_path}", public_url="https://lift.example")

    assert found["EMAIL_FILE_PATH"] == str(tmp_path)
    assert found["DEFAULT_FROM_EMAIL"] == "truelift@lift.example"
