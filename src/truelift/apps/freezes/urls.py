"""Addresses of freezes and of what pipelines ask."""

from __future__ import annotations

from django.urls import path

from truelift.apps.freezes import views, views_pipelines


app_name = "freezes"
urlpatterns = [
    path("badge/<str:token>.svg", views_pipelines.badge, name="badge"),
    path("hooks/github/deployments/<str:public_id>/", views_pipelines.receive, name="receive"),
    path("s/<site:site>/freezes/", views.listing, name="list"),
    path("s/<site:site>/freezes/new/", views.new, name="new"),
    path("s/<site:site>/freezes/checks/", views_pipelines.checks, name="checks"),
    path("s/<site:site>/freezes/policy/", views_pipelines.policy, name="policy"),
    path("s/<site:site>/freezes/pipelines/", views_pipelines.pipelines, name="pipelines"),
    path(
        "s/<site:site>/freezes/pipelines/tokens/<int:token>/revoke/",
        views_pipelines.revoke_token,
        name="revoke_token",
    ),
    path(
        "s/<site:site>/freezes/pipelines/badges/<int:record>/revoke/",
        views_pipelines.revoke_badge,
        name="revoke_badge",
    ),
    path(
        "s/<site:site>/freezes/pipelines/apps/<int:record>/end/",
        views_pipelines.end_protection,
        name="end_protection",
    ),
    path("s/<site:site>/freezes/<slug:key>/", views.detail, name="detail"),
    path("s/<site:site>/freezes/<slug:key>/edit/", views.edit, name="edit"),
    path("s/<site:site>/freezes/<slug:key>/move/", views.move, name="move"),
    path("s/<site:site>/freezes/<slug:key>/approve/", views.approve, name="approve"),
]
