"""Every address of the web application: its own, then each app's."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

from allauth.account.urls import urlpatterns as account_urls
from django.urls import URLPattern, URLResolver, include, path

from truelift.project import pages
from truelift.project.api import api


APPS: Final = (
    "accounts",
    "sites",
    "programme",
    "measurement",
    "explorers",
    "research",
    "intake",
    "experiments",
    "briefs",
    "surfaces",
    "freezes",
    "backlog",
    "observations",
    "qa",
    "rollouts",
    "progress",
    "scorecard",
    "homes",
    "commerce",
    "roadmap",
    "threads",
    "lists",
    "inbox",
    "links",
    "changes",
    "watching",
    "rhythm",
    "calendars",
    "facts",
    "alignment",
    "memory",
    "voice",
    "warnings",
)

ACCOUNT_PAGES: Final = frozenset(
    {
        "account_login",
        "account_logout",
        "account_signup",
        "account_inactive",
        "account_reauthenticate",
        "account_change_password",
        "account_set_password",
        "account_reset_password",
        "account_reset_password_done",
        "account_reset_password_from_key",
        "account_reset_password_from_key_done",
    }
)
"""What is used of allauth. Changing one's address is left out: an address is who a person is to
invitations and to the audit, and only an invitation proves it."""

urlpatterns: list[URLPattern | URLResolver] = [
    path("", pages.home, name="home"),
    path("theme/", pages.choose_theme, name="theme"),
    path("healthz", pages.alive, name="healthz"),
    path("readyz", pages.ready, name="readyz"),
    path("api/v1/", api.urls),
    *(
        path("", include(f"truelift.apps.{app}.urls"))
        for app in APPS
        if find_spec(f"truelift.apps.{app}.urls")
    ),
    path("accounts/", include([each for each in account_urls if each.name in ACCOUNT_PAGES])),
    path("accounts/2fa/", include("allauth.mfa.urls")),
]

handler403 = "truelift.project.pages.forbidden"
handler404 = "truelift.project.pages.not_found"
handler500 = "truelift.project.pages.broken"
handler400 = "truelift.project.pages.bad_request"
