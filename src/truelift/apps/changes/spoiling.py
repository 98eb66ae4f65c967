"""What a change does to tests: the contamination, who judges it, and the ways out."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from truelift.apps.accounts.audit import record as audit
from truelift.apps.accounts.reads import standing_of
from truelift.apps.briefs.models import BriefRecord
from truelift.apps.changes.counting import stored_counts
from truelift.apps.changes.models import (
    AdjudicationRecord,
    ChangePolicyRecord,
    ChangeRecord,
    ContaminationRecord,
)
from truelift.apps.changes.repeating import repeat
from truelift.apps.changes.where import tested, tests_at
from truelift.apps.experiments.domain import day_at
from truelift.apps.experiments.job_kinds import queue
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.experiments.services import experiment_for_update, move_experiment
from truelift.apps.inbox.services import notify, settle
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import storable
from truelift.apps.sites.models import Site
from truelift.apps.surfaces.reads import surfaces_of
from truelift.errors import Refusal
from truelift.lifecycle.contamination import (
    Scope,
    Verdict,
    Vote,
    WayOut,
    adjudicated,
    classify,
    invalidates,
    scope_of,
    vote_obstacles,
    way_out_obstacles,
)
from truelift.lifecycle.experiment import TRANSITIONS, Action, Stage
from truelift.lifecycle.functions import Function
from truelift.lifecycle.notice import Notice, Severity
from truelift.lifecycle.obstacle import Obstacle


WEIGH: Final = "changes.weigh"
ENFORCE: Final = "changes.enforce"

MOST_WAIT: Final = 14
"""Days that a site may give people to judge a fatal change; longer, and it is forgotten."""


class NoSuchContamination(Refusal):
    """The site has no contamination with this number."""

    code = "contamination.no_such_contamination"

    def __init__(self) -> None:
        super().__init__("There is no such contamination. The list of changes leads to all.")


class NotTaken(Refusal):
    """A word or a way out is not taken; every reason at once.

    Attributes:
        obstacles: What stands in the way.
    """

    code = "contamination.not_taken"

    def __init__(self, obstacles: Iterable[Obstacle]) -> None:
        self.obstacles = tuple(obstacles)
        super().__init__(
            " ".join(f"{each.sentence} {each.remedy}".strip() for each in self.obstacles),
            reasons=tuple(each.code for each in self.obstacles),
        )


class BadWait(Refusal):
    """So long nobody waits."""

    code = "changes.bad_wait"

    def __init__(self) -> None:
        super().__init__(f"Give between 0 and {MOST_WAIT} days.")


@transaction.atomic
def touch(change: ChangeRecord, *, now: datetime) -> None:
    """Write down what a change means for each test that it met; again is harmless."""
    surfaces = surfaces_of(change.site)
    value = change.as_domain()
    for record, test in tests_at(change.site, change.at):
        scope = scope_of(value, change.surfaces, test, surfaces)
        if scope is None:
            continue
        classed = classify(value, test, scope)
        made, new = ContaminationRecord.objects.get_or_create(
            experiment=record,
            change=change,
            defaults={
                "at": change.at,
                "scope": scope.value,
                "arms": list(change.arms),
                "policy": classed.verdict.value,
                "reason": classed.reason,
                "verdict": classed.verdict.value,
                "made_at": now,
            },
        )
        if not new:
            _look_closer(made, scope, classed.verdict, classed.reason, now=now)
            continue
        audit(
            action="contamination.recorded",
            target=f"experiment:{record.key}",
            after={
                "change": change.key,
                "scope": scope.value,
                "verdict": classed.verdict.value,
                "reason": classed.reason,
            },
            now=now,
            site=change.site.name,
            **Actor(None, machine=True).audited,
        )
        _begin(made, now=now)


def _look_closer(
    made: ContaminationRecord, scope: Scope, verdict: Verdict, reason: str, *, now: datetime
) -> None:
    """Take over what a change turned out to be when more became known of where it was."""
    order = tuple(Scope)
    if order.index(scope) >= order.index(Scope(made.scope)):
        return
    made.scope, made.policy, made.reason = scope.value, verdict.value, reason
    if adjudicated(made.votes()) is None:
        made.verdict = verdict.value
    made.save(update_fields=["scope", "policy", "reason", "verdict"])
    _begin(made, now=now)


def _begin(made: ContaminationRecord, *, now: datetime) -> None:
    """Count who came before, give people their time, and let the rest follow."""
    counts = stored_counts(made.experiment, made.at)
    if counts is not None:
        made.units_before, made.units_after = dict(counts.before), dict(counts.after)
        made.counted_at = now
    wait = wait_days(made.change.site) if made.verdict == Verdict.FATAL else 0
    made.due_at = now + timedelta(days=wait) if wait else None
    made.save()
    if wait:
        queue(ENFORCE, f"contamination:{made.pk}", by=None, now=now, run_after=made.due_at)
    queue(WEIGH, f"contamination:{made.pk}", by=None, now=now)
    enforce(made, now=now)
    tell(made, now=now)


def wait_days(site: Site) -> int:
    """Say how long people may judge a fatal change before the test ends as invalid."""
    found = ChangePolicyRecord.objects.filter(site=site).first()
    return found.wait_days if found else 0


@transaction.atomic
def set_wait(site: Site, days: int, *, by: Actor, now: datetime) -> None:
    """Say how long people may judge a fatal change before the test ends as invalid.

    Raises:
        BadWait: It is longer than anybody remembers.
    """
    if not 0 <= days <= MOST_WAIT:
        raise BadWait
    before = wait_days(site)
    ChangePolicyRecord.objects.update_or_create(site=site, defaults={"wait_days": days})
    audit(
        action="change_policy.changed",
        target=f"site:{site.name}",
        before={"wait_days": before},
        after={"wait_days": days},
        now=now,
        site=site.name,
        **by.audited,
    )


@transaction.atomic
def enforce(made: ContaminationRecord, *, now: datetime) -> bool:
    """End a test as invalid when a change is fatal for it; say whether that was done.

    Nothing is done while people may still judge, when a person has taken a way out, and when
    the visitors before the change are as many as were planned: then a person chooses.
    """
    record = experiment_for_update(made.change.site, made.experiment.key)
    if (Stage(record.stage), Action.INVALIDATE) not in TRANSITIONS or made.way_out:
        return False
    agreed = adjudicated(made.votes())
    if agreed is None and made.due_at is not None and now < made.due_at:
        return False
    test = tested(record)
    day = day_at(made.change.site, made.at)
    ran = (day - day_at(made.change.site, test.since)).days if test.since else 0
    left = (record.ends_on - day).days if record.ends_on else 0
    if not invalidates(
        Verdict(made.verdict),
        counts=made.counts,
        planned=record.n_per_variant,
        days_ran=ran,
        days_left=left,
    ):
        return False
    what = made.change.what or made.change.as_domain().kind.called
    move_experiment(
        made.change.site,
        record.key,
        Action.INVALIDATE,
        by=Actor(None, machine=True),
        now=now,
        reason=f"Contaminated by {made.change.key}, {what}: {made.reason}"[:1000],
        machine=True,
    )
    made.experiment.refresh_from_db()
    return True


@transaction.atomic
def adjudicate(
    site: Site,
    pk: int,
    *,
    function: str,
    verdict: str,
    reason: str,
    by: Actor,
    now: datetime,
) -> ContaminationRecord:
    """Say what a change did to a test; it counts when engineering and analytics have spoken.

    Args:
        site: Where.
        pk: Which contamination.
        function: For whom the person speaks.
        verdict: `fatal`, `suspect` or `benign`.
        reason: What was looked at.
        by: Who.
        now: When.

    Raises:
        NoSuchContamination: The site has none such.
        NotTaken: The word cannot be taken, with every reason.
    """
    made = contamination_for_update(site, pk)
    said = storable(reason).strip()
    if function not in set(Function) or verdict not in set(Verdict) or len(said) > 1000:
        raise NotTaken(
            [
                Obstacle(
                    "contamination.bad_word",
                    "That is no word on a contamination.",
                    "Say fatal, suspect or benign, for engineering or analytics, with a reason"
                    " of at most 1,000 characters.",
                )
            ]
        )
    row = AdjudicationRecord(
        contamination=made,
        function=function,
        verdict=verdict,
        reason=said,
        by=by.user,
        operator=by.operator,
        made_at=now,
    )
    vote = Vote(Function(function), row.voter, Verdict(verdict))
    standing = standing_of(None if by.operator else by.user, site)
    wrong = vote_obstacles(
        vote,
        reason=said,
        before=made.votes(),
        functions=standing.functions,
        in_use=standing.in_use,
    )
    if wrong:
        raise NotTaken(wrong)
    row.save()
    before = made.verdict
    agreed = adjudicated(made.votes())
    if agreed is not None:
        made.verdict = agreed.value
        made.save(update_fields=["verdict"])
    audit(
        action="contamination.adjudicated",
        target=f"experiment:{made.experiment.key}",
        before={"verdict": before},
        after={
            "change": made.change.key,
            "function": function,
            "said": verdict,
            "reason": said,
            "verdict": made.verdict,
        },
        now=now,
        site=site.name,
        **by.audited,
    )
    if agreed is not None:
        # What the numbers may say depends on what people found.
        queue(WEIGH, f"contamination:{made.pk}", by=by.user, now=now)
        enforce(made, now=now)
        tell(made, now=now)
    return made


@transaction.atomic
def take_way_out(
    site: Site, pk: int, way: str, *, note: str, by: Actor, now: datetime
) -> ContaminationRecord:
    """Do one of the three things that may be done with a test that a change has spoiled.

    `restart` ends it as invalid and drafts a new experiment from its plan; `clean_segment`
    stops it and lets its analysis read only those who came before the day of the change;
    `discard` ends it and closes it. What was decided before is not ended any more: `restart`
    repeats it, `discard` claims nothing of it, and `keep` lets the decision stand with a reason.

    Raises:
        NoSuchContamination: The site has none such.
        NotTaken: The way is closed, with every reason.
        MoveRefused: The experiment may not make the move that it takes.
    """
    made = contamination_for_update(site, pk)
    said = storable(note).strip()[:500]
    wrong: list[Obstacle] = []
    if way not in set(WayOut):
        wrong.append(
            Obstacle(
                "contamination.bad_way",
                "There is no such way out.",
                "Restart it, read its clean part, or discard it.",
            )
        )
    if not said:
        wrong.append(Obstacle("contamination.no_reason", "Nobody says why.", "Give the reason."))
    if made.way_out:
        wrong.append(
            Obstacle(
                "contamination.way_taken", "A way out was taken already.", "Read what was done."
            )
        )
    record = made.experiment
    if way in set(WayOut):
        wrong += way_out_obstacles(
            WayOut(way),
            counts=made.counts,
            planned=record.n_per_variant,
            invalid=record.is_invalid,
            fatal=made.verdict == Verdict.FATAL,
            decided=hasattr(record, "decision"),
        )
    if wrong:
        raise NotTaken(wrong)
    reason = f"Contaminated by {made.change.key}: {said}"
    match WayOut(way):
        case WayOut.CLEAN_SEGMENT:
            if record.stage in {Stage.RUNNING, Stage.PAUSED}:
                move_experiment(site, record.key, Action.STOP, by=by, now=now, reason=reason)
        case WayOut.RESTART:
            _end(record, reason=reason, by=by, now=now)
            said = f"{said} Repeated as {repeat(record, by=by, now=now).key}."[:500]
        case WayOut.DISCARD:
            _end(record, reason=reason, by=by, now=now)
            record.refresh_from_db()
            if record.stage == Stage.INVALID:
                move_experiment(site, record.key, Action.CLOSE, by=by, now=now, reason=reason)
        case WayOut.KEEP:
            # The decision stands; that it does, by whom and why is what is written down.
            pass
    made.way_out, made.way_by, made.way_at, made.way_note = way, by.user, now, said
    made.save(update_fields=["way_out", "way_by", "way_at", "way_note"])
    audit(
        action=f"contamination.{way}",
        target=f"experiment:{record.key}",
        after={"change": made.change.key, "note": said},
        now=now,
        site=site.name,
        **by.audited,
    )
    settle(site, cause_of(made), now=now)
    return made


def _end(record: ExperimentRecord, *, reason: str, by: Actor, now: datetime) -> None:
    if (Stage(record.stage), Action.INVALIDATE) in TRANSITIONS:
        move_experiment(record.site, record.key, Action.INVALIDATE, by=by, now=now, reason=reason)


def contamination_for_update(site: Site, pk: int) -> ContaminationRecord:
    """Give a contamination and hold it.

    Raises:
        NoSuchContamination: The site has none such.
    """
    found = (
        ContaminationRecord.objects.select_for_update(of=("self",))
        .select_related("experiment__site", "change__site")
        .filter(change__site=site, pk=pk)
        .first()
    )
    if found is None:
        raise NoSuchContamination
    return found


def cause_of(made: ContaminationRecord) -> str:
    """Name the notice of a contamination."""
    return f"contamination:{made.experiment.key}:{made.change.key}"


_DECIDED_ON: Final = frozenset({Stage.DECIDED, Stage.LEARNED, Stage.CLOSED})


def _to_do(record: ExperimentRecord, *, ended: bool) -> str:
    if ended:
        return "See the three ways out."
    if record.stage in _DECIDED_ON:
        return "Repeat it as a new test, or keep the decision with a reason: it was made before."
    return "Say what it did to the test."


def tell(made: ContaminationRecord, *, now: datetime) -> None:
    """Tell who decides and who planned; who has to judge finds a line in the inbox."""
    record, site = made.experiment, made.change.site
    if made.verdict == Verdict.BENIGN:
        settle(site, cause_of(made), now=now)
        return
    fatal = made.verdict == Verdict.FATAL
    ended = " The test was ended as invalid." if fatal and record.is_invalid else ""
    decided = hasattr(record, "decision")
    if decided and made.way_out:
        return
    people = [each for each in (record.decision_owner, record.made_by) if each is not None]
    if decided:
        brief = BriefRecord.objects.filter(experiment=record).select_related("implementer").first()
        people += [brief.implementer] if brief is not None and brief.implementer else []
    notify(
        site,
        Notice(
            cause_of(made),
            Severity.URGENT if fatal else Severity.WATCH,
            f"{made.change.key} came while “{record.name}” ran. {made.reason}{ended}",
            _to_do(record, ended=bool(ended)),
            f"/s/{site.name}/contaminations/{made.pk}/",
        ),
        to=list(dict.fromkeys(people)),
        now=now,
    )
