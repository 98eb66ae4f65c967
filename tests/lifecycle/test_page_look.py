"""A page is another page when what is steady of it is other; what rotates says nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from truelift.lifecycle.page_look import Difference, Loaded, PageLook, difference, look_of, steady


HOSTS = ("shop.example",)
SOURCE = """<!doctype html><html><head><link rel=stylesheet href=/s.css></head>
<body><main><h1 id=top class="big red">Shoes</h1><p>From 20 €<br>today</p>
<script>const session = "0123456789abcdef0123";</script><script src=/app.js></script>
<img src=/hero.jpg></main></body></html>"""
LOADED = (
    Loaded("https://shop.example/s.css?v=3", "stylesheet", "aa"),
    Loaded("https://shop.example/hero.jpg", "image", "bb"),
    Loaded("https://shop.example/app.js", "script", "cc"),
    Loaded("https://ads.example/banner.js", "script", "dd"),
    Loaded("https://shop.example/api/cart", "fetch", "ee"),
)


def _look(
    text: str = "Shoes\n\n  From   20 €\ntoday",
    source: str = SOURCE,
    loaded: tuple[Loaded, ...] = LOADED,
) -> PageLook:
    return look_of(text=text, source=source, loaded=loaded, hosts=HOSTS)


def _since(now: PageLook) -> Difference:
    return difference(_look(), now, now)


def test_a_page_is_its_text_its_elements_its_files_and_its_scripts() -> None:
    look = _look()

    assert look.text == ("Shoes", "From 20 €", "today")
    assert "body > main > h1#top.big.red" in look.structure
    assert "body > main > img" in look.structure
    assert set(look.assets) == {"https://shop.example/s.css", "https://shop.example/hero.jpg"}
    assert "https://shop.example/app.js" in look.bundles
    assert not any("ads.example" in url for url in look.bundles)


def test_a_page_that_stays_the_same_has_no_difference() -> None:
    found = _since(_look())

    assert not found
    assert found.sentence() == "Nothing changed."


def test_a_number_drawn_for_every_page_is_no_other_script() -> None:
    assert not _since(_look(source=SOURCE.replace("0123456789abcdef0123", "fedcba98765432100000")))


@pytest.mark.parametrize(
    ("now", "expected", "visible"),
    [
        (
            _look(text="Shoes\nFrom 25 €\ntoday"),
            Difference(text_gone=("From 20 €",), text_new=("From 25 €",)),
            True,
        ),
        (
            _look(source=SOURCE.replace("big red", "small")),
            Difference(
                structure_gone=("body > main > h1#top.big.red",),
                structure_new=("body > main > h1#top.small",),
            ),
            True,
        ),
        (
            _look(loaded=(replace(LOADED[0], digest="xx"), *LOADED[1:])),
            Difference(assets=("https://shop.example/s.css",)),
            True,
        ),
        (
            _look(loaded=(*LOADED[:2], replace(LOADED[2], digest="xx"))),
            Difference(bundles=("https://shop.example/app.js",)),
            False,
        ),
        (
            _look(loaded=(*LOADED[:2], Loaded("https://shop.example/app.9f.js", "script", "f"))),
            Difference(bundles=("https://shop.example/app.js", "https://shop.example/app.9f.js")),
            False,
        ),
    ],
)
def test_each_part_is_told_alone(now: PageLook, expected: Difference, visible: bool) -> None:
    found = _since(now)

    assert found == expected
    assert found.visible is visible


def test_what_only_one_of_two_looks_shows_is_noise() -> None:
    first = _look(text="Shoes\nFrom 20 €\ntoday\nAd: hats")
    second = _look(text="Shoes\nFrom 20 €\ntoday\nAd: boots")

    assert not difference(_look(), first, second)
    assert steady(first, second).text == ("Shoes", "From 20 €", "today")


def test_a_line_that_rotates_is_not_gone_while_one_look_shows_it() -> None:
    before = _look(text="Shoes\nFrom 20 €\ntoday\nAd: hats")

    assert not difference(before, _look(), before)


def test_a_file_that_could_not_be_read_is_not_called_another() -> None:
    assert not _since(_look(loaded=(replace(LOADED[0], digest=""), *LOADED[1:])))


def test_what_somebody_has_called_noise_is_left_out() -> None:
    now = _look(text="Shoes\nFrom 20 €\ntoday\n12 people look at this")

    assert difference(_look(), now, now, ignored=frozenset({"12 people look at this"})) == (
        Difference()
    )


def test_a_difference_that_is_not_there_a_little_later_is_not_confirmed() -> None:
    first = Difference(text_new=("Ad: hats", "From 25 €"), text_gone=("From 20 €",))
    later = Difference(text_new=("From 25 €", "Ad: boots"), text_gone=("From 20 €",))

    assert first.confirmed_by(later) == Difference(
        text_new=("From 25 €",), text_gone=("From 20 €",)
    )
    assert first.confirmed_by(later).sentence() == "2 lines of text changed."


@pytest.mark.parametrize("source", ["", "<", "<p", "</p></p>", "<script>", "<div>" * 20_000])
def test_any_source_can_be_taken_apart(source: str) -> None:
    assert look_of(text="", source=source, loaded=(), hosts=HOSTS).text == ()
