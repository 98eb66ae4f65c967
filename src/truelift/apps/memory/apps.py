"""Tells Django about the app."""

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig
from typing_extensions import override


class MemoryConfig(AppConfig):
    """The app, and the work that it does outside of requests."""

    name = "truelift.apps.memory"
    label = "memory"
    default_auto_field = "django.db.models.BigAutoField"

    @override
    def ready(self) -> None:
        """Name the work that the worker can do."""
        import_module("truelift.apps.memory.jobs")
