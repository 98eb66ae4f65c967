"""The verdict on a real experiment, from its file to the document."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pyarrow as pa
import pytest

from truelift.apps.sites.models import Site
from truelift.cli.main import run
from truelift.lake.bulk import append_bulk
from truelift.lake.home import Home
from truelift.lake.loader import Loader


pytestmark = [pytest.mark.django_db]

COOKIE_CATS = Path(__file__).parents[2] / "examples" / "cookie_cats" / "experiment.toml"


def arrived(path: Path) -> pa.Table:
    """Exposures and returns of every player, as the importer makes them."""
    with path.open(encoding="utf-8") as file:
        players = list(csv.DictReader(file))
    at = 1_388_534_400_000
    names = ["exposure", "retention_1", "retention_7"]
    rows = [
        (f"{player['userid']}-{name}", name, player["userid"], player["version"])
        for player in players
        for name in names
        if name == "exposure" or player[name] == "True"
    ]
    ids, events, visitors, versions = zip(*rows, strict=True)
    exposed = [name == "exposure" for name in events]
    return pa.table(
        {
            "message_id": pa.array(ids),
            "event": pa.array(events),
            "visitor_id": pa.array(visitors),
            "type": pa.array(["track"] * len(rows)),
            "trusted": pa.array([True] * len(rows)),
            "occurred_at": pa.array([at] * len(rows), pa.int64()),
            "experiment": pa.array(["gate" if each else None for each in exposed]),
            "variant": pa.array(
                [v if each else None for v, each in zip(versions, exposed, strict=True)]
            ),
        }
    )


@pytest.mark.timeout(120)
def test_cookie_cats_is_a_loss_with_a_warning_about_its_split(
    site: Site, home: Home, shared: Path, capsys: pytest.CaptureFixture[str], now: object
) -> None:
    table = arrived(shared / "data" / "cookie_cats.csv")
    append_bulk(home, site.name, table, writer="import-cats", received_at_ms=1_780_000_000_000)
    with Loader(home, now=lambda: now) as loader:  # type: ignore[arg-type, return-value]
        loader.flush()
    run("experiments", ["create", "--site", site.name, "--file", str(COOKIE_CATS)])
    capsys.readouterr()

    code = run("analyse", ["gate", "--site", site.name, "--json"])

    document = json.loads(capsys.readouterr().out)
    metrics = {metric["metric"]: metric for metric in document["metrics"]}
    means = {
        key: [round(each["mean"], 5) for each in metric["summaries"]]
        for key, metric in metrics.items()
    }
    (effect,) = metrics["retention_7"]["effects"]
    (srm,) = [check for check in document["integrity"] if check["check"] == "srm"]
    assert code == 0
    assert [each["units"] for each in document["variants"]] == [44_700, 45_489]
    assert means == {"retention_1": [0.44819, 0.44228], "retention_7": [0.19020, 0.18200]}
    assert effect["outcome"] == "loss"
    assert effect["p"] == pytest.approx(0.0016, abs=0.0001)
    assert (srm["status"], round(srm["value"], 4)) == ("warn", 0.0086)
    assert document["recommendation"]["action"] == "stop"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["gate", "--site", "nowhere"], "sites.no_such_site"),
        (["gate", "--site", "shop"], "experiment.no_such_experiment"),
    ],
)
@pytest.mark.usefixtures("site")
def test_what_does_not_exist_is_refused_by_code(
    arguments: list[str], code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("analyse", arguments) == 1
    said = json.loads(capsys.readouterr().err.strip().splitlines()[-1])
    assert said["error"]["code"] == code
