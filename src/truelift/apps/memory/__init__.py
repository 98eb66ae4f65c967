"""What the programme remembers: results, principles, and how they leave and come back."""

from __future__ import annotations
