"""Who acts: a person at a page, or the operator at a command line, maybe for a person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypedDict

from truelift.apps.accounts.models import User
from truelift.lifecycle.experiment import Person


class Audited(TypedDict):
    """The two words that the audit keeps about who acted."""

    actor: User | str
    on_behalf_of: str


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts.

    Attributes:
        user: The person, or the one named by `--as`; None for the operator alone.
        operator: Whether the command line acts; the audit then names the operator.
        machine: Whether a job acts that nobody asked for; the audit then names the system.
    """

    user: User | None
    operator: bool = False
    machine: bool = False

    @property
    def person(self) -> Person:
        """The actor as the rules know people."""
        if self.user is None:
            return OPERATOR
        return Person(key=str(self.user.pk), name=str(self.user))

    @property
    def audited(self) -> Audited:
        """Who the audit says it was, and for whom."""
        if self.user is None:
            return {"actor": "system" if self.machine else "operator", "on_behalf_of": ""}
        if self.operator:
            return {"actor": "operator", "on_behalf_of": self.user.get_username()}
        return {"actor": self.user, "on_behalf_of": ""}


OPERATOR: Final = Person(key="operator", name="the operator")
"""Who runs the installation, when nobody else is named."""
