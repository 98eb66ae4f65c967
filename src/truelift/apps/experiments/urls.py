"""Addresses of experiments, their snapshots, decisions, learnings and metrics."""

from __future__ import annotations

from django.urls import path

from truelift.apps.experiments import (
    views,
    views_allocation,
    views_library,
    views_lists,
    views_methods,
    views_monitoring,
    views_plan,
    views_planner,
)


app_name = "experiments"
urlpatterns = [
    path("s/<site:site>/experiments/", views_lists.experiments, name="list"),
    path("s/<site:site>/experiments/new/", views_plan.new, name="new"),
    path("s/<site:site>/experiments/<experiment:key>/", views.detail, name="detail"),
    path("s/<site:site>/experiments/<experiment:key>/edit/", views_plan.edit, name="edit"),
    path("s/<site:site>/experiments/<experiment:key>/delete/", views_plan.delete, name="delete"),
    path("s/<site:site>/experiments/<experiment:key>/move/", views.move, name="move"),
    path("s/<site:site>/experiments/<experiment:key>/analyse/", views.analyse, name="analyse"),
    path(
        "s/<site:site>/experiments/<experiment:key>/allocation/",
        views_allocation.allocation,
        name="allocation",
    ),
    path("s/<site:site>/experiments/<experiment:key>/progress/", views.progress, name="progress"),
    path("s/<site:site>/experiments/<experiment:key>/findings/", views.findings, name="findings"),
    path(
        "s/<site:site>/experiments/<experiment:key>/analyses/<int:number>/",
        views.snapshot,
        name="snapshot",
    ),
    path("s/<site:site>/alerts/", views_monitoring.alerts, name="alerts"),
    path("s/<site:site>/alerts/<int:number>/", views_monitoring.change, name="alert"),
    path("s/<site:site>/planner/", views_planner.planner, name="planner"),
    path("s/<site:site>/decisions/", views_lists.decisions, name="decisions"),
    path("s/<site:site>/learnings/", views_lists.learnings, name="learnings"),
    path("s/<site:site>/learnings/new/", views_library.new_learning, name="new_learning"),
    path("s/<site:site>/methods/", views_methods.methods, name="methods"),
    path("s/<site:site>/methods/<slug:key>/", views_methods.method, name="method"),
    path("s/<site:site>/metrics/", views_library.metrics, name="metrics"),
    path("s/<site:site>/metrics/new/", views_library.new_metric, name="new_metric"),
    path("s/<site:site>/metrics/library/", views_library.take, name="take_library"),
]
