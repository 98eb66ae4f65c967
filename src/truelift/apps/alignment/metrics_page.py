"""The pages of team metrics as values: what is against the shared metric comes first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from truelift.apps.alignment.models import MetricConflictRecord, TeamMetricRecord
from truelift.apps.alignment.reads import conflicts_of, metrics_of
from truelift.apps.drawing.series import Line, Note, Series
from truelift.apps.drawing.wording import Kind, Measure, amount, lift, percent, rough_money
from truelift.apps.facts.defining import kind_of
from truelift.apps.facts.reads import StaleFeed, stale
from truelift.apps.sites.models import Site
from truelift.lifecycle.functions import Function
from truelift.lifecycle.team_metric import TEMPLATES, Formula, Unit
from truelift.lifecycle.vocabulary import Vocabulary, words_of
from truelift.stats.metric_conflict import LEAST_Z, WEEKS


KINDS: Final = {
    "direct": "Direct: the one got better, the other worse, both beyond chance.",
    "structural": "Structural: the mix of the team’s own sources carries half of the fall or more.",
    "latent": "Latent: their weekly steps go against each other.",
}


@dataclass(frozen=True, slots=True)
class MetricRow:
    """A metric in the list.

    Attributes:
        target: What it should be, in words; empty for none.
        now: What it was in the last window; empty while it is not known.
        unit: What that is counted in, where the formula says it.
        window: How many weeks it is of, where these are other than usual.
        change: Against the window before, with the good direction said.
        status: Mark of the finding.
        finding: In few words.
        reason: Why it cannot be judged; empty where it can.
    """

    record: TeamMetricRecord
    direction: str
    target: str
    now: str
    unit: str
    window: str
    change: str
    status: str
    finding: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ConflictRow:
    """A conflict that stands."""

    record: MetricConflictRecord
    kinds: tuple[str, ...]
    at_stake: str


@dataclass(frozen=True, slots=True)
class MetricsPage:
    """The list of team metrics.

    Attributes:
        answer: The worst conflict, or that there is none.
        grounds: What is held against what.
        drawing: The worst conflict, drawn; None for none.
        teams: Team and its metrics.
        templates: Teams that have no metric yet, and what they are usually judged by.
        green: How many metrics with a path to the shared metric are better and against nothing.
        operational: How many name no path.
        stale: Feeds that are late.
        period: What the numbers of the tables are of.
    """

    answer: str
    grounds: str
    conflicts: tuple[ConflictRow, ...]
    drawing: Series | None
    teams: tuple[tuple[str, tuple[MetricRow, ...]], ...]
    templates: tuple[tuple[Function, str], ...]
    green: int
    operational: int
    stale: tuple[StaleFeed, ...]
    period: str
    computed_at: datetime | None


def metrics_page(site: Site, *, now: datetime) -> MetricsPage:
    """Lay out a site's team metrics."""
    records = metrics_of(site)
    conflicts = conflicts_of(site)
    against = {each.metric_id: each for each in conflicts}
    words = words_of(kind_of(site))
    rows = [_row(site, each, against.get(each.pk), words) for each in records]
    teams: dict[str, list[MetricRow]] = {}
    for row in rows:
        teams.setdefault(row.record.team_called, []).append(row)
    worst = conflicts[0] if conflicts else None
    drawn = next((each for each in records if worst and each.pk == worst.metric_id), None)
    have = {each.team for each in records}
    return MetricsPage(
        answer=_answer(records, conflicts),
        grounds=_grounds(records),
        conflicts=tuple(
            ConflictRow(
                each,
                tuple(KINDS[kind] for kind in each.kinds),
                ""
                if each.at_stake_minor is None
                else rough_money(each.at_stake_minor, site.currency),
            )
            for each in conflicts
        ),
        drawing=index_series(drawn) if drawn else None,
        teams=tuple((team, tuple(found)) for team, found in teams.items()),
        templates=tuple(
            (team, ", ".join(each.name.lower() for each in usual))
            for team, usual in TEMPLATES.items()
            if team.value not in have
        ),
        green=sum(row.status == "passed" for row in rows),
        operational=sum(row.record.as_domain().operational for row in rows),
        stale=stale(site, now=now, kinds=("traffic", "spend", "leads")) if records else (),
        period=f"The last {WEEKS} whole weeks against the {WEEKS} before",
        computed_at=max((each.computed_at for each in records if each.computed_at), default=None),
    )


