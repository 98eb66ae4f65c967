"""What Truelift wants otherwise than allauth: accounts are made by invitation only."""

from __future__ import annotations

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest
from typing_extensions import override


class InvitedOnly(DefaultAccountAdapter):  # type: ignore[misc]
    """Closes signing up; a person comes in through an invitation or the set-up link."""

    @override
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Nobody signs up by themselves."""
        del request
        return False

    @override
    def get_client_ip(self, request: HttpRequest) -> str:
        """Give the address that `project.edge` has already made sure of."""
        return str(request.META["REMOTE_ADDR"])
