"""Addresses of winners."""

from __future__ import annotations

from django.urls import path

from truelift.apps.rollouts import views


app_name = "rollouts"
urlpatterns = [
    path("s/<site:site>/winners/", views.listing, name="list"),
    path("s/<site:site>/winners/refresh/", views.refresh, name="refresh"),
    path("s/<site:site>/winners/<slug:key>/", views.detail, name="detail"),
    path("s/<site:site>/winners/<slug:key>/edit/", views.edit, name="edit"),
    path("s/<site:site>/winners/<slug:key>/move/", views.move, name="move"),
    path("s/<site:site>/winners/<slug:key>/sign/", views.sign, name="sign"),
    path("s/<site:site>/winners/<slug:key>/check/", views.check, name="check"),
]
