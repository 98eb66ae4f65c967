"""Turns refusals and outages that no view has rendered into a page of their own."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from django.db import DataError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from truelift.errors import Outage, Refusal, TrueliftError


class BadText(Refusal):
    """Something that a database cannot hold: in PostgreSQL, a NUL in a text."""

    code = "request.bad_text"

    def __init__(self) -> None:
        super().__init__(
            "Something in it cannot be stored: a NUL character, or a number that is too large."
            " Take it out and send it again."
        )


class SayRefusals:
    """The last resort: the error's own words, its code, and its status."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer."""
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Say what the error says; anything that is not ours is a bug and stays one."""
        if isinstance(error, DataError):
            error = BadText()
        if not isinstance(error, TrueliftError):
            return None
        status = status_of(error)
        if isinstance(error, Outage):
            structlog.get_logger("truelift.web").error(
                "outage", code=error.code, message=str(error), path=request.path
            )
        response = render(request, "refused.html", {"error": error}, status=status)
        if isinstance(error, Outage):
            response["Retry-After"] = "5"
        return response


def status_of(error: TrueliftError) -> int:
    """Say which HTTP status an error is: what the person can put right, or the operator."""
    if isinstance(error, Refusal):
        what = error.code.rpartition(".")[2]
        if what.startswith("no_such_"):
            return 404
        if what == "input_too_long":
            return 413
        return 422 if what.startswith("bad_") else 409
    return 503 if isinstance(error, Outage) else 500
