"""Addresses of what is measured: the site's home, funnels, trends, the ledger."""

from __future__ import annotations

from django.urls import path

from truelift.apps.measurement import views, views_asking, views_segments


app_name = "measurement"
urlpatterns = [
    path("s/<site:site>/", views.home, name="home"),
    path("s/<site:site>/funnels/", views.funnel, name="funnel"),
    path("s/<site:site>/funnels/rows.<str:kind>", views.funnel_rows, name="funnel-rows"),
    path("s/<site:site>/funnels/people/", views.funnel_people, name="funnel-people"),
    path(
        "s/<site:site>/funnels/people/rows.<str:kind>",
        views.funnel_people_rows,
        name="funnel-people-rows",
    ),
    path("s/<site:site>/ledger/", views.ledger, name="ledger"),
    path("s/<site:site>/questions/cancel/", views_asking.cancel_asking, name="cancel"),
    path("s/<site:site>/segments/saved/", views_segments.saved_segments, name="saved_segments"),
    path(
        "s/<site:site>/segments/saved/<slug:name>/away/",
        views_segments.put_away,
        name="put_segment_away",
    ),
]
