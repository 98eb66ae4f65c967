"""`truelift deploy-check`: its exit codes, at home, against a server, and when nobody answers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from pytest_django.live_server_helper import LiveServer

from tests.cli.served import free_port
from truelift.apps.accounts.models import User
from truelift.apps.accounts.services import make_token as make_access_token
from truelift.apps.changes.models import ContaminationRecord
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.freezes.deploy_services import make_token
from truelift.apps.freezes.models import DeployCheckRecord
from truelift.apps.freezes.services import approve, follow_experiment
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.apps.surfaces.models import SurfaceRecord
from truelift.cli.main import run


DURING, AFTER = "2026-05-10T12:00Z", "2026-06-10T12:00Z"
GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "deploys.md"


def put_running(site: Site, owner: User, *, at: datetime) -> ExperimentRecord:
    """A test on the checkout in May, and the files that make checkout and blog."""
    for name, code in (("Checkout", "src/checkout/**"), ("Blog", "blog/")):
        SurfaceRecord.objects.create(site=site, name=name, code=[code])
    return ExperimentRecord.objects.create(
        site=site,
        key="EXP-41",
        name="Express pay",
        surface="Checkout",
        stage="stopped",
        started_at=at,
        stopped_at=at.replace(day=25),
        decision_owner=owner,
        made_at=at,
    )


@pytest.mark.database
@pytest.mark.django_db
class TestAtHome:
    """The command asks the home of its machine."""

    @pytest.fixture(autouse=True)
    def _running(self, site: Site, ada: User, now: datetime) -> None:
        put_running(site, ada, at=now)

    def asked(
        self, capsys: pytest.CaptureFixture[str], *words: str
    ) -> tuple[int, dict[str, Any], str]:
        code = run("deploy-check", ["--site", "shop", "--json", *words])
        said = capsys.readouterr()
        return code, json.loads(said.out) if said.out.strip() else {}, said.err

    @pytest.mark.parametrize(
        ("words", "code", "decision"),
        [
            (("--surface", "checkout", "--at", DURING), 10, "deny"),
            (("--surface", "checkout", "--at", AFTER), 0, "allow"),
            (("--surface", "blog", "--at", DURING), 0, "allow"),
            (("--paths", "src/checkout/a.ts,blog/b.md", "--at", DURING), 10, "deny"),
            (("--paths", "infra/x.tf", "--at", DURING), 0, "warn"),
            (("--surface", "chekout", "--at", DURING), 20, "unknown"),
        ],
    )
    def test_the_exit_code_is_the_answer(
        self,
        capsys: pytest.CaptureFixture[str],
        words: tuple[str, ...],
        code: int,
        decision: str,
    ) -> None:
        exit_code, said, _ = self.asked(capsys, *words)

        assert (exit_code, said["decision"]) == (code, decision)

    def test_an_emergency_goes_through_and_contaminates(
        self, capsys: pytest.CaptureFixture[str], ben: User
    ) -> None:
        emergency = ("--emergency", "--reason", "Card data leaks.", "--as", ben.email)

        code, said, _ = self.asked(capsys, "--surface", "checkout", "--at", DURING, *emergency)

        assert (code, said["decision"]) == (0, "allow")
        assert said["emergency"]["contaminates"] == ["EXP-41"]
        assert ContaminationRecord.objects.count() == 1

    @pytest.mark.parametrize(
        ("words", "code"),
        [
            (("--surface", "checkout", "--emergency"), "deploys.bad_request"),
            ((), "deploys.bad_request"),
            (("--surface", "checkout", "--at", "tomorrow"), "cli.bad_moment"),
        ],
    )
    def test_what_is_asked_wrongly_is_an_error(
        self, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], code: str
    ) -> None:
        exit_code, _, said = self.asked(capsys, *words)

        assert exit_code == 1
        assert json.loads(said.splitlines()[-1])["error"]["code"] == code

    def test_a_person_reads_a_sentence(self, capsys: pytest.CaptureFixture[str]) -> None:
        run("deploy-check", ["--site", "shop", "--surface", "checkout", "--at", DURING])

        said = capsys.readouterr().out
        assert said.startswith("Frozen until 2026-05-25T12:00:00Z.")
        assert "EXP-41 runs on Checkout. (until 2026-05-25T12:00:00Z, Ada)" in said


@pytest.mark.parametrize(
    ("policy", "code", "deploys"), [("--fail-open", 0, True), ("--fail-closed", 20, False)]
)
def test_when_nobody_answers_the_team_has_chosen(
    capsys: pytest.CaptureFixture[str], policy: str, code: int, deploys: bool
) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    words = ["--site", "shop", "--surface", "checkout", "--url", nowhere, policy, "--json"]

    exit_code = run("deploy-check", words)

    said = capsys.readouterr()
    document = json.loads(said.out)
    assert (exit_code, document["decision"]) == (code, "unknown")
    assert (document["fail"], document["deploys"]) == (policy.removeprefix("--fail-"), deploys)
    error = json.loads(said.err.splitlines()[-1])["error"]
    assert error["code"] == "deploys.nobody_answers"
    assert "may be deployed" in error["message"] or "may not be deployed" in error["message"]


def test_against_a_server_the_framework_is_never_loaded() -> None:
    words = ["--site", "shop", "--surface", "x", "--url", f"http://127.0.0.1:{free_port()}"]
    program = (
        "import sys\nfrom truelift.cli.main import run\n"
        f"code = run('deploy-check', {words!r})\n"
        "sys.exit(code or ('django' in sys.modules) or ('numpy' in sys.modules))"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)

    assert done.returncode == 0, done.stderr


def shell_step() -> str:
    """Give the ready-made step for a shell, as the guide has it."""
    text = GUIDE.read_text(encoding="utf-8")
    return text.partition("```sh\n")[2].partition("```")[0]


def git(folder: Path, *words: str) -> str:
    own = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    who = {
        f"GIT_{role}_{what}": value
        for role in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", "Ben"), ("EMAIL", "ben@example.com"))
    }
    done = subprocess.run(
        ["git", "-C", str(folder), *words],
        env={**os.environ, **own, **who},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository whose newest commit is what the pipeline deploys."""
    folder = tmp_path / "shop"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    (folder / "deploy.sh").write_text(shell_step() + '\necho "deployed $(git rev-parse HEAD)"\n')
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "Begin")
    return folder


