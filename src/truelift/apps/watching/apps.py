"""Tells Django about the app, and the worker about its work."""

from __future__ import annotations

from django.apps import AppConfig
from typing_extensions import override


class WatchingConfig(AppConfig):
    """The app, under the short label that its tables carry."""

    name = "truelift.apps.watching"
    label = "watching"
    default_auto_field = "django.db.models.BigAutoField"

    @override
    def ready(self) -> None:
        """Let the worker look at pages."""
        from truelift.apps.watching import jobs

        _ = jobs
