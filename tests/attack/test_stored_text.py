"""Whatever somebody managed to have stored is shown as text, on every page there is."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlencode, urljoin, urlsplit

import pytest
from django.test import Client
from typing_extensions import override

from tests.project.stocked import stock
from truelift.apps.accounts import services
from truelift.apps.accounts.models import User
from truelift.apps.experiments.metrics import take_library
from truelift.apps.experiments.services import plan_experiment
from truelift.apps.experiments.spec import spec_from
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import HypothesisFields, InsightFields, Piece
from truelift.apps.research.services import (
    accept_hypothesis,
    accept_insight,
    create_hypothesis,
    create_insight,
)
from truelift.apps.sites.models import Site
from truelift.apps.sites.publish import publish
from truelift.lake.home import Home
from truelift.lake.imports.load import load_file
from truelift.lake.loader import Loader


pytestmark = [pytest.mark.django_db]

HOSTILE = [
    "<mallory onclick=mallory()>",
    "\"'><mallory onmouseover=mallory()><script>mallory()</script>",
    "</title></style></textarea><mallory></mallory>",
    "javascript:mallory()",
    "{{ mallory }}{% mallory %}",
    "=mallory|' /C calc'!A0",
    "\u202emallory\u2028\u0007",
]
ALL = HOSTILE[1]
URL_LIKE = {"href", "src", "action", "formaction", "data", "xlink:href", "poster", "srcdoc"}


class Danger(HTMLParser):
    """What a page holds that its templates did not write, and where its links lead."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.links: list[str] = []

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        # Browsers run no data block, and `json_script` escapes what could end one.
        runs = tag == "script" and given.get("type") != "application/json"
        if tag == "mallory" or (runs and not given.get("nonce")):
            self.found.append(f"<{tag}>")
        for name, value in attrs:
            if name.startswith("on") or name == "style":
                self.found.append(f"<{tag} {name}>")
            scheme = (value or "").strip().lower().partition(":")[0]
            if name in URL_LIKE and scheme in {"javascript", "vbscript", "data"}:
                self.found.append(f"<{tag} {name}={value}>")
        if tag == "a" and given.get("href"):
            self.links.append(str(given["href"]))


@pytest.fixture
def poisoned(site: Site, ada: User, home: Home, tmp_path: Path, now: datetime) -> Site:
    """A site on which everything that takes text was given hostile text."""
    by = Actor(ada)
    services.rename(ada, ALL, now=now)
    site.title = ALL
    site.save()
    publish()
    insight = accept_insight(
        site,
        create_insight(
            site,
            InsightFields(
                problem=ALL,
                surface=HOSTILE[0],
                segment=HOSTILE[2],
                size=HOSTILE[4],
                evidence=tuple(Piece("analytics", text, "/s/shop/") for text in HOSTILE),
            ),
            by=by,
            now=now,
        ).key,
        by=by,
        now=now,
    )
    take_library(site, "shop", by=by, now=now)
    hypotheses = [
        create_hypothesis(
            site,
            HypothesisFields(
                change=text,
                audience=text,
                outcome=text,
                reason=text,
                metric="order_rate",
                direction="increase",
                expected_lift=0.05,
                insights=(insight.key,),
            ),
            by=by,
            now=now,
        )
        for text in HOSTILE
    ]
    hypothesis = accept_hypothesis(site, hypotheses[0].key, by=Actor(None, operator=True), now=now)
    for number, text in enumerate(HOSTILE):
        plan_experiment(
            site,
            spec_from(
                {
                    "key": f"x{number}",
                    "name": text,
                    "surface": text,
                    "hypothesis": hypothesis.key,
                    "waiver": text,
                    "decision_owner": ada.email,
                    "start": date(2026, 5, 4),
                    "end": date(2026, 5, 25),
                    "primary": "order_rate",
                    "variants": [
                        {"key": "a", "name": text, "role": "control"},
                        {"key": "b", "name": text},
                    ],
                }
            ),
            by=by,
            now=now,
        )
    rows = [
        {
            "name": text,
            "visitor_id": text + str(visitor),
            "user_id": text,
            "occurred_at": (now - timedelta(hours=visitor % 40, minutes=step)).isoformat(),
            **dict.fromkeys(("device", "country", "source", "url", "referrer", text), text),
            **dict.fromkeys(("experiment", "variant"), text),
        }
        for visitor in range(60)
        for step, text in enumerate(HOSTILE)
    ]
    file = tmp_path / "events.ndjson"
    file.write_text("\n".join(map(json.dumps, [*rows, {"name": ALL}])), encoding="utf-8")
    load_file(home, site.name, file, map_file=None, now=lambda: now)
    with Loader(home, now=lambda: now) as loader:
        loader.flush(site.name)
    return site


