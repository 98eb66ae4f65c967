"""Addresses of calendar feeds."""

from __future__ import annotations

from django.urls import path

from truelift.apps.calendars import views


app_name = "calendars"
urlpatterns = [
    path("cal/<str:token>.ics", views.feed, name="feed"),
    path("s/<site:site>/calendars/", views.calendars, name="calendars"),
    path("s/<site:site>/calendars/<int:calendar>/revoke/", views.revoke, name="revoke"),
]
