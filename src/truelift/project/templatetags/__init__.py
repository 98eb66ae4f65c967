"""Template tags of the frame."""

from __future__ import annotations
