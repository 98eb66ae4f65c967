"""Pages that answer questions of the lake."""

from __future__ import annotations
