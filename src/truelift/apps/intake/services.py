"""Everything that can be done to signals and ideas, each atomic and written down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import IntegrityError, models, transaction

from truelift.apps.accounts.audit import record as audit
from truelift.apps.intake.fields import Arrival, IdeaFields, SignalFields
from truelift.apps.intake.models import IdeaRecord, SignalRecord
from truelift.apps.programme.reads import policy_of
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import (
    BadFields,
    HypothesisFields,
    InsightFields,
    Piece,
    checked,
    checked_url,
)
from truelift.apps.research.models import HypothesisRecord, InsightRecord
from truelift.apps.research.services import (
    create_hypothesis,
    create_insight,
    hypothesis_for_update,
    insight_for_update,
    number_in,
)
from truelift.apps.sites.models import Site
from truelift.errors import Refusal
from truelift.lifecycle.idea import IdeaAction, IdeaStage, move_idea
from truelift.lifecycle.obstacle import MoveRefused, Obstacle
from truelift.lifecycle.signal import SignalAction, SignalStage, move_signal


class NoSuchSignal(Refusal):
    """The site has no signal with this key."""

    code = "intake.no_such_signal"

    def __init__(self, *, key: str) -> None:
        super().__init__(f"There is no signal {key!r}; the evidence inbox lists all.", key=key)


class NoSuchIdea(Refusal):
    """The site has no idea with this key."""

    code = "intake.no_such_idea"

    def __init__(self, *, key: str) -> None:
        super().__init__(f"There is no idea {key!r}; the list of ideas has all.", key=key)


class AlreadyHere(Refusal):
    """It was taken in before, by the name that it has outside."""

    code = "intake.already_here"

    def __init__(self, *, key: str, outside_id: str) -> None:
        self.key = key
        super().__init__(
            f"{outside_id!r} is already here, as {key}. Nothing needs to be done.",
            key=key,
            outside_id=outside_id,
        )


class StillHangs(Refusal):
    """Something hangs on it, so it cannot be deleted."""

    code = "intake.still_hangs"

    def __init__(self, *, key: str, linked: Sequence[str]) -> None:
        super().__init__(
            f"{key} cannot be deleted, because {' and '.join(linked)} hang"
            f"{'s' if len(linked) == 1 else ''} on it. Unlink it first.",
            key=key,
            linked=tuple(linked),
        )


def triage_days(site: Site) -> int:
    """Say how long a signal may wait for a look: what the site's programme has agreed on."""
    return policy_of(site).triage_days


@transaction.atomic
def receive_signal(
    site: Site, fields: SignalFields, arrival: Arrival, *, now: datetime
) -> SignalRecord:
    """Write down what somebody noticed.

    Raises:
        BadFields: Something does not fit into its field.
        AlreadyHere: It was taken in before.
    """
    _refuse_again(SignalRecord, site, arrival)
    signal = SignalRecord(
        site=site,
        number=_next_number(SignalRecord, site),
        title=fields.title.strip(),
        due_at=now + timedelta(days=triage_days(site)),
    )
    _fill(signal, fields, arrival, now=now)
    audit(
        action="signal.received",
        target=f"signal:{signal.key}",
        after={"way": signal.way, "title": signal.title},
        now=now,
        site=site.name,
        **arrival.audited,
    )
    return signal


@transaction.atomic
def receive_idea(site: Site, fields: IdeaFields, arrival: Arrival, *, now: datetime) -> IdeaRecord:
    """Write down what somebody proposes.

    Raises:
        BadFields: Something does not fit into its field, or a linked problem is unknown.
        AlreadyHere: It was taken in before.
    """
    _refuse_again(IdeaRecord, site, arrival)
    idea = IdeaRecord(
        site=site,
        number=_next_number(IdeaRecord, site),
        change=fields.change.strip(),
        problem=fields.problem.strip(),
    )
    _link_problems(idea, insight=fields.insight, signal=fields.signal)
    _fill(idea, fields, arrival, now=now)
    audit(
        action="idea.submitted",
        target=f"idea:{idea.key}",
        after={"way": idea.way, "change": idea.change, **_problems(idea)},
        now=now,
        site=site.name,
        **arrival.audited,
    )
    return idea


