"""Addresses of the explorers, of saved views and of annotations."""

from __future__ import annotations

from django.urls import path

from truelift.apps.explorers import views, views_kept
from truelift.apps.explorers.catalogue import EXPLORERS


app_name = "explorers"
urlpatterns = [
    *(
        path(
            f"s/<site:site>/{each.folder}/",
            views.explore,
            {"explorer": each.question},
            name=each.question,
        )
        for each in EXPLORERS.values()
    ),
    *(
        path(
            f"s/<site:site>/{each.folder}/rows.<str:kind>",
            views.rows,
            {"explorer": each.question},
            name=f"{each.question}-rows",
        )
        for each in EXPLORERS.values()
    ),
    path("s/<site:site>/views/", views_kept.views, name="views"),
    path("s/<site:site>/views/save/", views_kept.save, name="save"),
    path("s/<site:site>/views/<int:number>/", views_kept.view, name="view"),
    path("s/<site:site>/views/<int:number>/change/", views_kept.change, name="change"),
    path("s/<site:site>/views/<int:number>/delete/", views_kept.delete, name="delete"),
    path("s/<site:site>/annotations/", views_kept.noted, name="annotations"),
    path("s/<site:site>/annotations/add/", views_kept.annotate, name="annotate"),
    path("s/<site:site>/annotations/<int:number>/remove/", views_kept.remove, name="remove"),
]
