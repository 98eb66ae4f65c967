"""Everything that waits for one person on a site, put together from what the apps know."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

from django.db.models import Max

from truelift.apps.accounts.models import Membership, User
from truelift.apps.accounts.reads import functions_in
from truelift.apps.accounts.roles import Role
from truelift.apps.briefs.models import SIGNING
from truelift.apps.briefs.services import approvers
from truelift.apps.changes.reads import to_judge
from truelift.apps.experiments.domain import as_domain
from truelift.apps.experiments.models import ExperimentRecord, MoveRecord
from truelift.apps.inbox.mailing import wishes_of
from truelift.apps.inbox.models import NoticeForRecord, SnoozeRecord
from truelift.apps.intake.models import IdeaRecord, SignalRecord
from truelift.apps.intake.reads import overdue_signals
from truelift.apps.programme.reads import policy_of
from truelift.apps.research.models import HypothesisRecord, InsightRecord
from truelift.apps.rhythm.reads import actions_for, meetings_near
from truelift.apps.roadmap.liaison import is_due, touching_of
from truelift.apps.roadmap.tasks import to_bring, to_settle
from truelift.apps.rollouts.models import RolloutRecord, RolloutSignatureRecord
from truelift.apps.rollouts.services import SIGNING as ROLLOUT_SIGNING
from truelift.apps.sites.models import Site
from truelift.apps.threads.items import item_of
from truelift.apps.threads.reads import mentions_of
from truelift.lifecycle.brief import Approved, Risk
from truelift.lifecycle.contamination import waits_for
from truelift.lifecycle.experiment import Action, Origin, Stage, plan_digest
from truelift.lifecycle.functions import Function, Item, able_functions
from truelift.lifecycle.gate import Gate
from truelift.lifecycle.hypothesis import HypothesisStage
from truelift.lifecycle.idea import IdeaStage
from truelift.lifecycle.insight import InsightStage
from truelift.lifecycle.liaison import Word
from truelift.lifecycle.notice import Severity, Topic, Wish
from truelift.lifecycle.policy import Policy
from truelift.lifecycle.rollout import OPEN, RolloutStage
from truelift.lifecycle.working_days import decision_clock


ONE_BY_ONE: Final = 3
"""More of one kind are one line: a list of sixty overdue signals is read by nobody."""

FROM_LINES: Final = frozenset(
    {
        "acknowledge",
        "action",
        "analyse",
        "asset",
        "approve",
        "conflict",
        "decide",
        "escalated",
        "judge",
        "late-conflict",
        "launch",
        "learn",
        "meeting",
        "mention",
        "read",
        "resume",
        "returned",
        "review",
        "rollout",
        "schedule",
        "screen",
        "sign",
        "stale",
        "stop",
        "triage",
    }
)
"""First words of the causes of lines. A notice of such a cause only carries the line to people
who want an e-mail; it is over when the line is, and stands in no inbox of its own."""

_OVER: Final = (Stage.LEARNED.value, Stage.CLOSED.value)


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that waits for a person.

    Attributes:
        cause: What it is, in a stable form; one line of each.
        sentence: What is the matter.
        remedy: What to do, as an order to the reader.
        href: Where to do it.
        topic: By which the person chooses whether it is mailed.
        severity: How bad it is to leave it.
        due: By which day; None where there is none.
        since: Since when it waits.
        notice: Whether the person can put it aside without doing anything.
    """

    cause: str
    sentence: str
    remedy: str
    href: str
    topic: Topic = Topic.WORK
    severity: Severity = Severity.NOTE
    due: date | None = None
    since: datetime | None = None
    notice: bool = False


