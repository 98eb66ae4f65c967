"""Tells Django about the app, and the worker about its work."""

from __future__ import annotations

from django.apps import AppConfig


class SurfacesConfig(AppConfig):
    """The app, under the short label that its tables carry."""

    name = "truelift.apps.surfaces"
    label = "surfaces"
    default_auto_field = "django.db.models.BigAutoField"