def committed(folder: Path, path: str) -> str:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_text(f"{path}\n")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", f"Change {path}")
    return git(folder, "rev-parse", "HEAD")


@pytest.mark.database
@pytest.mark.django_db(transaction=True)
def test_a_pipeline_of_a_real_repository_obeys_a_running_server(
    site: Site, ada: User, ben: User, repository: Path, live_server: LiveServer, now: datetime
) -> None:
    put_running(site, ada, at=now)
    # By the clock on the wall it runs until it is stopped.
    ExperimentRecord.objects.update(stage="running", stopped_at=None)
    follow_experiment(ExperimentRecord.objects.get(), now=now)
    pipeline = make_token(site, "Deploy of the shop", by=Actor(ada), now=now).token
    person = make_access_token(ben, name="terminal", now=now)
    binaries = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

    def deploy(url: str = live_server.url, token: str = pipeline, **more: str) -> tuple[int, str]:
        given = {"PATH": binaries, "TRUELIFT_URL": url, "TRUELIFT_DEPLOY_TOKEN": token}
        done = subprocess.run(
            ["sh", "deploy.sh"],
            cwd=repository,
            env={**os.environ, "TRUELIFT_SITE": "shop", **given, **more},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    committed(repository, "blog/first.md")
    allowed = deploy()
    committed(repository, "infra/main.tf")
    warned = deploy()
    sha = committed(repository, "src/checkout/pay.ts")
    denied = deploy()
    for side, user in (("liaison", ben), ("decision_owner", ada)):
        approve(
            site,
            "F-1",
            side,
            hours=1,
            reason="Only a comment.",
            sha=sha,
            by=Actor(user),
            now=datetime.now(UTC),
        )
    approved = deploy()
    committed(repository, "src/checkout/more.ts")
    urgent = deploy(token=person, TRUELIFT_EMERGENCY="Card data leaks.")
    down = f"http://127.0.0.1:{free_port()}"
    opened = deploy(down)
    closed = deploy(down, TRUELIFT_FAIL="closed")

    codes = [each[0] for each in (allowed, warned, denied, approved, urgent, opened, closed)]
    assert codes == [0, 0, 10, 0, 0, 0, 20], [allowed, warned, denied, approved, urgent]
    went = ["deployed" in each[1] for each in (allowed, warned, denied, approved, urgent)]
    assert went == [True, True, False, True, True]
    assert "infra/main.tf" in warned[1]
    assert "EXP-41 runs on Checkout" in denied[1]
    assert "fails open" in opened[1]
    assert "fails closed" in closed[1]
    log = list(DeployCheckRecord.objects.order_by("pk").values_list("decision", "emergency", "sha"))
    assert [each[:2] for each in log] == [
        ("allow", False),
        ("warn", False),
        ("deny", False),
        ("allow", False),
        ("allow", True),
    ]
    assert [log[2][2], log[3][2]] == [sha, sha]
    assert ContaminationRecord.objects.get().experiment.key == "EXP-41"


def test_the_ready_made_steps_of_the_guide_are_sound() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    github, gitlab = (
        yaml.safe_load(part.partition("```")[0]) for part in text.split("```yaml\n")[1:]
    )

    steps = github["jobs"]["deploy"]["steps"]
    asks = [number for number, step in enumerate(steps) if "deploy-check" in step.get("run", "")]
    assert asks == [len(steps) - 2]  # right before what deploys
    assert gitlab["deploy"]["needs"] == ["may-deploy"]
    assert any("deploy-check" in line for line in gitlab["may-deploy"]["script"])
    for script in (shell_step(), steps[asks[0]]["run"], "\n".join(gitlab["may-deploy"]["script"])):
        done = subprocess.run(["sh", "-n"], input=script, text=True, check=False)
        assert done.returncode == 0, script
