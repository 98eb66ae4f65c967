"""Addresses of quality checks, hosts and pictures."""

from __future__ import annotations

from django.urls import path

from truelift.apps.qa import views


app_name = "qa"
urlpatterns = [
    path("s/<site:site>/qa/<experiment:key>/", views.qa, name="qa"),
    path("s/<site:site>/qa/<experiment:key>/addresses/", views.addresses, name="addresses"),
    path("s/<site:site>/qa/<experiment:key>/matrix/", views.matrix, name="matrix"),
    path("s/<site:site>/qa/<experiment:key>/verdict/", views.verdict, name="verdict"),
    path("s/<site:site>/qa/<experiment:key>/run/", views.run, name="run"),
    path("s/<site:site>/pictures/<slug:digest>/", views.picture, name="picture"),
    path("s/<site:site>/hosts/", views.hosts, name="hosts"),
    path("s/<site:site>/hosts/add/", views.add_host, name="add_host"),
    path("s/<site:site>/hosts/<int:number>/check/", views.check_host, name="check_host"),
    path("s/<site:site>/hosts/<int:number>/remove/", views.remove_host, name="remove_host"),
]
