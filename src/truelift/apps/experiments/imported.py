"""Takes in results alone of experiments that ended elsewhere: a line each, no guards, marked."""

from __future__ import annotations

import csv
import io
import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from statistics import NormalDist
from typing import Any, Final

from django.db import transaction

from truelift.apps.accounts.audit import record as audit
from truelift.apps.experiments.metrics import current_metrics
from truelift.apps.experiments.models import (
    DecisionRecord,
    ExperimentRecord,
    MetricRecord,
    MetricRole,
    PlannedMetricRecord,
)
from truelift.apps.experiments.services import store_snapshot
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import is_storable
from truelift.apps.sites.models import Site
from truelift.errors import Refusal
from truelift.lifecycle.experiment import Choice, Origin, Stage


MOST_LINES: Final = 5_000
MOST_UNITS: Final = 10**12
ALPHA: Final = 0.05

COLUMNS: Final = ("name", "surface", "n", "effect", "se", "decision")
"""Of the file, in any order; `metric` may stand beside them."""

_NEEDED: Final = ("name", "n", "effect", "se")
UNKNOWN_METRIC: Final = "imported_result"
"""What a result's metric is called where nobody knows which it was."""

_CHECK: Final = "imported_result"


class BadResults(Refusal):
    """A file of results cannot be taken in; every line that is wrong is named.

    Attributes:
        wrong: What is wrong, each with its line.
    """

    code = "experiment.bad_results"

    def __init__(self, wrong: tuple[str, ...]) -> None:
        self.wrong = wrong
        more = f" And {len(wrong) - 20} more." if len(wrong) > 20 else ""
        super().__init__(
            f"Nothing was taken in. {' '.join(wrong[:20])}{more}", lines=tuple(wrong[:20])
        )


@dataclass(frozen=True, slots=True)
class ResultLine:
    """One result.

    Attributes:
        name: What was tried.
        surface: Where; may be empty.
        n: Visitors of all variants together.
        effect: Relative lift of the metric that decided: 0.05 for five per cent.
        se: Its standard error, on the same scale.
        decision: What was decided; None where nobody knows.
        metric: Key of the metric; empty where nobody knows.
    """

    name: str
    surface: str
    n: int
    effect: float
    se: float
    decision: Choice | None
    metric: str = ""

    @property
    def key(self) -> str:
        """The key that its name gives it: small letters, digits and hyphens."""
        plain = (
            unicodedata.normalize("NFKD", self.name.casefold()).encode("ascii", "ignore").decode()
        )
        words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
        return f"imported-{words}"[:80].rstrip("-")


@dataclass(frozen=True, slots=True)
class TakenIn:
    """What became of a file.

    Attributes:
        keys: Of the experiments that were made.
        known: Of those that were there already, and stay as they are.
    """

    keys: tuple[str, ...]
    known: tuple[str, ...]


def results_from(text: str) -> tuple[ResultLine, ...]:
    """Read a file of results.

    Raises:
        BadResults: A column is missing or a line does not fit; nothing is given then.
    """
    text = text.removeprefix("\ufeff")
    head = text.partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise BadResults((f"It is no CSV file: {error}.",)) from error
    names = [each.strip().lower() for each in rows[0]] if rows else []
    missing = [each for each in _NEEDED if each not in names]
    if missing:
        raise BadResults(
            (f"Its first line has no {', '.join(missing)}. It names {', '.join(COLUMNS)}.",)
        )
    if len(rows) - 1 > MOST_LINES:
        raise BadResults((f"It has more than {MOST_LINES:,} lines. Split it.",))
    found: list[ResultLine] = []
    wrong: list[str] = []
    for number, cells in enumerate(rows[1:], start=2):
        if not any(cell.strip() for cell in cells):
            continue
        given = dict(zip(names, (cell.strip() for cell in cells), strict=False))
        try:
            found.append(_line(given))
        except ValueError as error:
            wrong.append(f"Line {number}: {error}")
    if wrong:
        raise BadResults(tuple(wrong))
    return tuple(found)


def _line(given: Mapping[str, str]) -> ResultLine:
    name, surface = given.get("name", ""), given.get("surface", "")
    if not name or len(name) > 200 or not is_storable(name):
        raise ValueError("its name has no or more than 200 letters.")
    if len(surface) > 120 or not is_storable(surface):
        raise ValueError("its surface has more than 120 letters.")
    n = _number(given, "n")
    if not (n == int(n) and 2 <= n <= MOST_UNITS):
        raise ValueError("its n is a whole number of visitors from 2.")
    effect, se = _number(given, "effect"), _number(given, "se")
    if se <= 0:
        raise ValueError("its se is not above 0; without it nobody knows how sure it is.")
    if not -1 <= effect <= 100 or se > 100:
        raise ValueError("its effect is a relative lift: 0.05, or 5%.")
    decision = given.get("decision", "").lower()
    if decision and decision not in set(Choice):
        raise ValueError(f"its decision is empty or one of {', '.join(Choice)}.")
    line = ResultLine(
        name=name,
        surface=surface,
        n=int(n),
        effect=effect,
        se=se,
        decision=Choice(decision) if decision else None,
        metric=given.get("metric", ""),
    )
    if line.key == "imported":
        raise ValueError("its name has no letter or digit.")
    return line


