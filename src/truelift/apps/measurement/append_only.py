"""The triggers that make the database itself refuse to rewrite versions of segments."""

from __future__ import annotations

from typing import Final


_REFUSE: Final = """
    CREATE OR REPLACE FUNCTION append_only_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$
"""
_CALL: Final = "EXECUTE FUNCTION append_only_refuse()"

PROTECT: Final[dict[str, tuple[str, ...]]] = {
    "sqlite": tuple(
        f"CREATE TRIGGER IF NOT EXISTS segment_no_{verb} BEFORE {verb.upper()} ON segment"
        " BEGIN SELECT RAISE(ABORT, 'segment is append-only'); END"
        for verb in ("update", "delete")
    ),
    "postgresql": (
        _REFUSE,
        f"CREATE TRIGGER segment_no_change BEFORE UPDATE OR DELETE ON segment FOR EACH ROW {_CALL}",
        f"CREATE TRIGGER segment_no_truncate BEFORE TRUNCATE ON segment FOR EACH STATEMENT {_CALL}",
    ),
}
"""Per kind of database: the statements that protect the table; a migration that remakes it
on SQLite has to run its statements again, because the copy has no triggers."""

RELEASE: Final[dict[str, tuple[str, ...]]] = {
    "sqlite": tuple(f"DROP TRIGGER IF EXISTS segment_no_{verb}" for verb in ("update", "delete")),
    "postgresql": tuple(
        f"DROP TRIGGER IF EXISTS segment_no_{what} ON segment" for what in ("change", "truncate")
    ),
}
"""The way back of the migration; nothing in the product runs it."""
