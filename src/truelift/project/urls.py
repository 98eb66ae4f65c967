"""Every address of the web application: its own, then each app's."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

from django.urls import URLPattern, URLResolver, include, path

from truelift.project import pages
from truelift.project.api import api


APPS: Final = ("accounts", "sites", "measurement", "research", "experiments")

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
    path("accounts/", include("allauth.urls")),
]

handler403 = "truelift.project.pages.forbidden"
handler404 = "truelift.project.pages.not_found"
handler500 = "truelift.project.pages.broken"
handler400 = "truelift.project.pages.bad_request"
