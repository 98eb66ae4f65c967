"""The command line does what the pages do, through the same guards."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from truelift.apps.accounts.models import AuditEvent, User
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.sites.models import Site
from truelift.cli.main import run


pytestmark = [pytest.mark.database, pytest.mark.django_db]

COOKIE_CATS = Path(__file__).parents[2] / "examples" / "cookie_cats" / "experiment.toml"

PLAN = """
key = "plan"
name = "A plan"
decision_owner = "ada@example.com"
start = 2030-01-07
weeks = 2
"""


def printed(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    document: dict[str, object] = json.loads(capsys.readouterr().out)
    return document


def error_in(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    document: dict[str, dict[str, object]] = json.loads(
        capsys.readouterr().err.strip().splitlines()[-1]
    )
    return document["error"]


def test_an_imported_experiment_is_stored_as_stopped_and_shown_as_one_document(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    created = run(
        "experiments", ["create", "--site", site.name, "--file", str(COOKIE_CATS), "--json"]
    )

    document = printed(capsys)
    assert created == 0
    assert (document["key"], document["origin"], document["stage"]) == (
        "gate",
        "imported",
        "stopped",
    )


def test_as_somebody_is_recorded_as_the_operator_for_them(
    site: Site, ada: User, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "plan.toml"
    file.write_text(PLAN, encoding="utf-8")

    code = run(
        "experiments",
        ["create", "--site", site.name, "--file", str(file), "--as", ada.email, "--json"],
    )

    event = AuditEvent.objects.get(action="experiment.planned")
    assert code == 0
    assert (event.actor, event.on_behalf_of) == ("operator", ada.email)
    assert printed(capsys)["decision_owner"] == ada.email


@pytest.mark.usefixtures("ada")
def test_a_refused_move_gives_every_reason_and_exits_with_1(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "plan.toml"
    file.write_text(PLAN, encoding="utf-8")
    run("experiments", ["create", "--site", site.name, "--file", str(file)])
    capsys.readouterr()

    code = run("experiments", ["move", "plan", "submit", "--site", site.name])

    error = error_in(capsys)
    assert code == 1
    assert error["code"] == "lifecycle.move_refused"
    assert "experiment.no_hypothesis" in error["facts"]["codes"]  # type: ignore[index]
    assert ExperimentRecord.objects.get().stage == "briefed"


def test_list_gives_every_experiment(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    run("experiments", ["create", "--site", site.name, "--file", str(COOKIE_CATS)])
    capsys.readouterr()

    run("experiments", ["list", "--site", site.name, "--json"])

    experiments = printed(capsys)["experiments"]
    assert [each["key"] for each in experiments] == ["gate"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["show", "gate", "--site", "nowhere"], "sites.no_such_site"),
        (["show", "gate", "--site", "shop"], "experiment.no_such_experiment"),
        (["move", "gate", "fly", "--site", "shop"], "experiment.no_such_move"),
        (["list", "--site", "../etc"], "sites.no_such_site"),
        (["create", "--site", "shop", "--file", "/nowhere.toml"], "cli.unreadable_file"),
        (
            ["create", "--site", "shop", "--file", str(COOKIE_CATS), "--as", "nobody@example.com"],
            "cli.no_such_user",
        ),
    ],
)
@pytest.mark.usefixtures("site")
def test_what_does_not_exist_is_refused_by_code(
    arguments: list[str], code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("experiments", arguments) == 1
    assert error_in(capsys)["code"] == code


@pytest.mark.usefixtures("ada")
def test_a_changed_allocation_of_what_ended_elsewhere_is_written_down(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    run("experiments", ["create", "--site", site.name, "--file", str(COOKIE_CATS)])
    allocate = ["allocate", "gate", "--site", site.name, "--reason", "Ramped up"]

    done = run("experiments", [*allocate, "--weights", "gate_30=9,gate_40=1"])
    capsys.readouterr()
    refused = run("experiments", [*allocate, "--weights", "gate_30=9,gate_40"])

    assert (done, refused) == (0, 1)
    assert "is not a variant with its weight" in str(error_in(capsys)["message"])
    (phase,) = ExperimentRecord.objects.get().phases.all()
    assert phase.weights == {"gate_30": 9.0, "gate_40": 1.0}


def test_a_brief_is_written_and_agreed_with_and_results_are_taken_in(
    site: Site,
    ada: User,
    ben: User,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    del ada
    (tmp_path / "plan.toml").write_text(PLAN, encoding="utf-8")
    (tmp_path / "brief.json").write_text('{"goal": "More orders"}', encoding="utf-8")
    (tmp_path / "wrong.json").write_text('{"gaol": "More orders"}', encoding="utf-8")
    (tmp_path / "results.csv").write_text("name,n,effect,se\nOld,100,0.1,0.05\n")
    at = ["--site", site.name]
    file = [*at, "--file"]

    codes = [
        run("experiments", ["create", *file, str(tmp_path / "plan.toml")]),
        run("experiments", ["brief", "plan", *file, str(tmp_path / "wrong.json")]),
        run("experiments", ["brief", "plan", *file, str(tmp_path / "brief.json")]),
        run("experiments", ["approve", "plan", "goals", *at, "--as", ben.email]),
        run("experiments", ["import-results", str(tmp_path / "results.csv"), *at]),
    ]
    capsys.readouterr()
    run("experiments", ["brief", "plan", *at, "--json"])

    document = printed(capsys)
    assert codes == [0, 1, 0, 0, 0]
    assert document["goal"] == "More orders"
    assert document["approvals"][0]["by"] == ben.email  # type: ignore[index]
    assert ExperimentRecord.objects.get(key="imported-old").stage == "closed"
