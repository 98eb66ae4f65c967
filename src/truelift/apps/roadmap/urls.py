"""Addresses of the roadmap."""

from __future__ import annotations

from django.urls import path

from truelift.apps.roadmap import views, views_items, views_planning, views_quarter, views_timeline


app_name = "roadmap"
urlpatterns = [
    path("s/<site:site>/roadmap/", views_timeline.roadmap, name="roadmap"),
    path("s/<site:site>/roadmap/list/", views.roadmap, name="list"),
    path("s/<site:site>/roadmap/export.csv", views.export, name="export-rows"),
    path("s/<site:site>/roadmap/changes/", views.changes, name="changes"),
    path("s/<site:site>/roadmap/teams/", views.teams, name="teams"),
    path("s/<site:site>/roadmap/rules/", views_quarter.rules, name="rules"),
    path("s/<site:site>/roadmap/new/", views_items.new, name="new"),
    path("s/<site:site>/roadmap/items/<experiment:key>/", views_items.item, name="item"),
    path("s/<site:site>/roadmap/items/<experiment:key>/edit/", views_items.edit, name="edit"),
    path("s/<site:site>/roadmap/items/<experiment:key>/move/", views_items.move, name="move"),
    path("s/<site:site>/roadmap/items/<experiment:key>/stage/", views_items.stage, name="stage"),
    path("s/<site:site>/roadmap/items/<experiment:key>/drop/", views_items.drop, name="drop"),
    path("s/<site:site>/roadmap/items/<experiment:key>/assets/", views_items.assets, name="assets"),
    path("s/<site:site>/roadmap/items/<experiment:key>/hangs/", views_items.hangs, name="hangs"),
    path("s/<site:site>/roadmap/assets/<int:number>/", views_items.asset, name="asset"),
    path("s/<site:site>/roadmap/hangs/<int:number>/", views_items.unhang, name="unhang"),
    path("s/<site:site>/roadmap/conflicts/", views.conflicts, name="conflicts"),
    path("s/<site:site>/roadmap/conflicts.csv", views.export_conflicts, name="export-conflicts"),
    path("s/<site:site>/roadmap/conflicts/<int:number>/", views.conflict, name="conflict"),
    path("s/<site:site>/roadmap/priorities/", views_quarter.priorities, name="priorities"),
    path("s/<site:site>/roadmap/versions/", views_quarter.versions, name="versions"),
    path("s/<site:site>/roadmap/versions/<int:number>/", views_quarter.version, name="version"),
    path("s/<site:site>/roadmap/rebuild/", views_quarter.rebuild, name="rebuild"),
    path("s/<site:site>/roadmap/rebuild/publish/", views_quarter.publish, name="publish"),
    path("s/<site:site>/roadmap/rebuild/give-up/", views_quarter.give_up, name="give_up"),
    path("s/<site:site>/roadmap/rebuild/<int:number>/", views_quarter.candidate, name="candidate"),
    path("s/<site:site>/roadmap/items/<experiment:key>/slot/", views_planning.slot, name="slot"),
    path("s/<site:site>/roadmap/plan/", views_planning.plan, name="plan"),
    path("s/<site:site>/roadmap/plan/<int:number>/", views_planning.proposal, name="proposal"),
    path(
        "s/<site:site>/roadmap/plan/<int:number>/progress/",
        views_planning.progress,
        name="proposal_progress",
    ),
    path("s/<site:site>/roadmap/plan/<int:number>/take/", views_planning.take, name="take"),
    path("s/<site:site>/roadmap/liaison/", views_planning.touched, name="liaison"),
    path(
        "s/<site:site>/roadmap/items/<experiment:key>/acknowledge/",
        views_planning.acknowledge,
        name="acknowledge",
    ),
]
