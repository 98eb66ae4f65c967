"""Builds a company in a home of its own, asks questions of it, and reads what its people did."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from truelift.lake.home import Home
from truelift.lake.lake import Lake
from truelift.questions.forms import Context
from truelift.questions.parse import parse_question


ENDS = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
"""Always the same, so that what is drawn is."""

_READ = """
import json, sys
from truelift.project.start import start_django
start_django()
from truelift.apps.experiments.models import AnalysisRecord, ExperimentRecord, MoveRecord
from truelift.apps.roadmap.reads import items_of
from truelift.apps.sites.models import Site
from truelift.apps.surfaces.models import SurfaceRecord
from truelift.apps.threads.models import CommentRecord
site = Site.objects.get()
tests = {}
for each in ExperimentRecord.objects.filter(site=site):
    moves = MoveRecord.objects.filter(experiment=each).order_by("pk")
    tests[each.key] = {
        "stage": each.stage,
        "snapshots": [
            {"as_of": one.as_of.isoformat(), "advice": one.advice, "document": one.document}
            for one in each.analyses.order_by("number")
        ],
        "moves": {move.action: move.moved_at.isoformat() for move in moves},
    }
print(json.dumps({
    "tests": tests,
    "said": list(CommentRecord.objects.values_list("text", flat=True)),
    "surfaces": SurfaceRecord.objects.count(),
    "roadmap": len(items_of(site)),
}))
"""


@dataclass(frozen=True, slots=True)
class BuiltCompany:
    """A company that was built.

    Attributes:
        site: Its site.
        lake: What its visitors did.
        truth: What was planted.
        did: What its people did.
    """

    site: str
    lake: Lake
    truth: Any
    did: Any

    def ask(self, question: str, **members: object) -> Any:
        """Ask as a document does; gives the answer's document."""
        document = {"question": question, **members}
        context = Context(now=ENDS, time_zone=self.truth["time_zone"])
        parsed: Any = parse_question(document, context)
        return self.lake.ask(self.site, parsed).answer.document()

    def snapshot(self, experiment: str, number: int = -1) -> Any:
        """Give a snapshot's document, the last one unless told."""
        return self.did["tests"][experiment]["snapshots"][number]["document"]


def effect_of(snapshot: Any, metric: str) -> Any:
    """Give what a snapshot says of a metric of the only treatment."""
    return next(m for m in snapshot["metrics"] if m["metric"] == metric)["effects"][0]


def built_company(name: str, root: Path, *, scale: float) -> BuiltCompany:
    """Build a company from nothing."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TRUELIFT_")}
    environment.pop("DATABASE_URL", None)
    command = ["worlds", "build", name, "--home", str(root), "--scale", str(scale)]
    subprocess.run(
        [sys.executable, "-m", "truelift.cli", *command, "--until", "2026-05-04T12:00:00"],
        env=environment,
        capture_output=True,
        check=True,
    )
    read = subprocess.run(
        [sys.executable, "-c", _READ],
        env={**environment, "TRUELIFT_HOME": str(root)},
        capture_output=True,
        text=True,
        check=True,
    )
    truth = json.loads((root / "worlds" / name / "truth.json").read_text())
    lake = Lake(Home(root=root, lake=root / "lake"))
    return BuiltCompany(name, lake, truth, json.loads(read.stdout))
