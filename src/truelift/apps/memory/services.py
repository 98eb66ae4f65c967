"""Everything that can be done to principles, each atomic and written down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final

from django.db import models, transaction

from truelift.apps.accounts.audit import record as audit
from truelift.apps.accounts.models import Json, User
from truelift.apps.accounts.reads import people_of
from truelift.apps.experiments.reads import experiment_of
from truelift.apps.experiments.services import NoSuchExperiment
from truelift.apps.intake.fields import Arrival, IdeaFields
from truelift.apps.intake.models import IdeaRecord, Way
from truelift.apps.intake.services import receive_idea
from truelift.apps.memory.models import (
    GuidelineRecord,
    PlaceRecord,
    PrincipleRecord,
    TrialRecord,
    UseRecord,
    UseState,
)
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import BadFields, Provenance, checked_url, storable
from truelift.apps.sites.models import Site
from truelift.errors import Refusal
from truelift.lifecycle.principle import PrincipleAction, move_principle


class NoSuchPrinciple(Refusal):
    """The site has no principle with this key."""

    code = "memory.no_such_principle"

    def __init__(self, *, key: str) -> None:
        super().__init__(f"There is no principle {key[:40]!r}; its page lists all.", key=key[:40])


class NoSuchGuideline(Refusal):
    """The principle has no such guideline task."""

    code = "memory.no_such_guideline"

    def __init__(self, *, key: str) -> None:
        super().__init__(f"{key} has no such guideline task; its page lists all.", key=key)


@dataclass(frozen=True, slots=True)
class PrincipleFields:
    """What a person writes about a principle; the attributes are those of `PrincipleRecord`."""

    statement: str = ""
    detail: str = ""
    holds_for: str = ""
    not_for: str = ""
    unknown: str = ""
    would_change: str = ""
    types: tuple[str, ...] = ()
    elements: tuple[str, ...] = ()


_LIMITS: Final[Mapping[str, int]] = {
    "statement": 300,
    "detail": 1000,
    "holds_for": 300,
    "not_for": 300,
    "unknown": 300,
    "would_change": 500,
}


@transaction.atomic
def create_principle(
    site: Site,
    fields: PrincipleFields,
    *,
    by: Actor,
    now: datetime,
    machine: Provenance | None = None,
) -> PrincipleRecord:
    """Write down a rule of thumb; its tests say later where it stands.

    Raises:
        BadFields: It says nothing, or something is too long.
    """
    written = _checked(fields)
    Site.objects.select_for_update().get(pk=site.pk)
    highest = PrincipleRecord.objects.filter(site=site).aggregate(top=models.Max("number"))["top"]
    record = PrincipleRecord.objects.create(
        site=site,
        number=(highest or 0) + 1,
        made_by=by.user,
        made_at=now,
        drafted_by=machine.model[:120] if machine else "",
        drafted_from=list(machine.inputs) if machine else [],
        **_columns(written),
    )
    after = _facts(record) | ({"drafted_by": record.drafted_by} if machine else {})
    _audit("created", record, by=by, now=now, after=after)
    return record


@transaction.atomic
def edit_principle(
    site: Site, key: str, fields: PrincipleFields, *, by: Actor, now: datetime
) -> PrincipleRecord:
    """Rewrite a principle; the audit keeps what it was.

    Raises:
        NoSuchPrinciple: The site has none with this key.
        BadFields: It says nothing, or something is too long.
    """
    record = principle_for_update(site, key)
    before = _facts(record)
    for name, value in _columns(_checked(fields)).items():
        setattr(record, name, value)
    record.edited_at = now
    record.save()
    _audit("edited", record, by=by, now=now, before=before, after=_facts(record))
    return record


@transaction.atomic
def move_principle_record(
    site: Site, key: str, action: PrincipleAction, *, by: Actor, now: datetime, reason: str = ""
) -> PrincipleRecord:
    """Accept a machine's draft, retire a principle or restore it.

    Raises:
        NoSuchPrinciple: The site has none with this key.
        BadFields: The reason is too long.
        MoveRefused: With every reason.
    """
    because = storable(reason).strip()
    if len(because) > 500:
        raise BadFields({"reason": "A reason has at most 500 letters."})
    record = principle_for_update(site, key)
    before: dict[str, Json] = {"retired_because": record.retired_because}
    move_principle(record.as_domain(), action, person=by.user is not None, reason=because)
    done = {
        PrincipleAction.ACCEPT: "accepted",
        PrincipleAction.RETIRE: "retired",
        PrincipleAction.RESTORE: "restored",
    }[action]
    match action:
        case PrincipleAction.ACCEPT:
            record.accepted_by, record.accepted_at = by.user, now
        case PrincipleAction.RETIRE:
            record.retired_because = because
        case PrincipleAction.RESTORE:
            record.retired_because = ""
    record.save(update_fields=["accepted_by", "accepted_at", "retired_because"])
    _audit(
        done,
        record,
        by=by,
        now=now,
        before=before,
        after={"retired_because": record.retired_because},
    )
    return record


@transaction.atomic
def link_test(
    site: Site,
    key: str,
    experiment: str,
    *,
    by: Actor,
    now: datetime,
    variant: str = "",
    applied: bool = True,
    outside: bool = False,
) -> TrialRecord:
    """Say that a test tried a principle; again changes how.

    Losers and unclear tests belong here as well: winners alone would overstate it.

    Raises:
        NoSuchPrinciple: The site has none with this key.
        NoSuchExperiment: The site has no such experiment.
        BadFields: The experiment has no such treatment.
    """
    record = principle_for_update(site, key)
    found = experiment_of(site, experiment)
    if found is None:
        raise NoSuchExperiment(key=experiment[:80], site=site.name)
    treatments = {each.key for each in found.variants.all() if not each.is_control}
    if variant and variant not in treatments:
        raise BadFields({"variant": f"It is one of {', '.join(sorted(treatments))}."})
    trial, _ = TrialRecord.objects.update_or_create(
        principle=record,
        experiment=found,
        defaults={
            "variant": variant,
            "applied": applied,
            "outside": outside,
            "linked_by": by.user,
            "linked_at": now,
        },
    )
    _audit(
        "test_linked",
        record,
        by=by,
        now=now,
        after={
            "experiment": found.key,
            "variant": variant,
            "applied": applied,
            "outside": outside,
        },
    )
    return trial


@transaction.atomic
def unlink_test(site: Site, key: str, experiment: str, *, by: Actor, now: datetime) -> None:
    """Say that a test did not try a principle after all.

    Raises:
        NoSuchPrinciple: The site has none with this key.
        NoSuchExperiment: No such test is linked.
    """
    record = principle_for_update(site, key)
    gone, _ = TrialRecord.objects.filter(
        principle=record, experiment__key=storable(experiment)
    ).delete()
    if not gone:
        raise NoSuchExperiment(key=experiment[:80], site=site.name)
    _audit("test_unlinked", record, by=by, now=now, before={"experiment": experiment[:80]})


@transaction.atomic
def add_guideline(
    site: Site,
    key: str,
    *,
    text: str,
    by: Actor,
    now: datetime,
    owner: str = "",
    due: date | None = None,
    link: str = "",
) -> GuidelineRecord:
    """Give somebody a task that makes a principle last: a guideline, a template, a component.

    Raises:
        NoSuchPrinciple: The site has none with this key.
        BadFields: It says nothing, or its owner is no member of the site.
    """
    record = principle_for_update(site, key)
    said, at = storable(text).strip(), checked_url(storable(link))
    wrong = {}
    if not said:
        wrong["text"] = "Say what is to be changed."
    if len(said) > 300:
        wrong["text"] = "It has at most 300 letters."
    if len(at) > 500:
        wrong["link"] = "It has at most 500 letters."
    person = _member(site, owner) if owner else None
    if owner and person is None:
        wrong["owner"] = "Name a member of the site by e-mail address."
    if wrong:
        raise BadFields(wrong)
    task = GuidelineRecord.objects.create(
        principle=record, text=said, owner=person, due=due, link=at, made_by=by.user, made_at=now
    )
    _audit(
        "guideline_added",
        record,
        by=by,
        now=now,
        after={
            "text": said,
            "owner": person.email if person else "",
            "due": due.isoformat() if due else "",
            "link": at,
        },
    )
    return task


@transaction.atomic
def settle_guideline(
    site: Site,
    key: str,
    task: int,
    *,
    done: bool,
    by: Actor,
    now: datetime,
    link: str | None = None,
) -> GuidelineRecord:
    """Say that a guideline task is done, or open again, and where the result is.

    Raises:
        NoSuchPrinciple: The site has none with this key.
        NoSuchGuideline: It has no such task.
        BadFields: The link leads nowhere.
    """
    record = principle_for_update(site, key)
    found = record.guidelines.filter(pk=task).first() if 0 < task < 2**62 else None
    if found is None:
        raise NoSuchGuideline(key=record.key)
    if link is not None:
        at = checked_url(storable(link))
        if len(at) > 500:
            raise BadFields({"link": "It has at most 500 letters."})
        found.link = at or found.link
    found.done_at = now if done else None
    found.save(update_fields=["done_at", "link"])
    _audit(
        "guideline_done" if done else "guideline_reopened",
        record,
        by=by,
        now=now,
        after={"text": found.text, "link": found.link},
    )
    return found


@transaction.atomic
def say_use(
    site: Site, key: str, surface: str, state: UseState, *, by: Actor, now: datetime
) -> UseRecord:
    """Say whether a surface follows a principle.

    Raises:
        NoSuchPrinciple: The site has none with this key.
        BadFields: No surface is named.
    """
    record = principle_for_update(site, key)
    name = _surface(surface)
    found = record.uses.filter(surface__iexact=name).first() or UseRecord(
        principle=record, surface=name
    )
    before: dict[str, Json] = {"state": found.state}
    found.state, found.said_by, found.said_at = state.value, by.user, now
    found.save()
    _audit(
        "use_said",
        record,
        by=by,
        now=now,
        before=before,
        after={"surface": found.surface, "state": state.value},
    )
    return found


@transaction.atomic
def describe_surface(
    site: Site, surface: str, *, type_: str, elements: tuple[str, ...], by: Actor, now: datetime
) -> PlaceRecord:
    """Say what kind of page a surface is and which parts it has.

    Raises:
        BadFields: No surface is named, or something is too long.
    """
    name = _surface(surface)
    kind = storable(type_).strip()
    if len(kind) > 60:
        raise BadFields({"type": "It has at most 60 letters."})
    parts = _list("elements", elements)
    found = PlaceRecord.objects.filter(site=site, surface__iexact=name).first() or PlaceRecord(
        site=site, surface=name
    )
    found.type, found.elements = kind, list(parts)
    found.save()
    audit(
        action="surface.described",
        target=f"surface:{found.surface}",
        after={"type": kind, "elements": list(parts)},
        now=now,
        site=site.name,
        **by.audited,
    )
    return found


def propose_elsewhere(
    site: Site, key: str, surface: str, *, by: Actor, now: datetime
) -> IdeaRecord:
    """Make an idea of applying a principle on another surface; it competes like any other.

    Raises:
        NoSuchPrinciple: The site has none with this key.
        AlreadyHere: It was proposed before.
        BadFields: No surface is named.
    """
    with transaction.atomic():
        record = principle_for_update(site, key)
    name = _surface(surface)
    return receive_idea(
        site,
        IdeaFields(
            change=f"Apply {record.key} here: {record.statement}"[:200],
            problem=f"{name} does not follow {record.key} yet."[:300],
            detail=record.detail,
            surface=name,
        ),
        Arrival(Way.MEMBER, by=by, outside_id=f"{record.key}@{name.lower()}"[:200]),
        now=now,
    )


def principle_for_update(site: Site, key: str) -> PrincipleRecord:
    """Hold a principle while it is changed.

    Raises:
        NoSuchPrinciple: The site has none with this key.
    """
    number = key.removeprefix("P-")
    found = None
    if key.startswith("P-") and number.isascii() and number.isdigit() and len(number) < 10:
        found = (
            PrincipleRecord.objects.select_for_update()
            .filter(site=site, number=int(number))
            .first()
        )
    if found is None:
        raise NoSuchPrinciple(key=key)
    return found


def _checked(fields: PrincipleFields) -> PrincipleFields:
    texts = {name: storable(getattr(fields, name)).strip() for name in _LIMITS}
    wrong = {
        name: f"It has at most {limit} letters."
        for name, limit in _LIMITS.items()
        if len(texts[name]) > limit
    }
    if not texts["statement"]:
        wrong["statement"] = "Say the rule in a sentence."
    if wrong:
        raise BadFields(wrong)
    return replace(
        fields,
        types=_list("types", fields.types),
        elements=_list("elements", fields.elements),
        **texts,
    )


def _list(name: str, given: tuple[str, ...]) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(word for each in given if (word := storable(each).strip())))
    if len(found) > 30 or any(len(each) > 60 for each in found):
        raise BadFields({name: "Give at most 30, each of at most 60 letters."})
    return found


def _columns(fields: PrincipleFields) -> dict[str, str | list[str]]:
    texts: dict[str, str | list[str]] = {name: getattr(fields, name) for name in _LIMITS}
    return texts | {"types": list(fields.types), "elements": list(fields.elements)}


def _surface(name: str) -> str:
    said = " ".join(storable(name).split())
    if not said or len(said) > 120:
        raise BadFields({"surface": "Name a surface, in at most 120 letters."})
    return said


def _member(site: Site, email: str) -> User | None:
    wanted = email.strip().lower()
    return next((each for each in people_of(site) if each.email == wanted), None)


def _facts(record: PrincipleRecord) -> dict[str, Json]:
    facts: dict[str, Json] = {name: getattr(record, name) for name in _LIMITS}
    return facts | {"types": list(record.types), "elements": list(record.elements)}


def _audit(
    done: str,
    record: PrincipleRecord,
    *,
    by: Actor,
    now: datetime,
    before: dict[str, Json] | None = None,
    after: dict[str, Json] | None = None,
) -> None:
    audit(
        action=f"principle.{done}",
        target=f"principle:{record.key}",
        before=before,
        after=after,
        now=now,
        site=record.site.name,
        **by.audited,
    )
