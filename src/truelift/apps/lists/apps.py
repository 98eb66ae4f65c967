"""Tells Django about the app."""

from __future__ import annotations

from django.apps import AppConfig


class ListsConfig(AppConfig):
    """The app; it has templates and no tables."""

    name = "truelift.apps.lists"
    label = "lists"
