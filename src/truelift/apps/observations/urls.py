"""Addresses of interactions between experiments and of comparisons before and after."""

from __future__ import annotations

from django.urls import path

from truelift.apps.observations import views_before_after, views_interactions


app_name = "observations"
urlpatterns = [
    path("s/<site:site>/interactions/", views_interactions.interactions, name="interactions"),
    path("s/<site:site>/interactions/compute/", views_interactions.compute, name="compute"),
    path("s/<site:site>/interactions/progress/", views_interactions.progress, name="progress"),
    path("s/<site:site>/before-after/", views_before_after.listing, name="before_afters"),
    path("s/<site:site>/before-after/new/", views_before_after.new, name="new_before_after"),
    path(
        "s/<site:site>/before-after/<int:number>/", views_before_after.detail, name="before_after"
    ),
    path(
        "s/<site:site>/before-after/<int:number>/again/",
        views_before_after.again,
        name="again",
    ),
    path(
        "s/<site:site>/before-after/<int:number>/progress/",
        views_before_after.progress,
        name="before_after_progress",
    ),
]
