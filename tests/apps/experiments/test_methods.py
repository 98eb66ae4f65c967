"""Every number leads to the page that says how it is worked out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client

from truelift.apps.accounts.models import User
from truelift.apps.experiments.methods import (
    CHECK_PAGES,
    CORRECTION_PAGES,
    INFERENCE_PAGES,
    method_href,
    method_keys,
    method_page,
)
from truelift.apps.sites.models import Site
from truelift.lifecycle.judging import Inference
from truelift.stats.comparison import Procedure
from truelift.stats.multiplicity import Correction


DOCS = Path(__file__).parents[3] / "docs" / "methods"
ClientOf = Callable[[User], Client]


def test_every_page_of_the_docs_is_served() -> None:
    assert set(method_keys()) == {path.stem for path in DOCS.glob("*.md")}


@pytest.mark.parametrize("key", method_keys())
def test_a_page_has_its_question_and_no_formula_is_lost(key: str) -> None:
    page = method_page(key)

    assert page is not None
    assert page.question != key
    assert "<p>" in page.body
    assert "<script" not in page.body
    assert 'style="' not in page.body


@pytest.mark.parametrize(
    "key",
    [
        *(each.value for each in Procedure),
        *INFERENCE_PAGES.values(),
        *CHECK_PAGES.values(),
        *CORRECTION_PAGES.values(),
    ],
)
def test_whatever_a_result_links_to_is_there(key: str) -> None:
    assert method_href("/s/shop/", key) == f"/s/shop/methods/{key}/"


def test_every_way_of_judging_and_correcting_has_its_page() -> None:
    assert set(INFERENCE_PAGES) == set(Inference)
    assert set(CORRECTION_PAGES) == set(Correction) - {Correction.NONE}


@pytest.mark.parametrize("key", ["", "no-such-method", "../glossary", "cuped.md", "a" * 99])
def test_what_is_no_method_has_no_page(key: str) -> None:
    assert method_page(key) is None
    assert method_href("/s/shop/", key) == ""


def test_formulas_stand_as_they_are_written() -> None:
    page = method_page("cuped")

    assert page is not None
    assert "<code>1 - \\rho^2</code>" in page.body
    assert "$" not in page.body.split("<pre><code class")[0].replace("$$", "")


@pytest.mark.database
@pytest.mark.django_db
def test_the_pages_are_read_by_whoever_is_on_the_site(
    site: Site, ada: User, client_of: ClientOf
) -> None:
    client = client_of(ada)

    listed = client.get(f"/s/{site.name}/methods/")
    page = client.get(f"/s/{site.name}/methods/cuped/")
    nothing = client.get(f"/s/{site.name}/methods/hope/")

    assert f"/s/{site.name}/methods/cuped/" in listed.content.decode()
    assert "What did the treatment change" in page.content.decode()
    assert nothing.status_code == 404


@pytest.mark.database
@pytest.mark.django_db
@pytest.mark.parametrize("path", ["methods/", "methods/cuped/"])
def test_a_stranger_gets_what_does_not_exist(
    site: Site, mallory: User, client_of: ClientOf, path: str
) -> None:
    assert client_of(mallory).get(f"/s/{site.name}/{path}").status_code == 404
