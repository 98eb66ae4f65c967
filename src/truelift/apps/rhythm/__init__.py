"""Standing meetings: planned, with agenda, quorum, minutes, actions and frozen packs."""

from __future__ import annotations
