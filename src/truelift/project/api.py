"""The public JSON API: each app's `api.router`, one way to sign in, one form of error."""

from __future__ import annotations

import importlib
from datetime import UTC, datetime
from http import HTTPStatus
from importlib.util import find_spec
from typing import Any, Final

from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import DataError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.openapi.schema import OpenAPISchema
from ninja.security import HttpBearer, SessionAuth
from typing_extensions import override

from truelift.apps.accounts.models import User
from truelift.apps.accounts.services import bearer
from truelift.errors import TrueliftError
from truelift.project.refusals import BadText, status_of


APPS: Final = (
    "accounts",
    "sites",
    "programme",
    "measurement",
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
    "alignment",
    "scorecard",
    "commerce",
    "statistics",
    "inbox",
    "links",
    "changes",
    "memory",
    "voice",
    "warnings",
    "rhythm",
    "roadmap",
    "facts",
)


class BrowserAuth(SessionAuth):
    """A page's own scripts use the person's session; changes then need the CSRF token."""

    @override
    def __call__(self, request: HttpRequest) -> object | None:
        """Ask for the CSRF token only where there is a session to protect: a stranger gets 401."""
        return super().__call__(request) if request.user.is_authenticated else None


class AccessTokenAuth(HttpBearer):
    """A program signs in with `Authorization: Bearer` and a person's access token."""

    @override
    def authenticate(self, request: HttpRequest, token: str) -> User | None:
        """Put the person behind the token where a view looks for them."""
        user = bearer(token, now=datetime.now(UTC))
        if user is not None:
            request.user = user
        return user


_REFUSALS: Final = {
    400: "The request cannot be read.",
    401: "Nobody has signed in.",
    403: "The person's role or function does not allow it.",
    404: "It does not exist, or the person may not see it.",
    409: "Something has to be settled first; every reason is said.",
    413: "The request is longer than is read.",
    422: "Some fields are wrong.",
    503: "A part of the installation does not answer.",
}
"""What every endpoint may answer besides what it is asked for."""

_PROBLEM: Final = {
    "type": "object",
    "description": "An error (RFC 9457); `code` is stable, `detail` is for people.",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
    },
}


class DescribedAPI(NinjaAPI):
    """The API, with its errors in its description: apps write down only what they answer."""

    @override
    def get_openapi_schema(
        self, *, path_prefix: str | None = None, path_params: dict[str, Any] | None = None
    ) -> OpenAPISchema:
        """Describe every endpoint with the problems that it may answer with."""
        found = super().get_openapi_schema(path_prefix=path_prefix, path_params=path_params)
        found["components"]["schemas"]["Problem"] = _PROBLEM
        told = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
        for methods in found["paths"].values():
            for operation in methods.values():
                for status, meaning in _REFUSALS.items():
                    said = {"description": meaning, "content": told}
                    operation["responses"].setdefault(status, said)
        return found


api = DescribedAPI(
    title="Truelift",
    version="1",
    urls_namespace="api",
    openapi_url="/openapi.json",
    docs_url=None,
    auth=[AccessTokenAuth(), BrowserAuth()],
)

for _app in APPS:
    if find_spec(f"truelift.apps.{_app}.api"):
        api.add_router("", importlib.import_module(f"truelift.apps.{_app}.api").router)


def problem(status: int, *, code: str, detail: str, **more: object) -> HttpResponse:
    """Answer with an error as `application/problem+json` (RFC 9457) and a stable code."""
    return JsonResponse(
        {
            "type": f"urn:truelift:{code}",
            "title": HTTPStatus(status).phrase,
            "status": status,
            "code": code,
            "detail": detail,
            **more,
        },
        status=status,
        content_type="application/problem+json",
    )


@api.exception_handler(TrueliftError)
def _refused(request: HttpRequest, error: TrueliftError) -> HttpResponse:
    del request
    return problem(status_of(error), code=error.code, detail=str(error), facts=dict(error.facts))


@api.exception_handler(DataError)
def _not_storable(request: HttpRequest, error: DataError) -> HttpResponse:
    del error
    return _refused(request, BadText())


@api.exception_handler(RequestDataTooBig)
def _too_long(request: HttpRequest, error: RequestDataTooBig) -> HttpResponse:
    del request, error
    most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    detail = f"A request may have {most:,} bytes here. Send it in parts."
    return problem(413, code="api.input_too_long", detail=detail)


@api.exception_handler(ValidationError)
def _invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    del request
    wrong: list[dict[str, Any]] = [
        {"where": ".".join(map(str, each.get("loc", ()))), "what": str(each.get("msg", ""))}
        for each in error.errors
    ]
    return problem(422, code="api.invalid", detail="Some fields are wrong.", errors=wrong)


@api.exception_handler(AuthenticationError)
def _stranger(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    del request, error
    return problem(401, code="api.sign_in", detail="Sign in, or send an access token.")


def no_such_address() -> HttpResponse:
    """Answer where nothing is, and where the person may not know that there is something."""
    return problem(
        404, code="api.no_such_thing", detail="It does not exist, or you may not see it."
    )


@api.exception_handler(Http404)
def _missing(request: HttpRequest, error: Http404) -> HttpResponse:
    del request, error
    return no_such_address()


@api.exception_handler(PermissionDenied)
def _not_allowed(request: HttpRequest, error: PermissionDenied) -> HttpResponse:
    del request
    return problem(403, code="api.not_allowed", detail=str(error) or "Your role does not allow it.")


@api.exception_handler(HttpError)
def _http(request: HttpRequest, error: HttpError) -> HttpResponse:
    del request
    return problem(error.status_code, code="api.refused", detail=str(error))
