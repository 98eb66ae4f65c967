"""Addresses of insights and hypotheses."""

from __future__ import annotations

from django.urls import path

from truelift.apps.research import views


app_name = "research"
urlpatterns = [
    path("s/<site:site>/insights/", views.insights, name="insights"),
    path("s/<site:site>/insights/new/", views.new_insight, name="new_insight"),
    path("s/<site:site>/insights/<slug:key>/", views.insight, name="insight"),
    path("s/<site:site>/insights/<slug:key>/edit/", views.edit_insight, name="edit_insight"),
    path("s/<site:site>/insights/<slug:key>/accept/", views.accept_insight, name="accept_insight"),
    path(
        "s/<site:site>/insights/<slug:key>/confirm/",
        views.confirm_insight,
        name="confirm_insight",
    ),
    path("s/<site:site>/insights/<slug:key>/retire/", views.retire_insight, name="retire_insight"),
    path("s/<site:site>/insights/<slug:key>/delete/", views.delete_insight, name="delete_insight"),
    path("s/<site:site>/hypotheses/", views.hypotheses, name="hypotheses"),
    path("s/<site:site>/hypotheses/new/", views.new_hypothesis, name="new_hypothesis"),
    path("s/<site:site>/hypotheses/check/", views.check_hypothesis, name="check_hypothesis"),
    path("s/<site:site>/hypotheses/<slug:key>/", views.hypothesis, name="hypothesis"),
    path(
        "s/<site:site>/hypotheses/<slug:key>/edit/", views.edit_hypothesis, name="edit_hypothesis"
    ),
    path(
        "s/<site:site>/hypotheses/<slug:key>/submit/",
        views.submit_hypothesis,
        name="submit_hypothesis",
    ),
    path(
        "s/<site:site>/hypotheses/<slug:key>/return/",
        views.return_hypothesis,
        name="return_hypothesis",
    ),
    path("s/<site:site>/hypotheses/<slug:key>/again/", views.answer_repeat, name="answer_repeat"),
    path(
        "s/<site:site>/hypotheses/<slug:key>/accept/",
        views.accept_hypothesis,
        name="accept_hypothesis",
    ),
    path(
        "s/<site:site>/hypotheses/<slug:key>/delete/",
        views.delete_hypothesis,
        name="delete_hypothesis",
    ),
]
