"""What a person may do on a site."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """The four roles, from looking to owning; each may do what the ones before it may."""

    VIEWER = "viewer"
    ANALYST = "analyst"
    EDITOR = "editor"
    OWNER = "owner"

    @property
    def rank(self) -> int:
        """Position in the order, for comparing."""
        return _ORDER.index(self)

    def covers(self, needed: Role) -> bool:
        """Say whether this role may do what `needed` may."""
        return self.rank >= needed.rank

    @property
    def meaning(self) -> str:
        """What the role may do, in words for the person who gives it."""
        return MEANINGS[self]


_ORDER: Final = (Role.VIEWER, Role.ANALYST, Role.EDITOR, Role.OWNER)

MEANINGS: Final = {
    Role.VIEWER: "sees every page and figure",
    Role.ANALYST: "also records findings, hypotheses and analyses",
    Role.EDITOR: "also plans, starts and stops experiments",
    Role.OWNER: "also changes settings, keys and members",
}
