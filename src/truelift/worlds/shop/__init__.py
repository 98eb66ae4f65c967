"""A simulated shop whose late delivery cost loses the people who shop on a phone."""

from __future__ import annotations
