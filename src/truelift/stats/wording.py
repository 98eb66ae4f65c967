"""Moments and signed numbers as a person reads them."""

from __future__ import annotations

from datetime import UTC, datetime


def day(at: datetime) -> str:
    """Write a day the way a person reads it, in UTC."""
    there = at.astimezone(UTC)
    return f"{there.day} {there:%b %Y}"


def signed(number: str) -> str:
    """Set a number with a true minus sign."""
    return number.replace("-", "−")
