"""Somebody who can reach the database tries to change what the audit says."""

from __future__ import annotations

import json
from datetime import datetime

import pytest
from django.db import DatabaseError, connection, transaction

from truelift.apps.accounts.audit import record
from truelift.apps.accounts.models import AuditEvent
from truelift.cli.main import run
from truelift.lake.home import Home


pytestmark = [pytest.mark.database, pytest.mark.django_db]

REWRITES = [
    "UPDATE audit_event SET actor = 'mallory' WHERE id = 1",
    "DELETE FROM audit_event WHERE id = 1",
    "DELETE FROM audit_event",
    (
        "INSERT INTO audit_event SELECT * FROM audit_event WHERE id = 1"
        " ON CONFLICT (id) DO UPDATE SET actor = 'mallory'"
    ),
]
REPLACES = [
    "REPLACE INTO audit_event SELECT * FROM audit_event WHERE id = 1",
    (
        "INSERT OR REPLACE INTO audit_event"
        " (id, occurred_at, actor, on_behalf_of, site, action, target, chain)"
        " VALUES (1, '2026-01-01', 'mallory', '', '', 'x', 'y', '')"
    ),
]
"""SQLite's own way to write over a row, which fires no trigger of a deletion by default."""


@pytest.mark.parametrize("statement", REWRITES + REPLACES)
def test_no_statement_of_the_application_rewrites_the_audit(statement: str, now: datetime) -> None:
    if statement in REPLACES and connection.vendor != "sqlite":
        pytest.skip("only SQLite knows REPLACE")
    record("ada", "thing.made", "thing:1", now=now)

    with (
        pytest.raises(DatabaseError),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)

    assert list(AuditEvent.objects.values_list("id", "actor")) == [(1, "ada")]


def test_the_operator_can_have_the_chain_walked(
    home: Home, now: datetime, capsys: pytest.CaptureFixture[str]
) -> None:
    record("ada", "thing.made", "thing:1", now=now)
    last = record("ben", "thing.made", "thing:2", now=now)

    status = run("audit", ["verify", "--json"])

    found = json.loads(capsys.readouterr().out)
    assert status == 0
    assert found == {"rows": 2, "last_seal": last.chain, "holds": True}


def test_a_row_put_in_past_the_application_is_named_and_the_command_fails(
    home: Home, now: datetime, capsys: pytest.CaptureFixture[str]
) -> None:
    record("ada", "thing.made", "thing:1", now=now)
    AuditEvent.objects.bulk_create(
        [AuditEvent(id=2, occurred_at=now, actor="mallory", action="x", target="y", chain="0" * 64)]
    )

    status = run("audit", ["verify"])

    error = json.loads(capsys.readouterr().err.splitlines()[-1])["error"]
    assert status == 1
    assert (error["code"], error["facts"]["at"]) == ("audit.broken", 2)