@dataclass(frozen=True, slots=True)
class Reader:
    """For whom the lines are put together.

    Attributes:
        user: The person.
        site: Where.
        role: Their access role.
        functions: What they do.
        held: What anybody on the site does.
        members: Who is there and active: their numbers.
        policy: What the programme has agreed on.
        now: When.
    """

    user: User
    site: Site
    role: Role
    functions: frozenset[Function]
    held: frozenset[Function]
    members: frozenset[int]
    policy: Policy
    now: datetime

    @property
    def today(self) -> date:
        """The day that it is at the site."""
        return self.day(self.now)

    def day(self, at: datetime) -> date:
        """Give the day of an instant at the site."""
        return at.astimezone(ZoneInfo(self.site.time_zone)).date()

    @property
    def sponsors(self) -> bool:
        """Whether this person answers for the programme; the owners do while nobody is named."""
        if Function.SPONSOR in self.held:
            return Function.SPONSOR in self.functions
        return self.role is Role.OWNER

    def does(self, item: Item, to: str, *, least: Role = Role.EDITOR) -> bool:
        """Say whether it is this person who brings an item to a stage."""
        able = able_functions(item, to, central=self.policy.central)
        return self.has(able, least=least)

    def has(self, able: frozenset[Function], *, least: Role = Role.EDITOR) -> bool:
        """Say whether something that some functions do waits for this person.

        Where nobody on the site has any of them, it waits for the owners: what waits for
        nobody is never done.
        """
        if not self.role.covers(least):
            return False
        if not self.held or not able:
            return True
        return bool(self.functions & able) if able & self.held else self.role is Role.OWNER


def reader_of(user: User, site: Site, *, now: datetime) -> Reader:
    """Learn what a person does on a site."""
    rows = list(Membership.objects.filter(site=site, user__is_active=True))
    mine = next((row for row in rows if row.user_id == user.pk), None)
    role = Role(mine.role) if mine else (Role.OWNER if user.is_operator else Role.VIEWER)
    return Reader(
        user=user,
        site=site,
        role=role,
        functions=frozenset(functions_in(mine.functions)) if mine else frozenset(),
        held=frozenset(each for row in rows for each in functions_in(row.functions)),
        members=frozenset(row.user_id for row in rows),
        policy=policy_of(site),
        now=now,
    )


def lines_of(user: User, site: Site, *, now: datetime, snoozed: bool = False) -> tuple[Line, ...]:
    """List what waits for a person, what is worst and due first at the top.

    Args:
        user: The person.
        site: Where.
        now: When.
        snoozed: Only what they have put off, in place of what they have not.
    """
    reader = reader_of(user, site, now=now)
    wishes = wishes_of(user, site)
    found: dict[str, Line] = {}
    for line in _all(reader):
        if wishes[line.topic] is not Wish.OFF:
            found.setdefault(line.cause, line)
    asleep = set(
        SnoozeRecord.objects.filter(site=site, user=user, until__gt=now).values_list(
            "cause", flat=True
        )
    )
    wanted = [line for line in found.values() if (line.cause in asleep) is snoozed]
    return tuple(sorted(wanted, key=lambda line: _order(line, today=reader.today)))


def _order(line: Line, *, today: date) -> tuple[bool, int, date, float]:
    late = line.due is not None and line.due < today
    return (
        not late and line.severity is not Severity.URGENT,
        -line.severity.rank,
        line.due or date.max,
        line.since.timestamp() if line.since else 0.0,
    )


def _all(reader: Reader) -> Iterator[Line]:
    yield from _called(reader)
    yield from _experiments(reader)
    yield from _hypotheses(reader)
    yield from _insights(reader)
    yield from _intake(reader)
    yield from _rollouts(reader)
    yield from _contaminations(reader)
    yield from _roadmap(reader)
    yield from _releases(reader)
    yield from _meetings(reader)
    yield from _notices(reader)


