"""The pages of changes as values: the list by day, one change, one contamination, incidents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.db.models import Prefetch

from truelift.apps.changes.confounding import share_of_all
from truelift.apps.changes.models import (
    ChangeRecord,
    ConfounderRecord,
    ContaminationRecord,
    IncidentRecord,
    SenderRecord,
)
from truelift.apps.changes.reads import MOST, changes_of, incidents_of
from truelift.apps.drawing.wording import count, day, lift, percent
from truelift.apps.experiments.domain import midnight_at
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.experiments.wording import moment
from truelift.apps.sites.models import Site
from truelift.apps.surfaces.reads import surfaces_of
from truelift.lifecycle.change import ChangeKind, ChangeState, Trust
from truelift.lifecycle.confounder import IncidentKind, Weight
from truelift.lifecycle.contamination import (
    Scope,
    Verdict,
    WayOut,
    waits_for,
    way_out_obstacles,
)
from truelift.lifecycle.functions import Function
from truelift.lifecycle.obstacle import Obstacle


VERDICTS: Final = {
    Verdict.FATAL: ("failed", "Fatal"),
    Verdict.SUSPECT: ("watch", "Suspect"),
    Verdict.BENIGN: ("passed", "Harmless"),
}
"""A verdict as a person reads it: its shape, and what it is called."""

STATES: Final = {
    ChangeState.PROPOSED: ("waiting", "Proposed"),
    ChangeState.RECORDED: ("passed", "Counts"),
    ChangeState.DISMISSED: ("missing", "Dismissed"),
}

TRUSTS: Final = {
    Trust.SIGNED: "signed",
    Trust.TOKEN: "with its secret",
    Trust.PERSON: "written down by a person",
    Trust.NONE: "not signed",
}

WAYS: Final = {
    WayOut.RESTART: (
        "Repeat it",
        "Ends this test as invalid and drafts a new one from its plan.",
    ),
    WayOut.CLEAN_SEGMENT: (
        "Read the part before",
        "Stops the test; its analysis reads only those who came before the day of the change.",
    ),
    WayOut.DISCARD: ("Discard it", "Ends it as invalid and closes it. Nothing is learned from it."),
    WayOut.KEEP: ("Keep the decision", "It stands, with the mark and your reason beside it."),
}

LATE_WAYS: Final = {
    **WAYS,
    WayOut.RESTART: (
        "Repeat it",
        "Drafts a new test from its plan. This one claims nothing.",
    ),
    WayOut.CLEAN_SEGMENT: ("Read the part before", WAYS[WayOut.CLEAN_SEGMENT][1]),
    WayOut.DISCARD: ("Withdraw it", "Nothing is claimed of it any more; its mark stays."),
}
"""The same for a test that was decided before anybody told of the change."""


@dataclass(frozen=True, slots=True)
class Touched:
    """A test that a change touched.

    Attributes:
        pk: Number of the contamination.
        name: Of the test.
        glyph: Shape of the verdict.
        verdict: The verdict in words.
    """

    pk: int
    name: str
    glyph: str
    verdict: str


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """A change in the list."""

    record: ChangeRecord
    clock: str
    title: str
    kind: str
    source: str
    surfaces: str
    glyph: str
    state: str
    tests: tuple[Touched, ...]


@dataclass(frozen=True, slots=True)
class Input:
    """One filter, as `lists/_filters.html` draws it."""

    name: str
    label: str
    value: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    tick: bool = False


@dataclass(frozen=True, slots=True)
class Filters:
    """The filters of a list, as `lists/_filters.html` draws them."""

    title: str
    inputs: tuple[Input, ...]
    narrowed: bool
    orders: tuple[tuple[str, str], ...] = ()
    sort: str = ""


@dataclass(frozen=True, slots=True)
class ChangesPage:
    """The list of changes.

    Attributes:
        answer: The finding.
        any: Whether the site has any at all.
        days: Day in words and its changes, the newest first.
        filters: What is shown.
        proposed: How many wait for a person to confirm them.
        older: Address of what is older; empty where nothing is.
        query: What is shown, for the file.
    """

    answer: str
    any: bool
    days: tuple[tuple[str, tuple[ChangeRow, ...]], ...]
    filters: Filters
    proposed: int
    older: str
    query: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of the list somebody wants to see; anything that makes no sense is left out."""

    kind: str = ""
    state: str = ""
    surface: str = ""
    touched: bool = False
    before: date | None = None

    @classmethod
    def of(cls, given: Mapping[str, str]) -> Wanted:
        """Read it from an address."""
        kind, state = given.get("kind", ""), given.get("state", "")
        try:
            before = date.fromisoformat(given.get("before", ""))
        except ValueError:
            before = None
        surface = given.get("surface", "")[:120]
        return cls(
            kind if kind in set(ChangeKind) else "",
            state if state in set(ChangeState) else "",
            "" if "\0" in surface else surface,
            bool(given.get("touched")),
            before,
        )

    @property
    def query(self) -> str:
        """The same as the end of an address, without the day."""
        parts = {"kind": self.kind, "state": self.state, "surface": self.surface}
        parts["touched"] = "on" if self.touched else ""
        return urlencode({name: value for name, value in parts.items() if value})


