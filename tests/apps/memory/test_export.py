"""Everything that is known leaves and comes back the same."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import pytest

from tests.apps.memory.conftest import Ended
from truelift.apps.accounts.models import AuditEvent, User
from truelift.apps.experiments.models import ExperimentRecord, LearningRecord
from truelift.apps.intake.fields import Arrival, SignalFields
from truelift.apps.intake.models import Way
from truelift.apps.intake.services import receive_signal
from truelift.apps.memory.bringing_in import BadExport, DiffersHere, bring_in
from truelift.apps.memory.models import WATERMARK, PrincipleRecord, UseState
from truelift.apps.memory.services import (
    PrincipleFields,
    add_guideline,
    edit_principle,
    link_test,
    say_use,
)
from truelift.apps.memory.taking_out import NotEmpty, documents_of, take_out
from truelift.apps.qa.pictures import keep_picture, path_of
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.apps.sites.services import create_site


PNG = b"\x89PNG\r\n\x1a\n" + b"a picture"


@pytest.fixture
def rich(
    site: Site,
    learned: ExperimentRecord,
    principle: PrincipleRecord,
    ended: Ended,
    ada: User,
    now: datetime,
) -> Site:
    """A site with something in most tables, a formula, a broken test and a picture."""
    by = Actor(ada)
    receive_signal(
        site,
        SignalFields(title='=HYPERLINK("https://evil.example";"Click")', detail="+1 | **bold**"),
        Arrival(Way.MEMBER, by=by),
        now=now,
    )
    broken = ended("broken", 0.4, stage="invalid")
    LearningRecord.objects.create(
        site=site,
        number=2,
        experiment=broken,
        text="Check the split\nfirst <b>",
        scope="All",
        follow_up="-",
        made_by=ada,
        made_at=now,
    )
    link_test(site, principle.key, learned.key, by=by, now=now, outside=True)
    add_guideline(
        site,
        principle.key,
        text="Price block",
        owner=ada.email,
        due=date(2026, 6, 1),
        by=by,
        now=now,
    )
    say_use(site, principle.key, "Cart", UseState.LIVE, by=by, now=now)
    keep_picture(site, PNG, by=ada, now=now)
    return site


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def other(now: datetime) -> Site:
    return create_site("other", title="Other", by="tests", now=now).site


def test_a_round_trip_gives_equal_documents(
    rich: Site, out: Path, ada: User, now: datetime
) -> None:
    take_out(rich, out / "one", now=now)
    there = other(now)

    brought = bring_in(there, out / "one", by=Actor(ada), now=now)
    take_out(there, out / "two", now=now)

    first = {path.name: path.read_bytes() for path in (out / "one" / "json").iterdir()}
    second = {path.name: path.read_bytes() for path in (out / "two" / "json").iterdir()}
    assert first == second
    assert dict(documents_of(rich)) == dict(documents_of(there))
    assert brought.stored["analyses"] == 2
    assert path_of(there, json.loads(first["pictures.json"])[0]["sha256"]).read_bytes() == PNG


def test_a_second_import_changes_nothing(rich: Site, out: Path, ada: User, now: datetime) -> None:
    take_out(rich, out, now=now)
    there = other(now)
    bring_in(there, out, by=Actor(ada), now=now)
    written = AuditEvent.objects.count()

    again = bring_in(there, out, by=Actor(ada), now=now)
    at_home = bring_in(rich, out, by=Actor(ada), now=now)

    assert (dict(again.stored), dict(at_home.stored)) == ({}, {})
    assert again.known == at_home.known > 20
    assert AuditEvent.objects.count() == written


def test_other_things_under_the_same_names_refuse_the_whole_import(
    rich: Site, principle: PrincipleRecord, out: Path, ada: User, now: datetime
) -> None:
    take_out(rich, out, now=now)
    edit_principle(
        rich, principle.key, PrincipleFields(statement="Another rule"), by=Actor(ada), now=now
    )

    with pytest.raises(DiffersHere, match=r"principles \[1\]"):
        bring_in(rich, out, by=Actor(ada), now=now)


def test_people_without_an_account_keep_their_names_and_get_no_right(
    rich: Site, out: Path, now: datetime
) -> None:
    take_out(rich, out, now=now)
    path = out / "json" / "principles.json"
    path.write_text(path.read_text().replace("ada@example.com", "gone@example.com"))
    there = other(now)

    brought = bring_in(there, out, by=Actor(None, operator=True), now=now)

    gone = User.objects.get(email="gone@example.com")
    assert brought.people == ("gone@example.com",)
    assert not gone.is_active
    assert not gone.has_usable_password()
    assert not gone.memberships.exists()


def test_no_cell_of_a_csv_begins_a_formula(rich: Site, out: Path, now: datetime) -> None:
    take_out(rich, out, now=now)

    for path in (out / "csv").iterdir():
        with path.open(newline="", encoding="utf-8") as file:
            cells = [cell for row in csv.reader(file) for cell in row]
        loud = [cell for cell in cells if cell.startswith(("=", "+", "@", "\t", "\r"))]
        assert loud == []
        assert [cell for cell in cells if cell.startswith("-") and not _is_number(cell)] == []


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def test_what_comes_of_an_invalid_test_is_marked_everywhere(
    rich: Site, out: Path, now: datetime
) -> None:
    take_out(rich, out, now=now)

    def told(name: str) -> list[dict[str, object]]:
        found: list[dict[str, object]] = json.loads((out / "json" / name).read_text())
        return found

    marks = {
        name: [row.get("watermark") for row in told(f"{name}.json")]
        for name in ("experiments", "analyses", "learnings", "library")
    }
    assert [row.count(WATERMARK) for row in marks.values()] == [1, 1, 1, 1]
    markdown = (out / "markdown" / "experiments" / "broken.md").read_text()
    assert f"> **{WATERMARK}**" in markdown
    assert "Check the split first \\<b\\>" in markdown
    assert "40" not in markdown.replace("2026", "")


@pytest.mark.parametrize(
    ("file", "change", "reason"),
    [
        ("manifest.json", lambda _: "{}", "no export"),
        ("json/insights.json", lambda _: "{", "cannot be read"),
        ("json/insights.json", lambda _: "[1]", "no list of documents"),
        ("json/learnings.json", lambda text: text.replace("broken", "absent"), "absent"),
        ("json/experiments.json", lambda text: text.replace('"ab"', '"odd"'), "refuses"),
        ("json/principles.json", lambda text: text.replace("Say", "S" * 400), "300 letters"),
    ],
)
def test_a_broken_export_stores_nothing_and_says_where(
    rich: Site,
    out: Path,
    ada: User,
    now: datetime,
    file: str,
    change: Callable[[str], str],
    reason: str,
) -> None:
    take_out(rich, out, now=now)
    there = other(now)
    path = out / file
    path.write_text(change(path.read_text()))

    with pytest.raises(BadExport, match=reason):
        bring_in(there, out, by=Actor(ada), now=now)

    assert not ExperimentRecord.objects.filter(site=there).exists()


def test_a_folder_with_something_else_is_left_alone(site: Site, out: Path, now: datetime) -> None:
    (out / "thesis.txt").write_text("years of work")
    (out / "manifest.json").write_text('{"name": "an app"}')

    with pytest.raises(NotEmpty):
        take_out(site, out, now=now)

    assert (out / "thesis.txt").exists()
