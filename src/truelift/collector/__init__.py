"""Events in over HTTP, acknowledged once they are safe on disk."""

from __future__ import annotations
