"""Lists that people live in: filters, order, pages, files, and steps for many items at once."""

from __future__ import annotations
