"""Addresses of watched pages."""

from __future__ import annotations

from django.urls import path

from truelift.apps.watching import views


app_name = "watching"
urlpatterns = [
    path("s/<site:site>/watched/", views.pages, name="pages"),
    path("s/<site:site>/watched/<int:number>/", views.page, name="page"),
    path("s/<site:site>/watched/<int:number>/change/", views.change, name="change"),
    path("s/<site:site>/watched/<int:number>/look/", views.look, name="look"),
    path("s/<site:site>/watched/<int:number>/end/", views.end, name="end"),
    path("s/<site:site>/watched/<int:number>/noise/<int:change>/", views.noise, name="noise"),
]
