"""Tells Django about the app."""

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig
from typing_extensions import override


class ResearchConfig(AppConfig):
    """The app, under the short label that its tables carry."""

    name = "truelift.apps.research"
    label = "research"
    default_auto_field = "django.db.models.BigAutoField"

    @override
    def ready(self) -> None:
        """Tell the worker what it can do for this app."""
        import_module("truelift.apps.research.nightly")
