"""Files of events from elsewhere: read, mapped, checked and put into the journal."""

from __future__ import annotations
