"""Empty tables made once, so that a new home begins with a copy instead of with every migration.

Going through all migrations takes seconds, because each rebuilds Django's picture of every
table. The copy is named by the digest of what it was made from: another set of migrations
finds none and goes the long way. Only an empty SQLite database takes it.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import tempfile
from contextlib import closing
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Final


FOLDER: Final = Path(__file__).parent / "empty_tables"
_MADE_BY: Final = ("django", "django-allauth")
"""Whose migrations are in it beside our own."""


@cache
def ready_made() -> Path:
    """Give the file that fits the migrations of this installation; it need not be there."""
    apps = Path(__file__).parents[1] / "apps"
    digest = hashlib.sha256()
    for path in sorted(apps.glob("*/migrations/0*.py")):
        digest.update(f"{path.parent.parent.name}/{path.name}\0".encode())
        digest.update(path.read_bytes())
    # What protects append-only tables stands beside the migrations that use it.
    for path in sorted(apps.glob("*/append_only*.py")):
        digest.update(path.read_bytes())
    for name in _MADE_BY:
        digest.update(f"{name} {version(name)}\0".encode())
    return FOLDER / f"{digest.hexdigest()[:20]}.sqlite3"


def begin_with_copy() -> bool:
    """Fill an empty SQLite database with the ready-made tables, where there are any.

    The database file stays the same file: another process may hold it open already.
    """
    from django.db import connection

    if connection.vendor != "sqlite" or not ready_made().exists():
        return False
    connection.close()
    with (
        closing(sqlite3.connect(ready_made())) as source,
        closing(sqlite3.connect(connection.settings_dict["NAME"])) as target,
    ):
        if target.execute("SELECT count(*) FROM sqlite_master").fetchone() != (0,):
            return False
        source.backup(target)
    return True


def make() -> Path:
    """Make the tables for the migrations of this installation, unless they are there."""
    made = ready_made()
    if made.exists():
        return made
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        os.environ["TRUELIFT_HOME"] = folder
        os.environ.pop("DATABASE_URL", None)
        from truelift.project.start import bring_up_to_date, let_go

        home = bring_up_to_date()
        let_go()
        database = home.root / "truelift.sqlite3"
        with closing(sqlite3.connect(database)) as finished:
            finished.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            finished.execute("PRAGMA journal_mode = DELETE")
        for old in FOLDER.glob("*.sqlite3"):
            old.unlink(missing_ok=True)
        database.replace(made)
    return made


if __name__ == "__main__":
    make()
