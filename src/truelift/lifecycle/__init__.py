"""The workflow's rules: stages, guards, obstacles."""

from __future__ import annotations
