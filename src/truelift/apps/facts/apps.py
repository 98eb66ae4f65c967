"""Tells Django about the app, and the worker about its work."""

from __future__ import annotations

from django.apps import AppConfig
from typing_extensions import override


class FactsConfig(AppConfig):
    """The app, under the short label that its tables carry."""

    name = "truelift.apps.facts"
    label = "facts"
    default_auto_field = "django.db.models.BigAutoField"

    @override
    def ready(self) -> None:
        """Let the worker count the traffic of every night."""
        from truelift.apps.facts import jobs

        _ = jobs
