"""Addresses of sites: making one, connecting it, its settings."""

from __future__ import annotations

from django.urls import path

from truelift.apps.sites import views, views_connect, views_settings


app_name = "sites"
urlpatterns = [
    path("sites/new/", views.new, name="new"),
    path("s/<site:site>/connect/", views_connect.connect, name="connect"),
    path("s/<site:site>/connect/status/", views_connect.status, name="status"),
    path("s/<site:site>/settings/", views_settings.settings, name="settings"),
    path("s/<site:site>/settings/keys/", views_settings.add_key, name="add-key"),
    path("s/<site:site>/settings/keys/<int:key>/revoke/", views_settings.revoke, name="revoke-key"),
    path("s/<site:site>/settings/exposure-rules/", views_settings.rules, name="rules"),
    path("s/<site:site>/settings/<slug:section>/", views_settings.save, name="save"),
]
