"""Addresses of people: the set-up link, invitations, one's own account, members of a site."""

from __future__ import annotations

from django.urls import path

from truelift.apps.accounts import views


app_name = "accounts"
urlpatterns = [
    path("me/", views.me, name="me"),
]