def _called(reader: Reader) -> Iterator[Line]:
    """Who calls the person in a thread, a line a thread."""
    calls = mentions_of(reader.user, reader.site)
    for kind, key in dict.fromkeys((each.kind, each.key) for each in calls):
        item = item_of(reader.site, kind, key)
        last = [each for each in calls if (each.kind, each.key) == (kind, key)][-1]
        if item is not None:
            yield Line(
                cause=f"mention:{kind}:{key}",
                sentence=f"{last.who} calls you at {key}: {_short(last.text)}",
                remedy="Answer, or say that it is done.",
                href=f"{item.href.partition('#')[0]}#thread",
                topic=Topic.MENTION,
                since=last.at,
                notice=True,
            )


def _experiments(reader: Reader) -> Iterator[Line]:
    records = list(
        ExperimentRecord.objects.filter(site=reader.site, origin=Origin.TRUELIFT.value)
        .exclude(stage__in=_OVER)
        .select_related("brief", "brief__implementer", "site", "decision_owner")
        .order_by("pk")
    )
    analysed = dict(
        MoveRecord.objects.filter(
            experiment__in=[each for each in records if each.stage == Stage.ANALYSED],
            action=Action.ANALYSE.value,
        )
        .values_list("experiment")
        .annotate(Max("moved_at"))
    )
    for record in records:
        if record.stage == Stage.ANALYSED:
            yield from _decision(reader, record, analysed.get(record.pk, record.made_at))
        yield from _steps(reader, record)
        yield from _brief(reader, record)


def _decision(reader: Reader, record: ExperimentRecord, since: datetime) -> Iterator[Line]:
    clock = decision_clock(
        reader.day(since), today=reader.today, within=reader.policy.decision_days
    )
    owner_is_here = record.decision_owner_id in reader.members
    mine = record.decision_owner_id == reader.user.pk or (
        record.deputy_id == reader.user.pk and (clock.late or not owner_is_here)
    )
    href = _page(record)
    if mine:
        waited = f" It has waited {_days(clock.waited)}." if clock.late else ""
        yield Line(
            cause=f"decide:experiment:{record.key}",
            sentence=f"“{record.name}” has its result and waits for a decision.{waited}",
            remedy="Read the result and decide.",
            href=href,
            topic=Topic.DECISION,
            severity=Severity.URGENT if clock.late else Severity.WATCH,
            due=clock.due,
            since=since,
        )
        return
    if record.made_by_id == reader.user.pk:
        yield Line(
            cause=f"read:experiment:{record.key}",
            sentence=f"“{record.name}”, which you planned, has its result.",
            remedy="Read it.",
            href=href,
            since=since,
        )
    if clock.escalated and reader.sponsors:
        who = str(record.decision_owner) if record.decision_owner else "Nobody"
        yield Line(
            cause=f"escalated:experiment:{record.key}",
            sentence=f"“{record.name}” has waited {_days(clock.waited)} for a decision."
            f" {who} {'owns' if record.decision_owner else 'is named to make'} it.",
            remedy="Ask for the decision, or name another owner.",
            href=href,
            topic=Topic.DECISION,
            severity=Severity.WATCH,
            due=clock.due,
            since=since,
        )


def _steps(reader: Reader, record: ExperimentRecord) -> Iterator[Line]:
    """What somebody has to do so that an experiment goes on."""
    owns = record.decision_owner_id == reader.user.pk
    about = f"“{record.name}”"
    today = reader.today
    step: tuple[str, str, str, date | None] | None = None
    match record.stage:
        case Stage.READY if reader.does(Item.EXPERIMENT, "scheduled"):
            step = ("schedule", f"{about} is ready.", "Schedule or launch it.", record.starts_on)
        case Stage.SCHEDULED if (record.starts_on and record.starts_on <= today) and reader.does(
            Item.EXPERIMENT, "running"
        ):
            step = ("launch", f"{about} begins.", "Launch it, or move its start.", record.starts_on)
        case Stage.RUNNING if (record.ends_on and record.ends_on <= today) and (
            owns or reader.does(Item.EXPERIMENT, "stopped")
        ):
            step = ("stop", f"{about} has reached its planned end.", "Stop it.", record.ends_on)
        case Stage.PAUSED if owns or reader.does(Item.EXPERIMENT, "running"):
            step = ("resume", f"{about} is paused.", "Resume it, or stop it.", None)
        case Stage.STOPPED if reader.does(Item.EXPERIMENT, "analysed"):
            step = ("analyse", f"{about} has stopped.", "Analyse it.", None)
        case Stage.DECIDED if reader.does(Item.EXPERIMENT, "learned"):
            step = ("learn", f"{about} is decided.", "Write down what it taught.", None)
        case Stage.INVALID if reader.does(Item.EXPERIMENT, "closed"):
            remedy = "Plan it again, or close it with a note."
            step = ("close", f"{about} is invalid.", remedy, None)
        case _:
            pass
    if step is not None:
        what, sentence, remedy, due = step
        yield Line(
            cause=f"{what}:experiment:{record.key}",
            sentence=sentence,
            remedy=remedy,
            href=_page(record),
            due=due,
            since=record.stopped_at or record.made_at,
        )


