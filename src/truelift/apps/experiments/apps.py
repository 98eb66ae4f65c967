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
        """Name the work that the worker can do, and what a key looks like in an address."""
        from django.urls import register_converter

        from truelift.apps.experiments import monitoring_jobs
        from truelift.apps.experiments.paths import ExperimentKey

        del monitoring_jobs
        register_converter(ExperimentKey, "experiment")
