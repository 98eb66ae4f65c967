"""Addresses of the customer's voice."""

from __future__ import annotations

from django.urls import path

from truelift.apps.voice import views, views_notes


app_name = "voice"
HERE = "s/<site:site>/voice/"
urlpatterns = [
    path(HERE, views.home, name="home"),
    path(f"{HERE}owners/", views.name_owner, name="name_owner"),
    path(f"{HERE}themes/<slug:key>/", views.decide_theme, name="decide_theme"),
    path(f"{HERE}notes/", views_notes.listing, name="notes"),
    path(f"{HERE}notes/new/", views_notes.new, name="new_note"),
    path(f"{HERE}notes/import/", views_notes.bring_csv, name="bring_csv"),
    path(f"{HERE}notes/<slug:key>/", views_notes.note, name="note"),
    path(f"{HERE}notes/<slug:key>/code/", views_notes.code, name="code_note"),
    path(f"{HERE}notes/<slug:key>/pass-on/", views_notes.pass_on, name="pass_on"),
    path(f"{HERE}notes/<slug:key>/erase/", views_notes.erase, name="erase_note"),
    path(f"{HERE}calls/", views.begin_call, name="begin_call"),
    path(f"{HERE}calls/<int:number>/", views.call, name="call"),
    path(f"{HERE}codebook/", views.codebook, name="codebook"),
    path(f"{HERE}codebook/coding/", views.keep_codes, name="keep_codes"),
    path(f"{HERE}phrases/", views.phrases, name="phrases"),
    path(f"{HERE}phrases/claims/", views.add_claim, name="add_claim"),
    path(f"{HERE}phrases/uses/<int:number>/", views.decide_use, name="decide_use"),
    path(f"{HERE}phrases/tests/", views.tag_test, name="tag_test"),
]
