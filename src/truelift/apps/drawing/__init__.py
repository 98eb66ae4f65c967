"""Charts drawn on the server, as template tags."""

from __future__ import annotations
