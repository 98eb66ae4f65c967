"""What may be asked for: interactions between experiments, and a comparison before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import ClassVar, Final

from django.db import models, transaction

from truelift.apps.accounts.audit import record as audit
from truelift.apps.accounts.models import User
from truelift.apps.experiments.domain import day_at, midnight_at
from truelift.apps.experiments.job_kinds import queue
from truelift.apps.experiments.models import Job
from truelift.apps.measurement.segments_reads import segment_of
from truelift.apps.observations.jobs import BEFORE_AFTER, INTERACTIONS
from truelift.apps.observations.models import BeforeAfter, InterventionKind
from truelift.apps.observations.reads import NOT, metric_titles
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import is_storable
from truelift.apps.sites.models import Site
from truelift.errors import Refusal
from truelift.stats.quasi import QuasiDesign


FEWEST_DAYS_BEFORE: Final = 8
FEWEST_DAYS_AFTER: Final = 4
MOST_DAYS: Final = 800
MOST_CONTROLS: Final = 12
LONGEST_EXPECTED: Final = 300


class BadComparison(Refusal):
    """A comparison before and after that cannot be made, with every reason by its field."""

    code: ClassVar[str] = "observation.bad_comparison"

    def __init__(self, wrong: Mapping[str, str]) -> None:
        self.wrong = dict(wrong)
        super().__init__(" ".join(self.wrong.values()), **self.wrong)


@dataclass(frozen=True, slots=True)
class Control:
    """A series that the change did not reach.

    Attributes:
        metric: Key of its metric.
        segment: Whose; empty for everybody's, `not:NAME` for theirs who are not in it.
    """

    metric: str
    segment: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What is compared.

    Attributes:
        name: What was changed, in words.
        metric: Key of the metric.
        design: How the effect is read.
        changed_on: The first day with the change.
        segment: Whose metric; empty for everybody's.
        days_before: Days that are read before it.
        days_after: Days from it on.
        controls: Series that it did not reach.
        kind: An `InterventionKind`, where it was decided by people; empty for other changes.
        owner: E-mail address of who decided on an intervention.
        expected: What they expect of it, in words.
    """

    name: str
    metric: str
    design: str
    changed_on: date
    segment: str = ""
    days_before: int = 56
    days_after: int = 28
    controls: Sequence[Control] = ()
    kind: str = ""
    owner: str = ""
    expected: str = ""


def ask_for_interactions(site: Site, *, by: Actor, now: datetime) -> Job:
    """Have the site's experiments held against each other; once, however often it is asked."""
    return queue(INTERACTIONS, f"site:{site.name}", by=by.user, now=now)


@transaction.atomic
def create_before_after(site: Site, given: Comparison, *, by: Actor, now: datetime) -> BeforeAfter:
    """Write a comparison down, and have it computed.

    Raises:
        BadComparison: With every reason at once.
    """
    wrong = problems(site, given, now=now)
    if wrong:
        raise BadComparison(wrong)
    Site.objects.select_for_update().get(pk=site.pk)
    highest = site.before_afters.aggregate(top=models.Max("number"))["top"]
    record = BeforeAfter.objects.create(
        site=site,
        number=(highest or 0) + 1,
        name=given.name.strip(),
        metric=given.metric,
        segment=_frozen(site, given.segment),
        design=given.design,
        changed_on=given.changed_on,
        since=given.changed_on - timedelta(days=given.days_before),
        until=given.changed_on + timedelta(days=given.days_after),
        controls=[
            {"metric": each.metric, "segment": _frozen(site, each.segment)}
            for each in given.controls
        ],
        kind=given.kind,
        owner=_owner(site, given.owner),
        expected=given.expected.strip(),
        made_by=by.user,
        made_at=now,
    )
    audit(
        action="before_after.asked",
        target=f"before_after:{record.key}",
        after={
            "name": record.name,
            "metric": record.metric,
            "design": record.design,
            "kind": record.kind,
            "expected": record.expected,
        },
        now=now,
        site=site.name,
        **by.audited,
    )
    # An intervention may be written down before its days are over: then it is read after them.
    over = max(midnight_at(site, record.until), now)
    queue(BEFORE_AFTER, f"before_after:{record.pk}", by=by.user, now=now, run_after=over)
    return record


