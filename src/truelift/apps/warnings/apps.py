"""Tells Django about the app."""

from __future__ import annotations

from django.apps import AppConfig
from typing_extensions import override


class WarningsConfig(AppConfig):
    """The app, and the work that it does outside of requests."""

    name = "truelift.apps.warnings"
    label = "warnings"
    default_auto_field = "django.db.models.BigAutoField"

    @override
    def ready(self) -> None:
        """Name the detectors, and the work that the worker can do."""
        from truelift.apps.warnings import detectors, detectors_facts, detectors_together, jobs

        del detectors, detectors_facts, detectors_together, jobs
