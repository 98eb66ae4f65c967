"""Tells Django about the app."""

from __future__ import annotations

from django.apps import AppConfig


class HomesConfig(AppConfig):
    """The app; it has no tables."""

    name = "truelift.apps.homes"
    label = "homes"
