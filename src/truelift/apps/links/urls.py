"""Addresses of links: tickets, tools, shared pages, PDFs."""

from __future__ import annotations

from django.urls import path

from truelift.apps.links import views, views_shares


app_name = "links"
urlpatterns = [
    path("share/<str:token>/", views_shares.show, name="show"),
    path("hooks/<slug:kind>/<str:public_id>/", views.receive, name="receive"),
    path("s/<site:site>/tools/", views.tools, name="tools"),
    path("s/<site:site>/tools/<int:tool>/disconnect/", views.disconnect, name="disconnect"),
    path("s/<site:site>/tickets/<int:ticket>/unlink/", views.unlink, name="unlink"),
    path("s/<site:site>/tickets/<slug:kind>/<str:key>/", views.link, name="link"),
    path("s/<site:site>/shares/", views_shares.share, name="share"),
    path("s/<site:site>/shares/<int:share>/revoke/", views_shares.revoke, name="revoke"),
    path("s/<site:site>/prints/", views_shares.ask_print, name="ask_print"),
    path("s/<site:site>/prints/<int:record>/", views_shares.print_state, name="print"),
    path("s/<site:site>/prints/<int:record>/file.pdf", views_shares.pdf, name="pdf"),
]
