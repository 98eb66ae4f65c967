"""What experiments do to each other, and what was seen where nobody could randomise."""

from __future__ import annotations
