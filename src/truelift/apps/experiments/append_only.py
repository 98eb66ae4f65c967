"""The triggers that make the database itself refuse to rewrite what was found and decided."""

from __future__ import annotations

from typing import Final


TABLES: Final = ("analysis", "decision", "experiment_move", "learning", "metric")
"""What is written once: snapshots, decisions, moves, learnings and versions of metrics."""

_REFUSE: Final = """
    CREATE OR REPLACE FUNCTION append_only_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$
"""
_CALL_ROW: Final = " FOR EACH ROW EXECUTE FUNCTION append_only_refuse()"
_CALL_STATEMENT: Final = " FOR EACH STATEMENT EXECUTE FUNCTION append_only_refuse()"

PROTECT: Final[dict[str, tuple[str, ...]]] = {
    "sqlite": tuple(
        f"CREATE TRIGGER IF NOT EXISTS {table}_no_{verb} BEFORE {verb.upper()} ON {table}"
        f" BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        for table in TABLES
        for verb in ("update", "delete")
    ),
    "postgresql": (
        _REFUSE,
        *(
            f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table}{_CALL_ROW}"
            for table in TABLES
        ),
        *(
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}{_CALL_STATEMENT}"
            for table in TABLES
        ),
    ),
}
"""Per kind of database: the statements that protect the tables; a migration that remakes a
table on SQLite has to run its statements again, because the copy has no triggers."""

RELEASE: Final[dict[str, tuple[str, ...]]] = {
    "sqlite": tuple(
        f"DROP TRIGGER IF EXISTS {table}_no_{verb}"
        for table in TABLES
        for verb in ("update", "delete")
    ),
    "postgresql": tuple(
        f"DROP TRIGGER IF EXISTS {table}_no_{what} ON {table}"
        for table in TABLES
        for what in ("change", "truncate")
    ),
}
"""The way back of the migration; nothing in the product runs it."""