@transaction.atomic
def move_signal_record(
    site: Site,
    key: str,
    action: SignalAction,
    *,
    by: Actor,
    now: datetime,
    insight: str = "",
    reason: str = "",
    until: datetime | None = None,
) -> SignalRecord:
    """Take a signal one step; what decides about a new one triages it on the way.

    Args:
        site: The site.
        key: Its key.
        action: The step.
        by: Who.
        now: When.
        insight: Key of the finding that it belongs to, `I-4`; used by `link` alone.
        reason: Why it deserves no finding; used by `dismiss` alone.
        until: When it comes back; used by `snooze` alone.

    Raises:
        NoSuchSignal: The site has none with this key.
        NoSuchInsight: The finding is unknown.
        MoveRefused: The step may not be taken, with every reason.
        BadFields: The reason does not fit.
    """
    record = signal_for_update(site, key)
    if record.stage == SignalStage.NEW and action in {
        SignalAction.LINK,
        SignalAction.DISMISS,
        SignalAction.SNOOZE,
    }:
        record = _step(record, SignalAction.TRIAGE, by=by, now=now)
    found = (
        insight_for_update(site, insight)
        if action is SignalAction.LINK and insight.strip()
        else None
    )
    return _step(record, action, by=by, now=now, insight=found, reason=reason, until=until)


def _step(
    record: SignalRecord,
    action: SignalAction,
    *,
    by: Actor,
    now: datetime,
    insight: InsightRecord | None = None,
    reason: str = "",
    until: datetime | None = None,
) -> SignalRecord:
    before = {"stage": record.as_domain().at(now).stage.value}
    after = move_signal(
        record.as_domain(),
        action,
        now=now,
        insight=insight.key if insight else "",
        reason=reason,
        until=until,
    )
    record.stage = after.stage.value
    record.reason = after.reason
    record.asleep_until = after.until
    record.insight = insight
    if action is SignalAction.TRIAGE:
        record.triaged_at, record.triaged_by = now, by.user
    checked(record, skip=("site", "made_by", "made_at", "insight", "triaged_by", "channel"))
    record.save()
    facts: dict[str, str] = {"stage": record.stage}
    facts |= {"insight": insight.key} if insight else {}
    facts |= {"reason": record.reason} if record.reason else {}
    facts |= {"until": record.asleep_until.isoformat()} if record.asleep_until else {}
    audit(
        action=f"signal.{_PAST[action]}",
        target=f"signal:{record.key}",
        before=dict(before),
        after=dict(facts),
        now=now,
        site=record.site.name,
        **by.audited,
    )
    return record


_PAST: Final = {
    SignalAction.TRIAGE: "triaged",
    SignalAction.LINK: "linked",
    SignalAction.UNLINK: "unlinked",
    SignalAction.DISMISS: "dismissed",
    SignalAction.REOPEN: "reopened",
    SignalAction.SNOOZE: "snoozed",
    SignalAction.WAKE: "woken",
    IdeaAction.SCREEN: "screened",
    IdeaAction.SCORE: "scored",
    IdeaAction.PROMOTE: "promoted",
    IdeaAction.PARK: "parked",
    IdeaAction.REJECT: "rejected",
    IdeaAction.TAKE_UP: "taken_up",
}


@dataclass(frozen=True, slots=True)
class Bulk:
    """What became of several at once.

    Attributes:
        done: Keys that took the step.
        refused: Keys that did not, with every reason of each.
    """

    done: tuple[str, ...]
    refused: Mapping[str, tuple[Obstacle, ...]]


def move_signals(
    site: Site,
    keys: Sequence[str],
    action: SignalAction,
    *,
    by: Actor,
    now: datetime,
    reason: str = "",
    until: datetime | None = None,
) -> Bulk:
    """Take several signals one step, each for itself: one that may not holds up no other.

    Raises:
        NoSuchSignal: One is not the site's; nothing was changed.
    """
    done, refused = [], {}
    with transaction.atomic():
        for key in dict.fromkeys(keys):
            try:
                with transaction.atomic():
                    move_signal_record(
                        site, key, action, by=by, now=now, reason=reason, until=until
                    )
            except MoveRefused as refusal:
                refused[key] = refusal.obstacles
            else:
                done.append(key)
    return Bulk(tuple(done), refused)


@transaction.atomic
def insight_from_signal(site: Site, key: str, *, by: Actor, now: datetime) -> InsightRecord:
    """Start a finding that is filled from a signal, and link them.

    Raises:
        NoSuchSignal: The site has none with this key.
        MoveRefused: It cannot be linked as it stands.
    """
    record = signal_for_update(site, key)
    made = create_insight(
        site,
        InsightFields(
            problem=record.title,
            surface=record.surface,
            segment=record.segment,
            evidence=(
                Piece(
                    kind="voice",
                    text=f"{record.key}: {record.title}"[:300],
                    url=record.url or f"/s/{site.name}/signals/{record.key}/",
                ),
            ),
        ),
        by=by,
        now=now,
    )
    move_signal_record(site, key, SignalAction.LINK, by=by, now=now, insight=made.key)
    return made


