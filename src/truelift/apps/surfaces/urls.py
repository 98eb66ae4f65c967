"""Addresses of surfaces."""

from __future__ import annotations

from django.urls import path

from truelift.apps.surfaces import views


app_name = "surfaces"
urlpatterns = [
    path("s/<site:site>/surfaces/", views.listing, name="list"),
    path("s/<site:site>/surfaces/new/", views.new, name="new"),
    path("s/<site:site>/surfaces/count/", views.count, name="count"),
    path("s/<site:site>/surfaces/find/", views.find, name="find"),
    path("s/<site:site>/surfaces/export.csv", views.export, name="export-rows"),
    path("s/<site:site>/surfaces/<int:number>/", views.detail, name="detail"),
    path("s/<site:site>/surfaces/<int:number>/edit/", views.edit, name="edit"),
    path("s/<site:site>/surfaces/<int:number>/remove/", views.remove, name="remove"),
]