_BEFORE: Final = frozenset(
    {Stage.BRIEFED.value, Stage.DESIGNED.value, Stage.BUILD.value, Stage.QA.value}
)


def _brief(reader: Reader, record: ExperimentRecord) -> Iterator[Line]:
    """What somebody has to agree with before an experiment may be ready."""
    if record.stage not in _BEFORE:
        return
    brief = getattr(record, "brief", None)
    href = _page(record)
    if brief and brief.implementer_id == reader.user.pk and brief.acknowledged_at is None:
        yield Line(
            cause=f"acknowledge:experiment:{record.key}",
            sentence=f"If “{record.name}” wins, you would build it"
            f"{f', {brief.slot}' if brief.slot else ''}.",
            remedy="Acknowledge the brief, or say why not.",
            href=href,
            due=record.starts_on,
            since=brief.changed_at,
        )
    wanted = _wanted(reader, record)
    if not wanted or record.made_by_id == reader.user.pk:
        return
    plan = plan_digest(as_domain(record))
    given = set(record.approvals.filter(plan=plan).values_list("what", flat=True))
    missing = [what for what in wanted if what not in given]
    if missing:
        yield Line(
            cause=f"approve:experiment:{record.key}",
            sentence=f"“{record.name}” needs your word on {_listed(missing)}.",
            remedy="Read the brief, then approve or object.",
            href=href,
            due=record.starts_on,
            since=brief.changed_at if brief else record.made_at,
        )


def _wanted(reader: Reader, record: ExperimentRecord) -> list[str]:
    """Name what the programme asks of an experiment that this person may give."""
    gates = reader.policy.gates
    asked: list[str] = []
    if Gate.APPROVALS in gates and record.stage != Stage.BRIEFED:
        asked += [each.value for each in Approved]
    brief = getattr(record, "brief", None)
    if Gate.SIGN_OFFS in gates and brief:
        asked += [each.value for each in Risk if brief.risks.get(each.value)]
    if record.stage == Stage.QA and reader.held:
        asked += [each.value for each in SIGNING]
    return [what for what in asked if reader.has(approvers(what), least=Role.VIEWER)]


def _hypotheses(reader: Reader) -> Iterator[Line]:
    rows = HypothesisRecord.objects.filter(
        site=reader.site,
        stage__in=[HypothesisStage.READY_FOR_REVIEW.value, HypothesisStage.DRAFT.value],
    ).order_by("submitted_at", "pk")
    may = reader.does(Item.HYPOTHESIS, "accepted", least=Role.ANALYST)
    review = []
    for row in rows:
        own = row.made_by_id == reader.user.pk
        if row.stage == HypothesisStage.READY_FOR_REVIEW and may and not own:
            review.append(
                Line(
                    cause=f"review:hypothesis:{row.key}",
                    sentence=f"{row.key} waits for your review: {_short(row.change)}",
                    remedy="Accept it, or return it with a reason.",
                    href=f"/s/{reader.site.name}/hypotheses/{row.key}/",
                    since=row.submitted_at or row.made_at,
                )
            )
        elif row.stage == HypothesisStage.DRAFT and own and row.returned_because:
            yield Line(
                cause=f"returned:hypothesis:{row.key}",
                sentence=f"{row.key} was returned to you: {_short(row.returned_because)}",
                remedy="Change it and hand it in again.",
                href=f"/s/{reader.site.name}/hypotheses/{row.key}/",
                since=row.submitted_at or row.made_at,
            )
    yield from _few(
        review,
        cause="review:hypotheses",
        many="{n} hypotheses wait for your review.",
        href=f"/s/{reader.site.name}/hypotheses/",
    )


