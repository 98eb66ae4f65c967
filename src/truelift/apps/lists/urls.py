"""Addresses of what all lists share: the board, the search, steps for many."""

from __future__ import annotations

from django.urls import path

from truelift.apps.lists import views


app_name = "lists"
urlpatterns = [
    path("s/<site:site>/board/", views.board, name="board"),
    path("s/<site:site>/search/", views.search, name="search"),
    path("s/<site:site>/lists/<slug:name>/many/", views.many, name="many"),
]
