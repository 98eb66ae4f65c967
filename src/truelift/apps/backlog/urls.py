"""Addresses of the backlog."""

from __future__ import annotations

from django.urls import path

from truelift.apps.backlog import views


app_name = "backlog"
urlpatterns = [
    path("s/<site:site>/backlog/", views.backlog, name="backlog"),
    path("s/<site:site>/backlog/export.csv", views.export, name="export-rows"),
    path("s/<site:site>/backlog/ranks/", views.ranks, name="ranks"),
    path("s/<site:site>/backlog/<slug:key>/", views.item, name="item"),
    path("s/<site:site>/backlog/<slug:key>/score/", views.score, name="score"),
    path("s/<site:site>/backlog/<slug:key>/facts/", views.facts, name="facts"),
    path("s/<site:site>/backlog/<slug:key>/rank/", views.rank, name="rank"),
    path("s/<site:site>/backlog/<slug:key>/rank/back/", views.rank_back, name="rank_back"),
]
