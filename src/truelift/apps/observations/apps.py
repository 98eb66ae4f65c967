"""Tells Django about the app."""

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig
from typing_extensions import override


class ObservationsConfig(AppConfig):
    """The app, under the short label that its tables carry."""

    name = "truelift.apps.observations"
    label = "observations"
    default_auto_field = "django.db.models.BigAutoField"

    @override
    def ready(self) -> None:
        """Let the worker know what this app has done outside of requests."""
        import_module("truelift.apps.observations.jobs")
