"""What the loop found: the leakiest step, the best next hypothesis, what runs, what collides."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from truelift.apps.experiments.domain import day_at
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.measurement.home import leaks_on_home, next_on_home
from truelift.apps.measurement.reads import lake, this_minute
from truelift.apps.research.models import HypothesisRecord
from truelift.apps.research.services import number_in
from truelift.apps.roadmap.tasks import to_settle
from truelift.apps.sites.models import Site
from truelift.lifecycle.experiment import Stage
from truelift.lifecycle.hypothesis import HypothesisStage
from truelift.questions.document import Json
from truelift.questions.funnel import Funnel, Step
from truelift.questions.leaks import Leak, leaks_between_segments
from truelift.questions.matching import Events
from truelift.questions.metric import Amount, AmountKind
from truelift.questions.trend import Interval, Trend
from truelift.worlds.shop.parameters import STEPS


WINDOW_S: Final = 7 * 86_400
DIMENSIONS: Final = ("device", "channel")


def findings_between(
    site: str, *, since: datetime, until: datetime, now: datetime, currency: str = "EUR"
) -> tuple[Leak, ...]:
    """The leaks of a shop's checkout by device and channel, the costliest first."""
    answers = [
        lake()
        .ask(
            site,
            Funnel(
                steps=tuple(Step(Events(names=(name,))) for name in STEPS),
                window_s=WINDOW_S,
                as_of=now,
                by=dimension,
                since=since,
                until=until,
            ),
        )
        .answer
        for dimension in DIMENSIONS
    ]
    weeks = (until - since).total_seconds() / WINDOW_S
    worth = order_value_minor(site, since=since, until=until, currency=currency)
    return leaks_between_segments(answers, weeks=weeks, worth_minor=worth)


def order_value_minor(
    site: str, *, since: datetime, until: datetime, currency: str
) -> float | None:
    """What an order is worth on average, minor units; None without orders."""
    whole = (
        lake()
        .ask(
            site,
            Trend(
                events=Events(names=("purchase",)),
                interval=Interval.WEEK,
                amount=Amount(kind=AmountKind.MONEY, currency=currency),
                since=since,
                until=until,
            ),
        )
        .answer.whole
    )
    return whole.total / whole.measured if whole.measured else None


def people_per_week(site: str, event: str, *, since: datetime, until: datetime) -> float:
    """How many people have an event in a week of a period, each counted once in the period."""
    whole = (
        lake()
        .ask(
            site,
            Trend(events=Events(names=(event,)), interval=Interval.WEEK, since=since, until=until),
        )
        .answer.whole
    )
    return whole.people / ((until - since).total_seconds() / WINDOW_S)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A hypothesis that was accepted and that nothing tests yet.

    Attributes:
        key: `H-4`.
        sentence: What it says.
        metric: What should move.
        expected_lift: By how much, relative.
        weekly_value_minor: What its insights say is lost a week; None when none says so.
        ranked_by: Who put it first against the score; None where the score did.
    """

    key: str
    sentence: str
    metric: str
    expected_lift: float
    weekly_value_minor: int | None
    ranked_by: str | None = None

    def document(self) -> dict[str, Json]:
        """Write it as JSON."""
        return {
            "hypothesis": self.key,
            "sentence": self.sentence,
            "metric": self.metric,
            "expected_lift": self.expected_lift,
            "weekly_value_minor": self.weekly_value_minor,
            "ranked_by": self.ranked_by,
        }


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the latest snapshot of a running experiment says.

    Attributes:
        key: The experiment.
        name: What people call it.
        action: What the analysis recommends.
        because: Why.
        metric: Its primary metric.
        value: The relative effect on it, or None while none can be computed.
        low: Lower end of its interval.
        high: Upper end.
        units: Visitors so far.
    """

    key: str
    name: str
    action: str
    because: tuple[str, ...]
    metric: str
    value: float | None
    low: float | None
    high: float | None
    units: int

    def document(self) -> dict[str, Json]:
        """Write it as JSON."""
        return {
            "experiment": self.key,
            "name": self.name,
            "action": self.action,
            "because": list(self.because),
            "metric": self.metric,
            "relative": {"value": self.value, "low": self.low, "high": self.high},
            "units": self.units,
        }


