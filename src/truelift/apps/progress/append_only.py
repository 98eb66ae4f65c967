"""The triggers that make the database itself refuse to rewrite figures of days."""

from __future__ import annotations

from typing import Final


_REFUSE: Final = """
    CREATE OR REPLACE FUNCTION append_only_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$
"""
_CALL: Final = "EXECUTE FUNCTION append_only_refuse()"

_TABLE: Final = "programme_figures"

PROTECT: Final[dict[str, tuple[str, ...]]] = {
    "sqlite": tuple(
        f"CREATE TRIGGER IF NOT EXISTS {_TABLE}_no_{verb} BEFORE {verb.upper()} ON {_TABLE}"
        f" BEGIN SELECT RAISE(ABORT, '{_TABLE} is append-only'); END"
        for verb in ("update", "delete")
    ),
    "postgresql": (
        _REFUSE,
        f"CREATE TRIGGER no_change BEFORE UPDATE OR DELETE ON {_TABLE} FOR EACH ROW {_CALL}",
        f"CREATE TRIGGER no_truncate BEFORE TRUNCATE ON {_TABLE} FOR EACH STATEMENT {_CALL}",
    ),
}
"""Per kind of database: the statements that protect the table; a migration that remakes it
on SQLite has to run its statements again, because the copy has no triggers."""

RELEASE: Final[dict[str, tuple[str, ...]]] = {
    "sqlite": tuple(f"DROP TRIGGER IF EXISTS {_TABLE}_no_{verb}" for verb in ("update", "delete")),
    "postgresql": tuple(
        f"DROP TRIGGER IF EXISTS no_{what} ON {_TABLE}" for what in ("change", "truncate")
    ),
}
"""The way back of the migration; nothing in the product runs it."""
