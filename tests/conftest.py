"""The cast, a site, a home of one's own, and the shared data."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING


# Before anything reads the settings: no test may find the developer's own home.
os.environ["TRUELIFT_HOME"] = tempfile.mkdtemp(prefix="truelift-tests-")

import hypothesis
import pytest

from tests.cli.served import RUNNING, eventually
from truelift.lake.home import Home
from truelift.project.tables import ready_made
from truelift.settings import settings_from


if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter
    from django.test import Client
    from pytest_django import Settings

    from truelift.apps.accounts.models import User
    from truelift.apps.sites.models import Site

# How long one example takes says how busy the machine is, not whether the rule holds. Every run
# draws other examples, so that what one run saves the next ones look at.
hypothesis.settings.register_profile("truelift", deadline=None, max_examples=50)
hypothesis.settings.load_profile("truelift")

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
"""The moment at which tests happen, a Monday."""


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out unread the files that cannot have a test of the wanted kind.

    `-m fault` wants tests that say `mark.fault`, in their file or in a conftest above it;
    reading all the others takes longer than some kinds take to run.
    """
    if collection_path.suffix != ".py" or not collection_path.name.startswith("test_"):
        return None
    terms = str(config.option.markexpr).split(" and ")
    wanted = [f"mark.{term}" for term in terms if term.isidentifier()]
    tests = Path(__file__).parent
    folders = [folder for folder in collection_path.parents if tests in folder.parents]
    if not wanted or tests not in collection_path.parents:
        return None
    files = [collection_path, *(folder / "conftest.py" for folder in folders)]
    said = "".join(path.read_text(encoding="utf-8") for path in files if path.exists())
    return None if all(word in said for word in wanted) else True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show beside a failure what the servers that run meanwhile have said last."""
    report = yield
    if report.failed:
        for served in RUNNING:
            last = "\n".join(served.log.splitlines()[-40:])
            report.sections.append((f"last words of truelift serve at {served.address}", last))
    return report


def pytest_terminal_summary(terminalreporter: TerminalReporter, config: pytest.Config) -> None:
    """Say after failures how to repeat the order in which the tests ran."""
    if terminalreporter.stats.get("failed") or terminalreporter.stats.get("error"):
        seed = config.getoption("randomly_seed", None)
        terminalreporter.write_line(f"The order of these tests: --randomly-seed={seed}")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Home:
    """An empty data directory that environment and Django both point to."""
    monkeypatch.setenv("TRUELIFT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("TRUELIFT_LAKE", raising=False)
    settings.TRUELIFT = dataclasses.replace(settings_from(), public_url="http://testserver")
    made = Home.of(settings.TRUELIFT)
    made.make()
    return made


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Keep SQLite's test database in a file: in memory its locks are not those of real life."""
    del django_db_modify_db_settings_parallel_suffix
    from django.db import connections

    wanted = connections["default"].settings_dict
    if wanted["ENGINE"] == "django.db.backends.sqlite3":
        database = tmp_path_factory.mktemp("database") / "test.sqlite3"
        wanted["TEST"]["NAME"] = str(database)
        if not ready_made().exists():
            # In a process of its own: this one's Django has its settings already.
            subprocess.run([sys.executable, "-m", "truelift.project.tables"], check=False)
        if ready_made().exists():
            shutil.copyfile(ready_made(), database)
    elif tables := os.environ.get("TRUELIFT_TEST_TABLES"):
        # scripts/with-postgres.sh makes them while the tests are collected.
        assert eventually(Path(tables).exists, within_s=300), "nobody made the tables"
        if copied := Path(tables).read_text(encoding="utf-8").strip():
            wanted["TEST"]["TEMPLATE"] = copied


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """Go on from the ready-made tables; migrations that they lack are made up for."""
    from django.db import connections

    return connections["default"].vendor == "sqlite"


@pytest.fixture(scope="session", autouse=True)
def _quick_passwords() -> None:
    """Make the cast's passwords without Argon2, whose purpose is to be slow."""
    from django.conf import settings
    from django.test.signals import setting_changed

    quick = ["django.contrib.auth.hashers.MD5PasswordHasher", *settings.PASSWORD_HASHERS]
    settings.PASSWORD_HASHERS = quick
    setting_changed.send(sender=type(settings), setting="PASSWORD_HASHERS", value=quick, enter=True)


