"""Addresses of team metrics, touchpoints and the commercial brief."""

from __future__ import annotations

from django.urls import path

from truelift.apps.alignment import views, views_brief


app_name = "alignment"
urlpatterns = [
    path("s/<site:site>/team-metrics/", views.metrics, name="metrics"),
    path("s/<site:site>/team-metrics/new/", views.new, name="new"),
    path("s/<site:site>/team-metrics/usual/", views.usual, name="usual"),
    path("s/<site:site>/team-metrics/compute/", views.compute, name="compute"),
    path("s/<site:site>/team-metrics/<int:number>/", views.metric, name="metric"),
    path("s/<site:site>/team-metrics/<int:number>/edit/", views.edit, name="edit"),
    path("s/<site:site>/team-metrics/<int:number>/values/", views.values, name="values"),
    path("s/<site:site>/team-metrics/<int:number>/end/", views.end, name="end"),
    path("s/<site:site>/touchpoints/", views_brief.touchpoints, name="touchpoints"),
    path("s/<site:site>/touchpoints/remit/", views_brief.remit, name="remit"),
    path("s/<site:site>/commercial-brief/", views_brief.brief, name="brief"),
    path("s/<site:site>/commercial-brief/new/", views_brief.new_brief, name="new_brief"),
    path(
        "s/<site:site>/commercial-brief/acknowledge/", views_brief.acknowledge, name="acknowledge"
    ),
    path("s/<site:site>/commercial-brief/seat/", views_brief.seat, name="seat"),
]
