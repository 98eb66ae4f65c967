"""Tells Django about the app, and the worker about its work."""

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig
from typing_extensions import override


class HomesConfig(AppConfig):
    """The app; it has no tables."""

    name = "truelift.apps.homes"
    label = "homes"

    @override
    def ready(self) -> None:
        """Name the work of Monday morning."""
        import_module("truelift.apps.homes.weekly")
