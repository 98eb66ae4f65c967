"""`truelift work`: the loader and the jobs, without a port."""

from __future__ import annotations

import os
import signal
import threading
from datetime import UTC, datetime
from typing import Protocol

import typer

from truelift.lake.home import Home
from truelift.lifeline import end_with_parent, say_ready
from truelift.settings import settings_from


app = typer.Typer(add_completion=False)

JOBS_EVERY_S = 0.5


@app.command()
def work() -> None:
    """Load what the collector received and do what people asked for, until stopped."""
    end_with_parent()
    settings = settings_from()
    home = Home.of(settings)
    home.make()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())

    from truelift.lake.indexing import Indexing
    from truelift.lake.loader import Loading

    loading = Loading(home, now=lambda: datetime.now(UTC))
    loading.open()
    loops = (loading, Indexing(home))
    threads = [threading.Thread(target=run_or_end, args=(loop, stop)) for loop in loops]
    for thread in threads:
        thread.start()
    try:
        do_jobs(home, stop)
    except BaseException:  # noqa: BLE001 - the threads would keep a process alive that does no job
        import traceback

        traceback.print_exc()
        os._exit(1)
    for thread in threads:
        thread.join()


class Loop(Protocol):
    """What goes on until told to stop."""

    def run(self, stop: threading.Event) -> None:
        """Go on."""
        ...


def run_or_end(loop: Loop, stop: threading.Event) -> None:
    """Run a loop; if it cannot go on, end the process so that it is started again."""
    try:
        loop.run(stop)
    except BaseException:  # noqa: BLE001 - the outermost loop: say it, let the supervisor act
        import traceback

        traceback.print_exc()
        os._exit(1)


def do_jobs(home: Home, stop: threading.Event) -> None:
    """Claim and do jobs until told to stop."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "truelift.project.settings")
    import django

    django.setup()

    from truelift.apps.alignment.nightly import plan_alignment
    from truelift.apps.backlog.nightly import plan_nights
    from truelift.apps.changes.jobs import begin_weighing
    from truelift.apps.commerce.jobs import plan_explanations
    from truelift.apps.experiments.jobs import run_due_jobs
    from truelift.apps.experiments.monitoring_jobs import begin_watches
    from truelift.apps.facts.jobs import plan_traffic
    from truelift.apps.freezes.jobs import begin_keeping_time
    from truelift.apps.homes.weekly import plan_weeks
    from truelift.apps.inbox.rounds import begin_rounds
    from truelift.apps.progress.nightly import plan_every_hour
    from truelift.apps.rhythm.jobs import begin_rhythms
    from truelift.apps.scorecard.nightly import plan_scorecards
    from truelift.apps.sites.erasure import finish_erasures
    from truelift.apps.voice.jobs import begin_listening
    from truelift.apps.warnings.jobs import plan_warnings
    from truelift.apps.watching.jobs import plan_rounds
    from truelift.project.start import is_migrated

    # On a new or updated home the web process is still making the tables.
    while not is_migrated() and not stop.is_set():
        stop.wait(JOBS_EVERY_S)
    begin_rounds(datetime.now(UTC))
    begin_watches(datetime.now(UTC))
    say_ready()
    nights = plan_every_hour(
        plan_nights,
        plan_rounds,
        begin_keeping_time,
        begin_weighing,
        begin_listening,
        begin_rhythms,
        plan_scorecards,
        plan_weeks,
        plan_alignment,
        plan_warnings,
        plan_traffic,
        plan_explanations,
    )
    while not stop.is_set():
        nights(datetime.now(UTC))
        run_due_jobs(datetime.now(UTC))
        finish_erasures(home)
        stop.wait(JOBS_EVERY_S)
