"""How the programme itself is doing: figures of every day, and why work is stuck."""

from __future__ import annotations
