"""What is to be checked of an experiment: addresses of its variants, the matrix, the verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from truelift.apps.accounts.audit import record as audit
from truelift.apps.accounts.models import Json
from truelift.apps.experiments.job_kinds import queue
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.experiments.reads import experiment_of
from truelift.apps.experiments.services import NoSuchExperiment
from truelift.apps.measurement.reads import lake
from truelift.apps.qa.hosts import verified_hosts
from truelift.apps.qa.models import (
    AddressRecord,
    QaCellRecord,
    QaPlanRecord,
    QaVerdictRecord,
)
from truelift.apps.qa.pictures import keep_picture
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import storable
from truelift.apps.sites.models import Site
from truelift.browsing.steps import steps_from
from truelift.egress.gate import named, parsed
from truelift.errors import Refusal, TrueliftError
from truelift.lifecycle.qa import matrix_of
from truelift.questions.device_mix import DeviceMix


MATRIX_JOB: Final = "qa.matrix"

LOOKED_BACK: Final = timedelta(days=28)
"""Four whole weeks of traffic say which devices visitors have."""

MOST_LEFT_OUT: Final = 30


class BadAddresses(Refusal):
    """Addresses that cannot be opened.

    Attributes:
        wrong: Variant → what is wrong with its address.
    """

    code = "qa.bad_addresses"

    def __init__(self, wrong: Mapping[str, str]) -> None:
        self.wrong = dict(wrong)
        super().__init__(
            " ".join(f"{variant}: {what}" for variant, what in wrong.items()),
            wrong=tuple(wrong.values()),
        )


class BadLeftOut(Refusal):
    """Events are left out of the check, and nobody says why."""

    code = "qa.bad_left_out"

    def __init__(self) -> None:
        super().__init__(
            "Events are left out of the check and nobody says why. Give the reason, such as"
            " “refunds come from the back office”."
        )


class BadVerdict(Refusal):
    """A verdict about something that is not to be tested."""

    code = "qa.bad_verdict"

    def __init__(self, *, reason: str) -> None:
        super().__init__(f"This verdict is not kept: {reason}.", reason=reason)


class OwnWork(Refusal):
    """The author or the builder of an experiment tests it."""

    code = "qa.own_work"

    def __init__(self, *, key: str) -> None:
        super().__init__(
            f"You planned or built {key}, and nobody tests their own work. Ask somebody else to"
            " look at it.",
            key=key,
        )


@dataclass(frozen=True, slots=True)
class Address:
    """Where a variant can be seen.

    Attributes:
        variant: Its key.
        url: With the parameter that forces it; empty: not said.
        steps: What is done there, one step a line.
    """

    variant: str
    url: str
    steps: str = ""


def plan_for(site: Site, key: str) -> QaPlanRecord:
    """Give what is to be checked of an experiment, made when it is first asked for.

    Raises:
        NoSuchExperiment: The site has none with this key.
    """
    record = experiment_of(site, key)
    if record is None:
        raise NoSuchExperiment(key=key[:80], site=site.name)
    found, _ = QaPlanRecord.objects.get_or_create(experiment=record)
    return found


@transaction.atomic
def set_addresses(
    site: Site,
    key: str,
    addresses: Sequence[Address],
    *,
    left_out: Sequence[str] = (),
    because: str = "",
    by: Actor,
    now: datetime,
) -> QaPlanRecord:
    """Say where each variant can be seen, and which events no visit there can cause.

    Raises:
        NoSuchExperiment: The site has none with this key.
        BadAddresses: One is none, or not on a host that the site verified.
        BadLeftOut: Events are left out without a reason.
    """
    plan = plan_for(site, key)
    variants = [each.key for each in plan.experiment.variants.all()]
    hosts = verified_hosts(site)
    wrong: dict[str, str] = {}
    for each in addresses:
        if each.variant not in variants:
            wrong[each.variant[:80]] = "The experiment has no such variant."
        elif problem := _problem(each, hosts):
            wrong[each.variant] = problem
    if wrong:
        raise BadAddresses(wrong)
    names = [
        name for name in dict.fromkeys(storable(each).strip()[:200] for each in left_out) if name
    ]
    if names and not because.strip():
        raise BadLeftOut
    before = _facts(plan)
    plan.addresses.all().delete()
    AddressRecord.objects.bulk_create(
        AddressRecord(
            plan=plan, variant=each.variant, url=each.url.strip(), steps=each.steps.strip()
        )
        for each in addresses
        if each.url.strip()
    )
    plan.left_out = names[:MOST_LEFT_OUT]
    plan.left_out_because = storable(because).strip()[:300] if names else ""
    plan.addresses_changed_at = now
    plan.save(update_fields=["left_out", "left_out_because", "addresses_changed_at"])
    audit(
        action="qa.addresses_set",
        target=f"experiment:{key}",
        before=before,
        after=_facts(plan),
        now=now,
        site=site.name,
        **by.audited,
    )
    return plan


def _problem(address: Address, hosts: Sequence[str]) -> str:
    """Say what is wrong with an address; empty when nothing is."""
    if not address.url.strip():
        return ""
    if len(address.url) > 2000 or len(address.steps) > 4000:
        return "It is too long."
    try:
        parts, host, port = parsed(address.url.strip())
        steps_from(storable(address.steps))
    except Refusal as error:
        return str(error)
    if not named(host, port, hosts, usual=port == {"http": 80, "https": 443}[parts.scheme]):
        return (
            f"The site has not verified that {host} is its own. An owner can do that on the page"
            " of its hosts."
        )
    return ""


def _facts(plan: QaPlanRecord) -> dict[str, Json]:
    return {
        **{f"address of {each.variant}": each.url for each in plan.addresses.all()},
        "left out": list(plan.left_out),
    }


@transaction.atomic
def ask_for_matrix(site: Site, key: str, *, by: Actor, now: datetime) -> QaPlanRecord:
    """Have the worker find out which devices and browsers visitors use.

    Raises:
        NoSuchExperiment: The site has none with this key.
    """
    plan = plan_for(site, key)
    plan.building = True
    plan.save(update_fields=["building"])
    queue(MATRIX_JOB, f"qa-plan:{plan.pk}", by=by.user, now=now)
    return plan


def build_matrix(plan: QaPlanRecord, *, now: datetime) -> None:
    """Ask the lake which devices and browsers visitors use; call it from a job.

    Verdicts of cells that stay are kept.
    """
    site = plan.experiment.site
    try:
        sessions, total = _traffic(site, now)
    except TrueliftError as error:
        plan.building, plan.problem = False, str(error)[:500]
        plan.save(update_fields=["building", "problem"])
        return
    cells = matrix_of(sessions, total=total)
    with transaction.atomic():
        plan.cells.update(current=False)
        for cell in cells:
            QaCellRecord.objects.update_or_create(
                plan=plan,
                device=cell.device[:40],
                browser=cell.browser[:80],
                defaults={"share": cell.share, "current": True},
            )
        plan.sessions = total
        plan.covered = sum(cell.share for cell in cells) if total else None
        plan.built_at = now
        plan.building = False
        plan.problem = (
            ""
            if cells
            else "No session of the last four weeks says which device and browser it has."
        )
        plan.save()


def _traffic(site: Site, now: datetime) -> tuple[Mapping[tuple[str, str], int], int]:
    """Count the sessions of the last four weeks by device and browser, and all together."""
    since = (now - LOOKED_BACK).replace(minute=0, second=0, microsecond=0)
    asked = lake().ask(site.name, DeviceMix(since=since, time_zone=site.time_zone))
    return asked.answer.sessions, asked.answer.whole.sessions


@transaction.atomic
def give_verdict(
    site: Site,
    key: str,
    *,
    cell: int,
    variant: str,
    passed: bool,
    note: str = "",
    blocking: bool = True,
    picture: bytes | None = None,
    by: Actor,
    now: datetime,
) -> QaVerdictRecord:
    """Say what a tester saw of a variant in a cell.

    Raises:
        NoSuchExperiment: The site has none with this key.
        BadVerdict: There is no such cell or variant, or a failure says nothing.
        OwnWork: The tester planned the experiment or built its variants.
        BadPicture: The picture is none.
    """
    plan = plan_for(site, key)
    found = plan.cells.filter(pk=cell, current=True).first()
    if found is None:
        raise BadVerdict(reason="the matrix has no such cell")
    if not plan.experiment.variants.filter(key=variant).exists():
        raise BadVerdict(reason="the experiment has no such variant")
    if not passed and not note.strip():
        raise BadVerdict(reason="a failure says what is wrong")
    if by.user is not None and by.user.pk in makers_of(plan.experiment):
        raise OwnWork(key=plan.experiment.key)
    kept = keep_picture(site, picture, by=by.user, now=now) if picture else None
    made = QaVerdictRecord.objects.create(
        cell=found,
        variant=variant,
        passed=passed,
        blocking=blocking,
        note=storable(note).strip()[:500],
        picture=kept,
        tester=by.user,
        tested_at=now,
    )
    audit(
        action="qa.verdict_given",
        target=f"experiment:{key}",
        after={"cell": str(found), "variant": variant, "passed": passed},
        now=now,
        site=site.name,
        **by.audited,
    )
    return made


def makers_of(record: ExperimentRecord) -> frozenset[int]:
    """Give who planned an experiment and who builds its variants: they do not test it."""
    # Where nobody wrote a brief there is none.
    brief = getattr(record, "brief", None)
    made = {record.made_by_id, getattr(brief, "builder_id", None)}
    return frozenset(each for each in made if each is not None)


def required_events(
    record: ExperimentRecord, left_out: Sequence[str]
) -> tuple[tuple[str, str], ...]:
    """List the events that a visit has to cause, as (role, name), besides its exposure."""
    found = dict.fromkeys(
        (planned.role, name)
        for planned in record.metrics.select_related("metric").order_by("pk")
        if planned.role in {"primary", "guardrail"}
        for name in (planned.metric.event, planned.metric.denominator_event)
        if name and name not in left_out
    )
    return tuple(found)
