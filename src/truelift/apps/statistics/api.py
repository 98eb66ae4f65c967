"""The statistics over HTTP: the documents of `truelift stats`, in and out."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final

from django.http import HttpRequest, HttpResponse
from ninja import Router

from truelift.apps.sites.reads import site_for
from truelift.errors import Refusal
from truelift.stats.asked import STATISTICS, NoSuchStatistic, answer, statistic, written


router = Router(tags=["statistics"])

MOST_BYTES: Final = 256 * 1024
"""Of a document; the largest that a person has cause to send is a tenth of it."""


class InputTooLong(Refusal):
    """A document is longer than is read."""

    code: ClassVar[str] = "stats.input_too_long"

    def __init__(self) -> None:
        super().__init__(
            f"A document may have {MOST_BYTES:,} bytes over HTTP. `truelift stats` on the command"
            " line takes longer ones.",
            most_bytes=MOST_BYTES,
        )


def _answers(name: str) -> Callable[..., HttpResponse]:
    """Make the endpoint of a statistic.

    It is about no site; one that is named must be one that the person may see, so that a program
    which names the site in every request hears that it has the wrong one.
    """

    def ask(request: HttpRequest, site: str = "") -> HttpResponse:
        if site:
            site_for(request.user, site)
        return HttpResponse(
            written(answer(name, _body(request))), content_type="application/json; charset=utf-8"
        )

    return ask


def _body(request: HttpRequest) -> bytes:
    # Not read before its length is known to be bearable; a server in between may leave it out.
    if int(request.META.get("CONTENT_LENGTH") or 0) > MOST_BYTES:
        raise InputTooLong
    body = request.body
    if len(body) > MOST_BYTES:
        raise InputTooLong
    return body


for _name, _place in STATISTICS.items():
    router.add_api_operation(
        f"/stats/{_name}",
        ["POST"],
        _answers(_name),
        operation_id=f"stats_{_name.replace('-', '_')}",
        summary=_place.says,
        description="The document and the answer are those of `truelift stats`.",
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": statistic(_name).schema()}},
            },
            "responses": {
                200: {
                    "description": "The answer.",
                    "content": {"application/json": {"schema": {"type": "object"}}},
                }
            },
        },
    )


@router.post("/stats/{name}", include_in_schema=False)
def unknown(request: HttpRequest, name: str, site: str = "") -> HttpResponse:
    """Say which statistics there are."""
    if site:
        site_for(request.user, site)
    raise NoSuchStatistic(name=name)
