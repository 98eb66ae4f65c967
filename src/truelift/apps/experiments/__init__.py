"""Experiments, analyses, decisions, learnings."""

from __future__ import annotations
