"""The timeline of the roadmap in a browser: drag, keys, refusals, and five hundred bars."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Locator, Page, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from tests.browser.conftest import Violation
from truelift.apps.accounts.models import User
from truelift.apps.experiments.services import plan_experiment
from truelift.apps.experiments.spec import ExperimentSpec, VariantSpec
from truelift.apps.research.actor import Actor
from truelift.apps.roadmap.colliding import recompute
from truelift.apps.roadmap.fields import ItemFields
from truelift.apps.roadmap.models import RoadmapItemRecord
from truelift.apps.roadmap.services import add_dependency, add_item, preview_move
from truelift.apps.sites.models import Site
from truelift.apps.surfaces.services import SurfaceFields, write_surface
from truelift.lifecycle.roadmap_item import DependencyKind, ItemKind


pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]

HERE = "/s/shop/roadmap/"
SLOWEST_MS = 20
"""Of the median frame; sixty a second are 16.7, and the machine may be busy."""
SURFACES = ("Category list", "Product page", "Cart", "Checkout", "E-mail")


def monday(weeks: int) -> date:
    """Give the Monday so many weeks from this one."""
    today = datetime.now(UTC).date()
    return today - timedelta(days=today.weekday()) + timedelta(weeks=weeks)


def in_week(weeks: int, day: int = 0) -> str:
    return (monday(weeks) + timedelta(days=day)).isoformat()


@pytest.fixture
def roadmap(site: Site, ada: User, ben: User) -> Site:
    """A test on the checkout, what it waits for, a release beside it, and a campaign."""
    now, by = datetime.now(UTC), Actor(ada)
    for name in SURFACES:
        code = ("cart/**",) if name == "Cart" else ()
        path = name.lower().replace(" ", "-")
        write_surface(
            site,
            SurfaceFields(name=name, patterns=(f"/{path}/**",), team="Payments", code=code),
            by=by,
            now=now,
        )
    plan_experiment(
        site,
        ExperimentSpec(
            key="EXP-124",
            name="Express pay",
            surface="Checkout",
            decision_owner="ben@example.com",
            start=monday(3),
            end=monday(5),
            variants=(VariantSpec("a", control=True), VariantSpec("b")),
        ),
        by=by,
        now=now,
    )

    def add(kind: ItemKind, what: str, surface: str, start: str, end: str, **more: Any) -> str:
        said = {"why": ("I-1",), "metric": "order_rate", "owner": "ada@example.com", **more}
        fields = ItemFields(what=what, surfaces=(surface,), start=start, end=end, **said)
        return add_item(site, kind, fields, by=by, now=now).key

    add(
        ItemKind.RELEASE,
        "Payment upgrade",
        "Checkout",
        in_week(7),
        in_week(7, 1),
        touches=("code",),
    )
    photos = add(ItemKind.CONTENT, "Photos", "Product page", in_week(1), in_week(2, 3))
    gallery = add(
        ItemKind.RELEASE, "New gallery", "Product page", in_week(3), in_week(4), touches=("code",)
    )
    add(ItemKind.CAMPAIGN, "Black <b>week</b>", "E-mail", in_week(0), in_week(1), team="CRM")
    add_dependency(site, gallery, photos, DependencyKind.NEEDS_BEFORE, by=by, now=now)
    return site


@pytest.fixture
def opened(
    page: Page,
    live_server: LiveServer,
    ada: User,
    client_of: Callable[[User], Client],
    settings: Settings,
) -> Callable[[str], Page]:
    """Show a page of the roadmap to ada; whatever it throws fails the test."""
    # The live server finds files under their plain names alone.
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}
    name = settings.SESSION_COOKIE_NAME
    cookie = client_of(ada).cookies[name].value
    page.context.add_cookies([{"name": name, "value": cookie, "url": live_server.url}])
    page.on("pageerror", lambda error: pytest.fail(str(error)))

    def show(address: str = "") -> Page:
        page.goto(f"{live_server.url}{HERE}{address}")
        return page

    return show


def bar_of(page: Page, key: str) -> Locator:
    return page.locator(f'.rm-bar[data-key="{key}"]').first


def drag(page: Page, key: str, weeks: int, *, drop: bool = True) -> None:
    """Take a bar by its beginning to a place so many weeks later."""
    bar = bar_of(page, key)
    bar.scroll_into_view_if_needed()
    box = bar.bounding_box()
    plot = page.locator(".rm-plot").first.bounding_box()
    assert box is not None
    assert plot is not None
    width = plot["width"] / int(page.locator("road-map").get_attribute("data-days") or 1)
    x, y = box["x"] + 6, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + weeks * 7 * width, y, steps=8)
    if drop:
        page.mouse.up()


def test_a_bar_is_dragged_with_its_consequences_shown_before_it_is_dropped(
    roadmap: Site, opened: Callable[..., Page], shot: Callable[[Page, str], Path]
) -> None:
    page = opened()
    was = RoadmapItemRecord.objects.get(what="Photos")

    drag(page, was.key, 1, drop=False)

    expect(page.locator(".rm-what .dates")).to_contain_text(was.key)
    expect(page.locator(".rm-what li").first).to_be_visible()
    shot(page, "roadmap-drag")
    assert RoadmapItemRecord.objects.get(pk=was.pk).starts_on == was.starts_on
    page.mouse.up()
    expect(page.locator("road-map > [role=status]")).to_contain_text("is moved")
    now_is = RoadmapItemRecord.objects.get(pk=was.pk)
    assert was.starts_on is not None
    assert now_is.starts_on == was.starts_on + timedelta(days=7)
    assert bar_of(page, was.key).get_attribute("data-version") == str(now_is.version)
    assert page.url.endswith(HERE)


def test_a_drag_that_the_rules_refuse_is_refused_with_the_reasons_of_the_api(
    roadmap: Site, opened: Callable[..., Page], shot: Callable[[Page, str], Path]
) -> None:
    page = opened()
    item = RoadmapItemRecord.objects.get(what="Payment upgrade")
    start = monday(4)
    found = preview_move(roadmap, item.key, start, start + timedelta(days=1), now=datetime.now(UTC))
    assert found.refused

    with page.expect_response(lambda answer: "/move?" in answer.url) as answered:
        drag(page, item.key, -3)

    assert answered.value.status == 409
    assert list(answered.value.json()["facts"]["reasons"]) == [
        each.sentence for each in found.refused
    ]
    box = page.locator(".rm-what.refusal")
    for each in found.refused:
        expect(box).to_contain_text(f"{each.sentence} {each.remedy}")
    shot(page, "roadmap-refused")
    assert bar_of(page, item.key).evaluate("(bar) => bar.style.transform") == ""
    assert RoadmapItemRecord.objects.get(pk=item.pk).starts_on == item.starts_on
    page.keyboard.press("Enter")
    expect(box).to_have_count(0)
    expect(bar_of(page, item.key)).to_be_focused()


def test_the_end_of_a_bar_is_dragged_alone_and_what_somebody_else_moved_is_said(
    roadmap: Site, opened: Callable[..., Page]
) -> None:
    page = opened()
    item = RoadmapItemRecord.objects.get(what="Photos")
    grip = bar_of(page, item.key).locator(".rm-grip")
    box = grip.bounding_box()
    plot = page.locator(".rm-plot").first.bounding_box()
    assert box is not None
    assert plot is not None

    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 2 * plot["width"] / 91, y, steps=4)
    page.mouse.up()

    expect(page.locator("road-map > [role=status]")).to_contain_text("is moved")
    now_is = RoadmapItemRecord.objects.get(pk=item.pk)
    assert item.ends_on is not None
    assert (now_is.starts_on, now_is.ends_on) == (item.starts_on, item.ends_on + timedelta(days=2))
    RoadmapItemRecord.objects.filter(pk=item.pk).update(version=now_is.version + 1)
    drag(page, item.key, 1)
    expect(page.locator(".rm-what")).to_contain_text(f"{item.key} was changed meanwhile.")
    page.get_by_role("link", name="Show it as it is now").click()
    expect(bar_of(page, item.key)).to_have_attribute("data-version", str(now_is.version + 1))


def test_the_timeline_is_walked_and_items_moved_by_keys(
    roadmap: Site,
    opened: Callable[..., Page],
    axe: Callable[[Page], list[Violation]],
    shot: Callable[[Page, str], Path],
) -> None:
    page = opened()
    said = page.locator("road-map > [role=status]")
    item = RoadmapItemRecord.objects.get(what="Photos")
    assert item.starts_on is not None
    assert page.locator('.rm-bar[tabindex="0"]').count() == 1
    page.locator('.rm-bar[tabindex="0"]').focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.dataset.key") != item.key

    bar_of(page, item.key).focus()
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(said).to_contain_text("Enter drops it")
    shot(page, "roadmap-keys")
    page.keyboard.press("Escape")

    expect(said).to_have_text(f"{item.key} is where it was.")
    assert RoadmapItemRecord.objects.get(pk=item.pk).starts_on == item.starts_on
    page.keyboard.press("m")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    expect(said).to_contain_text("is moved")
    expect(bar_of(page, item.key)).to_be_focused()
    moved = RoadmapItemRecord.objects.get(pk=item.pk)
    assert moved.starts_on == item.starts_on + timedelta(days=6)
    assert axe(page) == []
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{HERE}items/{item.key}/")


def test_five_hundred_bars_are_dragged_at_sixty_frames(
    roadmap: Site, ada: User, opened: Callable[..., Page]
) -> None:
    now = datetime.now(UTC)
    RoadmapItemRecord.objects.bulk_create(
        RoadmapItemRecord(
            site=roadmap,
            number=100 + number,
            kind=("release", "campaign", "content")[number % 3],
            what=f"Piece of work {number}",
            surfaces=[f"Surface {number % 25}"],
            starts_on=monday(0) + timedelta(days=number * 7 % 70),
            ends_on=monday(0) + timedelta(days=number * 7 % 70 + 1 + number % 11),
            made_by=ada,
            made_at=now,
        )
        for number in range(500)
    )
    recompute(roadmap, now=now)
    page = opened()
    assert page.locator(".rm-bar").count() >= 500
    page.evaluate(
        """() => {
          window.gaps = []; let last = 0;
          const tick = (at) => {
            if (last) gaps.push(at - last);
            last = at;
            requestAnimationFrame(tick);
          };
          requestAnimationFrame(tick);
        }"""
    )

    bar = bar_of(page, "RM-110")
    bar.scroll_into_view_if_needed()
    box = bar.bounding_box()
    assert box is not None
    x, y = box["x"] + 6, box["y"] + 12
    page.mouse.move(x, y)
    page.mouse.down()
    page.evaluate("gaps.length = 0")
    for step in range(90):
        page.mouse.move(x + 3 * (step if step < 45 else 90 - step), y)
    dragged = [float(each) for each in page.evaluate("gaps.slice()")]
    page.keyboard.press("Escape")
    page.mouse.up()
    page.evaluate("gaps.length = 0")
    for _ in range(20):
        page.mouse.wheel(0, 120)
    scrolled = [float(each) for each in page.evaluate("gaps.slice()")]

    assert len(dragged) > 10
    assert median(dragged) <= SLOWEST_MS, f"dragging: {median(dragged):.1f} ms a frame"
    assert median(scrolled) <= SLOWEST_MS, f"scrolling: {median(scrolled):.1f} ms a frame"


def test_the_timeline_excludes_nobody_on_wide_and_narrow_screens(
    roadmap: Site,
    opened: Callable[..., Page],
    axe: Callable[[Page], list[Violation]],
    shot: Callable[[Page, str], Path],
) -> None:
    page = opened()

    for width, theme in ((1440, "light"), (390, "dark"), (390, "light"), (1440, "dark")):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
        page.reload()

        shot(page, f"roadmap-{width}-{theme}")
        assert axe(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
