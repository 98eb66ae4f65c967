from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

from truelift.project.database import database_from
from truelift.project.mail import mail_settings
from truelift.settings import BadSetting


SETTINGS = Path(__file__).parents[2] / "src/truelift/project/settings.py"


def _settings(monkeypatch: pytest.MonkeyPatch, home: Path, **environment: str) -> dict[str, Any]:
    monkeypatch.setenv("TRUELIFT_HOME", str(home))
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return runpy.run_path(str(SETTINGS))


def test_cookies_are_bound_to_the_host_when_people_come_by_https(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = _settings(monkeypatch, tmp_path, TRUELIFT_PUBLIC_URL="https://lift.example")

    assert found["SESSION_COOKIE_NAME"] == "__Host-session"
    assert found["CSRF_COOKIE_NAME"] == "__Host-csrf"
    assert found["SESSION_COOKIE_SECURE"]
    assert found["CSRF_COOKIE_SECURE"]
    assert found["SECURE_HSTS_SECONDS"] > 0
    assert found["ALLOWED_HOSTS"][0] == "lift.example"
    assert found["CSRF_TRUSTED_ORIGINS"] == ["https://lift.example"]


def test_plain_http_gets_cookies_that_browsers_accept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = _settings(monkeypatch, tmp_path, TRUELIFT_PUBLIC_URL="http://127.0.0.1:8000")

    assert not found["SESSION_COOKIE_NAME"].startswith("__Host-")
    assert not found["SESSION_COOKIE_SECURE"]
    assert found["SECURE_HSTS_SECONDS"] == 0


def test_reading_the_settings_writes_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _settings(monkeypatch, tmp_path / "not-there")

    assert not (tmp_path / "not-there").exists()


def test_the_secret_key_is_the_homes_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secret.key").write_text("kept in the home\n")

    assert _settings(monkeypatch, tmp_path)["SECRET_KEY"] == "kept in the home"


def test_sqlite_takes_its_write_lock_at_the_beginning(tmp_path: Path) -> None:
    found = database_from("", embedded=tmp_path / "truelift.sqlite3")

    assert found["NAME"] == str(tmp_path / "truelift.sqlite3")
    assert found["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert "journal_mode=WAL" in found["OPTIONS"]["init_command"]


def test_a_postgresql_address_is_taken_apart(tmp_path: Path) -> None:
    found = database_from(
        "postgresql://ada:p%40ss@db.example:5433/lift?sslmode=require", embedded=tmp_path
    )

    assert found["ENGINE"] == "django.db.backends.postgresql"
    assert (found["USER"], found["PASSWORD"]) == ("ada", "p@ss")
    assert (found["HOST"], found["PORT"], found["NAME"]) == ("db.example", "5433", "lift")
    assert found["OPTIONS"] == {"sslmode": "require"}


def test_a_postgresql_socket_is_a_host_too(tmp_path: Path) -> None:
    found = database_from("postgresql://ada@/lift?host=/run/postgresql", embedded=tmp_path)

    assert found["HOST"] == "/run/postgresql"


def test_another_database_is_refused_without_repeating_its_password(tmp_path: Path) -> None:
    with pytest.raises(BadSetting) as refused:
        database_from("mysql://ada:secret@db/lift", embedded=tmp_path)

    assert "secret" not in str(refused.value)


def test_mail_by_smtp_is_encrypted_unless_it_is_said_otherwise() -> None:
    found = mail_settings("smtp://ada:pw@mail.example?from=a@b.example", public_url="http://x")
    plain = mail_settings("smtp://mail.example:25?tls=off", public_url="http://x")

    assert (found["EMAIL_PORT"], found["EMAIL_USE_TLS"]) == (587, True)
    assert found["DEFAULT_FROM_EMAIL"] == "a@b.example"
    assert (plain["EMAIL_PORT"], plain["EMAIL_USE_TLS"]) == (25, False)


def test_mail_of_another_kind_is_refused() -> None:
    with pytest.raises(BadSetting, match="EMAIL_URL"):
        mail_settings("gopher://x", public_url="http://x")
