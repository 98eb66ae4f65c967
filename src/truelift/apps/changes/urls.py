"""Addresses of changes, contaminations, incidents and senders."""

from __future__ import annotations

from django.urls import path

from truelift.apps.changes import views, views_receive


app_name = "changes"
urlpatterns = [
    path("changes/in/<str:token>/", views_receive.receive, name="receive"),
    path("s/<site:site>/changes/", views.listing, name="list"),
    path("s/<site:site>/changes/rows.csv", views.export, name="export"),
    path("s/<site:site>/changes/new/", views.new, name="new"),
    path("s/<site:site>/changes/file/", views.bring_csv, name="file"),
    path("s/<site:site>/changes/wait/", views.set_wait, name="wait"),
    path("s/<site:site>/changes/senders/", views.sender_list, name="senders"),
    path("s/<site:site>/changes/senders/<int:number>/", views.sender, name="sender"),
    path("s/<site:site>/changes/senders/<int:number>/end/", views.end_sender, name="end_sender"),
    path("s/<site:site>/changes/<str:key>/", views.change, name="change"),
    path("s/<site:site>/changes/<str:key>/judge/", views.judge_change, name="judge"),
    path("s/<site:site>/contaminations/<int:number>/", views.contamination, name="contamination"),
    path("s/<site:site>/contaminations/<int:number>/word/", views.adjudicate, name="adjudicate"),
    path("s/<site:site>/contaminations/<int:number>/way/", views.take_way_out, name="way"),
    path("s/<site:site>/incidents/", views.incidents, name="incidents"),
    path("s/<site:site>/incidents/<str:key>/", views.change_incident, name="incident"),
]
