"""The pages of quality checks and of hosts as values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from truelift.apps.accounts.models import User
from truelift.apps.drawing.wording import clock, count, percent
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.qa.hosts import FILE, META, hosts_of
from truelift.apps.qa.models import HostRecord, QaPlanRecord, QaRunRecord, QaVisitRecord
from truelift.apps.qa.plan import makers_of, required_events
from truelift.apps.qa.reads import NOTHING, evidence_of, latest_verdicts, run_of
from truelift.apps.sites.models import Site
from truelift.lifecycle.experiment import PREPARING
from truelift.lifecycle.functions import Item
from truelift.lifecycle.obstacle import Obstacle
from truelift.lifecycle.qa import qa_obstacles
from truelift.lifecycle.stage_words import stage_within


@dataclass(frozen=True, slots=True)
class Mark:
    """What a tester saw, or that nobody looked.

    Attributes:
        picture: Digest of a picture; empty without one.
        said: Who said it when, and what.
    """

    variant: str
    glyph: str
    word: str
    said: str = ""
    picture: str = ""


@dataclass(frozen=True, slots=True)
class CellRow:
    """A row of the matrix."""

    pk: int
    label: str
    share: str
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class VisitRow:
    """One opened page in words.

    Attributes:
        lacks: What is missing or went wrong, each a sentence.
        notes: What is worth knowing and stops nothing.
    """

    record: QaVisitRecord
    glyph: str
    word: str
    seen: str
    lacks: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AddressRow:
    """The fields of one variant."""

    number: int
    variant: str
    name: str
    url: str
    steps: str
    problem: str


@dataclass(frozen=True, slots=True)
class QaPage:
    """What is known of an experiment's quality.

    Attributes:
        heading: What the reasons are: why it may not start, or what was not looked at before.
        reasons: What is missing before the start, each with the part of the page that removes it.
        required: Events that a visit has to cause, in words.
        waits: Whether the worker is at work, so that the page looks again by itself.
    """

    answer: str
    grounds: str
    heading: str
    experiment: ExperimentRecord
    reasons: tuple[tuple[Obstacle, str], ...]
    complete: bool
    addresses: tuple[AddressRow, ...]
    left_out: str
    left_out_because: str
    required: str
    matrix_said: str
    matrix_problem: str
    building: bool
    variants: tuple[str, ...]
    cells: tuple[CellRow, ...]
    run: QaRunRecord | None
    run_said: str
    visits: tuple[VisitRow, ...]
    own_work: bool
    has_hosts: bool
    waits: bool


@dataclass(frozen=True, slots=True)
class HostRow:
    """A host in words."""

    record: HostRecord
    glyph: str
    word: str
    said: str


@dataclass(frozen=True, slots=True)
class HostsPage:
    """The hosts of a site."""

    answer: str
    rows: tuple[HostRow, ...]
    file: str
    meta: str


_PLACES = {
    "qa.no_matrix": "matrix",
    "qa.cells_missing": "matrix",
    "qa.cells_failed": "matrix",
    "qa.no_run": "addresses",
    "qa.visit_broken": "addresses",
}


def qa_page(
    record: ExperimentRecord,
    plan: QaPlanRecord | None,
    *,
    user: User,
    now: datetime,
    typed: Iterable[AddressRow] = (),
) -> QaPage:
    """Lay out what is known of an experiment's quality.

    Args:
        record: The experiment.
        plan: What is to be checked; None while nobody has begun.
        user: Who looks.
        now: When.
        typed: Addresses that were not taken, as they were typed.
    """
    site = record.site
    # What was true of its start does not age while it runs.
    since = record.started_at if record.stage not in PREPARING else None
    evidence = evidence_of(plan, now=min(now, since) if since else now) if plan else NOTHING
    reasons = tuple((each, _PLACES.get(each.code, "run")) for each in qa_obstacles(evidence))
    variants = tuple(record.variants.all())
    known = {each.variant: each for each in plan.addresses.all()} if plan else {}
    run = run_of(plan) if plan else None
    required = required_events(record, plan.left_out if plan else ())
    building = bool(plan and plan.building)
    return QaPage(
        answer=_answer(record, len(reasons)),
        grounds="Each variant is opened by a real browser and tried by a person on the devices that"
        f" visitors use.{_since(record)}",
        heading=_heading(record, len(reasons)),
        experiment=record,
        reasons=reasons,
        complete=evidence.complete,
        addresses=tuple(typed)
        or tuple(
            AddressRow(
                number,
                each.key,
                each.name or each.key,
                known[each.key].url if each.key in known else "",
                known[each.key].steps if each.key in known else "",
                "",
            )
            for number, each in enumerate(variants)
        ),
        left_out=", ".join(plan.left_out) if plan else "",
        left_out_because=plan.left_out_because if plan else "",
        required=", ".join(
            ["an exposure", *dict.fromkeys(f"{event} ({role})" for role, event in required)]
        ),
        matrix_said=_matrix_said(plan, site),
        matrix_problem=plan.problem if plan else "",
        building=building,
        variants=tuple(each.key for each in variants),
        cells=_cells(plan, [each.key for each in variants], site) if plan else (),
        run=run,
        run_said=_run_said(run, site) if run else "",
        visits=tuple(_visit(each, over=run.finished_at is not None) for each in run.visits.all())
        if run
        else (),
        own_work=user.pk in makers_of(record),
        has_hosts=any(each.verified_at for each in hosts_of(site)),
        waits=building or bool(run and run.finished_at is None),
    )


def hosts_page(site: Site) -> HostsPage:
    """Lay out the hosts of a site."""
    rows = tuple(_host(each, site) for each in hosts_of(site))
    verified = sum(row.record.verified_at is not None for row in rows)
    return HostsPage(
        answer=f"Pages of {_counted(verified, 'host').lower()} may be opened for checks."
        if verified
        else "No page may be opened for checks yet.",
        rows=rows,
        file=FILE,
        meta=META,
    )


def _host(record: HostRecord, site: Site) -> HostRow:
    if record.checking:
        return HostRow(record, "waiting", "Being checked", "")
    if record.verified_at:
        how = "the file" if record.how == "file" else "the start page"
        return HostRow(record, "passed", "Verified", f"by {how}, {_when(record.verified_at, site)}")
    if record.checked_at:
        return HostRow(record, "failed", "Not verified", record.problem)
    return HostRow(record, "missing", "Not checked yet", "")


def _cells(plan: QaPlanRecord, variants: list[str], site: Site) -> tuple[CellRow, ...]:
    verdicts = latest_verdicts(plan)
    rows = []
    for cell in plan.cells.filter(current=True):
        marks = []
        for variant in variants:
            found = verdicts.get((cell.pk, variant))
            if found is None:
                marks.append(Mark(variant, "missing", "Not tested"))
                continue
            who = str(found.tester) if found.tester else "the operator"
            failed = "failed" if found.blocking else "watch"
            marks.append(
                Mark(
                    variant,
                    "passed" if found.passed else failed,
                    "Passed" if found.passed else "Failed",
                    f"{found.note} {who}, {_when(found.tested_at, site)}".strip(),
                    found.picture.sha256 if found.picture else "",
                )
            )
        rows.append(CellRow(cell.pk, str(cell), percent(cell.share), tuple(marks)))
    return tuple(rows)


def _visit(record: QaVisitRecord, *, over: bool) -> VisitRow:
    lacks = [record.problem] if record.problem else []
    if over and not record.problem:
        lacks += [
            f"The {each['role']} event {each['event']} did not arrive."
            + (f" {each['because']}" if each["because"] else "")
            for each in record.missing
        ]
    if record.visited_at is None:
        glyph, word = ("waiting", "Waits") if not over else ("failed", "Not opened")
    elif lacks:
        glyph, word = "failed", "Failed"
    elif record.missing:
        glyph, word = "waiting", "Listening"
    else:
        glyph, word = ("passed", "Passed") if over else ("passed", "All arrived")
    notes = [f"Console: {each}" for each in record.errors[:3]]
    notes += [f"Not let through: {each}" for each in record.refused[:3]]
    seen = ", ".join(dict.fromkeys(record.seen)) or "none yet"
    return VisitRow(record, glyph, word, seen, tuple(lacks), tuple(notes))


def _matrix_said(plan: QaPlanRecord | None, site: Site) -> str:
    if plan is None or plan.built_at is None:
        return "Nobody has asked yet which devices and browsers visitors use"
    covered = percent(plan.covered) if plan.covered is not None else "none"
    return (
        f"{covered} of {count(plan.sessions or 0)} sessions of four weeks, asked"
        f" {_when(plan.built_at, site)}"
    )


def _run_said(run: QaRunRecord, site: Site) -> str:
    if run.finished_at:
        return f"Check {run.number}, ended {_when(run.finished_at, site)}"
    return f"Check {run.number} is under way since {_when(run.asked_at, site)}"


def _when(at: datetime, site: Site) -> str:
    return clock(at.astimezone(ZoneInfo(site.time_zone)))


def _answer(record: ExperimentRecord, missing: int) -> str:
    if record.stage not in PREPARING:
        return (
            f"It started with {_counted(missing, 'thing').lower()} not looked at."
            if missing
            else "Everything was looked at before it started."
        )
    if not missing:
        return "Everything that has to be looked at was looked at."
    return (
        f"{_counted(missing, 'thing')} {'is' if missing == 1 else 'are'} missing before it may"
        " start."
    )


def _heading(record: ExperimentRecord, missing: int) -> str:
    if record.stage in PREPARING:
        return f"Not ready, for {missing} reason{'' if missing == 1 else 's'}"
    return "Not looked at when it started"


def _since(record: ExperimentRecord) -> str:
    """Say of one that has begun where it stands; what is looked at now keeps nothing back."""
    if record.stage in PREPARING or record.started_at is None:
        return ""
    stands = stage_within(Item.EXPERIMENT, record.stage)
    begun = _when(record.started_at, record.site)
    return f" It started {begun} (now: {stands}); a check that is run now is of the live page."


def _counted(number: int, what: str) -> str:
    words = ("No", "One", "Two", "Three", "Four", "Five", "Six")
    shown = words[number] if number < len(words) else str(number)
    return f"{shown} {what}{'' if number == 1 else 's'}"