def rows_wanted(site: Site, wanted: Wanted) -> list[ChangeRecord]:
    """Give the changes that somebody wants to see, the newest first; one more than a page has."""
    rows = changes_of(
        site,
        kind=wanted.kind,
        state=wanted.state,
        surface=wanted.surface,
        touched=wanted.touched,
    )
    if wanted.before is not None:
        rows = rows.filter(at__lt=midnight_at(site, wanted.before))
    touched = ContaminationRecord.objects.select_related("experiment")
    return list(rows.prefetch_related(Prefetch("contaminations", touched))[: MOST + 1])


def changes_page(site: Site, wanted: Wanted) -> ChangesPage:
    """Lay out the list of changes."""
    found = rows_wanted(site, wanted)
    shown, zone = found[:MOST], ZoneInfo(site.time_zone)

    def day_of(record: ChangeRecord) -> date:
        return record.at.astimezone(zone).date()

    older = ""
    if len(found) > MOST and shown:
        last = day_of(shown[-1])
        # A day is never cut in two, unless it alone is more than a page.
        whole = [each for each in shown if day_of(each) != last]
        shown = whole or shown
        before = day_of(shown[-1]).isoformat()
        older = "?" + "&".join(filter(None, (wanted.query, f"before={before}")))
    names = tuple(each.name for each in surfaces_of(site))
    proposed = ChangeRecord.objects.filter(site=site, state=ChangeState.PROPOSED.value).count()
    any_ = bool(found) or ChangeRecord.objects.filter(site=site).exists()
    met = sum(bool(each.contaminations.all()) for each in shown)
    return ChangesPage(
        answer=_answer(len(shown), met, any_=any_),
        any=any_,
        days=tuple(
            (day(at), tuple(_row(each, site) for each in rows))
            for at, rows in groupby(shown, key=day_of)
        ),
        filters=Filters(
            "Changes",
            (
                Input("kind", "Kind", wanted.kind, (("", "All"), *_KINDS)),
                Input(
                    "surface",
                    "Surface",
                    wanted.surface,
                    (("", "All"), *((each, each) for each in names)),
                ),
                Input(
                    "state",
                    "State",
                    wanted.state,
                    (("", "All"), *((each.value, STATES[each][1]) for each in ChangeState)),
                ),
                Input(
                    "touched", "Only what touched a test", "on" if wanted.touched else "", tick=True
                ),
            ),
            narrowed=bool(wanted.query or wanted.before),
        ),
        proposed=proposed,
        older=older,
        query=wanted.query,
    )


_KINDS: Final = tuple((each.value, each.called) for each in ChangeKind)


def _answer(shown: int, met: int, *, any_: bool) -> str:
    if not any_:
        return "Nobody has told of a change yet"
    if not shown:
        return "No change is like that"
    if not met:
        return f"{count(shown)} change{'' if shown == 1 else 's'}, and none touched a test"
    verb = "touches" if met == 1 else "touch"
    return f"{count(met)} of {count(shown)} changes {verb} a test"


def _row(record: ChangeRecord, site: Site) -> ChangeRow:
    glyph, state = STATES[ChangeState(record.state)]
    return ChangeRow(
        record=record,
        clock=f"{record.at.astimezone(ZoneInfo(site.time_zone)):%H:%M}",
        title=record.what or ChangeKind(record.kind).called,
        kind=ChangeKind(record.kind).called,
        source=source_of(record),
        surfaces=", ".join(record.surfaces),
        glyph=glyph,
        state=state,
        tests=tuple(
            Touched(each.pk, each.experiment.name, *VERDICTS[Verdict(each.verdict)])
            for each in record.contaminations.all()
        ),
    )


def source_of(record: ChangeRecord) -> str:
    """Name who told of a change."""
    return str(record.sender) if record.sender else record.source


