"""What the shop's people wrote of those who land on its product page."""

from __future__ import annotations

from typing import Final

from truelift.worlds.explained import Expected


EXPECTED: Final = Expected(
    surface="Product page",
    terms="ember jacket\nwarm waterproof jacket\nnorthpine ember 3 review",
    read_before="The advertisement shows the Ember in the rain and promises free returns.",
    expectation="That jacket, in their size, with what others say of how dry it keeps; what it"
    " costs with delivery, and that it may come back free of charge.",
    by="jonas",
    signed_by=("felix", "mara"),
)
"""Reviewed before the next test on it."""
