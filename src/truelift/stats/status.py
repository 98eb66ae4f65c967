"""How a check ended: it holds, it deserves a look, or nothing may be used."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """How an integrity check ended."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
