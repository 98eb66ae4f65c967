"""Below the four questions everybody finds what their role looks at first."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.template import Context, Template

from truelift.apps.accounts.models import User
from truelift.apps.accounts.services import set_functions
from truelift.apps.homes.roles import HomeOf, home_for
from truelift.apps.homes.sections import sections_of
from truelift.apps.roadmap.models import ConflictRecord
from truelift.apps.sites.models import Site
from truelift.lifecycle.functions import Function


TITLES = {
    HomeOf.LEAD: (
        "No result waits for a decision",
        "Nothing on the roadmap is in each other’s way",
        "Nothing has been stuck for two weeks",
    ),
    HomeOf.ANALYST: (
        "Every test that runs or waits passes its checks",
        "Every feed came in time",
        "No change waits for a word of what it did to a test",
    ),
    HomeOf.MARKETER: (
        "What moves revenue per session cannot be said yet",
        "No team’s metric works against the shared one",
        "Customers speak of what they spoke of before",
    ),
    HomeOf.ENGINEER: (
        "Every surface may be deployed now",
        "No release ahead touches what is tested",
        "No change waits for a word of what it did to a test",
    ),
    HomeOf.CUSTOMERS: (
        "You have not brought a note yet",
        "The monthly call has not been held yet",
        "No phrase has been kept yet",
    ),
    HomeOf.FINANCE: (
        "Nobody has proposed a shared metric",
        "Nothing is lost to winners that wait, as far as it is known",
        "The first scorecard is made this night",
    ),
    HomeOf.STAKEHOLDER: (
        "The first scorecard is made this night",
        "Nothing was decided in the last month",
        "No warning stands",
    ),
}


@pytest.mark.parametrize(
    ("functions", "home"),
    [
        ({Function.MARKETING, Function.CRO_LEAD}, "lead"),
        ({Function.ANALYTICS}, "analyst"),
        ({Function.ENGINEERING}, "engineer"),
        ({Function.SALES}, "customers"),
        ({Function.SERVICE}, "customers"),
        ({Function.FINANCE}, "finance"),
        ({Function.SEO_CONTENT}, "marketer"),
        ({Function.PRODUCT_UX}, "lead"),
        ({Function.SPONSOR}, "stakeholder"),
        (set(), "stakeholder"),
    ],
)
def test_a_home_is_chosen_by_what_a_person_does(functions: set[Function], home: str) -> None:
    assert home_for(functions) == home
    assert home_for(functions, "finance") is HomeOf.FINANCE
    assert home_for(functions, "king") == home


@pytest.mark.django_db
@pytest.mark.parametrize("role", HomeOf)
def test_every_role_reads_what_it_looks_at_first(
    role: HomeOf, site: Site, ada: User, now: datetime
) -> None:
    found = sections_of(role, site, user=ada, now=now)

    assert tuple(each.title for each in found) == TITLES[role]


@pytest.mark.django_db
def test_the_home_page_shows_it_and_lets_everybody_look_as_another(
    site: Site, ada: User, now: datetime
) -> None:
    set_functions(site, ada, (Function.ENGINEERING,), by="tests", now=now)
    ConflictRecord.objects.create(
        site=site, number=1, rule="c1", first="a", severity="block", starts_on=now.date(), days=2,
        audience=1.0, exposure=1.0, sentence="<b>A</b> meets B.", detected_at=now,
        detected_start=now.date(), due=now.date(), seen_at=now,
    )  # fmt: skip
    asked = "{% load homes %}{% role_home site user wanted now %}"
    context = {"site": site, "user": ada, "now": now}

    own = Template(asked).render(Context({**context, "wanted": ""}))
    other = Template(asked).render(Context({**context, "wanted": "lead"}))

    assert "<b>Engineer</b>" in own
    assert 'href="?as=lead#role"' in own
    assert "One conflict" not in own
    assert "&lt;b&gt;A&lt;/b&gt; meets B." in other
    assert f"/s/{site.name}/roadmap/conflicts/1/" in other
