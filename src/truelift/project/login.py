"""Nobody sees a page without signing in, unless the page says it is for strangers."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from typing_extensions import override


class SignInFirst(LoginRequiredMiddleware):
    """Django's rule, but the API answers for itself: 401 as a problem, not a login page."""

    @override
    def process_view(
        self, request: HttpRequest, view_func: Any, view_args: Any, view_kwargs: Any
    ) -> HttpResponseBase | None:
        """Send a stranger to the login page, but for what is public."""
        if request.path.startswith("/api/v1/"):
            return None
        return super().process_view(request, view_func, view_args, view_kwargs)

    @override
    def handle_no_permission(self, request: HttpRequest, view_func: Any) -> HttpResponse:  # type: ignore[override]
        """Make htmx load the login page whole instead of swapping it into a corner."""
        response = super().handle_no_permission(request, view_func)
        if request.headers.get("HX-Request"):
            return HttpResponse(status=204, headers={"HX-Redirect": response["Location"]})
        return response
