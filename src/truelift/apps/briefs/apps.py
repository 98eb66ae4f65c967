"""Tells Django about the app."""

from __future__ import annotations

from django.apps import AppConfig
from typing_extensions import override


class BriefsConfig(AppConfig):
    """The app, under the short label that its tables carry."""

    name = "truelift.apps.briefs"
    label = "briefs"
    default_auto_field = "django.db.models.BigAutoField"

    @override
    def ready(self) -> None:
        """Name the work that this app does for the worker."""
        from truelift.apps.briefs import measured

        del measured
