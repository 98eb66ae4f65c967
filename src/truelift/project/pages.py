"""The pages that belong to no app: the way in, health, errors."""

from __future__ import annotations

from datetime import UTC, datetime

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from truelift.apps.homes.sites import at_a_glance
from truelift.apps.sites.reads import sites_of
from truelift.project.frame import THEMES


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Go to the person's site, or let them choose one."""
    sites = sites_of(request.user)
    if len(sites) == 1 and "all" not in request.GET:
        return redirect(f"/s/{sites[0].name}/")
    glances = at_a_glance(sites, now=datetime.now(UTC))
    return render(request, "sites_of_person.html", {"sites": sites, "glances": glances})


@require_POST
@login_not_required
def choose_theme(request: HttpRequest) -> HttpResponse:
    """Remember light, dark or the system's choice, and go back to the page."""
    theme = request.POST.get("theme", "")
    back = request.POST.get("next", "/")
    if not url_has_allowed_host_and_scheme(back, allowed_hosts=None):
        back = "/"
    response = HttpResponseRedirect(back)
    if theme in THEMES:
        response.set_cookie(
            "theme",
            theme,
            max_age=365 * 24 * 3600,
            secure=request.is_secure(),
            httponly=True,
            samesite="Lax",
        )
    return response


@require_safe
@never_cache
@login_not_required
def alive(request: HttpRequest) -> HttpResponse:
    """Say that the process answers."""
    del request
    return JsonResponse({"status": "alive"})


@require_safe
@never_cache
@login_not_required
def ready(request: HttpRequest) -> HttpResponse:
    """Say whether pages can be answered: the database is there and its tables are current."""
    del request
    from truelift.project.start import is_migrated

    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        migrated = is_migrated()
    except DatabaseError:
        return JsonResponse({"status": "waiting", "for": "database"}, status=503)
    if not migrated:
        return JsonResponse({"status": "waiting", "for": "migrations"}, status=503)
    return JsonResponse({"status": "ready"})


@login_not_required
def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """One page for what does not exist and for what the person may not see."""
    del exception
    if request.path.startswith("/api/"):
        # Imported late: the description of the API imports every app.
        from truelift.project.api import no_such_address

        return no_such_address()
    return render(request, "404.html", status=404)


@login_not_required
def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Say that the person's role does not allow it, and who can help."""
    return render(request, "403.html", {"why": str(exception or "")}, status=403)


@login_not_required
def stale_form(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Say that a form was too old to be believed, and how to send it again."""
    del reason
    return render(request, "stale_form.html", status=403)


@login_not_required
def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Say that the request made no sense, without running anything that reads it again."""
    del request
    if isinstance(exception, (RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent)):
        return HttpResponse(
            "413: this form is longer than is read. Nothing was kept; send it in parts.",
            status=413,
            content_type="text/plain; charset=utf-8",
        )
    return HttpResponse(
        "400: this request cannot be answered. If you came by this server's name, set"
        " TRUELIFT_PUBLIC_URL to it.",
        status=400,
        content_type="text/plain; charset=utf-8",
    )


def broken(request: HttpRequest) -> HttpResponse:
    """Say that it is our fault. Touches neither database nor session: they may be the fault."""
    return render(None, "500.html", {"theme": request.COOKIES.get("theme", "system")}, status=500)
