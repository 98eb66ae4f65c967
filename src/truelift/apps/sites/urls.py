"""Addresses of sites: making one, connecting it, its settings."""

from __future__ import annotations

from django.urls import path

from truelift.apps.sites import views


app_name = "sites"
urlpatterns = [
    path("sites/new/", views.new, name="new"),
]
