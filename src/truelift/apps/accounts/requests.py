"""A request whose person is known."""

from __future__ import annotations

from django.http import HttpRequest

from truelift.apps.accounts.models import User


class SignedInRequest(HttpRequest):
    """What every view gets that is not marked for strangers: `project.login` sees to it."""

    user: User
