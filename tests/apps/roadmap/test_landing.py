"""The pages of a campaign are asked for once and in time, and missed three days before."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from django.test import Client

from tests.apps.roadmap.conftest import Add
from truelift.apps.accounts.models import User
from truelift.apps.inbox.models import NoticeForRecord, NoticeRecord
from truelift.apps.intake.models import SignalRecord
from truelift.apps.research.actor import Actor
from truelift.apps.roadmap.fields import BadRoadmapFields
from truelift.apps.roadmap.landing import QA, look_after_landing_pages
from truelift.apps.roadmap.models import AssetRecord
from truelift.apps.roadmap.services import change_asset
from truelift.apps.sites.models import Site
from truelift.apps.surfaces.services import SurfaceFields, write_surface
from truelift.apps.watching.models import WatchedPageRecord
from truelift.lifecycle.landing import (
    LandingPage,
    is_asked_for,
    is_late,
    is_near,
    landing_obstacles,
    path_of,
)
from truelift.lifecycle.roadmap_item import ItemKind, ItemStage, RoadmapItem


START = date(2026, 6, 8)
CAMPAIGN = RoadmapItem(
    "RM-1", ItemKind.CAMPAIGN, "Sale", start=START, end=date(2026, 6, 20), landing=("/sale/",)
)


def before(days: int) -> date:
    return START - timedelta(days=days)


@pytest.mark.parametrize(
    ("days", "asked", "late", "near"),
    [
        (29, False, False, False),
        (28, True, False, False),
        (14, True, False, False),
        (13, True, True, False),
        (4, True, True, False),
        (3, True, True, True),
        (0, False, True, True),
        (-11, False, True, True),
        (-12, False, True, False),
    ],
)
def test_pages_are_asked_for_from_four_weeks_and_missed_from_three_days_before(
    days: int, asked: bool, late: bool, near: bool
) -> None:
    today = before(days)

    assert is_asked_for(CAMPAIGN, today=today) is asked
    assert is_late(CAMPAIGN, today=today) is late
    assert is_near(CAMPAIGN, today=today) is near


def test_only_campaigns_that_stand_and_lead_somewhere_are_looked_after() -> None:
    others = (
        RoadmapItem("a", ItemKind.RELEASE, "A", start=START, landing=("/sale/",)),
        RoadmapItem("b", ItemKind.CAMPAIGN, "B", start=START),
        RoadmapItem("c", ItemKind.CAMPAIGN, "C", landing=("/sale/",)),
        RoadmapItem(
            "d",
            ItemKind.CAMPAIGN,
            "D",
            stage=ItemStage.CANCELLED,
            start=START,
            landing=("/sale/",),
        ),
    )

    assert not any(is_asked_for(each, today=before(20)) for each in others)
    assert not any(is_near(each, today=before(1)) for each in others)


def test_everything_that_is_missing_is_said_at_once() -> None:
    pages = (
        LandingPage("/a", ("Sale",), seen=True),
        LandingPage("/b"),
        LandingPage("/c", ("Sale",), problem="It answered 404."),
    )

    found = [each.code for each in landing_obstacles(pages, checked=False)]

    assert found == ["landing.never_seen", "landing.no_surface", "landing.broken", "landing.no_qa"]
    assert landing_obstacles(pages[:1], checked=True) == ()
    assert path_of("https://Shop.example/Sale/?a=b#c") == path_of("/sale") == "/sale"


@pytest.mark.database
@pytest.mark.django_db
def test_a_campaign_asks_once_warns_its_owner_and_is_quiet_when_all_is_there(
    site: Site, checkout: None, ada: User, ben: User, add: Add, now: datetime
) -> None:
    # Five weeks before its start: `now` is the fourth of May.
    made = add(
        "Summer sale",
        kind=ItemKind.CAMPAIGN,
        owner="ben@example.com",
        landing=("https://shop.example/sale/",),
        end="2026-06-20",
        touches=(),
    )

    def night(days: int) -> None:
        look_after_landing_pages(site, now=now + timedelta(days=35 - days))

    assert not SignalRecord.objects.exists()
    for days in (29, 28, 20, 4):
        night(days)
    (signal,) = SignalRecord.objects.all()
    (asset,) = AssetRecord.objects.filter(item=made.key)
    assert signal.title.startswith("Summer sale needs a landing page by ")
    assert "starts in 28 days" in signal.detail
    assert (asset.what, asset.owner, asset.due) == (QA, ben, before(3))
    assert not NoticeRecord.objects.filter(cause="landing:RM-1").exists()

    night(3)

    told = NoticeForRecord.objects.get(notice__cause="landing:RM-1")
    assert told.user == ben
    assert "Nobody was ever seen on https://shop.example/sale/" in told.notice.sentence
    assert told.notice.severity == "watch"
    WatchedPageRecord.objects.create(
        site=site, url="https://shop.example/sale/", looked_at=now, made_at=now
    )
    write_surface(site, SurfaceFields(name="Sale", patterns=("/sale/**",)), by=Actor(ada), now=now)
    night(2)
    told.notice.refresh_from_db()
    assert "Nobody has said that the pages were checked" in told.notice.sentence
    change_asset(site, asset.pk, done=True, by=Actor(ben), now=now)

    night(1)

    assert NoticeRecord.objects.get(cause="landing:RM-1").settled_at is not None
    assert SignalRecord.objects.count() == 1


@pytest.mark.django_db
def test_a_campaign_that_comes_soon_asks_at_once_and_shows_what_it_lacks(
    site: Site, ada: User, add: Add, now: datetime, client_of: object
) -> None:
    made = add(
        "<b>Flash</b>", kind=ItemKind.CAMPAIGN, start="2026-05-10", end="2026-05-12",
        landing=("/flash/",),
    )  # fmt: skip

    assert "That is late" in SignalRecord.objects.get().detail
    browser: Client = client_of(ada)  # type: ignore[operator]
    page = browser.get(f"/s/shop/roadmap/items/{made.key}/").text
    told = browser.get(f"/api/v1/roadmap/items/{made.key}?site=shop").json()
    assert "Nobody was ever seen on /flash/, and the watcher was not there." in page
    assert "<b>Flash</b>" not in page
    assert told["landing"] == ["/flash/"]
    assert told["landing_pages"] == [
        {"url": "/flash/", "surfaces": [], "seen": False, "problem": None}
    ]
    for kind, url in ((ItemKind.RELEASE, "/a"), (ItemKind.CAMPAIGN, "javascript:alert(1)")):
        with pytest.raises(BadRoadmapFields):
            add("x", kind=kind, landing=(url,))
