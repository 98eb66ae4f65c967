"""Who may have what watched, what is left out, and what a stranger sees."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client

from tests.conftest import NOON
from truelift.apps.accounts.models import User
from truelift.apps.experiments.models import ExperimentRecord, Job
from truelift.apps.qa.models import AddressRecord, HostRecord, QaPlanRecord
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.apps.watching import services
from truelift.apps.watching.models import PageChangeRecord, WatchedPageRecord
from truelift.apps.watching.services import BadPage, NoSuchPage
from truelift.egress.gate import HostNotVerified
from truelift.lifecycle.experiment import Stage


pytestmark = [pytest.mark.database, pytest.mark.django_db]

ClientOf = Callable[[User], Client]
CART = "https://shop.example/cart"


@pytest.fixture
def page(site: Site, host: HostRecord, ben: User) -> WatchedPageRecord:
    return services.watch(site, CART, by=Actor(ben), now=NOON)


@pytest.fixture
def changed(page: WatchedPageRecord) -> PageChangeRecord:
    """The cart, another page than before, and nobody has said why."""
    page.steady_since = page.looked_at = NOON
    page.save()
    return PageChangeRecord.objects.create(
        page=page,
        since=NOON,
        at=NOON + timedelta(hours=6),
        difference={"text_gone": ["From 20 €"], "text_new": ["<b>From 25 €</b>"]},
        sentence="2 lines of text changed.",
        change="C-1",
    )


def test_a_page_is_looked_at_at_once_and_watched_once(
    site: Site, page: WatchedPageRecord, ben: User
) -> None:
    again = services.watch(site, f" {CART} ", by=Actor(ben), now=NOON)

    assert again == page
    assert Job.objects.filter(kind=services.LOOK, subject=f"page:{page.pk}").count() == 1


@pytest.mark.usefixtures("host")
@pytest.mark.parametrize("url", ["https://elsewhere.example/", "http://169.254.169.254/"])
def test_only_pages_of_verified_hosts_are_watched(site: Site, ben: User, url: str) -> None:
    with pytest.raises(HostNotVerified):
        services.watch(site, url, by=Actor(ben), now=NOON)


def test_without_a_verified_host_nothing_is_watched(site: Site, ben: User) -> None:
    with pytest.raises(BadPage, match="Verify it"):
        services.watch(site, CART, by=Actor(ben), now=NOON)


def test_other_parts_left_out_make_the_next_look_a_first_one(
    site: Site, page: WatchedPageRecord, ben: User
) -> None:
    page.seen, page.steady_since = {"text": ["a"]}, NOON
    page.save()

    services.change_page(
        site,
        page.pk,
        without=[".ad", "", " .ad "],
        ignored=["clock"],
        every_hours=1,
        by=Actor(ben),
        now=NOON,
    )

    page.refresh_from_db()
    assert (page.without, page.ignored, page.every_hours) == ([".ad"], ["clock"], 1)
    assert not page.seen
    assert page.steady_since is None


def test_noise_is_left_out_from_then_on_and_says_why(
    site: Site, changed: PageChangeRecord, ben: User
) -> None:
    number = changed.page.pk

    with pytest.raises(BadPage, match="why"):
        services.call_noise(site, number, changed.pk, note=" ", by=Actor(ben), now=NOON)
    services.call_noise(site, number, changed.pk, note="A ticker.", by=Actor(ben), now=NOON)

    page = WatchedPageRecord.objects.get()
    assert page.ignored == ["From 20 €", "<b>From 25 €</b>"]
    with pytest.raises(NoSuchPage):
        services.call_noise(site, number, changed.pk, note="Again.", by=Actor(ben), now=NOON)


def test_pages_come_up_when_it_is_their_turn(site: Site, page: WatchedPageRecord) -> None:
    first = services.due(site, now=NOON)
    page.looked_at = NOON
    page.save()

    assert first == [page]
    assert services.due(site, now=NOON + timedelta(hours=5, minutes=59)) == []
    assert services.due(site, now=NOON + timedelta(hours=6)) == [page]


@pytest.mark.usefixtures("planned", "host")
def test_the_control_of_a_running_test_is_watched_until_it_stops(site: Site) -> None:
    experiment = ExperimentRecord.objects.get(key="delivery-cost")
    plan = QaPlanRecord.objects.create(experiment=experiment)
    for variant in experiment.variants.all():
        url = f"https://shop.example/{variant.key}"
        AddressRecord.objects.create(plan=plan, variant=variant.key, url=url)
    control = experiment.variants.get(is_control=True)

    services.follow_tests(site, now=NOON)
    before = WatchedPageRecord.objects.count()
    ExperimentRecord.objects.update(stage=Stage.RUNNING.value)
    services.follow_tests(site, now=NOON)
    services.follow_tests(site, now=NOON)
    watched = list(WatchedPageRecord.objects.all())
    ExperimentRecord.objects.update(stage=Stage.STOPPED.value)
    services.follow_tests(site, now=NOON)

    assert before == 0
    assert [each.url for each in watched] == [f"https://shop.example/{control.key}"]
    assert watched[0].experiment == experiment
    assert WatchedPageRecord.objects.get().ended_at == NOON


def test_the_pages_say_what_changed_and_escape_it(
    changed: PageChangeRecord, ben: User, client_of: ClientOf
) -> None:
    client = client_of(ben)

    listed = client.get("/s/shop/watched/").content.decode()
    shown = client.get(f"/s/shop/watched/{changed.page.pk}/").content.decode()

    assert "1 of 1 watched pages changed, and nobody said why" in listed
    assert "2 lines of text changed." in shown
    assert "&lt;b&gt;From 25 €&lt;/b&gt;" in shown
    assert "<b>From 25" not in shown


@pytest.mark.parametrize(
    ("problem", "seen", "answer"),
    [
        ("", False, "1 of 1 watched pages could not be seen yet"),
        ("It answered 503.", True, "1 of 1 watched pages could not be seen yet"),
        ("", True, "The watched page is as it was"),
    ],
)
def test_a_page_that_was_not_seen_is_not_called_unchanged(
    page: WatchedPageRecord,
    ben: User,
    client_of: ClientOf,
    problem: str,
    seen: bool,
    answer: str,
) -> None:
    page.problem, page.steady_since = problem, NOON if seen else None
    page.save()

    assert answer in client_of(ben).get("/s/shop/watched/").content.decode()


def test_people_watch_change_and_end_on_the_page(
    site: Site, host: HostRecord, ben: User, client_of: ClientOf
) -> None:
    client = client_of(ben)

    refused = client.post("/s/shop/watched/", {"url": "https://elsewhere.example/"})
    made = client.post("/s/shop/watched/", {"url": CART, "without": ".ad", "every_hours": "12"})
    page = WatchedPageRecord.objects.get()
    path = f"/s/shop/watched/{page.pk}/"
    bad = client.post(f"{path}change/", {"every_hours": "x"})
    looked = client.post(f"{path}look/")
    ended = client.post(f"{path}end/")

    assert refused.status_code == 409
    assert (page.without, page.every_hours) == ([".ad"], 12)
    assert [made.status_code, bad.status_code, looked.status_code, ended.status_code] == [
        302,
        409,
        302,
        302,
    ]
    assert client.get(path).status_code == 200
    assert client.post(f"{path}end/").status_code == 404


def test_a_stranger_sees_no_watched_page(
    changed: PageChangeRecord, mallory: User, client_of: ClientOf
) -> None:
    client, path = client_of(mallory), f"/s/shop/watched/{changed.page.pk}/"

    answers = [
        client.get("/s/shop/watched/"),
        client.post("/s/shop/watched/", {"url": CART}),
        client.get(path),
        client.post(f"{path}change/"),
        client.post(f"{path}look/"),
        client.post(f"{path}end/"),
        client.post(f"{path}noise/{changed.pk}/", {"note": "x"}),
    ]

    assert {answer.status_code for answer in answers} == {404}
