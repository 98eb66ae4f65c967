"""Which texts name somebody, and which never do."""

from __future__ import annotations

from typing import Final


NOBODY: Final = frozenset(
    {
        "",
        "null",
        "none",
        "nil",
        "undefined",
        "nan",
        "0",
        "-1",
        "guest",
        "anonymous",
        "anon",
        "unknown",
        "true",
        "false",
        "[object object]",
        "object object",
        "(not set)",
        "not_authenticated",
        "00000000-0000-0000-0000-000000000000",
    }
)
"""What broken clients send in the place of an id, in small letters.

Each would gather a crowd of strangers in one person.
"""


def identifies(text: str) -> bool:
    """Tell whether an id can belong to one visitor or user."""
    return text.strip().lower() not in NOBODY
