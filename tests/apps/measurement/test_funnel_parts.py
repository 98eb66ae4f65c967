"""The parts of the funnel page: segments, exclusions, money, times, side by side, over time."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.test import Client

from tests.apps.measurement.files import load
from truelift.apps.accounts.models import User
from truelift.apps.drawing.series import Series
from truelift.apps.measurement.funnel_asking import funnel_look
from truelift.apps.measurement.funnel_form import FunnelForm, default_steps
from truelift.apps.measurement.periods import Period
from truelift.apps.measurement.segments_services import save_segment
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.lake.home import Home


pytestmark = [pytest.mark.django_db]

FIRST = datetime(2026, 4, 6, 10, tzinfo=UTC)
SignedIn = Callable[[User], Client]
QUERY: dict[str, str | list[str]] = {
    "step": ["view_item", "purchase"],
    "period": "all",
    "window": "1d",
    "compare": "none",
}


@pytest.fixture
def shop(home: Home, site: Site, tmp_path: Path, now: datetime) -> Site:
    """Two hundred visitors on phones, of whom 50 buy for €10, and as many on desktops: 150 do.

    Everyone begins on one of two days, takes a minute, and every tenth reads the help between.
    """
    path = tmp_path / "events.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["name", "visitor_id", "occurred_at", "device", "value", "currency"])
        for device, bought in (("phone", 50), ("desktop", 150)):
            for person in range(200):
                at = FIRST + timedelta(days=person % 2, minutes=person)
                visitor = f"{device}-{person}"
                writer.writerow(["view_item", visitor, at.isoformat(), device, "", ""])
                if person % 10 == 0:
                    helped = (at + timedelta(seconds=30)).isoformat()
                    writer.writerow(["help", visitor, helped, device, "", ""])
                if person < bought:
                    paid = (at + timedelta(seconds=60)).isoformat()
                    writer.writerow(["purchase", visitor, paid, device, "10.00", "EUR"])
    load(home, site.name, path, now=now)
    return site


@pytest.fixture
def phones(shop: Site, now: datetime) -> str:
    definition = {"all": [{"ever": {"field": "device", "values": ["phone"]}}]}
    save_segment(shop, "phones", definition, by=Actor(None), now=now)
    return "phones"


def steps_of(browser: Client, site: Site, **query: str | list[str]) -> list[int]:
    answer = browser.get(f"/s/{site.name}/funnels/", {**QUERY, **query})
    assert answer.status_code == 200, answer.context["problems"]
    return [step.units for step in answer.context["page"].chart.steps]


def test_conditions_of_a_step_and_of_the_funnel_are_asked(
    shop: Site, cleo: User, client_of: SignedIn
) -> None:
    browser = client_of(cleo)

    assert steps_of(browser, shop) == [400, 200]
    assert steps_of(browser, shop, where="device = phone") == [200, 50]
    narrow = ["view_item where device = desktop", "purchase | refund"]
    assert steps_of(browser, shop, step=narrow) == [200, 150]


def test_a_segment_s_people_only_are_counted_when_it_is_chosen(
    shop: Site, phones: str, cleo: User, client_of: SignedIn
) -> None:
    browser = client_of(cleo)

    assert steps_of(browser, shop, segment=phones) == [200, 50]
    page = browser.get(f"/s/{shop.name}/funnels/", {**QUERY, "segment": phones})
    assert "Only people of the segment phones" in page.text


def test_what_lies_between_two_steps_keeps_people_from_going_on(
    shop: Site, cleo: User, client_of: SignedIn
) -> None:
    browser = client_of(cleo)

    barred = {"not": ["help"], "not_from": ["1"], "not_to": ["2"]}

    assert steps_of(browser, shop, **barred) == [400, 180]
    assert steps_of(browser, shop, exclude="help") == [400, 180]


def test_groups_are_told_by_the_step_that_was_chosen(
    shop: Site, cleo: User, client_of: SignedIn
) -> None:
    query = {**QUERY, "by": "device", "attribution_step": "2"}

    page = client_of(cleo).get(f"/s/{shop.name}/funnels/", query).context["page"]

    assert {row.label: row.size for row in page.heat.rows} == {
        "desktop": "150",
        "phone": "50",
        "not known": "200",
    }


def test_every_step_is_counted_under_its_own_value_without_rates_of_a_value(
    shop: Site, cleo: User, client_of: SignedIn
) -> None:
    query = {**QUERY, "by": "device", "attribution": "each"}

    answer = client_of(cleo).get(f"/s/{shop.name}/funnels/", query)

    look = answer.context["look"]
    (table,) = look.tables
    assert [(row.label, row.cells) for row in table.rows] == [
        ("desktop", ("200", "150")),
        ("phone", ("200", "50")),
    ]
    assert table.whole.cells == ("400", "200")
    assert look.page.heat is None
    assert "is lost" not in look.headline.marked
    assert "At every step in the group" in look.page.source


@pytest.mark.parametrize(
    ("view", "offered"), [("steps", True), ("compare", True), ("times", False)]
)
def test_a_value_of_each_step_is_offered_only_where_it_can_be_asked(
    shop: Site, cleo: User, client_of: SignedIn, view: str, *, offered: bool
) -> None:
    browser = client_of(cleo)

    answer = browser.get(f"/s/{shop.name}/funnels/", {**QUERY, "by": "device", "view": view})

    assert ('<option value="each"' in answer.text) is offered


def test_other_parts_of_the_page_are_asked_with_everybody_in_one_group(
    shop: Site, cleo: User, client_of: SignedIn
) -> None:
    browser = client_of(cleo)
    shop.people_lists = True
    shop.save()
    query = {**QUERY, "by": "device", "attribution": "each"}
    page = browser.get(f"/s/{shop.name}/funnels/", query)

    times = next(href for href, words, _ in page.context["views"] if words.startswith("Time"))
    (drop,) = page.context["look"].drops

    assert browser.get(f"/s/{shop.name}/funnels/{times}").status_code == 200
    assert "attribution" not in drop.address


def test_money_side_by_side_has_its_interval_at_every_step(
    shop: Site, phones: str, cleo: User, client_of: SignedIn
) -> None:
    query = {**QUERY, "compare": "segment", "segment": phones, "view": "compare", "money": "yes"}
    browser = client_of(cleo)

    answer = browser.get(f"/s/{shop.name}/funnels/", query)
    file = browser.get(f"/s/{shop.name}/funnels/rows.csv", query)

    shares, money = answer.context["look"].figures
    assert shares.chart.effects[0].levels == ("25.0%", "50.0%")
    first, last = money.chart.effects
    assert first.levels == ("€2.50", "€5.00")
    assert first.interval.value == pytest.approx(-250)
    assert first.interval.low < -250 < first.interval.high < 0
    assert (last.interval, last.levels) == (None, ("€10.00", "€10.00"))
    row = next(csv.DictReader(io.StringIO(file.text, newline="")))
    assert float(row["revenue.difference_minor"]) == pytest.approx(-250)
    assert float(row["revenue.low_minor"]) == pytest.approx(first.interval.low)


def test_money_stands_at_every_step_and_per_person(
    shop: Site, cleo: User, client_of: SignedIn
) -> None:
    answer = client_of(cleo).get(f"/s/{shop.name}/funnels/", {**QUERY, "money": "yes"})

    (money,) = answer.context["look"].tables
    assert [row.cells for row in money.rows] == [
        ("400", "€0.00", "€0.00", "€2,000.00", "€5.00"),
        ("200", "€2,000.00", "€10.00", "€2,000.00", "€10.00"),
    ]


def test_two_segments_stand_side_by_side_with_their_difference(
    shop: Site, phones: str, cleo: User, client_of: SignedIn
) -> None:
    query = {**QUERY, "compare": "segment", "segment": phones, "view": "compare"}

    answer = client_of(cleo).get(f"/s/{shop.name}/funnels/", query)

    whole = answer.context["look"].figures[0].chart.effects[0]
    assert whole.levels == ("25.0%", "50.0%")
    assert whole.interval.value == pytest.approx(-0.25)
    assert whole.interval.low < -0.25 < whole.interval.high < 0
    assert "25.0% against 50.0% get all the way: fewer" in answer.text


def test_another_period_stands_beside_the_funnel_by_its_own_days(
    shop: Site, cleo: User, client_of: SignedIn
) -> None:
    day = {"period": "days", "since": "2026-04-06", "until": "2026-04-06"}
    other = {"compare": "period", "against_since": "2026-04-07", "against_until": "2026-04-07"}

    answer = client_of(cleo).get(
        f"/s/{shop.name}/funnels/", {**QUERY, **day, **other, "view": "compare"}
    )

    found = answer.context["look"].beside
    assert found.there == "Tue 7 Apr 2026"
    assert [step.here.units for step in found.answer.groups[0].steps] == [200, 100]
    assert [step.there.units for step in found.answer.groups[0].steps] == [200, 100]


def test_time_between_two_steps_is_told_by_its_quartiles(
    shop: Site, cleo: User, client_of: SignedIn
) -> None:
    answer = client_of(cleo).get(f"/s/{shop.name}/funnels/", {**QUERY, "view": "times"})

    (row,) = answer.context["look"].tables[0].rows
    assert row.cells == ("400", "200", "0", "1 min", "1 min", "1 min", "1 min")
    assert "take" in answer.context["look"].headline.answer
    assert answer.context["look"].headline.marked == "1 min"


def test_conversion_over_time_is_drawn_and_days_that_are_not_over_are_dashed(shop: Site) -> None:
    form = FunnelForm(
        steps=("view_item", "purchase"),
        window="30d",
        period=Period("days", "2026-04-06", "2026-04-09"),
        compare="none",
    )

    look = funnel_look(shop, form, now=datetime(2026, 5, 7, 23, tzinfo=UTC))

    (figure,) = look.figures
    assert isinstance(figure.chart, Series)
    whole, dashed = figure.chart.lines
    assert whole.values == (0.5, 0.5, None, None)
    assert dashed.dashed
    assert "not complete before Sun 10 May 2026" in figure.source


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({"unit": "dog"}, "people or sessions"),
        ({"attribution": "middle", "by": "device"}, "The group is said by"),
        ({"attribution": "each", "by": "device", "view": "times"}, "no group has times"),
        ({"by": "device", "attribution_step": "9"}, "which it does not have"),
        ({"not": "help", "not_from": "2", "not_to": "1"}, "not from a step to a later one"),
        ({"not": "help", "not_from": "x", "not_to": "1"}, "by their numbers"),
        ({"view": "times", "from_step": "2", "to_step": "1"}, "no way from step 2"),
        ({"compare": "where"}, "other conditions are missing"),
        ({"compare": "segment"}, "the same one"),
        ({"compare": "period", "against_since": "x"}, "The other period: The first day"),
        ({"segment": "nobody-saved-it"}, "no segment"),
        ({"step": ["view_item ?", "purchase"]}, "first step is optional"),
        ({"view": "upside-down"}, "This page shows"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_its_reason(
    shop: Site, cleo: User, client_of: SignedIn, query: dict[str, str], says: str
) -> None:
    browser = client_of(cleo)

    page = browser.get(f"/s/{shop.name}/funnels/", {**QUERY, **query})
    file = browser.get(f"/s/{shop.name}/funnels/rows.csv", {**QUERY, **query})

    assert page.status_code == 422
    assert any(says in each for each in page.context["problems"])
    assert file.status_code == 422


def test_everything_that_is_wrong_is_said_at_once(
    shop: Site, cleo: User, client_of: SignedIn
) -> None:
    query = {
        "step": "a",
        "window": "soon",
        "segment": "nope",
        "not": "b",
        "not_from": "2",
        "not_to": "1",
    }

    said = client_of(cleo).get(f"/s/{shop.name}/funnels/", query).context["problems"]

    for words in ("two steps", "The window", "no segment", "not from a step to a later one"):
        assert any(words in each for each in said), words


def test_the_address_keeps_every_setting(
    shop: Site, phones: str, cleo: User, client_of: SignedIn
) -> None:
    browser = client_of(cleo)
    query = {
        **QUERY,
        "step": ["view_item", "help ?", "purchase where device = phone"],
        "by": "device",
        "attribution": "last",
        "segment": phones,
        "not": ["refund", "login"],
        "not_from": ["1", "1"],
        "not_to": ["3", "3"],
        "money": "yes",
        "every": "week",
        "compare": "where",
        "against_where": "device = desktop",
        "where": "device is set",
        "exclude": "logout",
        "view": "times",
        "from_step": "1",
        "to_step": "3",
    }
    first = browser.get(f"/s/{shop.name}/funnels/", query)

    again = browser.get(f"/s/{shop.name}/funnels/?{first.context['form'].address}")

    assert first.status_code == again.status_code == 200
    assert again.context["form"] == first.context["form"]


@pytest.mark.parametrize(
    ("query", "columns", "rows"),
    [
        ({"of": "time"}, ["begins", "step", "event", "units", "immature"], 4),
        ({"view": "times"}, ["from_s", "to_s", "units"], 19),
        ({"view": "compare", "compare": "where", "against_where": "device = phone"}, None, 2),
    ],
)
def test_every_part_gives_its_rows_as_a_file(
    shop: Site,
    cleo: User,
    client_of: SignedIn,
    query: dict[str, str],
    columns: list[str] | None,
    rows: int,
) -> None:
    file = client_of(cleo).get(f"/s/{shop.name}/funnels/rows.csv", {**QUERY, **query})

    head, *lines = csv.reader(io.StringIO(file.text, newline=""))
    assert columns is None or head == columns
    assert len(lines) == rows


@pytest.mark.parametrize(
    ("seen", "steps"),
    [
        ("page_view view_item purchase sign_up", "view_item purchase"),
        ("Focused page_view generate_lead form_view", "page_view form_view generate_lead"),
        ("rota_opened page_view sign_up activated", "page_view sign_up activated"),
        ("page_view scroll search", "page_view scroll"),
    ],
)
def test_a_first_funnel_is_the_way_to_what_the_site_sells(seen: str, steps: str) -> None:
    assert default_steps(seen.split()) == tuple((name,) for name in steps.split())


def test_steps_of_setting_up_stand_one_by_one_in_the_first_funnel_of_a_trial() -> None:
    seen = ["page_view", "sign_up", "registered", "invited", "connected", "activated"]
    called = {"sign_up": ("sign_up", "registered"), "setup_step": ("invited", "connected")}

    assert default_steps(seen, called) == (
        ("page_view",),
        ("sign_up", "registered"),
        ("invited",),
        ("connected",),
        ("activated",),
    )
