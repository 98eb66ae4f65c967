"""The drawings as template tags, the numbers as filters."""

from __future__ import annotations
