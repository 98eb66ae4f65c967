"""Finds what is stuck or came to nothing, and guesses why until somebody says so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from truelift.apps.accounts.reads import functions_in_use
from truelift.apps.experiments.domain import as_domain, asked_by
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.progress.history import History, OneTest, Shipped
from truelift.apps.progress.models import ReasonRecord
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.lifecycle.experiment import Action, Stage
from truelift.lifecycle.functions import Function, Standing
from truelift.lifecycle.moving import obstacles
from truelift.lifecycle.programme_causes import (
    STALLED_AFTER,
    Reason,
    Trouble,
    guess_inconclusive,
    guess_invalid,
    guess_stalled,
    guess_unimplemented,
)
from truelift.lifecycle.programme_metrics import Every, period_of
from truelift.lifecycle.rollout import LATE_AFTER_DAYS, OPEN
from truelift.stats.outcome import Outcome
from truelift.stats.programme import chances


@dataclass(frozen=True, slots=True)
class Found:
    """An item in trouble.

    Attributes:
        trouble: Which.
        kind: What the item is.
        key: Its key.
        name: What people call it.
        at: When the trouble began.
        quarter: The quarter of that moment, at the site.
        days: How long it lasts; 0 for what is over.
        guess: What the data say.
        said: What a person says; None while nobody has.
        said_by: Who.
    """

    trouble: Trouble
    kind: str
    key: str
    name: str
    at: datetime
    quarter: str
    days: float
    guess: Reason
    said: Reason | None = None
    said_by: str = ""

    @property
    def reason(self) -> Reason:
        """What counts: what a person says, otherwise the guess."""
        return self.said or self.guess


def troubles_of(history: History) -> tuple[Found, ...]:
    """List everything in trouble, what began last first, with the reasons that people gave."""
    said = _said(history.site)
    found = [
        replace(
            each,
            said=Reason(row.reason),
            said_by=str(row.by) if row.by else "the operator",
        )
        if (row := said.get((each.trouble, each.key))) is not None
        else each
        for each in _troubles(history)
    ]
    return tuple(sorted(found, key=lambda each: (each.at, each.key), reverse=True))


def _said(site: Site) -> Mapping[tuple[str, str], ReasonRecord]:
    rows = ReasonRecord.objects.filter(site=site).select_related("by").order_by("pk")
    return {(row.trouble, row.key): row for row in rows}


def _troubles(history: History) -> Iterator[Found]:
    yield from _stalled_tests(history)
    yield from _waiting_hypotheses(history)
    for test in history.own:
        yield from _of_test(history, test)
    for rollout in history.rollouts:
        yield from _of_rollout(history, rollout)
    names = {each.key: each.change for each in history.hypotheses}
    seen = set()
    for rank in history.ranks:
        key = rank.hypothesis or rank.key
        kind = "hypothesis" if rank.hypothesis else "idea"
        if key not in seen:
            seen.add(key)
            name = names.get(key, key)
            yield _made(history, Trouble.OVERRIDDEN, kind, key, name, rank.at, Reason.OVERRULED)


def _made(
    history: History,
    trouble: Trouble,
    kind: str,
    key: str,
    name: str,
    at: datetime,
    guess: Reason,
    *,
    lasts: bool = False,
) -> Found:
    return Found(
        trouble=trouble,
        kind=kind,
        key=key,
        name=name,
        at=at,
        quarter=period_of(at.astimezone(history.zone).date(), Every.QUARTER),
        days=(history.as_of - at).total_seconds() / 86_400 if lasts else 0.0,
        guess=guess,
    )


NEXT: Final[Mapping[Stage, Action]] = MappingProxyType(
    {
        # What it needs to become ready shows already while it is being built.
        Stage.BRIEFED: Action.SUBMIT,
        Stage.DESIGNED: Action.SUBMIT,
        Stage.BUILD: Action.SUBMIT,
        Stage.QA: Action.SUBMIT,
        Stage.READY: Action.SCHEDULE,
        Stage.SCHEDULED: Action.LAUNCH,
        Stage.RUNNING: Action.STOP,
        Stage.PAUSED: Action.RESUME,
        Stage.STOPPED: Action.ANALYSE,
        Stage.ANALYSED: Action.DECIDE,
        Stage.DECIDED: Action.LEARN,
    }
)
"""What an experiment waits for at each stage; at the others it waits for nothing."""

_ABOUT_WHO_ASKS: Final = frozenset(
    {"people.function", "people.same_person", "people.machine", "experiment.not_decision_owner"}
)


def _stalled_tests(history: History) -> Iterator[Found]:
    stuck = {each.key: since for each in history.own if (since := _stuck_since(each, history))}
    records = ExperimentRecord.objects.filter(site=history.site, key__in=stuck).select_related(
        "site", "hypothesis", "decision_owner", "deputy"
    )
    tests = {each.key: each for each in history.own}
    anybody = Standing(
        key="anybody", functions=frozenset(Function), in_use=functions_in_use(history.site)
    )
    for record in records:
        test = tests[record.key]
        asked = replace(
            asked_by(Actor(None), site=history.site, now=history.as_of), standing=anybody
        )
        codes = {
            each.code
            for each in obstacles(
                as_domain(record, now=history.as_of), NEXT[test.trial.stage], asked=asked
            )
        } - _ABOUT_WHO_ASKS
        yield _made(
            history,
            Trouble.STALLED,
            "experiment",
            record.key,
            record.name,
            stuck[record.key],
            guess_stalled(codes),
            lasts=True,
        )


def _stuck_since(test: OneTest, history: History) -> datetime | None:
    """Say since when a test stands where it should not; a running one from its planned end."""
    stage = test.trial.stage
    if stage not in NEXT:
        return None
    since = test.trial.since
    if stage is Stage.RUNNING:
        if test.planned_end is None:
            return None
        since = max(since, test.planned_end)
    return since if history.as_of - since > STALLED_AFTER else None


def _waiting_hypotheses(history: History) -> Iterator[Found]:
    for each in history.hypotheses:
        at = each.submitted_at
        if at is not None and history.as_of - at > STALLED_AFTER:
            name = each.change or each.key
            yield _made(
                history,
                Trouble.STALLED,
                "hypothesis",
                each.key,
                name,
                at,
                Reason.APPROVAL,
                lasts=True,
            )


def _of_test(history: History, test: OneTest) -> Iterator[Found]:
    trial, result = test.trial, test.result
    if trial.invalid_at is not None:
        guess = guess_invalid(result.failed if result else (), said=test.because)
        yield _made(
            history, Trouble.INVALID, "experiment", test.key, test.name, trial.invalid_at, guess
        )
    if trial.decided_at is None:
        return
    if test.counted and result and result.outcome is Outcome.INCONCLUSIVE:
        chance = (
            float(chances(result.se, result.margin).inconclusive)
            if result.se and result.margin
            else None
        )
        guess = guess_inconclusive(chance=chance, early=test.early)
        yield _made(
            history,
            Trouble.INCONCLUSIVE,
            "experiment",
            test.key,
            test.name,
            trial.decided_at,
            guess,
        )
    if test.against:
        yield _made(
            history,
            Trouble.OVERRIDDEN,
            "experiment",
            test.key,
            test.name,
            trial.decided_at,
            Reason.OVERRULED,
        )


def _of_rollout(history: History, rollout: Shipped) -> Iterator[Found]:
    open_ = rollout.stage in {each.value for each in OPEN}
    late = history.as_of - rollout.decided_at > timedelta(days=LATE_AFTER_DAYS)
    begun = rollout.stage != "planned"
    guess = guess_unimplemented(owner=rollout.owned, begun=begun)
    if rollout.given_up is not None or (open_ and late):
        yield _made(
            history,
            Trouble.UNIMPLEMENTED,
            "rollout",
            rollout.key,
            rollout.name,
            rollout.given_up or rollout.decided_at,
            guess,
            lasts=open_,
        )
    elif open_ and history.as_of - rollout.since > STALLED_AFTER:
        yield _made(
            history,
            Trouble.STALLED,
            "rollout",
            rollout.key,
            rollout.name,
            rollout.since,
            guess,
            lasts=True,
        )


def trouble_document(found: Found) -> dict[str, object]:
    """Write an item in trouble for programs."""
    return {
        "trouble": found.trouble.value,
        "kind": found.kind,
        "key": found.key,
        "name": found.name,
        "at": found.at.isoformat(),
        "quarter": found.quarter,
        "days": round(found.days, 1),
        "guess": found.guess.value,
        "reason": found.reason.value,
        "area": found.reason.area.value,
        "confirmed": found.said is not None,
        "confirmed_by": found.said_by or None,
    }


def by_quarter(found: Iterable[Found]) -> dict[str, tuple[Found, ...]]:
    """Give what is in trouble by the quarter in which it began, the newest quarter first."""
    quarters: dict[str, list[Found]] = {}
    for each in found:
        quarters.setdefault(each.quarter, []).append(each)
    return {name: tuple(quarters[name]) for name in sorted(quarters, reverse=True)}
