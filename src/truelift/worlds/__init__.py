"""Simulated companies whose truth is known."""

from __future__ import annotations
