"""Addresses of meetings."""

from __future__ import annotations

from django.urls import path

from truelift.apps.rhythm import views


app_name = "rhythm"
urlpatterns = [
    path("s/<site:site>/rhythm/", views.rhythm, name="page"),
    path("s/<site:site>/rhythm/when/", views.when, name="when"),
    path("s/<site:site>/rhythm/actions/<int:number>/", views.action, name="action"),
    path("s/<site:site>/rhythm/<slug:kind>/<slug:period>/", views.meeting, name="meeting"),
    path(
        "s/<site:site>/rhythm/<slug:kind>/<slug:period>/pack/<int:version>/",
        views.pack,
        name="pack",
    ),
    path(
        "s/<site:site>/rhythm/<slug:kind>/<slug:period>/<slug:what>/", views.change, name="change"
    ),
]