def csv_rows(records: Sequence[ChangeRecord]) -> list[dict[str, str | bool | None]]:
    """Give changes as rows of a file."""
    return [
        {
            "key": each.key,
            "at": each.at.isoformat(),
            "what": each.what,
            "kind": each.kind,
            "state": each.state,
            "source": source_of(each),
            "external_id": each.external_id,
            "env": each.env,
            "repo": each.repo,
            "sha": each.sha,
            "surfaces": "; ".join(each.surfaces),
            "unmapped": "; ".join(each.unmapped),
            "actor": each.actor,
            "url": each.url,
            "emergency": each.emergency,
            "tests": "; ".join(
                f"{made.experiment.key}: {made.verdict}" for made in each.contaminations.all()
            ),
        }
        for each in records
    ]


@dataclass(frozen=True, slots=True)
class ChangePage:
    """One change.

    Attributes:
        facts: Terms and descriptions.
        tests: Tests that it touched.
        unmapped: What no surface claims.
        spare: Surfaces that could be named besides.
        waits: Whether a person has to confirm it.
    """

    record: ChangeRecord
    title: str
    when: str
    glyph: str
    state: str
    facts: tuple[tuple[str, str], ...]
    tests: tuple[Touched, ...]
    unmapped: tuple[str, ...]
    spare: tuple[str, ...]
    waits: bool


def change_page(record: ChangeRecord) -> ChangePage:
    """Lay out one change."""
    zone = record.site.time_zone
    glyph, state = STATES[ChangeState(record.state)]
    judged = ""
    if record.judged_at is not None:
        who = str(record.judged_by) if record.judged_by else "The operator"
        word = "dismissed" if record.state == ChangeState.DISMISSED else "confirmed"
        judged = f"{who} {word} it on {moment(record.judged_at, zone)}."
    told = ((f"{source_of(record)}, {TRUSTS[Trust(record.trust)]}", "Told by"),)
    facts = [
        (term, said)
        for said, term in (
            (ChangeKind(record.kind).called, "Kind"),
            *told,
            (record.external_id, "Called there"),
            (record.env or "production", "Where"),
            (", ".join(record.surfaces), "Surfaces"),
            (", ".join(record.elements), "Parts"),
            (", ".join(record.arms), "Variants"),
            (record.repo, "Code"),
            (record.sha, "Version"),
            (record.actor, "By"),
            (", ".join(record.paths[:20]) + (" …" if len(record.paths) > 20 else ""), "Files"),
            (", ".join(record.planned_for), "Said to belong to"),
            (record.signal, "To validate"),
            (judged, "Judged"),
            (record.note, "Note"),
        )
        if said
    ]
    names = [each.name for each in surfaces_of(record.site)]
    return ChangePage(
        record=record,
        title=record.what or ChangeKind(record.kind).called,
        when=moment(record.at, zone),
        glyph=glyph,
        state=state,
        facts=tuple(facts),
        tests=tuple(
            Touched(each.pk, each.experiment.name, *VERDICTS[Verdict(each.verdict)])
            for each in record.contaminations.select_related("experiment").order_by("pk")
        ),
        unmapped=tuple(record.unmapped[:50]),
        spare=tuple(each for each in names if each not in record.surfaces),
        waits=record.state == ChangeState.PROPOSED,
    )


@dataclass(frozen=True, slots=True)
class Word:
    """What somebody said of a contamination."""

    who: str
    function: str
    glyph: str
    verdict: str
    reason: str
    when: str


@dataclass(frozen=True, slots=True)
class Way:
    """A way out, with what closes it."""

    value: str
    title: str
    what: str
    obstacles: tuple[Obstacle, ...]


@dataclass(frozen=True, slots=True)
class ContaminationPage:
    """One contamination.

    Attributes:
        answer: What it means, as a headline.
        units: Variant, units before and after.
        counted: What was counted and when; or why nothing was yet.
        support: What the numbers can say; empty while they may not be read.
        effects: Period and its effect in words.
        words: What people said, the newest first.
        waits: Functions that have not spoken.
        speaks: Functions for which the person may speak now.
        ways: The three ways out, or what can be answered after the decision; none where none is
            needed.
        late: Whether it was decided before anybody told of the change.
        taken: What was done, in words; empty while nothing.
    """

    record: ContaminationRecord
    answer: str
    glyph: str
    verdict: str
    facts: tuple[tuple[str, str], ...]
    units: tuple[tuple[str, str, str], ...]
    counted: str
    support: str
    effects: tuple[tuple[str, str], ...]
    words: tuple[Word, ...]
    waits: str
    speaks: tuple[tuple[str, str], ...]
    verdicts: tuple[tuple[str, str], ...]
    ways: tuple[Way, ...]
    late: bool
    taken: str