def _insights(reader: Reader) -> Iterator[Line]:
    if not reader.does(Item.INSIGHT, "accepted", least=Role.ANALYST):
        return
    rows = InsightRecord.objects.filter(site=reader.site, stage=InsightStage.STALE.value).order_by(
        "held_since", "pk"
    )
    lines = [
        Line(
            cause=f"stale:insight:{row.key}",
            sentence=f"{row.key} has become stale: {_short(row.problem)}",
            remedy="Confirm it with something new, or retire it.",
            href=f"/s/{reader.site.name}/insights/{row.key}/",
            since=row.held_since + reader.policy.stale_after if row.held_since else None,
        )
        for row in rows
    ]
    yield from _few(
        lines,
        cause="stale:insights",
        many="{n} insights have become stale.",
        href=f"/s/{reader.site.name}/insights/",
    )


def _intake(reader: Reader) -> Iterator[Line]:
    page = f"/s/{reader.site.name}"
    if reader.does(Item.SIGNAL, "triaged", least=Role.ANALYST):
        late = SignalRecord.objects.filter(overdue_signals(reader.now), site=reader.site)
        yield from _few(
            [
                Line(
                    cause=f"triage:signal:{row.key}",
                    sentence=f"{row.key} waits to be looked at: {_short(row.title)}",
                    remedy="Triage it, or dismiss it with a reason.",
                    href=f"{page}/signals/{row.key}/",
                    due=reader.day(row.asleep_until or row.due_at),
                    since=row.made_at,
                )
                for row in late.order_by("due_at", "pk")
            ],
            cause="triage:signals",
            many="{n} signals have waited longer than they should.",
            href=f"{page}/signals/?overdue=on",
        )
    if reader.does(Item.IDEA, "screened", least=Role.ANALYST):
        before = reader.now - timedelta(days=reader.policy.triage_days)
        old = IdeaRecord.objects.filter(
            site=reader.site, stage=IdeaStage.SUBMITTED.value, made_at__lt=before
        )
        yield from _few(
            [
                Line(
                    cause=f"screen:idea:{row.key}",
                    sentence=f"{row.key} waits to be screened: {_short(row.change)}",
                    remedy="Screen it, or reject it with a reason.",
                    href=f"{page}/ideas/{row.key}/",
                    due=reader.day(row.made_at + timedelta(days=reader.policy.triage_days)),
                    since=row.made_at,
                )
                for row in old.order_by("made_at", "pk")
            ],
            cause="screen:ideas",
            many="{n} ideas have waited longer than they should.",
            href=f"{page}/ideas/",
        )


