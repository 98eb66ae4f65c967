"""A year of a programme of three squads, whose true effects and whose log are known."""

from __future__ import annotations
