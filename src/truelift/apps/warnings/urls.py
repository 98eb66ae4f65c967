"""Addresses of warnings."""

from __future__ import annotations

from django.urls import path

from truelift.apps.warnings import views


app_name = "warnings"
urlpatterns = [
    path("s/<site:site>/warnings/", views.listing, name="list"),
    path("s/<site:site>/warnings/<slug:key>/", views.detail, name="detail"),
    path("s/<site:site>/warnings/<slug:key>/move/", views.move, name="move"),
]
