"""What may be done about the shared metric: propose a version, sign it; what it comes to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Max

from truelift.apps.accounts.audit import record as audit
from truelift.apps.accounts.reads import functions_of
from truelift.apps.experiments.domain import day_at
from truelift.apps.facts.adding_up import add_up, maturity_of
from truelift.apps.facts.models import DayRecord, LedgerRecord, SharedMetricRecord, SignatureRecord
from truelift.apps.facts.reads import Week, weeks
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import storable
from truelift.apps.sites.models import Site
from truelift.errors import Refusal
from truelift.lifecycle.functions import Function
from truelift.lifecycle.obstacle import MoveRefused
from truelift.lifecycle.shared_metric import (
    DAYS_FOR_DRIFT,
    Definition,
    Drift,
    MetricKind,
    State,
    Totals,
    definition_obstacles,
    read_by,
    signing_obstacles,
    state_among,
    value_of,
)


LOOKED_BACK: Final = 400
"""Days in which a ledger is looked for."""

WEEKS_OF_WORTH: Final = 13
"""Fewer hold too few leads that are closed."""

USUAL_ELIGIBLE: Final = "all sessions of people; robots and own staff are out."


class NoSuchDefinition(Refusal):
    """The site has no such version of its shared metric."""

    code = "shared_metric.no_such_version"

    def __init__(self, *, version: int) -> None:
        super().__init__(f"There is no version {version} of the shared metric.", version=version)


class BadDefinition(Refusal):
    """A version is not described so that it can be one."""

    code = "shared_metric.bad_definition"


@dataclass(frozen=True, slots=True)
class SharedMetric:
    """The shared metric as it is read now.

    Attributes:
        record: The version that is in force, else the newest one.
        definition: The same as the rules know it.
        state: Proposed or in force; whoever shows a number of it says so.
        newer: A version that is proposed beside the one in force; None where there is none.
    """

    record: SharedMetricRecord
    definition: Definition
    state: State
    newer: SharedMetricRecord | None

    @property
    def called(self) -> str:
        """Its name with its state where it is not in force."""
        name = self.definition.kind.called
        return name if self.state is State.IN_FORCE else f"{name} (proposed)"


@transaction.atomic
def propose(
    site: Site,
    *,
    kind: str,
    maturity_days: int,
    because: str,
    eligible: str = "",
    close_rate: float | None = None,
    value_minor: int | None = None,
    by: Actor,
    now: datetime,
) -> SharedMetricRecord:
    """Propose a version; nobody has signed it, whoever signed the one before.

    Raises:
        BadDefinition: Something does not fit.
        MoveRefused: It can be no definition, with every reason.
    """
    if kind not in set(MetricKind):
        raise BadDefinition(f"Its kind is one of {', '.join(MetricKind)}.")
    said = storable(because.strip())[:500]
    if not said:
        raise BadDefinition("Say why it is defined so; those who sign will ask.")
    obstacles = definition_obstacles(
        kind=MetricKind(kind),
        maturity_days=maturity_days,
        close_rate=close_rate,
        value_minor=value_minor,
    )
    if obstacles:
        raise MoveRefused(subject="the shared metric", action="be proposed", obstacles=obstacles)
    Site.objects.select_for_update().get(pk=site.pk)
    before = maturity_of(site)
    top = SharedMetricRecord.objects.filter(site=site).aggregate(top=Max("version"))["top"]
    record = SharedMetricRecord.objects.create(
        site=site,
        version=(top or 0) + 1,
        kind=kind,
        maturity_days=maturity_days,
        eligible=storable(eligible.strip())[:300] or USUAL_ELIGIBLE,
        close_rate=close_rate,
        value_minor=value_minor,
        because=said,
        proposed_by=by.user,
        proposed_at=now,
    )
    audit(
        action="shared_metric.proposed",
        target=f"shared_metric:{record.version}",
        after={"kind": kind, "maturity_days": maturity_days, "because": said},
        now=now,
        site=site.name,
        **by.audited,
    )
    _added_up_again(site, before)
    return record


@transaction.atomic
def sign(site: Site, version: int, function: str, *, by: Actor, now: datetime) -> SignatureRecord:
    """Answer for a version; when all three have, it is in force.

    Raises:
        NoSuchDefinition: The site has no such version.
        MoveRefused: This person may not sign it for this function.
    """
    Site.objects.select_for_update().get(pk=site.pk)
    rows = definitions_of(site)
    record = next((each for each in rows if each.version == version), None)
    if record is None:
        raise NoSuchDefinition(version=version)
    if function not in set(Function) or by.user is None:
        raise BadDefinition("A person signs, for marketing, sales or finance.")
    obstacles = signing_obstacles(
        record.as_domain(),
        function=Function(function),
        person=str(by.user.pk),
        functions=functions_of(by.user, site),
        newest=rows[0].version,
    )
    if obstacles:
        raise MoveRefused(subject=f"version {version}", action="be signed", obstacles=obstacles)
    before = maturity_of(site)
    made = SignatureRecord.objects.create(
        definition=record, function=function, person=by.user, at=now
    )
    audit(
        action="shared_metric.signed",
        target=f"shared_metric:{version}",
        after={"function": function},
        now=now,
        site=site.name,
        **by.audited,
    )
    _added_up_again(site, before)
    return made


def definitions_of(site: Site) -> tuple[SharedMetricRecord, ...]:
    """List every version, the newest first, with who signed it."""
    rows = SharedMetricRecord.objects.filter(site=site).select_related("proposed_by", "site")
    return tuple(rows.prefetch_related("signatures__person").order_by("-version"))


def shared_metric_of(site: Site) -> SharedMetric | None:
    """Give the shared metric as it is read now; None before anybody has proposed one."""
    return among(definitions_of(site))


def kind_of(site: Site) -> MetricKind:
    """Say what a site counts; orders while nobody has proposed a shared metric."""
    metric = shared_metric_of(site)
    return metric.definition.kind if metric else MetricKind.REVENUE


def worth_of_one(site: Site, *, until: date) -> float | None:
    """Say what a lead or an activation is worth in minor units, as the shared metric has it.

    Args:
        site: Where.
        until: P(close) and value that are not agreed come from the thirteen weeks before.

    Returns:
        None of orders, each of which tells its own money, and where nobody can say.
    """
    metric = shared_metric_of(site)
    if metric is None or metric.definition.kind is MetricKind.REVENUE:
        return None
    totals = sum(map(totals_of, weeks(site, until=until, count=WEEKS_OF_WORTH)), Totals())
    one = totals.orders if metric.definition.kind is MetricKind.ACTIVATED else totals.leads
    over = value_of(metric.definition, totals).over
    return over / one if over is not None and one else None


def among(rows: Sequence[SharedMetricRecord]) -> SharedMetric | None:
    """Give the one of these versions that is read."""
    definitions = [each.as_domain() for each in rows]
    found = read_by(definitions)
    if found is None:
        return None
    record = next(each for each in rows if each.version == found.version)
    newest = rows[0]
    return SharedMetric(
        record=record,
        definition=found,
        state=state_among(found, definitions),
        newer=newest if newest.version > found.version else None,
    )


def drift_of(site: Site, *, now: datetime) -> Drift | None:
    """Compare analytics with the ledger over its last four weeks or months; two queries.

    Returns:
        None where there is no ledger, or no revenue of the same days.
    """
    today = day_at(site, now)
    rows = LedgerRecord.objects.filter(
        feed__site=site,
        feed__ended_at=None,
        until__lte=today,
        day__gte=today - timedelta(days=LOOKED_BACK),
    )
    # What analytics knows bounds what can be compared.
    known = {
        day: (revenue or 0) - refunded
        for day, revenue, refunded in DayRecord.objects.filter(
            site=site, day__gte=today - timedelta(days=LOOKED_BACK), revenue_minor__isnull=False
        ).values_list("day", "revenue_minor", "refunded_minor")
    }
    chosen: list[LedgerRecord] = []
    taken: set[date] = set()
    for each in rows.order_by("-until", "-day"):
        days = {each.day + timedelta(days=n) for n in range((each.until - each.day).days)}
        if days <= known.keys() and not days & taken:
            chosen.append(each)
            taken |= days
        if len(taken) >= DAYS_FOR_DRIFT:
            break
    if not chosen:
        return None
    return Drift(
        since=min(taken),
        until=max(taken) + timedelta(days=1),
        analytics_minor=sum(known[day] for day in taken),
        ledger_minor=sum(each.revenue_minor for each in chosen),
    )


def totals_of(week: Week) -> Totals:
    """Give a week as the rules know it."""
    return Totals(
        sessions=week.sessions,
        people=week.people,
        orders=week.orders,
        revenue_minor=week.revenue_minor,
        late_minor=week.late_minor,
        leads=week.leads,
        closed=week.closed,
        won=week.won,
        won_minor=week.won_minor,
    )


def _added_up_again(site: Site, before: int) -> None:
    """Put refunds into their windows anew where the window is another one now."""
    if maturity_of(site) != before:
        add_up(site)
