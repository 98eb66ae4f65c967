"""What Truelift wants otherwise than allauth: accounts are made by invitation only."""

from __future__ import annotations

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
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

    @override
    def get_reset_password_from_key_url(self, key: str) -> str:
        """Build the mailed link from the setting, not from the request's Host header."""
        uidb36, _, token = key.partition("-")
        path = reverse("account_reset_password_from_key", kwargs={"uidb36": uidb36, "key": token})
        return f"{settings.TRUELIFT.public_url}{path}"