def _answer(records: Sequence[TeamMetricRecord], conflicts: Sequence[MetricConflictRecord]) -> str:
    if not records:
        return "Nobody has said yet what teams are judged by."
    if conflicts:
        return conflicts[0].sentence
    told = sum(bool((each.document or {}).get("team")) for each in records)
    if not told:
        return "No team’s metric can be held against the shared one yet."
    many = amount(told, "team metric")
    return f"None of {many} works against the shared metric, as far as the data can tell."


def _grounds(records: Sequence[TeamMetricRecord]) -> str:
    found = next(
        (
            (document["shared"]["called"], moved, document["window_weeks"])
            for each in records
            if (document := each.document) and (moved := document.get("of_shared"))
        ),
        None,
    )
    if found is None:
        return f"The last {WEEKS} whole weeks are held against the {WEEKS} before, every night."
    called, moved, weeks = found
    said = f"The last {weeks} whole weeks against the {weeks} before."
    clear = "" if abs(moved["z"]) >= LEAST_Z else ", which could be chance"
    return f"{called} went {lift(moved['change'])}{clear}. {said}"


def _row(
    site: Site,
    record: TeamMetricRecord,
    conflict: MetricConflictRecord | None,
    words: Vocabulary,
) -> MetricRow:
    measure = measure_of(record, site.currency)
    document = record.document or {}
    moved: dict[str, Any] | None = document.get("team")
    status, finding, reason = _finding(record, document, conflict)
    return MetricRow(
        record=record,
        direction="more is better" if record.direction > 0 else "less is better",
        target="" if record.target is None else measure.said(record.target),
        now=measure.said(moved["now"]) if moved else "",
        unit=Formula(record.formula).counted_in(words),
        window=""
        if not moved or document["window_weeks"] == WEEKS
        else f"{document['window_weeks']} weeks known",
        change=_change(moved, record.direction) if moved else "",
        status=status,
        finding=finding,
        reason=reason,
    )


def _change(moved: dict[str, Any], direction: int) -> str:
    if abs(moved["z"]) < LEAST_Z:
        return f"{lift(moved['change'])}, no clear change"
    better = moved["change"] * direction > 0
    return f"{lift(moved['change'])}, {'better' if better else 'worse'}"


def _finding(
    record: TeamMetricRecord, document: dict[str, Any], conflict: MetricConflictRecord | None
) -> tuple[str, str, str]:
    """Say what a metric is worth knowing of; without a path it is never good news."""
    if conflict is not None:
        return "loss", "Works against the shared metric", ""
    missing = document.get("missing", "It is computed in the night.")
    if document.get("team") is None:
        missing = missing or "A window has no number."
    reason = f"{missing[:1].upper()}{missing[1:].rstrip('.')}." if missing else ""
    if record.as_domain().operational:
        return "missing", "Operational, no path named", reason
    if missing:
        return "waiting", "Cannot be judged yet", reason
    if document["better"] >= LEAST_Z:
        return "passed", "Better, and against nothing", ""
    if document["better"] <= -LEAST_Z:
        return "watch", "Worse than before", ""
    return "inconclusive", "No clear change", ""


def measure_of(record: TeamMetricRecord, currency: str) -> Measure:
    """Say how its numbers are written."""
    if record.unit == Unit.MONEY:
        return Measure(Kind.MONEY, currency=currency)
    if record.unit == Unit.SHARE:
        return Measure(Kind.SHARE)
    return Measure(Kind.NUMBER)


def index_series(record: TeamMetricRecord) -> Series | None:
    """Draw a metric and the shared one as shares of what they were in the earlier window."""
    document = record.document or {}
    moved, of_shared = document.get("team"), document.get("of_shared")
    if not moved or not of_shared:
        return None
    window = document["window_weeks"]
    weeks = 2 * window
    own = [_share(value, moved["before"]) for value in document["values"][-weeks:]]
    all_ = [_share(value, of_shared["before"]) for value in document["shared"]["values"][-weeks:]]
    days = tuple(date.fromisoformat(each) for each in document["weeks"][-weeks:])
    return Series(
        days=days,
        lines=(
            Line(record.name, tuple(own), named=True),
            Line(document["shared"]["called"], tuple(all_), focus=True, meaning="worse"),
        ),
        measure=Measure(Kind.SHARE, digits=0),
        notes=(Note(days[-window], "later window begins"),),
        head="Week from",
    )