@dataclass(frozen=True, slots=True)
class OpenConflict:
    """The conflict on the roadmap that has to be settled first.

    Attributes:
        key: `CF-2`.
        sentence: What is the matter.
        starts: The day from which it holds.
        due: By when it has to be settled; None where nobody has to.
        owners: E-mail addresses of who decides.
    """

    key: str
    sentence: str
    starts: date
    due: date | None
    owners: tuple[str, ...]

    def document(self) -> dict[str, Json]:
        """Write it as JSON."""
        return {
            "conflict": self.key,
            "sentence": self.sentence,
            "starts": self.starts.isoformat(),
            "due": self.due.isoformat() if self.due else None,
            "owners": list(self.owners),
        }


@dataclass(frozen=True, slots=True)
class Findings:
    """What the loop found; any part may be missing."""

    leak: Leak | None
    proposal: Proposal | None
    verdict: Verdict | None
    conflict: OpenConflict | None = None

    def document(self) -> dict[str, Json]:
        """Write it as JSON."""
        return {
            "leak": self.leak.document() if self.leak else None,
            "proposal": self.proposal.document() if self.proposal else None,
            "verdict": self.verdict.document() if self.verdict else None,
            "conflict": self.conflict.document() if self.conflict else None,
        }


def findings_of(site: str, *, now: datetime) -> Findings:
    """Say what a site's home page says: the same leak, proposal and verdict."""
    found = Site.objects.get(name=site)
    leaks = leaks_on_home(found, now=this_minute(now))
    return Findings(
        leak=leaks[0] if leaks else None,
        proposal=_best_proposal(found),
        verdict=_verdict(site),
        conflict=_conflict(found, today=day_at(found, now)),
    )


def _conflict(site: Site, *, today: date) -> OpenConflict | None:
    row = next((each.row for each in to_settle(site, today=today)), None)
    if row is None:
        return None
    return OpenConflict(row.key, row.sentence, row.starts_on, row.due, tuple(row.owners))


def _best_proposal(site: Site) -> Proposal | None:
    found = next_on_home(site)
    if found is None or found[0].stage != HypothesisStage.ACCEPTED:
        return None
    row, by = found
    record = HypothesisRecord.objects.get(site=site, number=number_in(row.key, letter="H"))
    return Proposal(
        key=record.key,
        sentence=record.as_domain().sentence,
        metric=record.metric,
        expected_lift=record.expected_lift or 0.0,
        weekly_value_minor=sum(
            support.insight.weekly_value_minor or 0
            for support in record.supports.select_related("insight")
        )
        or None,
        ranked_by=by,
    )


def _verdict(site: str) -> Verdict | None:
    running = (
        ExperimentRecord.objects.filter(site__name=site, stage=Stage.RUNNING.value)
        .order_by("-started_at")
        .first()
    )
    snapshot = running.analyses.order_by("-number").first() if running is not None else None
    if running is None or snapshot is None:
        return None
    document = snapshot.document
    primary = next(each for each in document["metrics"] if each["role"] == "primary")
    relative = next(
        (effect["relative"] for effect in primary["effects"] if effect.get("relative")), None
    )
    recommendation = document["recommendation"]
    return Verdict(
        key=running.key,
        name=running.name,
        action=recommendation["action"],
        because=tuple(recommendation["because"]),
        metric=primary["metric"],
        value=relative["value"] if relative else None,
        low=relative["low"] if relative else None,
        high=relative["high"] if relative else None,
        units=sum(each["units"] for each in document["variants"]),
    )
