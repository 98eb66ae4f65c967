"""DuckDB, imported when something of it is first used: an index answers without it.

Its import takes as long as many an answer. Modules that only sometimes come to use it say

    if TYPE_CHECKING:
        import duckdb
    else:
        from truelift.lake import late_duckdb as duckdb
"""

from __future__ import annotations


def __getattr__(name: str) -> object:
    import duckdb

    found: object = getattr(duckdb, name)
    return found
