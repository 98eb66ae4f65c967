"""How balanced and how mature a programme is: its figures every day, and what its people say."""

from __future__ import annotations
