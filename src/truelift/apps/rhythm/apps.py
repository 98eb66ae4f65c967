"""Tells Django about the app, and the worker about its work."""

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig
from typing_extensions import override


class RhythmConfig(AppConfig):
    """The app, under the short label that its tables carry."""

    name = "truelift.apps.rhythm"
    label = "rhythm"
    default_auto_field = "django.db.models.BigAutoField"

    @override
    def ready(self) -> None:
        """Name the work of every hour."""
        import_module("truelift.apps.rhythm.jobs")