def _rollouts(reader: Reader) -> Iterator[Line]:
    rows = list(
        RolloutRecord.objects.filter(site=reader.site, stage__in=list(OPEN))
        .select_related("experiment")
        .order_by("decided_at", "pk")
    )
    signed = set(
        RolloutSignatureRecord.objects.filter(rollout__in=rows).values_list(
            "rollout_id", "function"
        )
    )
    for row in rows:
        href = f"/s/{reader.site.name}/winners/{row.key}/"
        name = row.experiment.name
        leads = reader.has(frozenset({Function.CRO_LEAD}))
        if row.owner_id == reader.user.pk or (row.owner_id is None and leads):
            late = row.due is not None and row.due < reader.today
            verify = row.stage == RolloutStage.LIVE
            where = "live, not verified" if verify else "not live"
            remedy = "Have it checked and verified." if verify else "Bring it live."
            yield Line(
                cause=f"rollout:{row.key}",
                sentence=f"“{name}” has won and is {where}.",
                remedy=remedy if row.owner_id else "Name who brings it live.",
                href=href,
                severity=Severity.WATCH if late else Severity.NOTE,
                due=row.due,
                since=row.decided_at,
            )
        if row.stage != RolloutStage.LIVE or not reader.held:
            continue
        missing = [
            each
            for each in ROLLOUT_SIGNING
            if (row.pk, each.value) not in signed and each in reader.functions
        ]
        if missing:
            called = _listed([each.called for each in missing])
            yield Line(
                cause=f"sign:rollout:{row.key}",
                sentence=f"“{name}” is live and waits for a signature of {called}.",
                remedy="See that everybody gets it, then sign.",
                href=href,
                since=row.live_at or row.decided_at,
            )


def _roadmap(reader: Reader) -> Iterator[Line]:
    """What collides waits for both owners, then for the sponsor; assets for who brings them."""
    for each in to_settle(reader.site, today=reader.today):
        row = each.row
        mine = reader.user.email in row.owners
        if not mine and not (each.escalated and reader.sponsors):
            continue
        yield Line(
            cause=f"{'conflict' if mine else 'late-conflict'}:{row.key}",
            sentence=row.sentence,
            remedy="Settle with the other owner who moves." if mine else "Ask who moves.",
            href=f"/s/{reader.site.name}/roadmap/conflicts/{row.number}/",
            severity=Severity.URGENT if each.escalated else Severity.WATCH,
            due=row.due,
            since=row.detected_at,
        )
    for asset in to_bring(reader.site, reader.user, today=reader.today):
        yield Line(
            cause=f"asset:{asset.pk}",
            sentence=f"{asset.item} waits for {_short(asset.what)}.",
            remedy="Bring it, or say by when.",
            href=f"/s/{reader.site.name}/roadmap/items/{quote(asset.item, safe='')}/#needs",
            severity=Severity.WATCH
            if asset.due is not None and asset.due < reader.today
            else Severity.NOTE,
            due=asset.due,
            since=asset.made_at,
        )


def _releases(reader: Reader) -> Iterator[Line]:
    """What touches a test waits for the liaison, and two days before also for the sponsor."""
    liaison = reader.has(frozenset({Function.LIAISON}), least=Role.ANALYST)
    if not liaison and not reader.sponsors:
        return
    lines = []
    for each in touching_of(reader.site, now=reader.now):
        late = each.word is Word.ESCALATED
        if not is_due(each, today=reader.today) or not (liaison or late):
            continue
        about = f"{each.release} {_short(each.what)} touches {_listed(list(each.unseen[:3]))}"
        lines.append(
            Line(
                cause=f"{'acknowledge' if liaison else 'escalated'}:release:{each.release}",
                sentence=f"{about}, and nobody has acknowledged it." if late else f"{about}.",
                remedy="Agree with the team when it goes out, then acknowledge it."
                if liaison
                else "Ask the liaison, or stop the release.",
                href=f"/s/{reader.site.name}/roadmap/items/{each.release}/#touched",
                topic=Topic.ALERT if late else Topic.WORK,
                severity=Severity.URGENT if late else Severity.NOTE,
                due=each.due,
            )
        )
    yield from (each for each in lines if each.severity is Severity.URGENT)
    yield from _few(
        [each for each in lines if each.severity is not Severity.URGENT],
        cause="acknowledge:releases",
        many="{n} releases touch what is tested.",
        href=f"/s/{reader.site.name}/roadmap/liaison/",
    )