def contamination_page(
    record: ContaminationRecord, *, speaks: Sequence[Function], hidden: bool
) -> ContaminationPage:
    """Lay out a contamination.

    Args:
        record: Which.
        speaks: For whom the person who looks may speak.
        hidden: Whether they may not know an effect yet.
    """
    experiment, change = record.experiment, record.change
    zone = experiment.site.time_zone
    verdict = Verdict(record.verdict)
    glyph, word = VERDICTS[verdict]
    counts = record.counts
    share = counts.share_after if counts else None
    names = {each.key: each.name or each.key for each in experiment.variants.all()}
    policy = VERDICTS[Verdict(record.policy)][1].lower()
    facts = [
        ("Test", experiment.name),
        ("Change", f"{change.key} {change.what}".strip()),
        ("Met by visitors", moment(record.at, zone)),
        ("How near", Scope(record.scope).called),
        ("Variants", ", ".join(record.arms) or "all alike"),
        ("By policy", f"{policy}. {record.reason}"),
    ]
    if share is not None:
        facts.append(("Came after it", f"{percent(share)} of its visitors"))
    if record.due_at is not None and not experiment.is_invalid:
        facts.append(("To be judged until", moment(record.due_at, zone)))
    votes = record.votes()
    waits = waits_for(votes)
    done = experiment.is_invalid or record.way_out
    decided = hasattr(experiment, "decision") and not experiment.is_invalid
    ways = LATE_WAYS if decided else WAYS
    return ContaminationPage(
        record=record,
        answer=_means(record, verdict),
        glyph=glyph,
        verdict=word,
        facts=tuple(facts),
        units=tuple(
            (names.get(key, key), count(came), count(counts.after.get(key, 0)))
            for key, came in counts.before.items()
        )
        if counts
        else (),
        counted=_counted(record, zone),
        support="" if hidden else str(record.support.get("sentence", "")),
        effects=() if hidden else _effects(record.support),
        words=tuple(
            Word(
                str(each.by) if each.by and not each.operator else "The operator",
                Function(each.function).called,
                *VERDICTS[Verdict(each.verdict)],
                each.reason,
                moment(each.made_at, zone),
            )
            for each in sorted(record.adjudications.all(), key=lambda each: -each.pk)
        ),
        waits=" and ".join(each.called.lower() for each in waits),
        speaks=() if record.way_out else tuple((each.value, each.called) for each in speaks),
        verdicts=tuple((each.value, VERDICTS[each][1]) for each in reversed(Verdict)),
        ways=()
        if record.way_out or verdict is not Verdict.FATAL
        else tuple(
            Way(
                way.value,
                *ways[way],
                way_out_obstacles(
                    way,
                    counts=counts,
                    planned=experiment.n_per_variant,
                    invalid=experiment.is_invalid,
                    decided=decided,
                ),
            )
            for way in WayOut
            if decided or way is not WayOut.KEEP
        ),
        late=decided and verdict is Verdict.FATAL,
        taken=f"{ways[WayOut(record.way_out)][0]}: {record.way_note}"
        if done and record.way_out
        else "",
    )


def _means(record: ContaminationRecord, verdict: Verdict) -> str:
    name = record.experiment.name
    match verdict:
        case Verdict.FATAL:
            return f"{record.change.key} has spoiled “{name}”"
        case Verdict.SUSPECT:
            return f"{record.change.key} may have spoiled “{name}”"
        case Verdict.BENIGN:
            return f"{record.change.key} did “{name}” no harm"


def _counted(record: ContaminationRecord, zone: str) -> str:
    if record.counted_at is None:
        return "Nobody has counted yet; the worker does it next."
    return (
        "Visitors by the day of their first exposure; the day of the change counts as after it."
        f" Counted {moment(record.counted_at, zone)}."
    )


