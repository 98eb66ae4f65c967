"""What revenue is made of: what drove it, what advertising earns, and page against traffic."""

from __future__ import annotations
