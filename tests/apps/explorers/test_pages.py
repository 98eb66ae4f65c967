"""The explorers' pages: the address is the question, the page its answer, for members alone."""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import urlencode

import pyarrow.parquet as pq
import pytest
from django.test import Client

from truelift.apps.accounts.models import User
from truelift.apps.explorers.catalogue import EXPLORERS
from truelift.apps.sites.models import Site
from truelift.lake.home import Home


pytestmark = [pytest.mark.django_db]

SignedIn = Callable[[User], Client]

DAYS = {"period": "days", "since": "2026-04-06", "until": "2026-04-25"}
"""The twenty days of the shop."""

FIRST_LOOKS: dict[str, dict[str, object]] = {
    "trend": {"event": "purchase"},
    "metric_value": {"metric": "order_rate"},
    "sessions": {"by": "device"},
    "channels": {},
    "landing_pages": {},
    "page_engagement": {},
    "web_vitals": {"event": "page_view"},
    "form_fields": {
        "focused": "page_view",
        "completed": "purchase",
        "submitted": "purchase",
        "field": "device",
    },
    "paths": {"start": "/"},
    "journeys": {"surfaces": ["landing = /", "purchase"]},
    "segments": {"metric": "purchase"},
    "retention": {"cohort": "page_view", "return": "purchase"},
    "time_to_value": {"start": "page_view", "value": "purchase"},
}


def address(site: Site, name: str, **query: object) -> str:
    return f"/s/{site.name}/{EXPLORERS[name].folder}/?{urlencode(query, doseq=True)}"


@pytest.mark.parametrize("name", list(EXPLORERS))
def test_every_explorer_answers_on_its_page_and_draws(
    name: str, shop: Site, cleo: User, client_of: SignedIn
) -> None:
    answer = client_of(cleo).get(address(shop, name, **FIRST_LOOKS[name], **DAYS))

    assert answer.status_code == 200
    page = answer.context["page"]
    assert page.marked
    assert page.figures
    assert page.rows
    for figure in page.figures:
        assert html.escape(figure.sentence).replace("&#x27;", "&#39;") in answer.text.replace(
            "&#x27;", "&#39;"
        )


@pytest.mark.parametrize("name", list(EXPLORERS))
def test_every_explorer_draws_the_period_before_beside_it(
    name: str, shop: Site, cleo: User, client_of: SignedIn
) -> None:
    later = {"period": "days", "since": "2026-04-16", "until": "2026-04-25", "compare": "before"}

    answer = client_of(cleo).get(address(shop, name, **FIRST_LOOKS[name], **later))

    assert answer.status_code == 200
    assert "before" in answer.text.partition('id="explorer-answer"')[2]


@pytest.mark.parametrize("name", list(EXPLORERS))
def test_a_first_look_at_a_site_with_events_needs_nothing_typed(
    name: str, shop: Site, cleo: User, client_of: SignedIn
) -> None:
    answer = client_of(cleo).get(f"/s/{shop.name}/{EXPLORERS[name].folder}/")

    assert answer.status_code == 200
    assert answer.context["problems"] == ()
    assert answer.context["page"] is not None


@pytest.mark.parametrize("name", list(EXPLORERS))
def test_a_site_without_events_is_told_what_it_will_see_here(
    name: str, site: Site, cleo: User, client_of: SignedIn
) -> None:
    answer = client_of(cleo).get(f"/s/{site.name}/{EXPLORERS[name].folder}/")

    assert answer.status_code == 200
    assert answer.context["page"] is None
    assert "Connect the site" in answer.text


def test_a_bookmarked_address_asks_the_same_question(
    shop: Site, cleo: User, client_of: SignedIn
) -> None:
    browser = client_of(cleo)
    query = {"event": "purchase where device = phone", "moving_average": "3", **DAYS}
    first = browser.get(address(shop, "trend", **query))

    again = browser.get(f"/s/{shop.name}/trends/?{first.context['form'].address}")

    assert again.context["look"].document == first.context["look"].document
    assert first.context["look"].document == {
        "question": "trend",
        "event": {
            "names": ["purchase"],
            "where": [{"field": "device", "comparison": "is", "values": ["phone"]}],
        },
        "moving_average": 3,
        "since": "2026-04-05T22:00:00Z",
        "until": "2026-04-25T22:00:00Z",
    }


