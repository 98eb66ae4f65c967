"""Tells Django about the app."""

from __future__ import annotations

from django.apps import AppConfig
from typing_extensions import override


class SitesConfig(AppConfig):
    """The app, under the short label that its tables carry."""

    name = "truelift.apps.sites"
    label = "sites"
    default_auto_field = "django.db.models.BigAutoField"

    @override
    def ready(self) -> None:
        """Teach addresses what a site's name looks like: `<site:site>`."""
        from django.urls import register_converter

        from truelift.apps.sites.paths import SiteName

        register_converter(SiteName, "site")
