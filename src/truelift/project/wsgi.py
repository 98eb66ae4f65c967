"""The web application as a WSGI server takes it."""

from __future__ import annotations

import os
from threading import Thread

from django.core.wsgi import get_wsgi_application

from truelift.lifeline import end_with_parent


os.environ.setdefault("DJANGO_SETTINGS_MODULE", "truelift.project.settings")
end_with_parent()  # the server in front started this worker; it must not outlive it
application = get_wsgi_application()


def warm() -> None:
    """Load every page, and the engine before the first person asks for them."""
    from django.urls import get_resolver

    from truelift.apps.measurement.reads import lake

    _ = get_resolver().url_patterns
    lake()


Thread(target=warm, name="warm", daemon=True).start()
