"""The tracker's guide names every attribute and every call, and no other."""

from __future__ import annotations

import re

from tests.browser.conftest import ROOT


GUIDE = (ROOT / "docs/guide/tracker.md").read_text()
LIB = ROOT / "tracker/src/lib"


def test_the_guide_lists_the_attributes_that_the_script_reads() -> None:
    read = set(re.findall(r"dataset\.(\w+)", (LIB / "settingsOf.ts").read_text()))

    listed = set(re.findall(r"^\| `data-(\w+)", GUIDE, re.MULTILINE))

    assert listed == read


def test_the_guide_lists_the_calls_that_the_script_answers() -> None:
    interface = (LIB / "createTracker.ts").read_text().partition("export interface Tracker {")[2]
    answered = set(re.findall(r"^  (\w+)\(", interface.partition("\n}")[0], re.MULTILINE))

    listed = set(re.findall(r"^\| `truelift\('(\w+)'", GUIDE, re.MULTILINE))

    assert listed == answered - {"moved"}
