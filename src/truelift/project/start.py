"""Makes a home ready for the web application: directories, tables, published files, first link."""

from __future__ import annotations

import fcntl
import os
from datetime import datetime

from truelift.lake.home import Home
from truelift.project.tables import begin_with_copy
from truelift.settings import settings_from


def start_django() -> Home:
    """Make the home when it is missing and load Django for it; twice changes nothing."""
    import django
    from django.apps import apps

    home = Home.of(settings_from())
    home.make()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "truelift.project.settings")
    if not apps.ready:
        django.setup()
    return home


def bring_up_to_date() -> Home:
    """Load Django and give the database its newest tables; one process at a time does it."""
    home = start_django()
    if is_migrated():
        return home
    from django.core.management import call_command

    with (home.run / "migrate.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        begin_with_copy()
        if not is_migrated():
            call_command("migrate", verbosity=0, interactive=False)
    return home


def ensure_ready(*, now: datetime) -> str | None:
    """Bring the tables up to date, publish keys and sites, and give the first link if one is due.

    Returns:
        A one-time set-up link while nobody has an account, else nothing.
    """
    bring_up_to_date()
    from truelift.apps.accounts.services import setup_link
    from truelift.apps.experiments.publish_metrics import publish_metrics
    from truelift.apps.measurement.publish_segments import publish_segments
    from truelift.apps.sites.publish import publish

    publish()
    publish_segments()
    publish_metrics()
    return setup_link(now)


def let_go() -> None:
    """Close the database connections of this process, before a worker is forked from it.

    A connection that two processes hold breaks both: SQLite says so in its manual, and
    PostgreSQL mixes up their answers.
    """
    from django.db import connections

    connections.close_all()


def is_migrated() -> bool:
    """Say whether the database has every table in its newest form."""
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())
