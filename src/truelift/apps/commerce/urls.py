"""Addresses of what drove revenue, what advertising earns, and page against traffic."""

from __future__ import annotations

from django.urls import path

from truelift.apps.commerce import views, views_expectation


app_name = "commerce"
urlpatterns = [
    path("s/<site:site>/drivers/", views.drivers, name="drivers"),
    path("s/<site:site>/acquisition/", views.acquisition, name="acquisition"),
    path("s/<site:site>/page-or-traffic/", views.verdicts, name="page-or-traffic"),
    path(
        "s/<site:site>/page-or-traffic/<int:number>/",
        views_expectation.expectation,
        name="expectation",
    ),
    path(
        "s/<site:site>/page-or-traffic/<int:number>/review/",
        views_expectation.review,
        name="review-expectation",
    ),
    path(
        "s/<site:site>/page-or-traffic/<int:number>/sign/",
        views_expectation.sign,
        name="sign-expectation",
    ),
]
