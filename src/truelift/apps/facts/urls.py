"""Addresses of feeds and of the shared metric."""

from __future__ import annotations

from django.urls import path

from truelift.apps.facts import views
from truelift.apps.facts.views_receive import receive


app_name = "facts"
urlpatterns = [
    path("s/<site:site>/shared-metric/", views.shared_metric, name="shared_metric"),
    path("s/<site:site>/shared-metric/<int:version>/sign/", views.sign, name="sign"),
    path("s/<site:site>/feeds/", views.feeds, name="feeds"),
    path("s/<site:site>/feeds/<slug:name>/", views.feed, name="feed"),
    path("s/<site:site>/feeds/<slug:name>/change/", views.change, name="change"),
    path("s/<site:site>/feeds/<slug:name>/refused/<int:number>.csv", views.refused, name="refused"),
    path("s/<site:site>/tracking/", views.tracking, name="tracking"),
    path("facts/in/<str:token>/", receive, name="receive"),
]