def _number(given: Mapping[str, str], column: str) -> float:
    text = given.get(column, "").replace("\u2212", "-")
    share = text.endswith("%")
    try:
        number = float(text.removesuffix("%").strip())
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"its {column} is no number: {text[:20]!r}.")
    return number / 100 if share else number


@transaction.atomic
def take_results(site: Site, lines: tuple[ResultLine, ...], *, by: Actor, now: datetime) -> TakenIn:
    """Keep results as experiments that were imported and are closed.

    They meet no guard and count apart. What was decided on them seeds what true lifts are
    expected to be. One that the site has already by its name stays as it is.

    Raises:
        BadResults: Two lines have the same name, or a metric is unknown.
    """
    Site.objects.select_for_update().get(pk=site.pk)
    metrics = {each.key: each for each in current_metrics(site)}
    wrong = [f"There is no metric {m!r}." for m in _unknown(lines, metrics)]
    keys = [line.key for line in lines]
    wrong += [f"{key!r} stands twice." for key in sorted({k for k in keys if keys.count(k) > 1})]
    if wrong:
        raise BadResults(tuple(wrong))
    held = set(
        ExperimentRecord.objects.filter(site=site, key__in=keys).values_list("key", flat=True)
    )
    for line in lines:
        if line.key not in held:
            _keep(site, line, metrics.get(line.metric), by=by, now=now)
    return TakenIn(
        keys=tuple(key for key in keys if key not in held),
        known=tuple(key for key in keys if key in held),
    )


def _unknown(lines: tuple[ResultLine, ...], metrics: Mapping[str, MetricRecord]) -> tuple[str, ...]:
    named = {line.metric for line in lines if line.metric}
    return tuple(sorted(each[:80] for each in named if each not in metrics))


def _keep(
    site: Site, line: ResultLine, metric: MetricRecord | None, *, by: Actor, now: datetime
) -> None:
    record = ExperimentRecord.objects.create(
        site=site,
        key=line.key,
        name=line.name,
        surface=line.surface,
        origin=Origin.IMPORTED.value,
        stage=Stage.CLOSED.value,
        made_by=by.user,
        made_at=now,
    )
    if metric is not None:
        PlannedMetricRecord.objects.create(
            experiment=record, metric=metric, role=MetricRole.PRIMARY.value
        )
    document = result_document(line, record=record, metric=metric, as_of=now)
    snapshot = store_snapshot(record, document, as_of=now, by=by, now=now)
    audit(
        action="experiment.result_imported",
        target=f"experiment:{line.key}",
        after={"name": line.name, "effect": line.effect, "se": line.se, "n": line.n},
        now=now,
        site=site.name,
        **by.audited,
    )
    if line.decision is not None:
        DecisionRecord.objects.create(
            experiment=record,
            analysis=snapshot,
            choice=line.decision.value,
            reason="It was decided elsewhere, and imported.",
            by=by.user,
            operator=by.operator,
            decided_at=now,
        )


def is_result_alone(document: Mapping[str, Any]) -> bool:
    """Say whether a snapshot is of a result that was imported without its experiment."""
    return any(each.get("check") == _CHECK for each in document.get("integrity", ()))


def result_document(
    line: ResultLine, *, record: ExperimentRecord, metric: MetricRecord | None, as_of: datetime
) -> dict[str, Any]:
    """Write a result as a snapshot: what is known, and that nothing of it can be checked."""
    reach = NormalDist().inv_cdf(1 - ALPHA / 2) * line.se
    p = 2 * NormalDist().cdf(-abs(line.effect) / line.se)
    rises_well = metric is None or metric.better != "decrease"
    low, high = line.effect - reach, line.effect + reach
    outcome = "inconclusive"
    if low > 0 or high < 0:
        outcome = "win" if (low > 0) is rises_well else "loss"
    numbers = {"value": line.effect, "se": line.se, "low": low, "high": high, "p": p}
    return {
        "experiment": record.key,
        "name": record.name,
        "origin": Origin.IMPORTED.value,
        "as_of": as_of.isoformat(),
        "method": "fixed",
        "alpha": ALPHA,
        "variants": [{"variant": "variant", "role": "treatment", "units": line.n}],
        "metrics": [
            {
                "metric": metric.key if metric else UNKNOWN_METRIC,
                "role": "primary",
                "kind": metric.kind if metric else None,
                "direction": metric.better if metric else "increase",
                "summaries": [],
                "effects": [
                    {"variant": "variant", "relative": numbers, "p": p, "outcome": outcome}
                ],
            }
        ],
        "integrity": [
            {
                "check": _CHECK,
                "status": "warn",
                "value": None,
                "detail": "Its result alone was imported: nobody can check here how it was"
                " measured.",
            }
        ],
        "recommendation": None,
    }
