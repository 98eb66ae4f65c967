"""What each role looks at first, below the four questions, and the sites of who has several."""

from __future__ import annotations