@pytest.fixture(scope="session", autouse=True)
def _static_files_are_listed_once() -> None:
    """Look for the static files with the first test client: each one has middleware of its own."""
    from truelift.project.static_files import ServeStaticFiles

    look = ServeStaticFiles.add_files_from_finders
    listed: dict[str, object] = {}

    def look_once(middleware: ServeStaticFiles) -> None:
        if not listed:
            look(middleware)
            listed.update(middleware.files)
        middleware.files.update(listed)

    ServeStaticFiles.add_files_from_finders = look_once  # type: ignore[assignment]


@pytest.fixture(scope="session", autouse=True)
def _append_only_tables_can_be_emptied() -> None:
    """Set triggers aside while a transactional test's rows are removed.

    The append-only tables refuse to lose rows, also when Django empties every table
    after a test that really committed.
    """
    from django.test import TransactionTestCase

    empty = TransactionTestCase._fixture_teardown  # type: ignore[attr-defined]

    def empty_without_triggers(case: TransactionTestCase) -> None:
        with _without_triggers():
            empty(case)

    TransactionTestCase._fixture_teardown = empty_without_triggers  # type: ignore[attr-defined]


@contextmanager
def _without_triggers() -> Iterator[None]:
    from django.db import connection

    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
            away = [(f'DROP TRIGGER "{name}"', sql) for name, sql in cursor.fetchall()]
        else:
            cursor.execute(
                "SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal"
            )
            away = [
                (
                    f"ALTER TABLE {table} DISABLE TRIGGER USER",
                    f"ALTER TABLE {table} ENABLE TRIGGER USER",
                )
                for (table,) in cursor.fetchall()
            ]
        for statement, _ in away:
            cursor.execute(statement)
    yield
    with connection.cursor() as cursor:
        for _, statement in away:
            cursor.execute(statement)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data beside the repository; skips where it is not laid out."""
    found = Path(__file__).parents[1].parent / "shared"
    if not (found / "data").is_dir():
        pytest.skip("no ../shared/data beside the repository")
    return found


@pytest.fixture
def now() -> datetime:
    """The moment at which the test happens."""
    return NOON


@pytest.fixture
def site(db: None, home: Home, now: datetime) -> Site:
    """The site `shop`, of which ada is owner, ben editor and cleo viewer."""
    del db, home
    from truelift.apps.sites.services import create_site

    return create_site(
        "shop",
        title="Shop",
        time_zone="Europe/Berlin",
        write_key="pk_shop_public",
        by="tests",
        now=now,
    ).site


@pytest.fixture
def ada(site: Site, now: datetime) -> User:
    """Owns the site."""
    return _person("ada", role="owner", site=site, now=now)


@pytest.fixture
def ben(site: Site, now: datetime) -> User:
    """May edit on the site."""
    return _person("ben", role="editor", site=site, now=now)


@pytest.fixture
def cleo(site: Site, now: datetime) -> User:
    """May look at the site."""
    return _person("cleo", role="viewer", site=site, now=now)


@pytest.fixture
def mallory(db: None, home: Home, now: datetime) -> User:
    """Owns another site and is a stranger to this one."""
    del db, home
    from truelift.apps.sites.services import create_site

    other = create_site("elsewhere", title="Elsewhere", by="tests", now=now).site
    return _person("mallory", role="owner", site=other, now=now)


@pytest.fixture
def client_of() -> Callable[[User], Client]:
    """Give a browser in which a person has signed in."""
    from django.test import Client

    def signed_in(user: User) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return signed_in


def _person(name: str, *, role: str, site: Site, now: datetime) -> User:
    from truelift.apps.accounts.models import User
    from truelift.apps.accounts.roles import Role
    from truelift.apps.accounts.services import give_role

    user = User.objects.create_user(f"{name}@example.com", PASSWORD, name=name.capitalize())
    give_role(site, user, Role(role), by="tests", now=now)
    return user


@pytest.fixture(scope="session", autouse=True)
def _fast_passwords() -> None:
    """Hash passwords with argon2 still, but with little work: tests make many people."""
    from django.contrib.auth.hashers import Argon2PasswordHasher

    Argon2PasswordHasher.time_cost = 1
    Argon2PasswordHasher.memory_cost = 1024
    Argon2PasswordHasher.parallelism = 1


PASSWORD = "a long enough pass phrase"
"""Everyone's password in tests."""
