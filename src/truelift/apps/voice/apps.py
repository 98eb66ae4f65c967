"""Tells Django about the app."""

from __future__ import annotations

from django.apps import AppConfig
from typing_extensions import override


class VoiceConfig(AppConfig):
    """The app, and the work that it does outside of requests."""

    name = "truelift.apps.voice"
    label = "voice"
    default_auto_field = "django.db.models.BigAutoField"

    @override
    def ready(self) -> None:
        """Name the work that the worker can do."""
        from truelift.apps.voice import jobs

        del jobs
