"""`truelift warnings`: what stands, whose it is, and an exit code that a script may hold on to."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from truelift.apps.accounts.models import User
from truelift.apps.experiments.domain import day_at
from truelift.apps.sites.models import Site
from truelift.apps.warnings.models import ReadingRecord, WarningRecord
from truelift.cli.main import run


@pytest.mark.database
@pytest.mark.django_db
def test_what_stands_is_listed_and_what_waits_for_an_answer_fails(
    site: Site, ada: User, capsys: pytest.CaptureFixture[str]
) -> None:
    now = datetime.now(UTC)
    today = day_at(site, now)

    assert run("warnings", ["--site", "shop", "--fail"]) == 20
    assert "Nobody has looked" in capsys.readouterr().out

    reading = ReadingRecord.objects.create(
        site=site, kind="roadmap", day=today, looked_at=now, told=True, short="", sentence=""
    )
    assert run("warnings", ["--site", "shop", "--fail"]) == 0
    assert capsys.readouterr().out == "No warning stands.\n"

    row = WarningRecord.objects.create(
        site=site,
        number=1,
        kind="roadmap",
        sentence="Nobody has moved anything for 91 days.",
        short="91 days.",
        advice="Rebuild the quarter.",
        severity="warning",
        since=today,
        first_seen=today - timedelta(days=3),
        last_seen=today,
    )
    WarningRecord.objects.create(
        site=site, number=2, kind="ceiling", sentence="Over.", short="Over.", stage="resolved",
        severity="warning", since=today, first_seen=today, last_seen=today,
    )  # fmt: skip
    assert run("warnings", ["--site", "shop"]) == 0
    said = capsys.readouterr().out
    assert f"since {row.first_seen}, nobody’s yet" in said
    assert "→ Rebuild the quarter." in said
    assert "W-2" not in said
    assert run("warnings", ["--site", "shop", "--fail"]) == 10

    # Whoever has taken it on has until its day.
    WarningRecord.objects.filter(pk=row.pk).update(stage="acknowledged", owner=ada, due=today)
    assert run("warnings", ["--site", "shop", "--fail"]) == 0
    WarningRecord.objects.filter(pk=row.pk).update(due=today - timedelta(days=1))
    capsys.readouterr()
    assert run("warnings", ["--site", "shop", "--fail", "--json"]) == 10
    document = json.loads(capsys.readouterr().out)
    assert (document["unanswered"], document["recent"]) == (["W-1"], True)
    assert document["warnings"][0]["owner"] == ada.email

    # A list that no night has looked at lately says nothing of today.
    WarningRecord.objects.all().update(stage="resolved")
    ReadingRecord.objects.filter(pk=reading.pk).update(looked_at=now - timedelta(days=3))
    assert run("warnings", ["--site", "shop", "--fail"]) == 20
    assert run("warnings", ["--site", "nowhere"]) == 1
