"""The backlog: what could be tried next, scored, ranked and routed."""

from __future__ import annotations
