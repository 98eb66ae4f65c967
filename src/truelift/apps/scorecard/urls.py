"""Addresses of a scorecard."""

from __future__ import annotations

from django.urls import path

from truelift.apps.scorecard import views


app_name = "scorecard"
urlpatterns = [
    path("s/<site:site>/scorecard/", views.scorecard, name="page"),
    path("s/<site:site>/scorecard/questions/", views.questions, name="questions"),
    path("s/<site:site>/scorecard/wanted/", views.wanted, name="wanted"),
]
