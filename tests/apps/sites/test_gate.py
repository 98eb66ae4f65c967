from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import AnonymousUser
from django.http import Http404
from django.test import Client

from truelift.apps.accounts.models import User
from truelift.apps.accounts.roles import Role
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import RoleTooSmall, site_for, sites_of


pytestmark = [pytest.mark.database, pytest.mark.django_db]


def test_a_member_gets_the_site(cleo: User, site: Site) -> None:
    assert site_for(cleo, "shop") == site


@pytest.mark.parametrize("name", ["shop", "no-such-site"])
def test_a_stranger_gets_the_same_answer_as_for_a_site_that_does_not_exist(
    name: str, mallory: User, site: Site
) -> None:
    with pytest.raises(Http404) as refused:
        site_for(mallory, name)

    assert str(refused.value) == ""


def test_nobody_gets_nothing(site: Site) -> None:
    with pytest.raises(Http404):
        site_for(AnonymousUser(), "shop")


def test_a_role_that_does_not_reach_is_told_which_one_is_needed(ben: User, site: Site) -> None:
    with pytest.raises(RoleTooSmall, match="needs the role owner on the site; yours is editor"):
        site_for(ben, "shop", needs=Role.OWNER)


def test_people_see_their_own_sites_only(ada: User, mallory: User) -> None:
    assert [site.name for site in sites_of(mallory)] == ["elsewhere"]
    assert [site.name for site in sites_of(ada)] == ["shop"]


def test_the_page_for_strangers_is_the_same_byte_for_byte_but_for_its_secrets(
    mallory: User, site: Site, client_of: Callable[[User], Client]
) -> None:
    browser = client_of(mallory)

    hidden = browser.get("/s/shop/settings/")
    missing = browser.get("/s/nothing-there/settings/")

    assert hidden.status_code == missing.status_code == 404
    assert _plain(hidden.content) == _plain(missing.content)


def _plain(content: bytes) -> bytes:
    import re

    content = re.sub(rb'nonce="[^"]*"|value="[A-Za-z0-9]{64}"', b"", content)
    return content.replace(b"nothing-there", b"shop")