def test_a_trend_counts_what_was_loaded_day_by_day(
    shop: Site, cleo: User, client_of: SignedIn
) -> None:
    page = client_of(cleo).get(address(shop, "trend", event="purchase", **DAYS)).context["page"]

    (series,) = (figure.chart for figure in page.figures)
    assert series.lines[-1].values == tuple(float(day // 2) for day in range(1, 21))
    (table,) = page.tables
    assert table.whole.cells[:2] == ("100", "100")


def test_the_sums_below_a_table_count_each_person_once(
    shop: Site, cleo: User, client_of: SignedIn
) -> None:
    page = client_of(cleo).get(address(shop, "sessions", by="device", **DAYS)).context["page"]

    (table,) = page.tables
    sessions = [int(row.cells[0]) for row in table.rows]
    assert sum(sessions) == 210
    assert table.whole.cells[:2] == ("210", "210")


def test_everything_that_is_wrong_is_said_at_once_and_what_was_typed_stays(
    shop: Site, cleo: User, client_of: SignedIn
) -> None:
    query = {"event": "a", "interval": "sometimes", "moving_average": "1"}
    wrong = {"period": "days", "since": "x", "until": "2026-01-01"}

    answer = client_of(cleo).get(address(shop, "trend", **query, **wrong))

    assert answer.status_code == 422
    said = " ".join(answer.context["problems"])
    assert "The first day is a date" in said
    assert "Interval is not one of hour, day, week" in said
    assert "Moving_average is not a whole number" in said
    assert 'value="x"' in answer.text
    assert answer.context["page"] is None


@pytest.mark.parametrize("name", list(EXPLORERS))
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_rows_go_into_a_file_as_they_are(
    name: str, kind: str, shop: Site, cleo: User, client_of: SignedIn
) -> None:
    query = urlencode(FIRST_LOOKS[name] | DAYS, doseq=True)
    browser = client_of(cleo)

    file = browser.get(f"/s/{shop.name}/{EXPLORERS[name].folder}/rows.{kind}?{query}")

    page = browser.get(address(shop, name, **FIRST_LOOKS[name], **DAYS)).context["page"]
    assert file.status_code == 200
    assert "attachment" in file["Content-Disposition"]
    if kind == "parquet":
        assert pq.read_table(io.BytesIO(file.content)).num_rows == len(page.rows)
    else:
        assert len(list(csv.DictReader(io.StringIO(file.text, newline="")))) == len(page.rows)


def test_what_visitors_sent_as_a_formula_is_text_in_the_file(
    shop: Site, cleo: User, client_of: SignedIn
) -> None:
    query = urlencode({"by": "note", **DAYS})

    file = client_of(cleo).get(f"/s/{shop.name}/sessions/rows.csv?{query}").text

    assert "'=cmd|" in file
    assert not any(line.startswith(("=", "+", "-", "@")) for line in file.splitlines())


def test_a_file_of_a_question_that_cannot_be_asked_says_why(
    shop: Site, cleo: User, client_of: SignedIn
) -> None:
    answer = client_of(cleo).get(f"/s/{shop.name}/trends/rows.csv?interval=sometimes")

    assert answer.status_code == 422
    assert "Interval is not one of" in answer.text


def test_a_format_that_there_is_not_is_not_there(
    shop: Site, cleo: User, client_of: SignedIn
) -> None:
    assert client_of(cleo).get(f"/s/{shop.name}/trends/rows.xls").status_code == 404


@pytest.mark.parametrize("name", list(EXPLORERS))
def test_a_stranger_gets_neither_page_nor_file(
    name: str, shop: Site, mallory: User, client_of: SignedIn
) -> None:
    browser = client_of(mallory)
    folder = f"/s/{shop.name}/{EXPLORERS[name].folder}"

    assert browser.get(f"{folder}/").status_code == 404
    assert browser.get(f"{folder}/rows.csv").status_code == 404


def test_only_the_people_of_a_saved_segment_are_asked_about(
    shop: Site, ada: User, client_of: SignedIn, now: datetime
) -> None:
    from truelift.apps.measurement.segments_services import save_segment
    from truelift.apps.research.actor import Actor

    save_segment(
        shop,
        "buyers",
        {"did": "purchase"},
        by=Actor(ada),
        now=now.astimezone(UTC),
    )
    browser = client_of(ada)

    page = browser.get(address(shop, "trend", event="page_view", segment="buyers", **DAYS))

    assert "buyers" in page.text
    assert page.context["page"].tables[0].whole.cells[:2] == ("200", "100")


def test_a_segment_that_nobody_saved_is_refused_in_words(
    shop: Site, ada: User, client_of: SignedIn
) -> None:
    from truelift.apps.measurement.segments_services import save_segment
    from truelift.apps.research.actor import Actor

    save_segment(
        shop, "buyers", {"did": "purchase"}, by=Actor(ada), now=datetime(2026, 5, 4, tzinfo=UTC)
    )

    answer = client_of(ada).get(address(shop, "trend", segment="nobody"))

    assert answer.status_code == 422
    assert "nobody" in answer.context["problems"][0]


def test_what_visitors_named_their_pages_is_never_markup(
    shop: Site, cleo: User, client_of: SignedIn
) -> None:
    answer = client_of(cleo).get(address(shop, "trend", event="<script>alert(1)</script>", **DAYS))

    assert "<script>alert" not in answer.text
    assert re.search(r"&lt;script&gt;alert", answer.text)


def test_on_a_large_site_the_page_comes_before_an_answer_that_takes_long(
    shop: Site, cleo: User, client_of: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("truelift.apps.measurement.reads.LARGE", 100)
    browser = client_of(cleo)
    here = address(shop, "trend", event="purchase", **DAYS)

    first = browser.get(here)
    asked = browser.get(here, headers={"HX-Request": "true"})
    again = browser.get(here)
    without_scripts = browser.get(address(shop, "trend", event="page_view", wait=1, **DAYS))

    assert first.context["page"] is None
    assert 'hx-trigger="load, submit"' in first.text
    assert "&amp;wait=1" in first.text.partition("<noscript>")[2].partition("</noscript>")[0]
    assert asked.context["page"].marked == "100 times"
    assert again.context["page"].marked == "100 times"  # it is remembered now
    assert without_scripts.context["page"].marked == "420 times"


def test_an_answer_that_lacks_a_file_is_marked_incomplete_until_it_is_restored(
    shop: Site, home: Home, cleo: User, client_of: SignedIn
) -> None:
    (damaged,) = home.events_table(shop.name).glob("bucket=*/*.parquet")
    content = damaged.read_bytes()
    asked = address(shop, "trend", event="purchase", **DAYS)
    file = asked.replace("/?", "/rows.csv?")
    browser = client_of(cleo)

    damaged.write_bytes(content[: len(content) // 2])
    lacking, exported = browser.get(asked), browser.get(file)
    damaged.write_bytes(content)
    restored = browser.get(asked)

    assert "Incomplete." in lacking.text
    assert damaged.name in lacking.text
    assert exported["Content-Disposition"].endswith('-incomplete.csv"')
    assert "Incomplete." not in restored.text
    assert restored.context["page"].rows
