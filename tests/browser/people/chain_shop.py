"""The little shop of the whole chain: one page in two variants, and the visitors it had."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from tests.browser.tracker.receiver import Pages, Reply


DAYS = 28
"""Whole days of history: what the matrix and the measurement gate look back upon."""

VISITORS = 400

DESKTOP = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/140.0.0.0 Safari/537.36"
)
PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like"
    " Gecko) Version/18.0 Mobile/15E148 Safari/604.1"
)

_TRACKED = """<!doctype html><html lang="en"><title>Lamp</title>
<meta name="viewport" content="width=device-width">
<script>window.truelift=window.truelift||function(){{(truelift.q=truelift.q||[]).push(arguments)}}
</script><script async src="{origin}/t.js" data-key="{key}"></script>
<h1>Lamp</h1>{offer}<button id="buy">Buy</button>
<script>document.querySelector('#buy').onclick = () =>
  truelift('track', 'purchase', {{order_id: String(Math.random()), value: 20, currency: 'EUR'}});
</script>"""

_OFFER = '<p id="pickup">Pick it up in the shop today</p>'

_TRIED = """<div id="offer"></div><script src="/experiment.js"></script>"""

_SCRIPT = """
const variant = new URLSearchParams(location.search).get('force') || 'control';
if (variant === 'pickup') document.querySelector('#offer').innerHTML = '{offer}';
truelift('track', 'Experiment Viewed', {{experiment_id: '{experiment}', variation_id: variant}});
"""


class Shop(Pages):
    """A shop whose page is tried in two variants, and later has the winner in its own code."""

    @property
    def host(self) -> str:
        """Host with port, as people name it."""
        return urlsplit(self.origin).netloc

    def says(self, token: str) -> None:
        """Put the text on the host that shows whose it is."""
        self.replies["/.well-known/truelift-site.txt"] = Reply(token, "text/plain")

    def tries(self, experiment: str, *, collector: str, key: str) -> None:
        """Serve both variants, each forced by a parameter."""
        self.replies["/lamp"] = Reply(_TRACKED.format(origin=collector, key=key, offer=_TRIED))
        script = _SCRIPT.format(experiment=experiment, offer=_OFFER)
        self.replies["/experiment.js"] = Reply(script, "text/javascript")

    def ships(self, *, collector: str, key: str) -> None:
        """Take the winner into the page itself, and the test's code out of it."""
        self.replies["/lamp"] = Reply(_TRACKED.format(origin=collector, key=key, offer=_OFFER))
        del self.replies["/experiment.js"]


def send_history(address: str, key: str, *, now: datetime) -> None:
    """Send what twelve visitors a day did in four weeks, on phones and desktops alike."""
    today = now.replace(hour=12, minute=0, second=0, microsecond=0)
    send(address, key, [each for n in range(DAYS + 1) for each in _day(n, today)])


def _day(ago: int, today: datetime) -> Iterator[dict[str, object]]:
    at = today - timedelta(days=ago + 1)
    for number in range(12):
        seen = _visitor(f"past-{ago}-{number}", number, at + timedelta(minutes=number))
        yield {**seen, "event": "view_item"}
        if number < 3:
            yield {**seen, "event": "purchase", "properties": _order(f"past-{ago}-{number}")}
        if number == 3:
            yield {**seen, "event": "refund", "properties": {"value": 20, "currency": "EUR"}}
        if number == 4:
            yield {**seen, "event": "js_error"}


def send_visitors(address: str, key: str, experiment: str, *, now: datetime) -> None:
    """Show both variants to as many; of a hundred, 25 and 50 order."""
    events: list[dict[str, object]] = []
    for number in range(VISITORS):
        nth, pickup = divmod(number, 2)
        seen = _visitor(f"now-{number}", nth, now)
        shown = {
            "experiment_id": experiment,
            "variation_id": "pickup" if pickup else "control",
        }
        events.append({**seen, "event": "Experiment Viewed", "properties": shown})
        if nth % 4 < 1 + pickup:
            events.append({**seen, "event": "purchase", "properties": _order(f"now-{number}")})
        if nth % 40 == 0:
            events.append({**seen, "event": "js_error"})
            events.append({**seen, "event": "refund", "properties": {"value": 20}})
    send(address, key, events)


def _visitor(name: str, number: int, at: datetime) -> dict[str, object]:
    # Neither variant nor order goes with the kind of device.
    agent = PHONE if number // 4 % 2 else DESKTOP
    return {
        "type": "track",
        "anonymousId": name,
        "timestamp": at.astimezone(UTC).isoformat(),
        "context": {"userAgent": agent},
    }


def _order(name: str) -> dict[str, object]:
    return {"order_id": name, "value": 20, "currency": "EUR"}


def send(address: str, key: str, events: list[dict[str, object]]) -> None:
    """Hand events to the collector, as a site's own server does."""
    for first in range(0, len(events), 100):
        batch = {"writeKey": key, "batch": events[first : first + 100]}
        request = Request(
            f"{address}/v1/batch",
            json.dumps(batch).encode(),
            {"Content-Type": "application/json"},
        )
        with urlopen(request) as answer:
            assert answer.status == 200
