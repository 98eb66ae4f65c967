"""What the page of the shared metric shows."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import stdev
from typing import Final

from truelift.apps.accounts.models import User
from truelift.apps.accounts.reads import functions_of
from truelift.apps.drawing.series import Line, Note, Series
from truelift.apps.drawing.wording import Kind, Measure, count, lift, money, percent
from truelift.apps.experiments.domain import day_at
from truelift.apps.facts.columns import FeedKind
from truelift.apps.facts.defining import (
    SharedMetric,
    among,
    definitions_of,
    drift_of,
    totals_of,
)
from truelift.apps.facts.models import SharedMetricRecord
from truelift.apps.facts.reads import StaleFeed, Week, stale, weeks
from truelift.apps.sites.models import Site
from truelift.lifecycle.functions import Function
from truelift.lifecycle.obstacle import Obstacle
from truelift.lifecycle.shared_metric import (
    SIGNING,
    Definition,
    Drift,
    MetricKind,
    State,
    Totals,
    Value,
    signing_obstacles,
    state_among,
    value_of,
)


WEEKS: Final = 52

_KINDS: Final = {
    MetricKind.REVENUE: (FeedKind.TRAFFIC, FeedKind.ORDERS, FeedKind.REFUNDS, FeedKind.LEDGER),
    MetricKind.LEADS: (FeedKind.TRAFFIC, FeedKind.LEADS),
    MetricKind.ACTIVATED: (FeedKind.TRAFFIC,),
}


@dataclass(frozen=True, slots=True)
class Signer:
    """One of the three who answer for it.

    Attributes:
        function: For whom.
        called: The function on a page.
        who: Who signed; empty for nobody.
        at: When.
        may: Whether the person who looks may sign now.
        why: Why they may not; empty where nothing is to be said.
    """

    function: str
    called: str
    who: str
    at: datetime | None
    may: bool
    why: str


@dataclass(frozen=True, slots=True)
class WeekRow:
    """A week of the table.

    Attributes:
        starts: Its Monday.
        value: The metric, written; or why it is undefined.
        over: What was divided.
        of: By how many.
        late: Refunds after the window; empty for none.
        days: Of how many days anything is known, where it is not all seven.
    """

    starts: date
    value: str
    over: str
    of: str
    late: str
    days: int


@dataclass(frozen=True, slots=True)
class Version:
    """One version in the history.

    Attributes:
        record: Its row.
        called: Its kind.
        state: In words.
        glyph: The same, drawn.
        signed: Who signed, in a line.
        value: What was agreed beside, in a line; empty for nothing.
    """

    record: SharedMetricRecord
    called: str
    state: str
    glyph: str
    signed: str
    value: str


@dataclass(frozen=True, slots=True)
class MetricPage:
    """The page.

    Attributes:
        answer: The finding in a line.
        grounds: What it is made of.
        metric: As it is read; None before anybody has proposed one.
        asks: The version that waits for signatures; None for none.
        signers: Of that version, or of the one in force.
        drift: Beside the ledger; empty where that cannot be said.
        drift_beyond: Whether it is more than is allowed.
        chart: Week by week; None where there is no number.
        rows: The last weeks, the newest first.
        late: Refunds of these weeks that came after the window, in a sentence.
        stale: Feeds behind it that are late.
        versions: All versions, the newest first.
    """

    answer: str
    grounds: str
    metric: SharedMetric | None
    asks: SharedMetricRecord | None
    signers: tuple[Signer, ...]
    drift: str
    drift_beyond: bool
    chart: Series | None
    rows: tuple[WeekRow, ...]
    late: str
    stale: tuple[StaleFeed, ...]
    versions: tuple[Version, ...]


def metric_page(site: Site, *, user: User, now: datetime) -> MetricPage:
    """Lay out the shared metric of a site."""
    records = definitions_of(site)
    metric = among(records)
    if metric is None:
        return MetricPage(
            answer="Nobody has said yet what counts",
            grounds="One number that marketing, sales and finance answer for together. Until it is"
            " signed, every team reads its own.",
            metric=None,
            asks=None,
            signers=(),
            drift="",
            drift_beyond=False,
            chart=None,
            rows=(),
            late="",
            stale=(),
            versions=(),
        )
    definition, currency = metric.definition, site.currency
    formula = definition.kind.formula
    found = weeks(site, until=day_at(site, now), count=WEEKS)
    values = values_by_week(definition, found)
    drift = drift_of(site, now=now) if definition.kind is MetricKind.REVENUE else None
    newest, does = records[0], functions_of(user, site)
    late = sum(each.late_minor for each in found)
    return MetricPage(
        answer=_answer(metric, values, currency),
        grounds=f"{formula[0].upper()}{formula[1:]}. Eligible: {metric.record.eligible}",
        metric=metric,
        asks=newest if newest.state is State.PROPOSED else None,
        signers=tuple(_signer(newest, each, user, does) for each in SIGNING),
        drift=drift_sentence(drift, currency),
        drift_beyond=drift is not None and drift.beyond,
        chart=_chart(metric, found, values, currency),
        rows=tuple(
            _row(week, value, currency)
            for week, value in list(zip(found, values, strict=True))[:-13:-1]
        ),
        late=(
            f"{money(late, currency)} went back later than {definition.maturity_days} days after"
            " the order in these weeks. It is shown here and changes no past day."
            if late
            else ""
        ),
        stale=stale(site, now=now, kinds=_KINDS[definition.kind]),
        versions=tuple(_version(each, records, currency) for each in records),
    )


def values_by_week(definition: Definition, found: tuple[Week, ...]) -> tuple[Value, ...]:
    """Compute the metric of weeks; P(close) and value come from all of them together."""
    totals = [totals_of(each) for each in found]
    behind = sum(totals, Totals())
    return tuple(value_of(definition, each, behind=behind) for each in totals)


def drift_sentence(drift: Drift | None, currency: str) -> str:
    """Say how far analytics and ledger are apart, with both numbers; empty where nobody can."""
    if drift is None:
        return ""
    last = drift.until - timedelta(days=1)
    span = f"{drift.since.day} {drift.since:%b} to {last.day} {last:%b %Y}"
    analytics, ledger = (
        money(drift.analytics_minor, currency),
        money(drift.ledger_minor, currency),
    )
    share = drift.share
    apart = "cannot be compared" if share is None else f"{lift(share)} apart"
    return f"Analytics has {analytics}, the ledger {ledger} from {span}: {apart}."


FEWEST_WEEKS: Final = 8
"""Without so many weeks nothing is said of how much they differ."""

NOTICED: Final = 2 * 1.25**0.5
"""In standard deviations of a week: a week against the mean of four, both by chance."""


def _answer(metric: SharedMetric, values: tuple[Value, ...], currency: str) -> str:
    known = [each.minor for each in values if each.minor is not None]
    if not known:
        why = values[-1].why if values else "No fact has come in yet."
        return f"{metric.called} is not known: {why[0].lower()}{why[1:].rstrip('.')}"
    said = f"{metric.called} was {money(known[-1], currency)} last week"
    before = known[-5:-1]
    if len(before) < 4:
        return said
    mean = sum(before) / 4
    said += f" and {money(mean, currency)} over the four weeks before"
    earlier = known[-13:-1]
    if len(earlier) < FEWEST_WEEKS or abs(known[-1] - mean) > stdev(earlier) * NOTICED:
        return said
    return f"{said}; weeks differ as much by themselves"


def _chart(
    metric: SharedMetric, found: tuple[Week, ...], values: tuple[Value, ...], currency: str
) -> Series | None:
    if not any(each.minor is not None for each in values):
        return None
    signed = max((each.at for each in metric.record.signatures.all()), default=None)
    notes = []
    if signed is not None and metric.state is State.IN_FORCE:
        monday = signed.date() - timedelta(days=signed.weekday())
        notes.append(Note(monday, f"version {metric.record.version} in force"))
    return Series(
        days=tuple(each.starts for each in found),
        lines=(
            Line(metric.definition.kind.called, tuple(each.minor for each in values), focus=True),
        ),
        measure=Measure(Kind.MONEY, currency),
        notes=tuple(each for each in notes if each.at in {week.starts for week in found}),
        from_zero=True,
        head="Week of",
    )


def _row(week: Week, value: Value, currency: str) -> WeekRow:
    return WeekRow(
        starts=week.starts,
        value=money(value.minor, currency) if value.minor is not None else value.why,
        over=money(value.over, currency) if value.over is not None else "",
        of=count(value.of) if value.of is not None else "",
        late=money(week.late_minor, currency) if week.late_minor else "",
        days=week.days if week.days < 7 else 0,
    )


def _signer(
    record: SharedMetricRecord, function: Function, user: User, does: Collection[Function]
) -> Signer:
    row = next((each for each in record.signatures.all() if each.function == function), None)
    obstacles: tuple[Obstacle, ...] = ()
    if row is None:
        obstacles = signing_obstacles(
            record.as_domain(),
            function=function,
            person=str(user.pk),
            functions=does,
            newest=record.version,
        )
    return Signer(
        function=function.value,
        called=function.called,
        who=str(row.person) if row else "",
        at=row.at if row else None,
        may=row is None and not obstacles,
        why=" ".join([each.sentence for each in obstacles]),
    )


def _version(
    record: SharedMetricRecord, records: tuple[SharedMetricRecord, ...], currency: str
) -> Version:
    state = state_among(record.as_domain(), [each.as_domain() for each in records])
    signed = [
        f"{Function(each.function).called} ({each.person})" for each in record.signatures.all()
    ]
    agreed = []
    if record.close_rate is not None:
        agreed.append(f"P(close) {percent(record.close_rate)}")
    if record.value_minor is not None:
        agreed.append(f"value {money(record.value_minor, currency)}")
    return Version(
        record=record,
        called=MetricKind(record.kind).called,
        state=state.called,
        glyph={State.IN_FORCE: "passed", State.PROPOSED: "waiting"}.get(state, "missing"),
        signed=", ".join(signed) or "nobody yet",
        value=", ".join(agreed),
    )