def test_no_page_turns_stored_text_into_markup(
    poisoned: Site, ada: User, client_of: Callable[[User], Client]
) -> None:
    browser = client_of(ada)
    steps = [("step", text) for text in HOSTILE[:3]]
    waiting = [
        "/",
        "/me/",
        "/s/shop/",
        "/s/shop/members/",
        "/s/shop/ledger/",
        f"/s/shop/funnels/?{urlencode([*steps, ('by', 'device')])}",
        f"/s/shop/funnels/?{urlencode([*steps, ('by', ALL), ('compare', ALL), ('window', ALL)])}",
        f"/accounts/login/?{urlencode({'next': ALL})}",
    ]
    seen, wrong, showed_some = walked(browser, waiting, most=120)

    assert wrong == []
    assert showed_some > 10
    assert len(seen) > 25


def test_no_page_of_the_workflow_turns_stored_text_into_markup(
    site: Site, ada: User, client_of: Callable[[User], Client], now: datetime
) -> None:
    browser = client_of(ada)
    assert stock(site, browser, who=ada.email, text=ALL, now=now) == []
    folders = [
        *("signals", "ideas", "insights", "hypotheses", "experiments", "backlog"),
        *("winners", "qa", "principles", "library", "library/what-we-know", "learnings"),
        *("decisions", "board", "inbox", "inbox/webhooks", "inbox/settings", "before-after"),
        *("interactions", "hosts", "tools", "shares", "programme", "metrics"),
        *("views", "annotations", "signals/ways-in", "members", "settings"),
    ]

    seen, wrong, showed_some = walked(browser, [f"/s/shop/{each}/" for each in folders], most=150)

    assert wrong == []
    assert showed_some > 25
    for page in ("signals/S-1", "ideas/ID-1", "insights/I-1", "hypotheses/H-1", "winners/R-1"):
        assert f"/s/shop/{page}/" in seen


def walked(
    browser: Client, waiting: list[str], *, most: int
) -> tuple[set[str], list[tuple[str, object]], int]:
    """Follow every link from some pages; say what is wrong and how many showed the text."""
    seen: set[str] = set()
    wrong: list[tuple[str, object]] = []
    showed_some = 0
    while waiting and len(seen) < most:
        place = waiting.pop(0)
        if place in seen or "/logout" in place:
            continue
        seen.add(place)
        answer = browser.get(place)
        if answer.status_code >= 500:
            wrong.append((place, answer.status_code))
        if not answer.headers.get("content-type", "").startswith("text/html"):
            continue
        page = Danger()
        text = answer.content.decode()
        showed_some += "&lt;mallory" in text
        page.feed(text)
        wrong += [(place, each) for each in page.found]
        waiting += [
            urljoin(place, link).partition("#")[0]
            for link in page.links
            if not urlsplit(urljoin(place, link)).netloc
        ]
    return seen, wrong, showed_some


def test_a_link_of_evidence_leads_to_a_page_and_runs_nothing(site: Site, ada: User) -> None:
    from truelift.apps.research.fields import BadFields

    for url in ("javascript:mallory()", " JAVASCRIPT:mallory()", "data:text/html,x", "vbscript:x"):
        with pytest.raises(BadFields):
            create_insight(
                site,
                InsightFields(problem="x", evidence=(Piece("analytics", "x", url),)),
                by=Actor(ada),
                now=datetime.fromisoformat("2026-05-04T12:00:00+00:00"),
            )


def test_what_the_api_says_is_json_whatever_was_stored(
    poisoned: Site, ada: User, client_of: Callable[[User], Client]
) -> None:
    for resource in ("insights", "hypotheses", "experiments", "metrics", "learnings", "decisions"):
        answer = client_of(ada).get(f"/api/v1/{resource}?site=shop")

        assert answer.status_code == 200
        assert answer["Content-Type"].startswith("application/json")
        assert answer["X-Content-Type-Options"] == "nosniff"
        json.loads(answer.content)
