"""Empty tables made once, so that a new home begins with a copy instead of with every migration.

Going through all migrations takes seconds, because each rebuilds Django's picture of every
table. The copy is named by the digest of what it was made from: another set of migrations
finds none and goes the long way, but for the part that an earlier copy has behind it.
Only an empty SQLite database takes it.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
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
def _made_from() -> dict[str, str]:
    """Give everything that the tables depend on, each with its digest."""
    apps = Path(__file__).parents[1] / "apps"
    found = {
        f"{path.parents[len(path.relative_to(apps).parts) - 2].name}/{path.name}": path
        # What protects append-only tables stands beside the migrations that use it.
        for pattern in ("*/migrations/0*.py", "*/append_only*.py")
        for path in sorted(apps.glob(pattern))
    }
    digests = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in found.items()}
    return digests | {name: version(name) for name in _MADE_BY}


@cache
def ready_made() -> Path:
    """Give the file that fits the migrations of this installation; it need not be there."""
    digest = hashlib.sha256(json.dumps(_made_from(), sort_keys=True).encode())
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
    with (FOLDER / "lock").open("w") as lock, tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if made.exists():
            # Somebody else was making them.
            return made
        os.environ["TRUELIFT_HOME"] = folder
        os.environ.pop("DATABASE_URL", None)
        earlier = _earlier()
        if earlier is not None:
            shutil.copyfile(earlier, Path(folder) / "truelift.sqlite3")
        from truelift.project.start import bring_up_to_date, let_go

        home = bring_up_to_date()
        let_go()
        database = home.root / "truelift.sqlite3"
        with closing(sqlite3.connect(database)) as finished:
            finished.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            finished.execute("PRAGMA journal_mode = DELETE")
        for old in FOLDER.glob("*.*"):
            old.unlink(missing_ok=True)
        database.replace(made)
        made.with_suffix(".json").write_text(json.dumps(_made_from()), encoding="utf-8")
    return made


def _earlier() -> Path | None:
    """Find a copy whose migrations are all among today's, each as it was then."""
    wanted = _made_from()
    for said in FOLDER.glob("*.json"):
        made_from = json.loads(said.read_text(encoding="utf-8"))
        tables = said.with_suffix(".sqlite3")
        if tables.exists() and made_from.items() <= wanted.items():
            return tables
    return None


if __name__ == "__main__":
    make()
