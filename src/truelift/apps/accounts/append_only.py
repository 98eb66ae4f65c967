"""The triggers that make the database itself refuse to rewrite what is written once."""

from __future__ import annotations

from typing import Final


_REFUSE: Final = """
    CREATE OR REPLACE FUNCTION append_only_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$
"""
_CALL: Final = "EXECUTE FUNCTION append_only_refuse()"


def protecting(*tables: str) -> dict[str, tuple[str, ...]]:
    """Give by kind of database the statements that protect tables; twice is harmless.

    A migration that remakes a table on SQLite has to run its statements again, because
    the copy has no triggers.
    """
    return {
        "sqlite": tuple(
            f"CREATE TRIGGER IF NOT EXISTS {table}_no_{verb} BEFORE {verb.upper()} ON {table}"
            f" BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            for table in tables
            for verb in ("update", "delete")
        ),
        "postgresql": (
            _REFUSE,
            *(
                statement
                for table in tables
                for name, when in (
                    (f"{table}_no_change", f"UPDATE OR DELETE ON {table} FOR EACH ROW"),
                    (f"{table}_no_truncate", f"TRUNCATE ON {table} FOR EACH STATEMENT"),
                )
                for statement in (
                    f"DROP TRIGGER IF EXISTS {name} ON {table}",
                    f"CREATE TRIGGER {name} BEFORE {when} {_CALL}",
                )
            ),
        ),
    }


def releasing(*tables: str) -> dict[str, tuple[str, ...]]:
    """Give the way back of such a migration; nothing in the product runs it."""
    return {
        "sqlite": tuple(
            f"DROP TRIGGER IF EXISTS {table}_no_{verb}"
            for table in tables
            for verb in ("update", "delete")
        ),
        "postgresql": tuple(
            f"DROP TRIGGER IF EXISTS {table}_no_{what} ON {table}"
            for table in tables
            for what in ("change", "truncate")
        ),
    }


PROTECT: Final = protecting("audit_event")
RELEASE: Final = releasing("audit_event")
