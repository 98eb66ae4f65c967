"""Tells Django about the app."""

from __future__ import annotations

from django.apps import AppConfig
from typing_extensions import override


class ExperimentsConfig(AppConfig):
    """The app, under the short label that its tables carry, and the work of its worker."""

    name = "truelift.apps.experiments"
    label = "experiments"
    default_auto_field = "django.db.models.BigAutoField"

    @override
    def ready(self) -> None:
        """Name the work that the worker can do."""
        from truelift.apps.experiments import monitoring_jobs

        del monitoring_jobs