def _meetings(reader: Reader) -> Iterator[Line]:
    """What the person has promised, and a meeting that is near and has a seat for them."""
    for each in actions_for(reader.user, reader.site):
        late = each.due < reader.today
        yield Line(
            cause=f"action:{each.number}",
            sentence=f"{each.key}, which you promised: {_short(each.what)}",
            remedy="Do it, then say that it is done.",
            href=f"/s/{reader.site.name}/rhythm/#actions",
            severity=Severity.WATCH if late else Severity.NOTE,
            due=each.due,
            since=each.made_at,
        )
    for row in meetings_near(reader.site, now=reader.now):
        seated = bool(reader.functions & set(row.meeting.seats))
        if not seated and row.owner_id != reader.user.pk:
            continue
        at = row.starts_at.astimezone(ZoneInfo(reader.site.time_zone))
        yield Line(
            cause=f"meeting:{row.key}",
            sentence=f"The {row.called.lower()} is on {at:%A} at {at:%H:%M}.",
            remedy="Read its agenda, and be there."
            if seated
            else "Read its agenda, and call who has a seat.",
            href=row.href,
            due=row.day,
        )


def _contaminations(reader: Reader) -> Iterator[Line]:
    """What changed while a test ran waits for engineering and analytics, two people."""
    rows = to_judge(reader.site)
    lines = []
    for row in rows:
        votes = row.votes()
        mine = {each.key for each in votes} & {str(reader.user.pk)}
        able = [each for each in waits_for(votes) if reader.has(frozenset({each}))]
        if mine or not able:
            continue
        said = _listed([each.called for each in able])
        lines.append(
            Line(
                cause=f"judge:contamination:{row.pk}",
                sentence=f"{row.change.key} came while “{row.experiment.name}” ran: {row.reason}",
                remedy=f"Look at it, and say for {said} what it did.",
                href=f"/s/{reader.site.name}/contaminations/{row.pk}/",
                severity=Severity.WATCH,
                due=reader.day(row.due_at) if row.due_at else None,
                since=row.made_at,
            )
        )
    yield from _few(
        lines,
        cause="judge:contaminations",
        many="{n} changes came while tests ran, and wait to be judged.",
        href=f"/s/{reader.site.name}/changes/?touched=on",
    )


def _notices(reader: Reader) -> Iterator[Line]:
    rows = NoticeForRecord.objects.filter(
        user=reader.user, done_at=None, notice__site=reader.site, notice__settled_at=None
    ).select_related("notice")
    for row in rows.order_by("notice_id"):
        notice = row.notice
        if notice.cause.partition(":")[0] in FROM_LINES:
            continue
        yield Line(
            cause=notice.cause,
            sentence=notice.sentence,
            remedy=notice.remedy,
            href=notice.href,
            topic=Topic(notice.topic),
            severity=Severity(notice.severity),
            since=notice.first_at,
            notice=True,
        )


def _few(lines: list[Line], *, cause: str, many: str, href: str) -> Iterable[Line]:
    """Give a few lines as they are, and many of one kind as one."""
    if len(lines) <= ONE_BY_ONE:
        return lines
    return (
        Line(
            cause=cause,
            sentence=many.format(n=len(lines)),
            remedy="Go through them.",
            href=href,
            due=min((line.due for line in lines if line.due), default=None),
            since=min((line.since for line in lines if line.since), default=None),
        ),
    )


def _page(record: ExperimentRecord) -> str:
    return f"/s/{record.site.name}/experiments/{quote(record.key, safe='')}/"


def _short(text: str) -> str:
    said = " ".join(text.split())
    return f"“{said if len(said) <= 90 else said[:89].rstrip() + '…'}”"


def _days(count: int) -> str:
    return f"{count} working day{'' if count == 1 else 's'}"


def _listed(words: list[str]) -> str:
    said = [each.replace("_", " ").lower() for each in words]
    return said[0] if len(said) == 1 else f"{', '.join(said[:-1])} and {said[-1]}"
