"""Tells Django about the app."""

from __future__ import annotations

from django.apps import AppConfig


class FactsConfig(AppConfig):
    """The app, under the short label that its tables carry."""

    name = "truelift.apps.facts"
    label = "facts"
    default_auto_field = "django.db.models.BigAutoField"
