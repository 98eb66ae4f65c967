"""The funnel explorer: its form is a question, its page the answer."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from django.test import Client

from tests.apps.measurement.files import load, random_rows, reached, write
from truelift.apps.accounts.models import User
from truelift.apps.sites.models import Site
from truelift.lake.home import Home


pytestmark = [pytest.mark.django_db]

NAMES = ["view_item", "add_to_cart", "begin_checkout", "purchase"]
BERLIN = ZoneInfo("Europe/Berlin")
SignedIn = Callable[[User], Client]


@pytest.fixture
def loaded(home: Home, site: Site, tmp_path: Path, now: datetime) -> Site:
    rows = random_rows(np.random.default_rng(1), visitors=400, names=NAMES)
    load(home, site.name, write(tmp_path / "events.csv", rows), now=now)
    return site


def people_on(page: str) -> list[int]:
    """Read the people of each step from the page's own description."""
    label = re.search(r'aria-label="[^"]*1\. [^"]*"', page)
    assert label is not None
    return [int(text.replace(",", "")) for text in re.findall(r": ([\d,]+) people", label.group())]


def test_fifty_random_questions_through_the_form_equal_the_reference(
    home: Home, site: Site, ada: User, client_of: SignedIn, tmp_path: Path, now: datetime
) -> None:
    rng = np.random.default_rng(50)
    rows = random_rows(rng, visitors=300, names=NAMES)
    load(home, site.name, write(tmp_path / "events.csv", rows), now=now)
    browser = client_of(ada)

    for _ in range(50):
        steps = [str(name) for name in rng.choice(NAMES, size=int(rng.integers(2, 5)))]
        window, days = [("1h", 1 / 24), ("1d", 1), ("7d", 7), ("30d", 30)][int(rng.integers(4))]
        first = date(2026, 3, 1) + timedelta(days=int(rng.integers(0, 40)))
        last = first + timedelta(days=int(rng.integers(0, 25)))
        bounded = bool(rng.integers(2))
        query = {"step": steps, "window": window, "order": "ordered", "compare": "none"}
        query |= (
            {"period": "days", "since": first.isoformat(), "until": last.isoformat()}
            if bounded
            else {"period": "all"}
        )
        since = datetime.combine(first, time.min, BERLIN).astimezone(UTC) if bounded else None
        until = (
            datetime.combine(last + timedelta(days=1), time.min, BERLIN).astimezone(UTC)
            if bounded
            else None
        )

        page = browser.get(f"/s/{site.name}/funnels/", query).content.decode()

        expected = reached(rows, steps, window=timedelta(days=days), since=since, until=until)
        assert people_on(page) == expected, query


def test_the_first_look_proposes_the_shop_s_own_steps(
    loaded: Site, ada: User, client_of: SignedIn
) -> None:
    answer = client_of(ada).get(f"/s/{loaded.name}/funnels/")

    assert answer.status_code == 200
    assert answer.context["form"].steps == tuple(NAMES)


def test_the_address_brings_the_same_view_back(
    loaded: Site, ada: User, client_of: SignedIn
) -> None:
    browser = client_of(ada)
    query = {"step": ["view_item", "purchase"], "period": "all", "window": "30d", "by": "device"}
    first = browser.get(f"/s/{loaded.name}/funnels/", query)

    again = browser.get(f"/s/{loaded.name}/funnels/?{first.context['form'].address}")

    assert again.context["form"] == first.context["form"]
    assert people_on(again.content.decode()) == people_on(first.content.decode())


def test_groups_of_the_breakdown_add_up_to_the_steps(
    loaded: Site, cleo: User, client_of: SignedIn
) -> None:
    query = {"step": ["view_item", "purchase"], "period": "all", "window": "30d", "by": "device"}
    page = client_of(cleo).get(f"/s/{loaded.name}/funnels/", query).context["page"]

    sizes = [int(row.size.replace(",", "")) for row in page.heat.rows]

    assert len(sizes) == 3
    assert sum(sizes) == page.chart.steps[0].units


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({"step": ["view_item"]}, "at least two steps"),
        ({"step": ["a"] * 21}, "at most 20"),
        ({"step": ["a", "b"], "window": "soon"}, "The window"),
        ({"step": ["a", "b"], "order": "random"}, "The order"),
        ({"step": ["a", "b"], "period": "days", "since": "x", "until": "y"}, "The first day"),
        (
            {"step": ["a", "b"], "period": "days", "since": "2026-05-02", "until": "2026-05-01"},
            "after the last",
        ),
        ({"step": ["a", "b"], "window": "9999d"}, "window"),
    ],
)
def test_a_form_that_is_no_question_is_refused_with_what_is_wrong(
    loaded: Site, ada: User, client_of: SignedIn, query: dict[str, str | list[str]], says: str
) -> None:
    answer = client_of(ada).get(f"/s/{loaded.name}/funnels/", query)

    assert answer.status_code == 422
    assert says in answer.content.decode()


def test_every_problem_is_said_at_once(loaded: Site, ada: User, client_of: SignedIn) -> None:
    answer = client_of(ada).get(
        f"/s/{loaded.name}/funnels/", {"step": ["a"], "window": "soon", "order": "x"}
    )

    assert len(answer.context["problems"]) == 3


def test_hostile_names_are_shown_as_text(loaded: Site, ada: User, client_of: SignedIn) -> None:
    hostile = "<script>alert(1)</script>"
    answer = client_of(ada).get(
        f"/s/{loaded.name}/funnels/",
        {"step": [hostile, "'; DROP TABLE events; --"], "period": "all", "by": hostile},
    )

    assert answer.status_code == 200
    assert hostile not in answer.content.decode()


def test_a_site_without_events_says_what_to_do(site: Site, ada: User, client_of: SignedIn) -> None:
    page = client_of(ada).get(f"/s/{site.name}/funnels/").content.decode()

    assert "Nothing to draw yet" in page
    assert f"/s/{site.name}/connect/" in page


def test_a_stranger_gets_404(loaded: Site, mallory: User, client_of: SignedIn) -> None:
    assert client_of(mallory).get(f"/s/{loaded.name}/funnels/").status_code == 404
