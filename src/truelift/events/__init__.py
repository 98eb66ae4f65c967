"""What an event is on the wire, and how it is normalised."""

from __future__ import annotations
