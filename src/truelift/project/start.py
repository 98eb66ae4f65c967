"""Makes a home ready for the web application: directories, tables, published files, first link."""

from __future__ import annotations

import os
from datetime import datetime

from truelift.lake.home import Home
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


def ensure_ready(*, now: datetime) -> str | None:
    """Bring the tables up to date, publish keys and sites, and give the first link if one is due.

    Returns:
        A one-time set-up link while nobody has an account, else nothing.
    """
    start_django()
    from django.core.management import call_command

    from truelift.apps.accounts.services import setup_link
    from truelift.apps.sites.publish import publish

    if not is_migrated():
        call_command("migrate", verbosity=0, interactive=False)
    publish()
    return setup_link(now)


def is_migrated() -> bool:
    """Say whether the database has every table in its newest form."""
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())
