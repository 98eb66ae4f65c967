"""Sites: their settings and keys, and what is published of them to other processes."""

from __future__ import annotations
