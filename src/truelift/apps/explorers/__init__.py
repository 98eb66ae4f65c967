"""Explorers: every question as a page whose address is the question."""

from __future__ import annotations
