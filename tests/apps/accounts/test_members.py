from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest
from django.test import Client

from truelift.apps.accounts.models import AuditEvent, User
from truelift.apps.accounts.reads import (
    functions_of,
    members_of,
    people_with,
    role_of,
    standing_of,
)
from truelift.apps.accounts.roles import Role
from truelift.apps.accounts.services import LastOwner, give_role, remove_member, set_functions
from truelift.apps.sites.models import Site
from truelift.lifecycle.functions import Function


pytestmark = [pytest.mark.database, pytest.mark.django_db]


def test_members_are_listed_owners_first(ada: User, ben: User, cleo: User, site: Site) -> None:
    assert [(member.name, member.role) for member in members_of(site)] == [
        ("Ada", Role.OWNER),
        ("Ben", Role.EDITOR),
        ("Cleo", Role.VIEWER),
    ]


def test_an_owner_changes_a_role_and_the_audit_says_so(
    ada: User, ben: User, site: Site, client_of: Callable[[User], Client]
) -> None:
    client_of(ada).post(f"/s/shop/members/{ben.pk}/role/", {"role": "analyst"})

    event = AuditEvent.objects.get(action="member.role_changed")
    assert role_of(ben, site) is Role.ANALYST
    assert (event.actor, event.before, event.after) == (
        "ada@example.com",
        {"role": "editor"},
        {"role": "analyst"},
    )


def test_the_only_owner_can_neither_step_down_nor_leave(
    ada: User, ben: User, site: Site, now: datetime, client_of: Callable[[User], Client]
) -> None:
    with pytest.raises(LastOwner):
        give_role(site, ada, Role.EDITOR, by=ada, now=now)
    with pytest.raises(LastOwner):
        remove_member(site, ada, by=ada, now=now)

    response = client_of(ada).post(f"/s/shop/members/{ada.pk}/remove/")

    assert response.status_code == 409
    assert b"would have no owner" in response.content


def test_a_second_owner_lets_the_first_one_go(
    ada: User, ben: User, site: Site, now: datetime
) -> None:
    give_role(site, ben, Role.OWNER, by=ada, now=now)

    remove_member(site, ada, by=ada, now=now)

    assert role_of(ada, site) is None


def test_a_removed_member_is_a_stranger(
    ada: User, cleo: User, site: Site, client_of: Callable[[User], Client]
) -> None:
    browser = client_of(cleo)
    assert browser.get("/s/shop/members/").status_code == 200

    client_of(ada).post(f"/s/shop/members/{cleo.pk}/remove/")

    assert browser.get("/s/shop/members/").status_code == 404


def test_everyone_may_leave_by_themselves(
    ada: User, cleo: User, site: Site, client_of: Callable[[User], Client]
) -> None:
    response = client_of(cleo).post(f"/s/shop/members/{cleo.pk}/remove/")

    assert response["Location"] == "/"
    assert role_of(cleo, site) is None


def test_an_editor_removes_nobody_else(
    ada: User, ben: User, cleo: User, site: Site, client_of: Callable[[User], Client]
) -> None:
    response = client_of(ben).post(f"/s/shop/members/{cleo.pk}/remove/")

    assert response.status_code == 403
    assert role_of(cleo, site) is Role.VIEWER


def test_people_of_other_sites_cannot_be_touched_from_here(
    ada: User, mallory: User, client_of: Callable[[User], Client]
) -> None:
    browser = client_of(ada)

    assert browser.post(f"/s/shop/members/{mallory.pk}/remove/").status_code == 404
    assert (
        browser.post(f"/s/shop/members/{mallory.pk}/role/", {"role": "viewer"}).status_code == 404
    )


def test_an_operator_reaches_every_site_as_owner(site: Site) -> None:
    operator = User.objects.create_user("op@example.com", None, is_operator=True)

    assert role_of(operator, site) is Role.OWNER


def test_a_closed_account_reaches_nothing(ada: User, site: Site) -> None:
    ada.is_active = False

    assert role_of(ada, site) is None


@pytest.mark.parametrize("has", list(Role))
@pytest.mark.parametrize("needs", list(Role))
def test_a_role_covers_itself_and_the_ones_before_it(has: Role, needs: Role) -> None:
    order = [Role.VIEWER, Role.ANALYST, Role.EDITOR, Role.OWNER]

    assert has.covers(needs) is (order.index(has) >= order.index(needs))


def test_an_owner_says_what_a_member_does_and_the_audit_keeps_it(
    ada: User, ben: User, site: Site, client_of: Callable[[User], Client]
) -> None:
    browser = client_of(ada)

    before = browser.get("/s/shop/members/").content.decode()
    said = browser.post(
        f"/s/shop/members/{ben.pk}/functions/", {"functions": ["analytics", "marketing"]}
    )
    after = browser.get("/s/shop/members/").content.decode()

    event = AuditEvent.objects.get(action="member.functions_changed")
    assert said.status_code == 302
    assert functions_of(ben, site) == {Function.MARKETING, Function.ANALYTICS}
    assert event.after == {"functions": ["marketing", "analytics"]}
    assert "Nobody has a function yet" in before
    assert "Nobody has a function yet" not in after


def test_a_function_that_there_is_not_and_a_stranger_are_refused(
    ada: User, ben: User, mallory: User, client_of: Callable[[User], Client]
) -> None:
    here = f"/s/shop/members/{ben.pk}/functions/"

    assert client_of(ada).post(here, {"functions": ["king"]}).status_code == 422
    assert client_of(ben).post(here, {"functions": ["sales"]}).status_code == 403
    assert client_of(mallory).post(here, {"functions": ["sales"]}).status_code == 404


def test_functions_count_for_everybody_as_soon_as_one_person_has_one(
    ada: User, ben: User, cleo: User, site: Site, now: datetime
) -> None:
    nobody = standing_of(ada, site)
    set_functions(site, ben, [Function.ANALYTICS], by=ada, now=now)

    assert not nobody.in_use
    assert standing_of(ada, site).in_use
    assert not standing_of(None, site).in_use
    assert people_with(site, frozenset({Function.ANALYTICS})) == (ben,)
    assert people_with(site, frozenset({Function.SALES})) == ()
    assert people_with(site, frozenset()) == (ada, ben)


def test_the_api_lists_members_and_says_what_they_do(
    ada: User, ben: User, mallory: User, client_of: Callable[[User], Client]
) -> None:
    here = f"/api/v1/members/{ben.pk}/functions?site=shop"

    def put(user: User) -> int:
        return (
            client_of(user)
            .put(here, '{"functions": ["engineering"]}', content_type="application/json")
            .status_code
        )

    assert (put(ada), put(ben), put(mallory)) == (200, 403, 404)
    listed = client_of(ada).get("/api/v1/members?site=shop").json()["members"]
    assert [each["functions"] for each in listed] == [[], ["engineering"]]
