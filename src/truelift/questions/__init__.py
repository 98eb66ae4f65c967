"""What can be asked of the lake: columns needed, answer per bucket, merge."""

from __future__ import annotations