def _effects(support: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    found = list(zip(("Before", "After"), support.get("periods", []), strict=False))
    if support.get("stratified"):
        found.append(("Over both", support["stratified"]))
    return tuple(
        (name, f"{lift(each['lift'])}, {lift(each['low'])} to {lift(each['high'])}")
        for name, each in found
    )


@dataclass(frozen=True, slots=True)
class IncidentRow:
    """An incident in the list."""

    record: IncidentRecord
    kind: str
    when: str
    surfaces: str
    tests: tuple[tuple[str, str, str, str, str], ...]


@dataclass(frozen=True, slots=True)
class IncidentsPage:
    """The list of incidents."""

    answer: str
    rows: tuple[IncidentRow, ...]


WEIGHTS: Final = {
    Weight.GENERALISABILITY: ("watch", "May not hold in other times"),
    Weight.UNEQUAL: ("failed", "Not the same for all variants"),
}


def incidents_page(site: Site) -> IncidentsPage:
    """Lay out the list of incidents."""
    rows = tuple(_incident(each, site) for each in incidents_of(site)[:MOST])
    met = sum(bool(each.tests) for each in rows)
    said = "Nothing that happened is written down yet"
    if rows:
        said = (
            f"{count(met)} of {count(len(rows))} fell into the time of a test"
            if met
            else "Nothing that happened fell into the time of a test"
        )
    return IncidentsPage(said, rows)


def _incident(record: IncidentRecord, site: Site) -> IncidentRow:
    ends = f"until {moment(record.until, site.time_zone)}" if record.until else "it lasts"
    return IncidentRow(
        record,
        IncidentKind(record.kind).called,
        f"{moment(record.since, site.time_zone)}, {ends}",
        ", ".join(record.surfaces) or "the whole site",
        tuple(
            (
                each.experiment.key,
                each.experiment.name,
                *WEIGHTS[Weight(each.weight)],
                "not counted yet" if each.share is None else f"{percent(each.share)} of its sample",
            )
            for each in sorted(record.confounders.all(), key=lambda each: each.experiment_id)
        ),
    )


@dataclass(frozen=True, slots=True)
class Around:
    """What changed and happened while a test ran, for its page.

    Attributes:
        contaminations: Number, change, sentence, glyph and verdict.
        confounders: Key, what, sentence, glyph and weight.
        share: Of the sample that came while anything lasted, in words; empty without any.
    """

    contaminations: tuple[tuple[int, str, str, str, str], ...]
    confounders: tuple[tuple[str, str, str, str, str], ...]
    share: str


def around(record: ExperimentRecord) -> Around | None:
    """Give what changed and happened while a test ran; None where nothing is known to have."""
    spoiled = ContaminationRecord.objects.filter(experiment=record).select_related("change")
    met = list(
        ConfounderRecord.objects.filter(experiment=record).select_related("incident").order_by("pk")
    )
    lines = tuple(
        (
            each.pk,
            f"{each.change.key} {each.change.what}".strip(),
            f"{each.reason} {_share(each)}".strip(),
            *VERDICTS[Verdict(each.verdict)],
        )
        for each in spoiled.order_by("at", "pk")
    )
    if not lines and not met:
        return None
    share = share_of_all(record) if len(met) > 1 else None
    return Around(
        lines,
        tuple(
            (
                each.incident.key,
                each.incident.what,
                f"{each.sentence} {_without(each.without)}".strip(),
                *WEIGHTS[Weight(each.weight)],
            )
            for each in met
        ),
        f"Together they cover {percent(share)} of the sample." if share else "",
    )


def _without(found: Mapping[str, Any]) -> str:
    """Say the effect without the days of an incident, with the words that make it no finding."""
    if not found:
        return ""
    said = "; ".join(
        f"{after['variant']} {lift(after['lift'])} ({lift(after['low'])} to {lift(after['high'])})"
        f" instead of {lift(before['lift'])}"
        for before, after in zip(found["with"], found["without"], strict=True)
    )
    return (
        f"Post hoc, without those who came on those days: {said}. Nobody planned to leave them"
        " out, so this explains and does not decide."
    )


def _share(record: ContaminationRecord) -> str:
    share = record.counts.share_after if record.counts else None
    return "" if share is None else f"{percent(share)} of its visitors came after it."


@dataclass(frozen=True, slots=True)
class SenderRow:
    """A sender in the list."""

    record: SenderRecord
    kind: str
    heard: str
    refused: int


def sender_rows(
    senders: Sequence[SenderRecord], refused: Mapping[int, int], *, zone: str
) -> tuple[SenderRow, ...]:
    """Lay out the senders."""
    return tuple(
        SenderRow(
            each,
            each.get_kind_display(),
            moment(each.heard_at, zone) if each.heard_at else "not yet",
            refused.get(each.pk, 0),
        )
        for each in senders
    )
