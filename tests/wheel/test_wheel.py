"""What a company installs: the wheel, alone, in a clean environment, serves."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from truelift.lake.imports.products import Product


ROOT = Path(__file__).parents[2]
UV = ROOT / ".setup" / "tools" / "bin" / "uv"

pytestmark = pytest.mark.fault  # slow and with processes: it runs after the quick ones


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [UV, "build", "--quiet", "--wheel", "--no-build-isolation", "--out-dir", folder,
         "--python", ROOT / ".venv", ROOT],
        check=True,
    )  # fmt: skip
    return next(folder.glob("truelift-*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean environment: the locked dependencies, the wheel, nothing of the checkout."""
    environment = tmp_path_factory.mktemp("clean") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    for wanted in (["-r", str(ROOT / "requirements.lock")], ["--no-deps", str(wheel)]):
        subprocess.run(
            [UV, "pip", "install", "--quiet", "--python", environment / "bin" / "python", *wanted],
            check=True,
        )
    return environment / "bin" / "truelift"


@pytest.fixture
def served(installed: Path, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port = trial.getsockname()[1]
    log = tmp_path / "log"
    server = subprocess.Popen(
        [installed, "serve", "--port", str(port)],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "TRUELIFT_HOME": str(tmp_path / "home")},
        stdout=subprocess.PIPE,
        stderr=log.open("wb"),
        text=True,
    )
    assert server.stdout is not None
    line = server.stdout.readline()
    assert line == f"ready http://127.0.0.1:{port}\n", log.read_text()
    yield f"http://127.0.0.1:{port}", log
    os.kill(server.pid, signal.SIGTERM)
    assert server.wait(20) == 0
    server.stdout.close()


def fetched(address: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_the_wheel_carries_templates_styles_and_the_built_front_end(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()

    assert "truelift/project/static/built/t.js" in names
    assert "truelift/project/templates/base.html" in names
    assert any(name.endswith("tokens.css") for name in names)
    assert {f"truelift/lake/imports/maps/{product}.toml" for product in Product} <= set(names)
    assert not any(name.startswith(("tests/", "tracker/")) for name in names)


def test_the_installed_command_answers_without_the_checkout(
    installed: Path, tmp_path: Path
) -> None:
    answer = subprocess.run(
        [installed, "stats", "srm"],
        input='{"observed":[821588,815482],"weights":[1,1]}',
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )

    assert json.loads(answer.stdout)["status"] == "fail"


def test_an_empty_home_serves_a_set_up_link_the_tracker_and_styled_pages(
    served: tuple[str, Path],
) -> None:
    address, log = served
    link = re.search(r"http://\S+/setup/\S+", log.read_text())

    status, page = fetched(f"{address}/")
    styles = re.findall(rb'href="(/static/[^"]+\.css)"', page)

    assert link is not None
    assert fetched(link.group())[0] == 200
    assert status == 200
    assert styles
    assert [fetched(address + style.decode())[0] for style in styles] == [200] * len(styles)
    assert fetched(f"{address}/t.js")[0] == 200
    assert fetched(f"{address}/healthz")[0] == 200
