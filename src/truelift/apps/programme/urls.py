"""The address of a programme's policy."""

from __future__ import annotations

from django.urls import path

from truelift.apps.programme import views


app_name = "programme"
urlpatterns = [path("s/<site:site>/programme/", views.policy, name="policy")]
