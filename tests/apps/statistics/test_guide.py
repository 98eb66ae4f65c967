"""What the guide types is answered, and what it lists is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from truelift.apps.statistics.api import MOST_BYTES
from truelift.stats.asked import STATISTICS, answer, written


GUIDE = Path(__file__).parents[3] / "docs" / "guide" / "statistics.md"
TYPED = re.findall(r"^\$ echo '(.+)' \| truelift stats (\S+)$", GUIDE.read_text(), re.MULTILINE)


@pytest.mark.parametrize(("document", "name"), TYPED)
def test_every_document_of_the_guide_has_an_answer(document: str, name: str) -> None:
    assert written(answer(name, document.encode()))


def test_the_guide_lists_every_statistic_and_the_limit() -> None:
    text = GUIDE.read_text()

    table = text.partition("| Name | Answers |")[2].partition("\n\n")[0]
    names = re.findall(r"^\|([^|]+)\|", table, re.MULTILINE)
    assert set(re.findall(r"`([a-z-]+)`", "".join(names))) == set(STATISTICS)
    assert f"{MOST_BYTES:,} bytes" in text
