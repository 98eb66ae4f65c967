"""Which database keeps the web application's rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from truelift.settings import BadSetting


def database_from(url: str, *, embedded: Path) -> dict[str, Any]:
    """Give Django's settings of the database that `DATABASE_URL` names.

    Args:
        url: Empty for SQLite in the home; `sqlite:///path`; or
            `postgresql://user:password@host:port/name?option=value`.
        embedded: The file of the embedded database.

    Raises:
        BadSetting: The address is of another kind.
    """
    parts = urlsplit(url)
    if parts.scheme in {"", "sqlite"}:
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": parts.path if url else str(embedded),
            "CONN_MAX_AGE": 60,
            "OPTIONS": {
                # Without IMMEDIATE a transaction that reads first and writes later fails at
                # once with "database is locked", whatever the timeout says.
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                # Without recursive triggers REPLACE writes over rows that refuse to be deleted.
                "init_command": (
                    "PRAGMA journal_mode=WAL; PRAGMA secure_delete=ON;"
                    " PRAGMA recursive_triggers=ON;"
                ),
            },
        }
    if parts.scheme not in {"postgres", "postgresql"}:
        raise BadSetting(
            variable="DATABASE_URL",
            value=f"{parts.scheme}://…",
            wants="sqlite:///path or postgresql://user:password@host:port/name",
        )
    options = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": options.pop("host", unquote(parts.hostname or "")),
        "PORT": str(options.pop("port", parts.port or "")),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": options,
    }
