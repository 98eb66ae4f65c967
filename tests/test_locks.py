"""What is installed is what the locks say, from wherever packages come."""

from __future__ import annotations

import importlib
import importlib.metadata
import re
import subprocess
import tomllib
from pathlib import Path

import pytest


ROOT = Path(__file__).parents[1]
LOCKS = (
    "requirements.lock",
    "requirements-dev.lock",
    "requirements-gbstats.lock",
    "package-lock.json",
)
IMPORTED_AS = {
    "argon2-cffi": "argon2",
    "markdown-it-py": "markdown_it",
    "django-allauth": "allauth",
    "django-csp": "csp",
    "django-htmx": "django_htmx",
    "django-ninja": "ninja",
    "django-template-partials": "template_partials",
    "psycopg": "psycopg",
    "ua-parser": "ua_parser",
}


def direct_dependencies() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [re.split(r"[\[<>=]", line)[0] for line in project["dependencies"]]


@pytest.mark.parametrize("name", LOCKS)
def test_no_lock_names_where_packages_are_downloaded_from(name: str) -> None:
    text = (ROOT / name).read_text()

    assert not re.search(r"https?://[^\"\s]*(pypi|registry|pythonhosted|npmjs)", text)
    assert '"resolved"' not in text
    assert "index-url" not in text


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_every_direct_dependency_is_in_the_lock(name: str) -> None:
    named = re.findall(r"^([a-z0-9-]+)[=<>@]", (ROOT / name).read_text(), re.MULTILINE)

    assert set(direct_dependencies()) <= set(named)


@pytest.mark.parametrize("name", [name for name in LOCKS if name.startswith("requirements")])
def test_every_python_package_is_pinned_with_hashes(name: str) -> None:
    pinned = re.findall(
        r"^([a-z0-9-]+)==\S+ \\\n    --hash=sha256:", (ROOT / name).read_text(), re.MULTILINE
    )
    named = re.findall(r"^([a-z0-9-]+)[=<>@]", (ROOT / name).read_text(), re.MULTILINE)

    assert pinned == named


def test_installed_packages_agree_with_each_other() -> None:
    answer = subprocess.run(
        [ROOT / ".setup" / "tools" / "bin" / "uv", "pip", "check", "--python", ROOT / ".venv"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert answer.returncode == 0, answer.stderr


@pytest.mark.parametrize("name", direct_dependencies())
def test_every_direct_dependency_can_be_imported(name: str) -> None:
    module = importlib.import_module(IMPORTED_AS.get(name, name.replace("-", "_")))

    assert module is not None
