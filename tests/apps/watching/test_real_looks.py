"""A real Chromium looks at a page that changes, and at one whose advertisements rotate."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.browser.tracker.receiver import Pages, Reply
from tests.conftest import NOON
from truelift.apps.changes.models import ChangeRecord, ContaminationRecord
from truelift.apps.qa.models import HostRecord
from truelift.apps.sites.models import Site
from truelift.apps.watching.models import PageChangeRecord, WatchedPageRecord
from truelift.apps.watching.services import look
from truelift.browsing.visit import Outside
from truelift.egress.gate import Gate


pytestmark = [
    pytest.mark.browser,
    pytest.mark.database,
    pytest.mark.django_db,
    pytest.mark.timeout(180),
]

PAGE = """<!doctype html><title>Cart</title><h1>Cart</h1><p id="price">From 20 €</p>
<p class="ad"></p><p>Now <time></time></p><script src="/app.js"></script>
<script>
  document.querySelector('.ad').textContent = 'Ad ' + Math.random();
  document.querySelector('time').textContent = performance.now();
</script>"""


@pytest.fixture
def shop() -> Iterator[Pages]:
    if not Path("/usr/bin/chromium").exists():
        pytest.skip("no Chromium; `make setup` installs it")
    with Pages() as running:
        running.replies["/cart"] = Reply(PAGE)
        running.replies["/app.js"] = Reply("", content_type="text/javascript")
        yield running


def _page(site: Site, url: str) -> tuple[WatchedPageRecord, Outside]:
    host = urlsplit(url).netloc
    HostRecord.objects.create(site=site, host=host, token="t", made_at=NOON, verified_at=NOON)
    page = WatchedPageRecord.objects.create(site=site, surface="Cart", url=url, made_at=NOON)
    return page, Outside(gate=Gate(allowed=(host,)), hosts=(host,))


def test_a_change_that_only_a_script_makes_is_found_and_what_rotates_is_not(
    site: Site, shop: Pages
) -> None:
    page, outside = _page(site, f"{shop.origin}/cart")

    first = look(page, now=NOON, outside=outside)
    rotated = look(page, now=NOON + timedelta(hours=6), outside=outside)
    shop.replies["/app.js"] = Reply(
        "document.querySelector('#price').textContent = 'From 25 €'", content_type="text/javascript"
    )
    found = look(page, now=NOON + timedelta(hours=12), outside=outside)

    assert (first, rotated) == (None, None)
    assert found is not None
    assert found.difference["text_gone"] == ["From 20 €"]
    assert found.difference["text_new"] == ["From 25 €"]
    assert found.difference["bundles"] == [f"{shop.origin}/app.js"]
    assert not found.explained
    assert found.before is not None
    assert found.after is not None
    change = ChangeRecord.objects.get()
    assert (change.source, change.kind, change.key) == ("watcher", "unknown", found.change)
    # Whoever came after the last look may have met it.
    assert change.at == NOON + timedelta(hours=6)
    assert ContaminationRecord.objects.count() == 0


def test_a_page_that_is_away_is_no_change(site: Site, shop: Pages) -> None:
    page, outside = _page(site, f"{shop.origin}/gone")

    assert look(page, now=NOON, outside=outside) is None

    assert "answered 404" in page.problem
    assert page.seen == {}
    assert PageChangeRecord.objects.count() == 0


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/latest/", "http://10.0.0.1/", "http://localhost:1/"]
)
def test_a_private_address_is_not_looked_at(site: Site, url: str) -> None:
    page, _ = _page(site, url)
    host = urlsplit(url).netloc

    look(page, now=NOON, outside=Outside(gate=Gate(), hosts=(host,)))

    assert "not on the public internet" in page.problem
    assert page.seen == {}
