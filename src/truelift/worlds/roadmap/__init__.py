"""A year of a roadmap: which work is in each other's way, and which deploy spoils which test."""

from __future__ import annotations
