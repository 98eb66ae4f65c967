"""Addresses that are about several sites."""

from __future__ import annotations

from django.urls import path

from truelift.apps.homes import views


app_name = "homes"
urlpatterns = [path("learnings-without-names.csv", views.learnings, name="learnings")]
