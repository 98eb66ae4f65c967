"""Everything that can be done in the backlog, each atomic and written down."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from django.db import transaction
from django.db.models import Max, Q, QuerySet

from truelift.apps.accounts.audit import record as audit
from truelift.apps.backlog.history import prior_of
from truelift.apps.backlog.knowing import Facts, Known, known
from truelift.apps.backlog.knowing import Site as Surroundings
from truelift.apps.backlog.models import OverrideRecord, PriorityRecord, ScoreRecord
from truelift.apps.backlog.rule import Agreed, agreed_of
from truelift.apps.intake.models import IdeaRecord
from truelift.apps.intake.services import move_idea_record
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import BadFields, checked, is_storable
from truelift.apps.research.models import HypothesisRecord, InsightRecord
from truelift.apps.research.services import number_in
from truelift.apps.sites.models import Site
from truelift.apps.surfaces.models import SurfaceRecord
from truelift.errors import Refusal
from truelift.lifecycle.idea import IdeaAction, IdeaStage
from truelift.lifecycle.scoring import Input, Opinion, checked_values
from truelift.lifecycle.scoring_value import Concern, RiskClass


MOST_RANK: Final = 100_000


class NoSuchItem(Refusal):
    """The backlog has no item with this key."""

    code = "backlog.no_such_item"

    def __init__(self, *, key: str) -> None:
        super().__init__(
            f"The backlog has no item {key!r}; hypotheses are H-4, ideas ID-4.", key=key
        )


class NothingToScore(Refusal):
    """Nothing was answered."""

    code = "backlog.bad_score"

    def __init__(self) -> None:
        super().__init__("Answer at least one question before you submit.")


def catch_up(site: Site, *, now: datetime) -> Agreed:
    """Work out what is new, or everything when the framework changed; give how the site scores.

    A ranking never holds two frameworks: it shows only what the active one has scored, and a
    change of it scores everything in one transaction, here or in the night.
    """
    agreed = agreed_of(site)
    rows = PriorityRecord.objects.filter(site=site)
    current = Q(version=agreed.rule.version, framework=agreed.rule.framework.value)
    if rows.exclude(_NEW).exclude(current).exists():
        refresh(site, now=now)
    elif (
        rows.filter(_NEW | _LINKED_SINCE).exists()
        or HypothesisRecord.objects.filter(site=site, priority=None).exists()
        or IdeaRecord.objects.filter(site=site, priority=None).exists()
    ):
        add_new(site, agreed, now=now)
    return agreed


_NEW: Final = Q(framework="")
"""Items that have a row and were never worked out."""

_LINKED_SINCE: Final = Q(solution_only=True) & (
    Q(idea__insight__isnull=False)
    | Q(idea__signal__isnull=False)
    | Q(hypothesis__supports__isnull=False)
)
"""Items that were solutions only when they were worked out, and have a problem now."""


@transaction.atomic
def add_new(site: Site, agreed: Agreed, *, now: datetime) -> None:
    """Work out what is new, among the others as they stand; the night does the rest."""
    Site.objects.select_for_update().get(pk=site.pk)
    _place_new(site, now=now)
    items = list(items_of(site).filter(_NEW | _LINKED_SINCE).distinct())
    opinions = opinions_of(items, agreed)
    facts = {each.pk: facts_of(each) for each in items}
    surroundings = surroundings_of(site, (), {}, agreed=agreed, beside=tuple(facts.values()))
    for each in items:
        said = opinions.get(each.pk, ())
        found = known(facts[each.pk], said, site=surroundings)
        _put(each, facts[each.pk], found, scorers=len(said), now=now)
    _store(items)


@transaction.atomic
def refresh(site: Site, *, now: datetime) -> int:
    """Work out every item of a site anew, all or none; give how many there are."""
    # The row of the site is the lock: two people at once do not write one item twice.
    Site.objects.select_for_update().get(pk=site.pk)
    _place_new(site, now=now)
    items = list(items_of(site))
    facts = {each.pk: facts_of(each) for each in items}
    surroundings = surroundings_of(site, items, facts)
    opinions = opinions_of(items, surroundings.agreed)
    changed = []
    for each in items:
        before = [getattr(each, name) for name in _SAID]
        found = known(facts[each.pk], opinions.get(each.pk, ()), site=surroundings)
        _put(each, facts[each.pk], found, scorers=len(opinions.get(each.pk, ())), now=now)
        if before != [getattr(each, name) for name in _SAID]:
            changed.append(each)
    _store(changed)
    return len(items)


def _store(items: Sequence[PriorityRecord]) -> None:
    # As an insert that meets its own row: an update of thousands would be one huge CASE.
    PriorityRecord.objects.bulk_create(
        items,
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=[*_SAID, "worked_out_at"],
        batch_size=500,
    )


@transaction.atomic
def refresh_one(site: Site, item: PriorityRecord, *, now: datetime) -> Known:
    """Work out one item anew, among the others as they stand."""
    agreed = agreed_of(site)
    facts = facts_of(item)
    surroundings = surroundings_of(site, (), {}, agreed=agreed, beside=(facts,))
    opinions = opinions_of([item], agreed).get(item.pk, ())
    found = known(facts, opinions, site=surroundings)
    _put(item, facts, found, scorers=len(opinions), now=now)
    item.save(update_fields=[*_SAID, "worked_out_at"])
    return found


_SAID: Final = (
    "version",
    "framework",
    "score",
    "low",
    "high",
    "missing",
    "inputs",
    "surface",
    "weekly_units",
    "leak_minor",
    "mde",
    "lift",
    "route",
    "reasons",
    "solution_only",
    "discuss",
    "scorers",
)
"""What is worked out about an item."""


def _put(item: PriorityRecord, facts: Facts, found: Known, *, scorers: int, now: datetime) -> None:
    item.version = found.score.version
    item.framework = found.score.framework.value
    item.score, item.low, item.high = found.score.value, found.score.low, found.score.high
    item.missing = list(found.score.missing)
    item.inputs = [_input(name, each) for name, each in found.inputs.items()]
    item.surface = facts.surface[:120]
    item.weekly_units = found.weekly_units
    item.leak_minor = facts.leak_minor
    item.mde = found.mde
    item.lift = None if found.worth is None else found.worth.lift
    item.route = found.routed.route.value
    item.reasons = list(found.routed.reasons)
    item.solution_only = not facts.problem
    item.discuss = found.discuss
    item.scorers = scorers
    item.worked_out_at = now


def _input(name: str, each: Input) -> dict[str, str | float | None]:
    return {
        "name": name,
        "value": each.value,
        "origin": each.origin.value,
        "said": each.said,
        "low": each.low,
        "high": each.high,
    }


def _place_new(site: Site, *, now: datetime) -> None:
    """Give a row to every hypothesis and idea that has none."""
    PriorityRecord.objects.bulk_create(
        [
            *(
                PriorityRecord(site=site, hypothesis=each, made_at=each.made_at, worked_out_at=now)
                for each in HypothesisRecord.objects.filter(site=site, priority=None)
            ),
            *(
                PriorityRecord(site=site, idea=each, made_at=each.made_at, worked_out_at=now)
                for each in IdeaRecord.objects.filter(site=site, priority=None)
            ),
        ],
        batch_size=500,
    )


def items_of(site: Site) -> QuerySet[PriorityRecord]:
    """Give the items of a site with everything that scoring reads of them."""
    return (
        PriorityRecord.objects.filter(site=site)
        .select_related(
            "hypothesis", "idea", "idea__insight", "idea__signal", "idea__signal__insight"
        )
        .prefetch_related(
            "hypothesis__insights__evidence",
            "idea__insight__evidence",
            "idea__signal__insight__evidence",
        )
        .order_by("pk")
    )


def facts_of(item: PriorityRecord) -> Facts:
    """Give what is on record about an item."""
    surface, problem = "", False
    findings: list[InsightRecord] = []
    if item.hypothesis is not None:
        findings = sorted(item.hypothesis.insights.all(), key=lambda each: each.number)
        problem = bool(findings)
        surface = item.hypothesis.surface
    elif item.idea is not None:
        idea = item.idea
        surface = idea.surface
        problem = idea.insight is not None or idea.signal is not None
        linked = [idea.insight, idea.signal.insight if idea.signal else None]
        findings = [each for each in linked if each is not None]
        if not surface and idea.signal is not None:
            surface = idea.signal.surface
    surface = surface or next((each.surface for each in findings if each.surface), "")
    # What only a machine has said supports nothing.
    findings = [each for each in findings if not each.machine]
    leaks = [
        float(each.weekly_value_minor)
        for each in {each.pk: each for each in findings}.values()
        if each.weekly_value_minor is not None
    ]
    evidence = [piece for each in findings for piece in each.evidence.all()]
    return Facts(
        surface=surface.strip(),
        problem=problem,
        leak_minor=sum(leaks) if leaks else None,
        kinds=frozenset(piece.kind for piece in evidence),
        pieces=len(evidence),
        findings=tuple(dict.fromkeys(each.key for each in findings)),
        defect=item.defect,
        if_wins=item.if_wins,
        if_loses=item.if_loses,
    )


def surroundings_of(
    site: Site,
    items: Sequence[PriorityRecord],
    facts: Mapping[int, Facts],
    *,
    agreed: Agreed | None = None,
    beside: Sequence[Facts] = (),
) -> Surroundings:
    """Give what holds for every item: framework, past, surfaces, the largest leak."""
    agreed = agreed or agreed_of(site)
    if items:
        leaks = [each.leak_minor or 0.0 for each in facts.values()]
        where = {each.pk: facts[each.pk].surface for each in items}
    else:
        rows = PriorityRecord.objects.filter(site=site)
        top = rows.aggregate(top=Max("leak_minor"))["top"]
        leaks = [top or 0.0, *(each.leak_minor or 0.0 for each in beside)]
        where = dict(rows.filter(scores__isnull=False).values_list("pk", "surface"))
    past: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    answers = ScoreRecord.objects.filter(
        priority__site=site, framework=agreed.rule.framework.value
    ).values_list("priority_id", "values")
    for pk, values in answers:
        for name in ("ease", "work", "effort"):
            if name in values and where.get(pk):
                past[where[pk].lower()][name].append(float(values[name]))
    return Surroundings(
        agreed=agreed,
        prior=prior_of(site),
        surfaces={each.name.lower(): each for each in SurfaceRecord.objects.filter(site=site)},
        largest_leak=max(leaks, default=0.0),
        past=past,
    )


def opinions_of(items: Iterable[PriorityRecord], agreed: Agreed) -> dict[int, tuple[Opinion, ...]]:
    """Give what people answered for the active framework, item by item."""
    items = list(items)
    rows = ScoreRecord.objects.filter(framework=agreed.rule.framework.value)
    # One site has thousands of items, and SQLite takes so many numbers only in pieces.
    rows = (
        rows.filter(priority__site=items[0].site_id)
        if len(items) > 1
        else rows.filter(priority__in=items)
    )
    asks = {each.name: each for each in agreed.rule.asks}
    found: dict[int, list[Opinion]] = defaultdict(list)
    for row in rows.order_by("submitted_at", "pk"):
        # A table of questions may have changed since; what is no longer asked is left out.
        values = {
            name: value
            for name, value in row.values.items()
            if name in asks and asks[name].takes(value)
        }
        found[row.priority_id].append(Opinion(str(row.scorer_id), values))
    return {pk: tuple(each) for pk, each in found.items()}


@transaction.atomic
def submit_score(
    site: Site,
    key: str,
    values: Mapping[str, float],
    *,
    by: Actor,
    now: datetime,
    note: str = "",
) -> PriorityRecord:
    """Keep what a person answers about an item; answering again replaces their answers.

    Raises:
        NoSuchItem: The site has no item with this key.
        BadValue: An answer is outside of its range, or nobody asks for it.
        NothingToScore: Nothing was answered, or nobody in particular answers.
        BadFields: The note does not fit.
    """
    agreed = agreed_of(site)
    item = item_for_update(site, key, now=now)
    given = checked_values(agreed.rule, values)
    if not given or by.user is None:
        raise NothingToScore
    if len(note) > 500 or not is_storable(note):
        raise BadFields({"note": "It is at most 500 letters long."})
    before = ScoreRecord.objects.filter(
        priority=item, framework=agreed.rule.framework.value, scorer=by.user
    ).first()
    ScoreRecord.objects.update_or_create(
        priority=item,
        framework=agreed.rule.framework.value,
        scorer=by.user,
        defaults={
            "values": given,
            "note": note.strip(),
            "version": agreed.rule.version,
            "submitted_at": now,
        },
    )
    idea = item.idea
    if idea is not None and idea.stage == IdeaStage.SCREENED:
        move_idea_record(site, idea.key, IdeaAction.SCORE, by=by, now=now)
        idea.refresh_from_db(fields=["stage"])
    refresh_one(site, item, now=now)
    audit(
        action="backlog.scored",
        target=f"item:{item.key}",
        before=None if before is None else {"values": dict(before.values)},
        after={
            "values": dict(given),
            "framework": agreed.rule.framework.value,
            "version": agreed.rule.version,
        },
        now=now,
        site=site.name,
        **by.audited,
    )
    return item


@transaction.atomic
def set_facts(
    site: Site,
    key: str,
    *,
    defect: bool,
    if_wins: str,
    if_loses: str,
    risk: Mapping[str, str],
    by: Actor,
    now: datetime,
) -> PriorityRecord:
    """Say what only people know: whether it is a defect, what would follow, what it can hurt.

    Raises:
        NoSuchItem: The site has no item with this key.
        BadFields: An answer does not fit.
    """
    item = item_for_update(site, key, now=now)
    wrong = {
        concern[:40]: "It is none, low, medium or high."
        for concern, level in risk.items()
        if concern not in set(Concern) or level not in set(RiskClass)
    }
    if wrong:
        raise BadFields(wrong)
    before = _said(item)
    item.defect = defect
    item.if_wins, item.if_loses = if_wins.strip(), if_loses.strip()
    item.risk = {each.value: risk[each] for each in Concern if each in risk}
    checked(
        item,
        skip=("site", "hypothesis", "idea", "missing", "inputs", "reasons", "risk", "framework"),
    )
    item.save(update_fields=["defect", "if_wins", "if_loses", "risk"])
    refresh_one(site, item, now=now)
    audit(
        action="backlog.facts_set",
        target=f"item:{item.key}",
        before=before,
        after=_said(item),
        now=now,
        site=site.name,
        **by.audited,
    )
    return item


def _said(item: PriorityRecord) -> dict[str, str | bool]:
    return {
        "defect": item.defect,
        "if_wins": item.if_wins,
        "if_loses": item.if_loses,
        "risk": ", ".join(f"{concern}={level}" for concern, level in item.risk.items()),
    }


@transaction.atomic
def give_rank(
    site: Site,
    key: str,
    rank: int,
    *,
    reason: str,
    rank_then: int | None,
    by: Actor,
    now: datetime,
) -> OverrideRecord:
    """Give an item a rank against its score; who, why and what the score said are kept.

    Raises:
        NoSuchItem: The site has no item with this key.
        BadFields: There is no reason, or no rank.
    """
    item = item_for_update(site, key, now=now)
    wrong = {}
    if not reason.strip() or len(reason) > 500 or not is_storable(reason):
        wrong["reason"] = "Say why, in at most 500 letters: it stands beside the rank."
    if not 1 <= rank <= MOST_RANK:
        wrong["rank"] = f"It is from 1 to {MOST_RANK:,}."
    if wrong:
        raise BadFields(wrong)
    _withdraw(item, now=now)
    made = OverrideRecord.objects.create(
        priority=item,
        rank=rank,
        reason=reason.strip(),
        score_then=item.score,
        rank_then=rank_then,
        framework=item.framework,
        version=item.version,
        made_by=by.user,
        made_at=now,
    )
    audit(
        action="backlog.rank_given",
        target=f"item:{item.key}",
        before={"rank": rank_then, "score": item.score},
        after={"rank": rank, "reason": made.reason},
        now=now,
        site=site.name,
        **by.audited,
    )
    return made


@transaction.atomic
def take_rank_back(site: Site, key: str, *, by: Actor, now: datetime) -> None:
    """Let the score decide again about an item; the rank that was given is kept in the log.

    Raises:
        NoSuchItem: The site has no item with this key.
    """
    item = item_for_update(site, key, now=now)
    if _withdraw(item, now=now):
        audit(
            action="backlog.rank_taken_back",
            target=f"item:{item.key}",
            now=now,
            site=site.name,
            **by.audited,
        )


def _withdraw(item: PriorityRecord, *, now: datetime) -> int:
    return OverrideRecord.objects.filter(priority=item, withdrawn_at=None).update(withdrawn_at=now)


def item_for_update(site: Site, key: str, *, now: datetime) -> PriorityRecord:
    """Take an item for a change, by the key of its hypothesis or idea.

    Raises:
        NoSuchItem: The site has no such hypothesis or idea.
    """
    found = _item(site, key, lock=True)
    if found is None and (_hypothesis(site, key) or _idea(site, key)):
        Site.objects.select_for_update().get(pk=site.pk)
        _place_new(site, now=now)
        found = _item(site, key, lock=True)
    if found is None:
        raise NoSuchItem(key=key[:40])
    return found


def _item(site: Site, key: str, *, lock: bool = False) -> PriorityRecord | None:
    rows = PriorityRecord.objects.filter(site=site)
    if lock:
        rows = rows.select_for_update(of=("self",))
    return rows.filter(item_called(key)).first()


def item_called(key: str) -> Q:
    """Give the condition that finds an item by its key."""
    return Q(hypothesis__number=number_in(key, letter="H")) | Q(
        idea__number=number_in(key, letter="ID")
    )


def _hypothesis(site: Site, key: str) -> bool:
    return HypothesisRecord.objects.filter(site=site, number=number_in(key, letter="H")).exists()


def _idea(site: Site, key: str) -> bool:
    return IdeaRecord.objects.filter(site=site, number=number_in(key, letter="ID")).exists()
