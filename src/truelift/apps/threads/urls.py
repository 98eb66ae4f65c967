"""Addresses of threads."""

from __future__ import annotations

from django.urls import path

from truelift.apps.threads import views


app_name = "threads"
urlpatterns = [
    path("s/<site:site>/threads/<slug:kind>/<str:key>/", views.say, name="say"),
    path("s/<site:site>/threads/comments/<int:comment>/withdraw/", views.withdraw, name="withdraw"),
]
