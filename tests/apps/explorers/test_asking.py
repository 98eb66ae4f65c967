"""Long questions: the page comes first, and who asked may cancel them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any, cast

import pytest
from django.test import Client

from tests.lake.conftest import Rows
from truelift.apps.accounts.models import User
from truelift.apps.measurement import reads, running
from truelift.apps.measurement.running import MOST_LONG, Busy, answering
from truelift.apps.sites.models import Site
from truelift.lake.stopping import Cancelled


SignedIn = Callable[[User], Client]

NOTHING = cast("Mapping[str, object]", ())  # that can be remembered
ENDLESS = Rows("event", "(SELECT count(*) FROM range(1000000000000)) > 0", parameters=NOTHING)
TOKEN = "0123456789abcdef0123"


@pytest.fixture(autouse=True)
def fresh() -> None:
    """Forget what was cancelled before; a page never uses a name twice, and tests do."""
    running._early.clear()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as made:
        yield made


def begin(pool: ThreadPoolExecutor, user: User, site: Site, token: str = TOKEN) -> Future[Any]:
    """Have a question that takes for ever answered for somebody, as a page's thread does."""

    def ask() -> object:
        with answering(user.pk, site.name, token):
            return reads.ask(site.name, ENDLESS)

    asked = pool.submit(ask)
    while not running._running:
        time.sleep(0.01)
    return asked


def test_who_asked_cancels_a_question_and_its_thread_is_free(
    shop: Site, ada: User, client_of: SignedIn, pool: ThreadPoolExecutor
) -> None:
    asked = begin(pool, ada, shop)
    time.sleep(0.3)

    answer = client_of(ada).post(
        "/s/shop/questions/cancel/", {"asking": TOKEN}, headers={"Sec-Fetch-Mode": "no-cors"}
    )

    assert answer.status_code == 204
    assert isinstance(asked.exception(timeout=10), Cancelled)
    assert not running._running


def test_nobody_else_cancels_it(
    shop: Site, ada: User, ben: User, mallory: User, client_of: SignedIn, pool: ThreadPoolExecutor
) -> None:
    asked = begin(pool, ada, shop)

    refused = [
        client_of(user).post("/s/shop/questions/cancel/", {"asking": TOKEN}).status_code
        for user in (ben, mallory)
    ]
    still = not asked.done()
    client_of(ada).post("/s/shop/questions/cancel/", {"asking": TOKEN})

    assert refused == [404, 404]
    assert still
    assert isinstance(asked.exception(timeout=10), Cancelled)


def test_only_a_post_cancels(shop: Site, ada: User, client_of: SignedIn) -> None:
    assert client_of(ada).get("/s/shop/questions/cancel/").status_code == 405


def test_without_a_script_one_is_led_back_to_the_question_which_is_not_asked_again(
    shop: Site, ada: User, client_of: SignedIn, pool: ThreadPoolExecutor
) -> None:
    asked = begin(pool, ada, shop)
    browser = client_of(ada)
    back = "/s/shop/trends/?event=purchase&period=all"

    led = browser.post("/s/shop/questions/cancel/", {"asking": TOKEN, "back": back})
    page = browser.get(led["Location"])
    elsewhere = browser.post("/s/shop/questions/cancel/", {"asking": TOKEN, "back": "//evil"})

    assert isinstance(asked.exception(timeout=10), Cancelled)
    assert led["Location"] == f"{back}&cancelled=1"
    assert page.status_code == 200
    assert "This question was cancelled." in page.text
    assert 'value="purchase"' in page.text
    assert elsewhere.status_code == 404


def test_a_word_to_cancel_that_overtakes_its_question_counts(
    shop: Site, ada: User, client_of: SignedIn, pool: ThreadPoolExecutor
) -> None:
    token = "overtaken-by-its-own-cancel"

    answer = client_of(ada).post("/s/shop/questions/cancel/", {"asking": token})
    asked = begin(pool, ada, shop, token)

    assert answer.status_code == 404
    assert isinstance(asked.exception(timeout=10), Cancelled)


def test_a_cancelled_question_says_so_on_its_page(
    shop: Site, ada: User, client_of: SignedIn
) -> None:
    browser = client_of(ada)
    for token, place in (("cancelled-trend-01", "trends"), ("cancelled-funnel-1", "funnels")):
        browser.post("/s/shop/questions/cancel/", {"asking": token})

        page = browser.get(
            f"/s/shop/{place}/?event=page_view&step=page_view&step=purchase",
            headers={"Truelift-Asking": token},
        )

        assert page.status_code == 409
        assert "This question was cancelled." in page.text


def test_long_questions_leave_threads_for_others(
    shop: Site, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reads, "LARGE", 1)
    with ExitStack() as others:
        for _ in range(MOST_LONG):
            others.enter_context(answering(ada.pk, "shop", "")).begin(is_long=lambda: True)

        with pytest.raises(Busy, match="long questions"), answering(ada.pk, "shop", ""):
            reads.ask("shop", Rows("event", parameters=NOTHING))
    with answering(ada.pk, "shop", ""):
        assert reads.ask("shop", Rows("event", parameters=NOTHING)).answer


def test_the_funnel_of_a_large_site_comes_after_its_page(
    shop: Site, cleo: User, client_of: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reads, "LARGE", 1)
    browser = client_of(cleo)
    here = "/s/shop/funnels/?step=page_view&step=purchase&period=all"

    first = browser.get(here)
    asked = browser.get(here, headers={"HX-Request": "true"})
    again = browser.get(here)
    plain = browser.get(f"{here}&by=device&wait=1&asking={TOKEN}")

    assert first.context["page"] is None
    assert 'hx-trigger="load, submit"' in first.text
    without_scripts = re.findall("<noscript>(.*?)</noscript>", first.text, re.DOTALL)
    assert "&amp;wait=1&amp;asking=" in without_scripts[0]
    assert "questions/cancel/" in without_scripts[1]
    assert asked.context["page"] is not None
    assert again.context["page"] is not None  # it is remembered now
    assert plain.context["page"] is not None
    assert "asking" not in plain.context["form"].address


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("trends/?event=purchas", "no event named “purchas” on this site yet. Did you mean “purch"),
        ("funnels/?step=page_view&step=purchas", "no event named “purchas”"),
        ("funnels/?step=page_view&step=purchase&by=devise", "Did you mean “device”?"),
        ("funnels/?step=page_view&step=purchase&where=nots+is+set", "Did you mean “note”?"),
        ("sessions/?key_events=orders&by=nothing-of-it", "property named “nothing-of-it”"),
    ],
)
def test_a_name_that_the_site_never_saw_is_told_on_the_page(
    query: str, said: str, shop: Site, cleo: User, client_of: SignedIn
) -> None:
    page = client_of(cleo).get(f"/s/shop/{query}&period=all&compare=none")

    assert page.status_code == 200
    assert said in page.text
    assert 'data-code="questions.unknown_' in page.text


def test_names_that_are_known_are_not_remarked(shop: Site, cleo: User, client_of: SignedIn) -> None:
    page = client_of(cleo).get("/s/shop/trends/?event=purchase&period=7")

    assert "data-code" not in page.text
