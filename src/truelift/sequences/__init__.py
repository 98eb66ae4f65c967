"""Array passes over per-person arrays of events in time order."""

from __future__ import annotations