def ask_again(record: BeforeAfter, *, by: Actor, now: datetime) -> Job:
    """Have a comparison computed that was not, because something was refused or out."""
    return queue(BEFORE_AFTER, f"before_after:{record.pk}", by=by.user, now=now)


def problems(site: Site, given: Comparison, *, now: datetime) -> dict[str, str]:
    """Say what is wrong with a comparison, by its fields."""
    wrong: dict[str, str] = {}
    metrics = metric_titles(site)
    if not given.name.strip():
        wrong["name"] = "Say what was changed."
    if given.metric not in metrics:
        wrong["metric"] = "Choose one of the site’s metrics."
    if given.segment and segment_of(site, given.segment) is None:
        wrong["segment"] = "Choose one of the site’s segments."
    if given.design not in list(QuasiDesign):
        wrong["design"] = f"It is one of {', '.join(QuasiDesign)}."
    if given.days_before < FEWEST_DAYS_BEFORE:
        wrong["days_before"] = f"It takes {FEWEST_DAYS_BEFORE} days before the change."
    if given.days_after < FEWEST_DAYS_AFTER:
        wrong["days_after"] = f"It takes {FEWEST_DAYS_AFTER} days from the change on."
    if given.days_before + given.days_after > MOST_DAYS:
        wrong["days_before"] = f"{MOST_DAYS} days are the most."
    elif not given.kind and given.changed_on + timedelta(days=given.days_after) > day_at(site, now):
        wrong["days_after"] = "These days are not over yet. Take fewer, or wait."
    wrong |= _wrong_intervention(site, given)
    wrong |= _wrong_controls(site, given, metrics)
    return wrong


def _wrong_intervention(site: Site, given: Comparison) -> dict[str, str]:
    wrong: dict[str, str] = {}
    if given.kind and given.kind not in set(InterventionKind):
        wrong["kind"] = f"It is one of {', '.join(InterventionKind)}."
    if given.owner.strip() and _owner(site, given.owner) is None:
        wrong["owner"] = "Nobody on this site has that address."
    if len(given.expected.strip()) > LONGEST_EXPECTED or not is_storable(given.expected):
        wrong["expected"] = f"It has at most {LONGEST_EXPECTED} letters, all storable."
    elif given.kind and not given.expected.strip():
        wrong["expected"] = "Say what it should bring, before anybody looks."
    return wrong


def _owner(site: Site, email: str) -> User | None:
    address = email.strip().lower()
    if not address or not is_storable(address):
        return None
    people = User.objects.filter(memberships__site=site, is_active=True)
    return people.filter(email=address).first()


def _wrong_controls(site: Site, given: Comparison, metrics: Mapping[str, str]) -> dict[str, str]:
    own = Control(given.metric, given.segment)
    needs = {QuasiDesign.DIFFERENCE_IN_DIFFERENCES: 1, QuasiDesign.SYNTHETIC_CONTROL: 2}
    fewest = needs.get(QuasiDesign(given.design), 0) if given.design in list(QuasiDesign) else 0
    if len(given.controls) < fewest:
        return {"controls": f"This way takes {fewest} or more series that it did not reach."}
    if len(given.controls) > MOST_CONTROLS:
        return {"controls": f"{MOST_CONTROLS} series are the most."}
    if own in given.controls or len(set(given.controls)) < len(given.controls):
        return {"controls": "A series is there twice."}
    for each in given.controls:
        if each.metric not in metrics:
            return {"controls": f"{each.metric[:60]} is no metric of the site."}
        name = each.segment.removeprefix(NOT)
        if name and segment_of(site, name) is None:
            return {"controls": f"{name[:60]} is no segment of the site."}
    return {}


def _frozen(site: Site, segment: str) -> str:
    """Name a segment, or those who are not in it, in the version that it has now."""
    name = segment.removeprefix(NOT)
    found = segment_of(site, name) if name else None
    return "" if found is None else f"{segment[: -len(name)]}{found.name}@{found.version}"
