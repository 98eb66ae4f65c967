"""Addresses of briefs."""

from __future__ import annotations

from django.urls import path

from truelift.apps.briefs import views


HERE = "s/<site:site>/experiments/<experiment:key>/brief/"

app_name = "briefs"
urlpatterns = [
    path(HERE, views.brief, name="brief"),
    path(f"{HERE}acknowledge/", views.acknowledge, name="acknowledge"),
    path(f"{HERE}approve/", views.approve, name="approve"),
    path(f"{HERE}guardrail/", views.guardrail, name="guardrail"),
    path(f"{HERE}look/", views.look, name="look"),
    path("s/<site:site>/metrics/<slug:metric>/class/", views.metric_class, name="metric_class"),
    path(f"{HERE}follow-up/", views.follow_up, name="follow_up"),
]
