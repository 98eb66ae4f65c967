"""Tells Django about the app."""

from __future__ import annotations

from django.apps import AppConfig


class CalendarsConfig(AppConfig):
    """The app, under the short label that its tables carry."""

    name = "truelift.apps.calendars"
    label = "calendars"
    default_auto_field = "django.db.models.BigAutoField"
