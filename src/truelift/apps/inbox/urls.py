"""Addresses of the inbox."""

from __future__ import annotations

from django.urls import path

from truelift.apps.inbox import views


app_name = "inbox"
urlpatterns = [
    path("stop-mail/<str:token>/", views.stop_mail, name="stop_mail"),
    path("s/<site:site>/inbox/", views.inbox, name="inbox"),
    path("s/<site:site>/inbox/put-off/", views.put_off, name="put_off"),
    path("s/<site:site>/inbox/settings/", views.wishes, name="settings"),
    path("s/<site:site>/inbox/webhooks/", views.webhooks, name="webhooks"),
    path("s/<site:site>/inbox/webhooks/<int:hook>/end/", views.end_webhook, name="end_webhook"),
    path("s/<site:site>/inbox/webhooks/<int:hook>/try/", views.try_webhook, name="try_webhook"),
]
