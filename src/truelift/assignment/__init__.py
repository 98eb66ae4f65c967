"""Who gets which variant: hashing, conditions, layers."""

from __future__ import annotations
