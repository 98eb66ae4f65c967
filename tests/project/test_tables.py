"""The ready-made tables are those that the migrations make, and only empty databases take them."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from django.db.migrations.loader import MigrationLoader

from truelift.project.tables import ready_made


def tables_of(database: Path) -> set[tuple[str, str, str]]:
    with closing(sqlite3.connect(database)) as opened:
        return set(opened.execute("SELECT type, name, sql FROM sqlite_master"))


def applied_in(database: Path) -> set[tuple[str, str]]:
    with closing(sqlite3.connect(database)) as opened:
        return set(opened.execute("SELECT app, name FROM django_migrations"))


def start(home: Path) -> Path:
    """Bring a home's database up to date in a process of its own."""
    subprocess.run(
        [sys.executable, "-c", "from truelift.project.start import *; bring_up_to_date()"],
        env={**os.environ, "TRUELIFT_HOME": str(home), "DATABASE_URL": ""},
        check=True,
    )
    return home / "truelift.sqlite3"


def test_an_empty_home_begins_with_what_all_migrations_made(tmp_path: Path) -> None:
    if not ready_made().exists():
        pytest.skip("make setup makes the tables; they were not made here")

    copied = start(tmp_path / "copied")

    assert tables_of(copied) == tables_of(ready_made())
    assert applied_in(copied) == set(MigrationLoader(None).disk_migrations)


def test_a_database_with_tables_is_left_as_it_is(tmp_path: Path) -> None:
    home = tmp_path / "home"
    database = start(home)
    with closing(sqlite3.connect(database)) as opened, opened:
        opened.execute(
            "INSERT INTO accounts_setuplink (token_sha256, created_at) VALUES ('x', '1')"
        )

    start(home)

    with closing(sqlite3.connect(database)) as opened:
        assert opened.execute("SELECT token_sha256 FROM accounts_setuplink").fetchall() == [("x",)]
