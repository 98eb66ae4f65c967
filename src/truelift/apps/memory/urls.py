"""Addresses of the library, of principles and of drafts."""

from __future__ import annotations

from django.urls import path

from truelift.apps.memory import views


app_name = "memory"
urlpatterns = [
    path("s/<site:site>/library/", views.library, name="library"),
    path("s/<site:site>/library/what-we-know/", views.digest, name="digest"),
    path("s/<site:site>/library/surprises/", views.surprises, name="surprises"),
    path("s/<site:site>/library/drafts/", views.drafts, name="drafts"),
    path("s/<site:site>/principles/", views.principles, name="principles"),
    path("s/<site:site>/principles/new/", views.new_principle, name="new_principle"),
    path("s/<site:site>/principles/<slug:key>/", views.principle, name="principle"),
    path("s/<site:site>/principles/<slug:key>/edit/", views.edit_principle, name="edit_principle"),
    path("s/<site:site>/principles/<slug:key>/move/", views.move, name="move"),
    path("s/<site:site>/principles/<slug:key>/tests/", views.link, name="link"),
    path("s/<site:site>/principles/<slug:key>/guidelines/", views.guideline, name="guideline"),
    path("s/<site:site>/principles/<slug:key>/surfaces/", views.use, name="use"),
]
