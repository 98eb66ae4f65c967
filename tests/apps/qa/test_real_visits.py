"""A real Chromium opens both variants, the real tracker sends, and what is missing is named."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow as pa
import pytest

from tests.browser.tracker.receiver import BUILT, Pages, Receiver, Reply
from truelift.apps.accounts.models import User
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.qa.models import HostRecord
from truelift.apps.qa.plan import Address, set_addresses
from truelift.apps.qa.reads import qa_evidence
from truelift.apps.qa.run import LISTENS, ask_for_run, go_on
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.browsing.visit import Outside
from truelift.egress.gate import Gate
from truelift.lake.bulk import append_bulk
from truelift.lake.home import Home
from truelift.lake.lake import Lake
from truelift.lake.loader import Loader
from truelift.questions.events_seen import EventsSeen


pytestmark = [pytest.mark.browser, pytest.mark.database, pytest.mark.django_db]

PAGE = """<!doctype html><title>Shop</title>
<meta name="viewport" content="width=device-width">{snippet}
<h1>Free delivery</h1><button id="buy">Buy</button>
<img src="http://169.254.169.254/latest/meta-data/">
<script>
  truelift('track', 'exposure', {{experiment: 'delivery-cost', variant: '{variant}'}});
  document.querySelector('#buy').onclick = () => {{
    if ({orders}) truelift('track', 'purchase', {{value: 20, currency: 'EUR'}});
  }};
</script>"""


@pytest.fixture
def collector() -> Iterator[Receiver]:
    if not Path("/usr/bin/chromium").exists() or not (BUILT / "t.js").exists():
        pytest.skip("no Chromium, or the tracker is not built; `make setup` does both")
    with Receiver() as running:
        yield running


@pytest.fixture
def shop(collector: Receiver) -> Iterator[Pages]:
    """Variant `early` sends no order from a phone."""
    with Pages() as running:
        running.replies["/early"] = Reply(
            PAGE.format(snippet=collector.snippet(), variant="early", orders="innerWidth > 600")
        )
        yield running


def loaded(home: Home, collector: Receiver, *, at_ms: int) -> None:
    """Put what the tracker sent into the lake, as the collector and the loader do."""
    items = collector.events()
    rows = [
        {
            "trusted": False,
            "type": item["type"],
            "event": item.get("event"),
            "message_id": item["messageId"],
            "visitor_id": item["anonymousId"],
            "occurred_at": at_ms,
            "experiment": item.get("properties", {}).get("experiment"),
            "variant": item.get("properties", {}).get("variant"),
        }
        for item in items
    ]
    table = pa.Table.from_pylist(rows)
    append_bulk(home, "shop", table, writer="import-sent", received_at_ms=at_ms)


@pytest.mark.timeout(180)
@pytest.mark.usefixtures("planned")
def test_a_missing_order_is_named_and_nothing_private_is_reached(
    site: Site, home: Home, ada: User, ben: User, shop: Pages, collector: Receiver
) -> None:
    now = ExperimentRecord.objects.get(key="delivery-cost").made_at
    host, way = urlsplit(shop.origin).netloc, urlsplit(collector.origin).netloc
    HostRecord.objects.create(site=site, host=host, token="t", made_at=now, verified_at=now)
    addresses = [
        Address(each, f"{shop.origin}/{each}?force=1", "click #buy") for each in ("late", "early")
    ]
    set_addresses(site, "delivery-cost", addresses, by=Actor(ben), now=now)
    run = ask_for_run(site, "delivery-cost", by=Actor(ben), now=now)
    outside = Outside(gate=Gate(allowed=(host, way)), hosts=(host,), collector=way)

    # Browsers are slow to start: two pages say as much as four.
    run.visits.filter(variant="late").update(visited_at=now, problem="Not tried.")
    for _ in range(2):
        go_on(run, now=now, outside=outside)
    loaded(home, collector, at_ms=int(now.timestamp() * 1000))
    with Loader(home, now=lambda: now) as loader:
        loader.step()
    listening = go_on(run, now=now, outside=outside)
    go_on(run, now=now + LISTENS, outside=outside)

    assert listening is not None
    visits = list(run.visits.filter(variant="early"))
    assert [each.problem for each in visits] == ["", ""]
    assert all(each.picture is not None for each in visits)
    assert all("egress.private_address" in each.refused[0] for each in visits)
    evidence = qa_evidence(site, "delivery-cost", now + LISTENS)
    assert [(each.variant, each.size, each.event) for each in evidence.missing_events] == [
        ("early", "phone", "purchase"),
        ("early", "phone", "purchase"),
    ]
    assert evidence.run_at == now + timedelta(minutes=5)
    assert Lake(home).ask("shop", EventsSeen()).answer.rows == ()
