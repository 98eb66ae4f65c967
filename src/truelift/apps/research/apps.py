"""Tells Django about the app."""

from __future__ import annotations

from django.apps import AppConfig


class ResearchConfig(AppConfig):
    """The app, under the short label that its tables carry."""

    name = "truelift.apps.research"
    label = "research"
    default_auto_field = "django.db.models.BigAutoField"
