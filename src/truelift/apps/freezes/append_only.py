"""The triggers that make the database itself refuse to rewrite checks, policies and moves."""

from __future__ import annotations

from typing import Final


_REFUSE: Final = """
    CREATE OR REPLACE FUNCTION append_only_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$
"""
_CALL: Final = "EXECUTE FUNCTION append_only_refuse()"

TABLES: Final = ("deploy_check", "deploy_policy", "freeze_move")

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
            f"CREATE TRIGGER {table}_{what} BEFORE {when} ON {table} FOR EACH {each} {_CALL}"
            for table in TABLES
            for what, when, each in (
                ("no_change", "UPDATE OR DELETE", "ROW"),
                ("no_truncate", "TRUNCATE", "STATEMENT"),
            )
        ),
    ),
}
"""Per kind of database: the statements that protect the tables; a migration that remakes one
on SQLite has to run its statements again, because the copy has no triggers."""

RELEASE: Final[dict[str, tuple[str, ...]]] = {
    "sqlite": tuple(
        f"DROP TRIGGER IF EXISTS {table}_no_{verb}"
        for table in TABLES
        for verb in ("update", "delete")
    ),
    "postgresql": tuple(
        f"DROP TRIGGER IF EXISTS {table}_{what} ON {table}"
        for table in TABLES
        for what in ("no_change", "no_truncate")
    ),
}
"""The way back of the migration; nothing in the product runs it."""
