"""Every log line goes to stderr, as text for a person and as JSON for a machine."""

from __future__ import annotations

import logging.config
import re
import sys
import time
from collections.abc import Callable
from typing import Final

import structlog
from django.http import HttpRequest, HttpResponse


_TOKENED: Final = re.compile(
    r"^/(setup|invitations|intake|cal|changes/in|share|stop-mail|accounts/password/reset/key)/[^/]+"
)


def logging_settings() -> None:
    """Set up the standard library's logging and structlog to say the same in the same place."""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer = (
        structlog.dev.ConsoleRenderer()
        if sys.stderr.isatty()
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "truelift": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "foreign_pre_chain": shared,
                    "processors": [
                        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                        structlog.processors.format_exc_info,
                        renderer,
                    ],
                }
            },
            "handlers": {
                "stderr": {
                    "class": "logging.StreamHandler",
                    "stream": "ext://sys.stderr",
                    "formatter": "truelift",
                }
            },
            "loggers": {
                "django": {"level": "WARNING"},
                # A page that is not there or a form that is wrong is no incident.
                "django.request": {"level": "ERROR"},
                "django.security.DisallowedHost": {"level": "WARNING"},
                "truelift": {"level": "INFO", "handlers": ["stderr"], "propagate": False},
            },
            "root": {"level": "WARNING", "handlers": ["stderr"]},
        }
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


class LogRequests:
    """One line for each request that took long or failed; tokens in addresses are masked."""

    slow_ms: Final = 1000

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.log = structlog.get_logger("truelift.web")

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, and say so when it was slow or wrong."""
        started = time.monotonic()
        response = self.get_response(request)
        took_ms = round((time.monotonic() - started) * 1000)
        if took_ms >= self.slow_ms or response.status_code >= 500:
            self.log.warning(
                "request",
                method=request.method,
                path=masked(request.path),
                status=response.status_code,
                took_ms=took_ms,
            )
        return response


def masked(path: str) -> str:
    """Hide the token of an address that is itself a key."""
    return _TOKENED.sub(r"/\1/…", path)
