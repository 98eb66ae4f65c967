"""Addresses of the evidence inbox, of ideas and of the ways in."""

from __future__ import annotations

from django.urls import path

from truelift.apps.intake import views, views_ideas, views_open, views_ways


app_name = "intake"
urlpatterns = [
    path("intake/<str:token>/", views_open.open_form, name="open"),
    path("s/<site:site>/signals/", views.inbox, name="inbox"),
    path("s/<site:site>/signals/new/", views.new_signal, name="new_signal"),
    path("s/<site:site>/signals/import/", views_ways.bring_csv, name="bring_csv"),
    path("s/<site:site>/signals/import/<int:file>/", views_ways.brought, name="brought"),
    path("s/<site:site>/signals/import/<int:file>/take/", views_ways.take_csv, name="take_csv"),
    path(
        "s/<site:site>/signals/import/<int:file>/refused.csv",
        views_ways.refused_csv,
        name="refused-rows",
    ),
    path("s/<site:site>/signals/ways-in/", views_ways.ways_in, name="ways_in"),
    path(
        "s/<site:site>/signals/ways-in/<int:channel>/close/",
        views_ways.close_way,
        name="close_way",
    ),
    path("s/<site:site>/signals/<slug:key>/", views.signal, name="signal"),
    path("s/<site:site>/signals/<slug:key>/move/", views.move_signal, name="move_signal"),
    path("s/<site:site>/signals/<slug:key>/insight/", views.start_insight, name="start_insight"),
    path("s/<site:site>/signals/<slug:key>/delete/", views.delete_signal, name="delete_signal"),
    path("s/<site:site>/ideas/", views_ideas.ideas, name="ideas"),
    path("s/<site:site>/ideas/new/", views_ideas.new_idea, name="new_idea"),
    path("s/<site:site>/ideas/<slug:key>/", views_ideas.idea, name="idea"),
    path("s/<site:site>/ideas/<slug:key>/move/", views_ideas.move_idea, name="move_idea"),
    path("s/<site:site>/ideas/<slug:key>/problem/", views_ideas.link_problem, name="link_problem"),
    path(
        "s/<site:site>/ideas/<slug:key>/hypothesis/",
        views_ideas.start_hypothesis,
        name="start_hypothesis",
    ),
    path("s/<site:site>/ideas/<slug:key>/delete/", views_ideas.delete_idea, name="delete_idea"),
]
