from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db import DatabaseError, connection, transaction

from truelift.apps.accounts.audit import Broken, record, verify
from truelift.apps.accounts.models import AuditEvent, Json


pytestmark = [pytest.mark.database, pytest.mark.django_db]


def test_ids_have_no_gaps_after_a_rolled_back_change(now: datetime) -> None:
    record("ada", "thing.made", "thing:1", now=now)
    with transaction.atomic():
        record("ada", "thing.made", "thing:2", now=now)
        transaction.set_rollback(True)

    record("ada", "thing.made", "thing:3", now=now)

    assert list(AuditEvent.objects.order_by("id").values_list("id", "target")) == [
        (1, "thing:1"),
        (2, "thing:3"),
    ]


def test_the_chain_holds_for_values_that_databases_like_to_rewrite(now: datetime) -> None:
    awkward: dict[str, Json] = {
        "float": 1e20,
        "small": 1e-9,
        "text": "−×’ \u2028",
        "nested": {"b": [1, None], "a": True},
    }

    record("ada", "thing.changed", "thing:1", before=awkward, after=awkward, now=now)
    record("ben", "thing.changed", "thing:1", now=now + timedelta(microseconds=1))

    assert verify() is None
    assert AuditEvent.objects.get(id=1).before == awkward


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_event SET actor = 'mallory' WHERE id = 1",
        "DELETE FROM audit_event WHERE id = 1",
    ],
)
def test_the_database_itself_refuses_to_rewrite_history(statement: str, now: datetime) -> None:
    record("ada", "thing.made", "thing:1", now=now)

    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)

    assert AuditEvent.objects.get(id=1).actor == "ada"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_event SET actor = 'mallory' WHERE id = 1",
        "DELETE FROM audit_event WHERE id = 1",
        "TRUNCATE audit_event",
    ],
)
def test_the_role_that_owns_it_has_no_grant_to_rewrite_it(statement: str, now: datetime) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no roles")
    record("ada", "thing.made", "thing:1", now=now)
    with connection.cursor() as cursor:
        # The tests' own role is above all grants; what it holds goes to one that is not.
        cursor.execute("CREATE ROLE clerk")
        cursor.execute("GRANT USAGE ON SCHEMA public TO clerk")
        cursor.execute("ALTER TABLE audit_event OWNER TO clerk")
        cursor.execute("ALTER TABLE audit_event DISABLE TRIGGER USER")
        cursor.execute("SET LOCAL ROLE clerk")

    with (
        pytest.raises(DatabaseError, match="permission denied"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
    event = record("ben", "thing.made", "thing:2", now=now)

    assert event.id == 2
    assert verify() is None


def test_a_row_that_was_put_in_by_hand_breaks_the_chain(now: datetime) -> None:
    record("ada", "thing.made", "thing:1", now=now)
    AuditEvent.objects.bulk_create(
        [AuditEvent(id=2, occurred_at=now, actor="mallory", action="x", target="y", chain="0" * 64)]
    )

    assert verify() == Broken(at=2, why="its content is not what was written")


def test_a_missing_row_is_named(now: datetime) -> None:
    record("ada", "thing.made", "thing:1", now=now)
    AuditEvent.objects.bulk_create(
        [AuditEvent(id=3, occurred_at=now, actor="mallory", action="x", target="y", chain="0" * 64)]
    )

    assert verify() == Broken(at=2, why="row 2 is missing")


@pytest.mark.django_db(transaction=True)
def test_writers_at_the_same_time_queue_up_for_their_numbers(now: datetime) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from django.db import connections

    def write(number: int) -> None:
        try:
            record("ada", "thing.made", f"thing:{number}", now=now)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(24)))

    assert list(AuditEvent.objects.order_by("id").values_list("id", flat=True)) == list(
        range(1, 25)
    )
    assert verify() is None