@transaction.atomic
def link_problem(
    site: Site, key: str, *, insight: str = "", signal: str = "", by: Actor, now: datetime
) -> IdeaRecord:
    """Say which finding or signal an idea answers.

    Raises:
        NoSuchIdea: The site has none with this key.
        BadFields: The finding or signal is unknown.
    """
    idea = idea_for_update(site, key)
    before = _problems(idea)
    _link_problems(idea, insight=insight, signal=signal)
    idea.save(update_fields=["insight", "signal"])
    audit(
        action="idea.problem_linked",
        target=f"idea:{idea.key}",
        before=dict(before),
        after=dict(_problems(idea)),
        now=now,
        site=site.name,
        **by.audited,
    )
    return idea


@transaction.atomic
def move_idea_record(
    site: Site,
    key: str,
    action: IdeaAction,
    *,
    by: Actor,
    now: datetime,
    hypothesis: str = "",
    reason: str = "",
) -> IdeaRecord:
    """Take an idea one step.

    Args:
        site: The site.
        key: Its key.
        action: The step.
        by: Who.
        now: When.
        hypothesis: Key of the hypothesis that it becomes, `H-4`; used by `promote` alone.
        reason: Why; used by `park` and `reject` alone.

    Raises:
        NoSuchIdea: The site has none with this key.
        NoSuchHypothesis: The hypothesis is unknown.
        MoveRefused: The step may not be taken, with every reason.
        BadFields: The reason does not fit.
    """
    idea = idea_for_update(site, key)
    found: HypothesisRecord | None = None
    if action is IdeaAction.PROMOTE and hypothesis.strip():
        found = hypothesis_for_update(site, hypothesis)
    before = idea.stage
    after = move_idea(
        idea.as_domain(), action, hypothesis=found.key if found else "", reason=reason
    )
    idea.stage = after.stage.value
    idea.reason = after.reason
    idea.hypothesis = found
    checked(idea, skip=("site", "made_by", "made_at", "insight", "signal", "hypothesis", "channel"))
    idea.save(update_fields=["stage", "reason", "hypothesis"])
    facts = {"stage": idea.stage}
    facts |= {"hypothesis": found.key} if found else {}
    facts |= {"reason": idea.reason} if idea.reason else {}
    audit(
        action=f"idea.{_PAST[action]}",
        target=f"idea:{idea.key}",
        before={"stage": before},
        after=dict(facts),
        now=now,
        site=site.name,
        **by.audited,
    )
    return idea


@transaction.atomic
def hypothesis_from_idea(site: Site, key: str, *, by: Actor, now: datetime) -> HypothesisRecord:
    """Start a hypothesis that is filled from an idea, and link them.

    Raises:
        NoSuchIdea: The site has none with this key.
        MoveRefused: It cannot be promoted as it stands; nothing was made.
    """
    idea = idea_for_update(site, key)
    finding = idea.insight or (idea.signal.insight if idea.signal else None)
    made = create_hypothesis(
        site,
        HypothesisFields(
            change=idea.change,
            audience=idea.segment or (finding.segment if finding else ""),
            surface=idea.surface or (finding.surface if finding else ""),
            reason=finding.problem if finding else idea.problem,
            insights=(finding.key,) if finding else (),
        ),
        by=by,
        now=now,
    )
    move_idea_record(site, key, IdeaAction.PROMOTE, by=by, now=now, hypothesis=made.key)
    return made


@transaction.atomic
def delete_signal(site: Site, key: str, *, by: Actor, now: datetime) -> None:
    """Delete a signal that nothing hangs on (a mistake, or a person's wish).

    Raises:
        NoSuchSignal: The site has none with this key.
        StillHangs: A finding or an idea hangs on it.
    """
    record = signal_for_update(site, key)
    linked = [each.key for each in record.ideas.order_by("number")]
    linked += [record.insight.key] if record.insight else []
    if linked:
        raise StillHangs(key=record.key, linked=linked)
    _delete(record, f"signal:{record.key}", {"title": record.title}, by=by, now=now)


