"""Questions of a segment in a version of its own choosing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest
from django.test import Client

from truelift.apps.accounts.models import User
from truelift.apps.measurement.segments_services import archive_segment, save_segment
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site


SignedIn = Callable[[User], Client]


@pytest.fixture
def changed(shop: Site, ada: User, now: datetime) -> Site:
    """A shop whose buyers were first those who buy, and then those who look."""
    for event in ("purchase", "page_view"):
        save_segment(shop, "buyers", {"did": event}, by=Actor(ada), now=now)
    save_segment(shop, "phones", {"did": "page_view"}, by=Actor(ada), now=now)
    return shop


TREND = "/s/shop/trends/?event=page_view&period=all&compare=none"
FUNNEL = "/s/shop/funnels/?step=page_view&step=purchase&period=all&compare=none"


@pytest.mark.parametrize("here", [TREND, FUNNEL])
def test_a_form_offers_older_versions_after_the_newest_ones(
    here: str, changed: Site, ada: User, client_of: SignedIn
) -> None:
    page = client_of(ada).get(here)

    options = page.text.partition('id="segment"')[2].partition("</select>")[0]
    assert options.index('value="buyers"') < options.index('label="Older versions"')
    assert '<option value="buyers@1">buyers, version 1</option>' in options
    assert "phones@" not in options


def test_an_older_version_is_asked_and_marked(
    changed: Site, ada: User, client_of: SignedIn
) -> None:
    browser = client_of(ada)

    older = browser.get(f"{TREND}&segment=buyers@1")
    newest = browser.get(f"{TREND}&segment=buyers")
    pinned = browser.get(f"{TREND}&segment=buyers@2")

    assert older.context["page"].tables[0].whole.cells[1] == "100"
    assert "An older version:</strong> the newest is version 2." in older.text
    assert '<option value="buyers@1" selected>' in older.text
    assert "segment=buyers%401" in older.context["form"].address
    assert newest.context["page"].tables[0].whole.cells[1] == "210"
    assert "version 2, the newest." in newest.text
    assert "An older version" not in pinned.text
    assert '<option value="buyers@2" selected>buyers@2</option>' in pinned.text


def test_a_funnel_marks_it_too(changed: Site, ada: User, client_of: SignedIn) -> None:
    page = client_of(ada).get(f"{FUNNEL}&segment=buyers@1")

    assert page.context["look"].asked.answer.groups[0].steps[0].units == 100
    assert "An older version" in page.text


def test_a_version_of_a_segment_that_was_put_away_stays_as_it_was(
    changed: Site, ada: User, client_of: SignedIn, now: datetime
) -> None:
    archive_segment(changed, "buyers", by=Actor(ada), now=now)

    page = client_of(ada).get(f"{TREND}&segment=buyers@1")

    assert page.context["page"].tables[0].whole.cells[1] == "100"
    assert "The segment was put away." in page.text
