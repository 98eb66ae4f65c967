"""Pure statistics: summaries of units in, estimates, intervals and checks out."""

from __future__ import annotations
