"""Insights and hypotheses: what was found and what may be tried."""

from __future__ import annotations