@transaction.atomic
def delete_idea(site: Site, key: str, *, by: Actor, now: datetime) -> None:
    """Delete an idea that nothing hangs on.

    Raises:
        NoSuchIdea: The site has none with this key.
        StillHangs: It became a hypothesis.
    """
    idea = idea_for_update(site, key)
    if idea.hypothesis is not None:
        raise StillHangs(key=idea.key, linked=[idea.hypothesis.key])
    _delete(idea, f"idea:{idea.key}", {"change": idea.change}, by=by, now=now)


def _delete(
    record: SignalRecord | IdeaRecord,
    target: str,
    before: Mapping[str, str],
    *,
    by: Actor,
    now: datetime,
) -> None:
    site = record.site.name
    record.delete()
    audit(
        action=f"{target.partition(':')[0]}.deleted",
        target=target,
        before=dict(before),
        now=now,
        site=site,
        **by.audited,
    )


def signal_for_update(site: Site, key: str) -> SignalRecord:
    """Take a signal of the site for a change, by its key.

    Raises:
        NoSuchSignal: The site has none with this key.
    """
    found = (
        SignalRecord.objects.select_for_update()
        .filter(site=site, number=number_in(key, letter="S"))
        .first()
    )
    if found is None:
        raise NoSuchSignal(key=key[:40])
    return found


def idea_for_update(site: Site, key: str) -> IdeaRecord:
    """Take an idea of the site for a change, by its key.

    Raises:
        NoSuchIdea: The site has none with this key.
    """
    found = (
        IdeaRecord.objects.select_for_update()
        .filter(site=site, number=number_in(key, letter="ID"))
        .first()
    )
    if found is None:
        raise NoSuchIdea(key=key[:40])
    return found


def is_open(stage: str) -> bool:
    """Say whether an idea in this stage still competes for a slot."""
    return stage in {IdeaStage.SUBMITTED, IdeaStage.SCREENED, IdeaStage.SCORED}


def _refuse_again(
    model: type[SignalRecord] | type[IdeaRecord], site: Site, arrival: Arrival
) -> None:
    if not arrival.outside_id:
        return
    found = model.objects.filter(
        site=site, way=arrival.way.value, outside_id=arrival.outside_id
    ).first()
    if found is not None:
        raise AlreadyHere(key=found.key, outside_id=arrival.outside_id)


def _next_number(model: type[SignalRecord] | type[IdeaRecord], site: Site) -> int:
    """Count on within the site, which is locked so that two things do not get one number."""
    Site.objects.select_for_update().get(pk=site.pk)
    highest = model.objects.filter(site=site).aggregate(top=models.Max("number"))
    return int(highest["top"] or 0) + 1


def _link_problems(idea: IdeaRecord, *, insight: str, signal: str) -> None:
    wrong = {}
    idea.insight = InsightRecord.objects.filter(
        site=idea.site, number=number_in(insight, letter="I")
    ).first()
    if insight.strip() and idea.insight is None:
        wrong["insight"] = f"There is no insight {insight.strip()[:40]}."
    idea.signal = SignalRecord.objects.filter(
        site=idea.site, number=number_in(signal, letter="S")
    ).first()
    if signal.strip() and idea.signal is None:
        wrong["signal"] = f"There is no signal {signal.strip()[:40]}."
    if wrong:
        raise BadFields(wrong)


def _problems(idea: IdeaRecord) -> dict[str, str]:
    return {
        "insight": idea.insight.key if idea.insight else "",
        "signal": idea.signal.key if idea.signal else "",
    }


def _fill(
    record: SignalRecord | IdeaRecord,
    fields: SignalFields | IdeaFields,
    arrival: Arrival,
    *,
    now: datetime,
) -> None:
    record.detail = fields.detail.strip()
    record.surface = fields.surface.strip()
    record.segment = fields.segment.strip()
    record.url = checked_url(fields.url)
    record.team = fields.team.strip()
    record.contact = fields.contact.strip()
    record.way = arrival.way.value
    record.channel = arrival.channel
    record.outside_id = arrival.outside_id
    record.made_by = arrival.by.user if arrival.by else None
    record.made_at = now
    checked(
        record,
        skip=(
            "site",
            "made_by",
            "made_at",
            "insight",
            "signal",
            "hypothesis",
            "channel",
            "triaged_by",
        ),
    )
    if len(record.detail) > 8000:
        raise BadFields({"detail": "It has more than 8,000 letters."})
    try:
        with transaction.atomic():
            record.save()
    except IntegrityError:
        # Somebody else took the same thing in at the same moment.
        _refuse_again(type(record), record.site, arrival)
        raise
