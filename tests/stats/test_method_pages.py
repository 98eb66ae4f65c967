from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest

import truelift.lifecycle
import truelift.questions
import truelift.stats
from truelift.stats.comparison import Procedure


PAGES = Path(__file__).parents[2] / "docs" / "methods"
CITED = re.compile(r"docs/methods/([a-z0-9-]+)\.md")
SECTIONS = ("**Question.**", "**Assumptions.**", "**Worked example.**", "**Sources.**")


def methods_cited_in_code() -> set[str]:
    names = [
        f"{room.__name__}.{module.name}"
        for room in (truelift.stats, truelift.questions, truelift.lifecycle)
        for module in pkgutil.iter_modules(room.__path__)
    ]
    sources = [inspect.getsource(importlib.import_module(name)) for name in names]
    return {page for source in sources for page in CITED.findall(source)}


def test_every_method_page_is_cited_and_every_citation_has_a_page() -> None:
    pages = {path.stem for path in PAGES.glob("*.md")}

    assert methods_cited_in_code() == pages


def test_every_procedure_that_results_carry_has_a_page() -> None:
    for procedure in Procedure:
        assert (PAGES / f"{procedure.value}.md").is_file()


@pytest.mark.parametrize("page", sorted(PAGES.glob("*.md")), ids=lambda path: path.stem)
def test_the_worked_example_of_every_page_comes_out_as_printed(page: Path) -> None:
    failed, tried = doctest.testfile(str(page), module_relative=False)

    assert tried
    assert not failed


@pytest.mark.parametrize("page", sorted(PAGES.glob("*.md")), ids=lambda path: path.stem)
def test_every_page_says_what_it_answers_on_which_ground(page: Path) -> None:
    text = page.read_text(encoding="utf-8")

    assert text.startswith(f"# {page.stem}\n")
    assert [section for section in SECTIONS if section not in text] == []
