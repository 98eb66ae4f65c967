"""Addresses of a programme's figures."""

from __future__ import annotations

from django.urls import path

from truelift.apps.progress import views


app_name = "progress"
urlpatterns = [
    path("s/<site:site>/progress/", views.progress, name="page"),
    path("s/<site:site>/progress/figures.csv", views.as_csv, name="csv"),
    path("s/<site:site>/progress/reason/", views.reason, name="reason"),
]