def _share(value: float | None, before: float) -> float | None:
    return None if value is None else value / before


@dataclass(frozen=True, slots=True)
class MetricPage:
    """One metric.

    Attributes:
        answer: The finding.
        facts: Term and text.
        series: Its weeks; None while there are none.
        index: It beside the shared metric; None where they cannot be compared.
        mix: What the mix explains, in words; empty where it is not known.
        history: Conflicts, the newest first.
        brought_in: Whether people bring its values in.
        reason: Why it cannot be judged; empty where it can.
        unit: What its numbers are counted in, where the formula says it.
    """

    record: TeamMetricRecord
    answer: str
    facts: tuple[tuple[str, str], ...]
    series: Series | None
    index: Series | None
    mix: str
    history: tuple[MetricConflictRecord, ...]
    brought_in: bool
    reason: str
    unit: str


def metric_page(site: Site, record: TeamMetricRecord) -> MetricPage:
    """Lay out one metric."""
    document = record.document or {}
    history = tuple(record.conflicts.order_by("-first_at")[:20])
    open_ = next((each for each in history if each.ended_at is None), None)
    words = words_of(kind_of(site))
    row = _row(site, record, open_, words)
    moved = document.get("team")
    if open_ is not None:
        answer = open_.sentence
    elif moved:
        now = f"{row.now} {row.unit}" if row.unit else row.now
        answer = f"{record.name}: {now}, {row.change}."
    else:
        answer = f"{record.name}: {row.finding[:1].lower()}{row.finding[1:]}."
    reason = "" if moved else row.reason
    measure = measure_of(record, site.currency)
    days = tuple(date.fromisoformat(each) for each in document.get("weeks", ()))
    series = None
    if days and any(value is not None for value in document["values"]):
        series = Series(
            days=days,
            lines=(Line(record.name, tuple(document["values"]), focus=True),),
            measure=measure,
            from_zero=True,
            head="Week from",
        )
    formula = Formula(record.formula)
    written = record.library if formula is Formula.LIBRARY else formula.told_in(words)[1]
    facts = (
        ("Team", record.team_called),
        ("Answers for it", str(record.owner) if record.owner else "nobody is named"),
        ("Formula", written),
        ("Sources", ", ".join(record.sources) or "all that it counts"),
        ("Good direction", row.direction),
        ("Looked at", record.cadence),
        ("Target", row.target or "none"),
        ("Path to the shared metric", record.path or "none is named: it is operational"),
        (
            "Weeks",
            f"{document['window_weeks']} against as many before; {len(days)} are known"
            if moved
            else f"{len(days)} are known",
        ),
    )
    return MetricPage(
        record=record,
        answer=answer,
        facts=facts,
        series=series,
        index=index_series(record) if open_ is not None else None,
        mix=_mix(document.get("mix"), document),
        history=history,
        brought_in=formula is Formula.VALUES,
        reason=reason,
        unit=row.unit,
    )


def _mix(mix: dict[str, Any] | None, document: dict[str, Any]) -> str:
    if not mix or not mix["total"]:
        return ""
    called = document["shared"]["called"].lower()
    fell = "fall" if mix["total"] < 0 else "rise"
    share, whole = mix["driven"] / mix["total"], mix["mix"] / mix["total"]
    if whole > 1:
        said = (
            f"Mix, that is other shares of the sources, would alone have made the {fell} of"
            f" {called} {percent(whole, digits=0)} of what it is; values within the sources"
            " took some of it back."
        )
    else:
        said = (
            f"Of the {fell} of {called}, {percent(whole, digits=0)} is mix: other shares of the"
            " sources; the rest is other values within them."
        )
    if mix["driven"] != mix["mix"]:
        said += (
            f" {percent(share, digits=0)} comes from this team’s own sources having grown"
            " otherwise than the rest."
        )
    return f"{said} The most of it is {mix['source']}." if mix["source"] else said
