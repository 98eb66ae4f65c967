"""Addresses of changes, contaminations and incidents."""

from __future__ import annotations

from django.urls import path

from truelift.apps.changes import views_receive


app_name = "changes"
urlpatterns = [
    path("changes/in/<str:token>/", views_receive.receive, name="receive"),
]
