"""The web application as a WSGI server takes it."""

from __future__ import annotations

import contextlib
import gc
import os
from pathlib import Path
from threading import Thread
from typing import Final

from django.core.wsgi import get_wsgi_application

from truelift.lifeline import end_with_parent


NICE: Final = 12
"""A fifteenth of the processor while somebody else wants all of it. With it the collector keeps
0.6 of its rate on two cores while pages load in a loop, without it 0.35 (`bench/together.py`)."""

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "truelift.project.settings")
end_with_parent()  # the server in front started this worker; it must not outlive it
application = get_wsgi_application()


def warm() -> None:
    """Load every page, and the engine before the first person asks for them."""
    from django.urls import get_resolver

    from truelift.apps.measurement.reads import lake

    _ = get_resolver().url_patterns
    lake()
    # Searching all that lives as long as the process for garbage costs a page 100 ms.
    gc.collect()
    gc.freeze()
    give_way()


def give_way() -> None:
    """Let the collector go first from now on: an event that is not taken is lost, a page waits.

    Linux has the priority by thread, and what a thread starts later, the engine's workers
    included, inherits it. Not before everything is loaded, so that the start is quick on a
    busy machine.
    """
    with contextlib.suppress(OSError):  # no /proc, or a thread that ended meanwhile
        for thread in Path("/proc/self/task").iterdir():
            os.setpriority(os.PRIO_PROCESS, int(thread.name), NICE)


Thread(target=warm, name="warm", daemon=True).start()
