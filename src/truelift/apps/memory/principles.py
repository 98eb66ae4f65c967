"""What may be asked about principles: what their tests say, where they are used, what is next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from django.db.models import Q

from truelift.apps.experiments.models import LearningRecord
from truelift.apps.memory.index import catch_up
from truelift.apps.memory.models import (
    WATERMARK,
    EntryRecord,
    PlaceRecord,
    PrincipleRecord,
    TrialRecord,
    UseState,
)
from truelift.apps.research.models import CitationRecord, HypothesisRecord
from truelift.apps.rollouts.models import RolloutRecord
from truelift.apps.sites.models import Site
from truelift.apps.surfaces.models import SurfaceRecord
from truelift.lifecycle.experiment import Action, Stage
from truelift.lifecycle.principle import PrincipleStatus, Reading, Trial, status_of
from truelift.lifecycle.rollout import RolloutStage
from truelift.stats.heterogeneity import shrunken
from truelift.stats.pooling import Pooled, pooled


@dataclass(frozen=True, slots=True)
class Tested:
    """What one test says of a principle.

    Attributes:
        value: Its effect, turned so that more speaks for the principle; None without one.
        shrunken: The same, drawn to what all the tests share.
        problem: Why it cannot say, where that is not its noise.
    """

    record: TrialRecord
    entry: EntryRecord | None
    reading: Reading
    value: float | None = None
    se: float | None = None
    low: float | None = None
    high: float | None = None
    shrunken: float | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Judged:
    """A principle with everything that its tests say.

    Attributes:
        strength: All valid tests together; None while none has an effect.
        scoped: Those within its scope; None where that is all of them.
    """

    record: PrincipleRecord
    status: PrincipleStatus
    tests: tuple[Tested, ...]
    strength: Pooled | None
    scoped: Pooled | None

    def count(self, reading: Reading) -> int:
        """How many tests say this."""
        return sum(each.reading is reading for each in self.tests)

    @property
    def expected(self) -> Pooled | None:
        """What to expect where it is applied next: of the scope, where it has one."""
        return self.scoped or self.strength


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A surface that a principle concerns.

    Attributes:
        state: A `UseState`.
        why: How that is known.
        weekly_units: People a week; None while nobody has measured it.
        worth_minor: What following it could be worth a week; None where that cannot be said.
    """

    surface: str
    type: str
    state: str
    why: str
    weekly_units: float | None
    worth_minor: float | None


@dataclass(frozen=True, slots=True)
class Adoption:
    """How many of the surfaces that a principle concerns follow it."""

    surfaces: tuple[Elsewhere, ...]

    @property
    def eligible(self) -> int:
        """Surfaces that could follow it."""
        return sum(each.state != UseState.UNFIT for each in self.surfaces)

    @property
    def live(self) -> int:
        """Surfaces that do."""
        return sum(each.state == UseState.LIVE for each in self.surfaces)

    @property
    def share(self) -> float | None:
        """One by the other; None where no surface is eligible."""
        return self.live / self.eligible if self.eligible else None

    @property
    def suggestions(self) -> tuple[Elsewhere, ...]:
        """Where else it could be applied, the most valuable first (R084)."""
        return tuple(each for each in self.surfaces if each.state == UseState.NOT_YET)


def principle_of(site: Site, key: str) -> PrincipleRecord | None:
    """Find a principle by its key."""
    number = key.removeprefix("P-")
    if not (key.startswith("P-") and number.isascii() and number.isdigit() and len(number) < 10):
        return None
    return (
        PrincipleRecord.objects.filter(site=site, number=int(number))
        .select_related("site", "made_by", "accepted_by")
        .first()
    )


def judged(site: Site, records: Sequence[PrincipleRecord] | None = None) -> tuple[Judged, ...]:
    """Say of principles what their tests say, in a fixed number of questions; None: of all."""
    catch_up(site)
    if records is None:
        records = list(
            PrincipleRecord.objects.filter(site=site)
            .select_related("site", "made_by", "accepted_by")
            .order_by("number")
        )
    trials = list(
        TrialRecord.objects.filter(principle__in=records)
        .select_related("experiment", "experiment__hypothesis")
        .order_by("pk")
    )
    entries = {
        each.experiment_id: each
        for each in EntryRecord.objects.filter(
            experiment__in={each.experiment_id for each in trials}
        ).defer("words")
    }
    return tuple(
        _judged(
            record,
            [
                _tested(each, entries.get(each.experiment_id))
                for each in trials
                if each.principle_id == record.pk
            ],
        )
        for record in records
    )


def _judged(record: PrincipleRecord, tests: list[Tested]) -> Judged:
    counted = [n for n, each in enumerate(tests) if _counts(each)]
    told = list(tests)
    if counted:
        drawn = shrunken(
            np.asarray([tests[n].value for n in counted]),
            np.asarray([tests[n].se for n in counted]),
        )
        for place, n in enumerate(counted):
            each = tests[n]
            told[n] = Tested(
                each.record, each.entry, each.reading, each.value, each.se, each.low, each.high,
                float(drawn.value[place]), each.problem,
            )  # fmt: skip
    inside = [n for n in counted if not tests[n].record.outside]
    return Judged(
        record=record,
        status=status_of([each.reading for each in tests], retired=bool(record.retired_because)),
        tests=tuple(told),
        strength=_pooled(tests, counted),
        scoped=_pooled(tests, inside) if inside != counted else None,
    )


def _pooled(tests: Sequence[Tested], chosen: Sequence[int]) -> Pooled | None:
    if not chosen:
        return None
    return pooled([tests[n].value or 0.0 for n in chosen], [tests[n].se or 0.0 for n in chosen])


def _counts(each: Tested) -> bool:
    return (
        each.reading is not Reading.INVALID
        and each.value is not None
        and each.se is not None
        and each.se > 0
    )


def _tested(record: TrialRecord, entry: EntryRecord | None) -> Tested:
    """Turn what a test found so that more speaks for the principle."""
    if entry is None:
        return Tested(record, None, Reading.CANNOT_SAY, problem="It is not in the index yet.")
    if not entry.valid:
        return Tested(
            record,
            entry,
            Reading.INVALID,
            problem="A change that was told of after its decision spoiled it, so nothing is claimed"
            " of it."
            if entry.mark
            else "It is invalid, so nothing is claimed of it.",
        )
    effects = [
        each for each in entry.effects if not record.variant or each["variant"] == record.variant
    ]
    if not effects:
        return Tested(record, entry, Reading.CANNOT_SAY, problem="It has no result yet.")
    if len(effects) > 1:
        return Tested(
            record,
            entry,
            Reading.CANNOT_SAY,
            problem="It had several variants; say which of them did it.",
        )
    effect = effects[0]
    # Whether it is clear, the effect on the metric's own scale decides, as on the result.
    clear = {"win": 1.0, "loss": -1.0}.get(effect["outcome"])
    reading = Trial(record.experiment.key, low=clear, high=clear, applied=record.applied).reading
    value, low, high = effect["value"], effect["low"], effect["high"]
    if not record.applied:
        value, low, high = (None if each is None else -each for each in (value, high, low))
    return Tested(record, entry, reading, value, effect["se"], low, high)


def adoption_of(found: Judged) -> Adoption:
    """Say which surfaces a principle concerns, and which of them follow it (R083)."""
    record, site = found.record, found.record.site
    places = {each.surface.lower(): each for each in PlaceRecord.objects.filter(site=site)}
    measured = {each.name.lower(): each for each in SurfaceRecord.objects.filter(site=site)}
    said = {each.surface.lower(): each for each in record.uses.select_related("said_by")}
    live = _live(found)
    names = _surfaces(site, (*measured.values(), *places.values()), said.values(), found)
    counted = [each for each in found.tests if each.entry is not None and each.entry.valid]
    tried = {_surface_of(each) for each in counted if not each.record.outside}
    # Where a test outside of the scope was run, nobody is told to follow.
    outside = {_surface_of(each) for each in counted if each.record.outside} - tried
    types = {each.lower() for each in record.types}
    elements = {each.lower() for each in record.elements}
    rows = []
    for key, name in names.items():
        place = places.get(key)
        kind = place.type if place and place.type else ""
        parts = {each.lower() for each in (place.elements if place else ())}
        parts |= _elements_tried(site, key) if elements and not parts else set()
        fits = (
            key in tried
            or key in said
            or key in live
            or key in types
            or kind.lower() in types
            or bool(elements & parts)
        )
        if not fits or (key in outside and key not in said and key not in live):
            continue
        if key in said:
            state, why = said[key].state, f"Said by {said[key].said_by or 'the operator'}"
        elif key in live:
            state, why = UseState.LIVE.value, f"{live[key]} is live there"
        else:
            state, why = UseState.NOT_YET.value, ""
        surface = measured.get(key)
        rows.append(
            Elsewhere(
                surface=name,
                type=kind,
                state=state,
                why=why,
                weekly_units=surface.weekly_units if surface else None,
                worth_minor=_worth(found.expected, surface)
                if state == UseState.NOT_YET.value
                else None,
            )
        )
    rows.sort(
        key=lambda each: (
            list(UseState.values).index(each.state) if each.state != UseState.NOT_YET else -1,
            -(each.worth_minor or 0.0),
            -(each.weekly_units or 0.0),
            each.surface.lower(),
        )
    )
    return Adoption(tuple(rows))


def _surface_of(each: Tested) -> str:
    return each.entry.surface.lower() if each.entry is not None else ""


def _surfaces(
    site: Site, known: Iterable[Any], said: Iterable[Any], found: Judged
) -> dict[str, str]:
    """Give every surface that anybody has named, by its name in small letters."""
    # The first name counts: as the backlog measures it, before anybody's spelling.
    names = [getattr(each, "surface", "") or getattr(each, "name", "") for each in known]
    names += [each.surface for each in said]
    names += list(
        EntryRecord.objects.filter(site=site)
        .exclude(surface="")
        .order_by("surface")
        .values_list("surface", flat=True)
        .distinct()
    )
    names += [each.entry.surface for each in found.tests if each.entry is not None]
    return {name.lower(): name for name in reversed(names) if name}


def _elements_tried(site: Site, surface: str) -> set[str]:
    """Give the parts of a surface that experiments have changed, where nobody has listed them."""
    found = EntryRecord.objects.filter(site=site, surface__iexact=surface).exclude(element="")
    return {each.lower() for each in found.values_list("element", flat=True).distinct()}


def _live(found: Judged) -> dict[str, str]:
    """Say where a test of a principle was shipped and seen to be live."""
    tests = {
        each.record.experiment_id: each
        for each in found.tests
        if each.entry is not None and each.record.applied and each.reading is not Reading.INVALID
    }
    rows = RolloutRecord.objects.filter(
        experiment__in=tests, stage=RolloutStage.VERIFIED.value
    ).values_list("experiment_id", "number")
    live = {}
    for pk, number in rows:
        entry = tests[pk].entry
        if entry is not None:
            live[entry.surface.lower()] = f"R-{number}"
    return live


def _worth(expected: Pooled | None, surface: SurfaceRecord | None) -> float | None:
    """Say what following a principle could be worth a week: the middle of the lower half."""
    if expected is None or surface is None:
        return None
    if surface.weekly_units is None or surface.revenue_minor is None:
        return None
    low = expected.low if expected.expected_low is None else expected.expected_low
    careful = max(0.0, (low + expected.mean) / 2)
    return surface.weekly_units * surface.revenue_minor * careful


@dataclass(frozen=True, slots=True)
class Reuse:
    """How often hypotheses build on what was learned (R084)."""

    hypotheses: int
    citing: int

    @property
    def rate(self) -> float | None:
        """One by the other; None while there is no hypothesis."""
        return self.citing / self.hypotheses if self.hypotheses else None


def reuse_of(site: Site) -> Reuse:
    """Count the hypotheses that cite a learning; what only a machine wrote does not count."""
    rows = HypothesisRecord.objects.filter(
        Q(drafted_by="") | Q(accepted_at__isnull=False), site=site
    )
    citing = CitationRecord.objects.filter(hypothesis__in=rows).values("hypothesis").distinct()
    return Reuse(rows.count(), citing.count())


@dataclass(frozen=True, slots=True)
class Marks:
    """What is said beside a learning.

    Attributes:
        cited_by: Keys of the hypotheses that build on it.
        principles: Keys of the principles that its experiment tried.
        invalid: Its experiment is invalid, so it is no finding.
        watermark: What stands over it then.
    """

    cited_by: tuple[str, ...] = ()
    principles: tuple[str, ...] = ()
    invalid: bool = False
    watermark: str = ""


def marks_of(site: Site, numbers: Sequence[int]) -> dict[int, Marks]:
    """Say of some learnings, by their numbers, what hangs on them."""
    learnings = LearningRecord.objects.filter(site=site, number__in=numbers)
    cited: dict[int, list[str]] = {}
    for number, by in (
        CitationRecord.objects.filter(learning__in=learnings)
        .order_by("hypothesis__number")
        .values_list("learning__number", "hypothesis__number")
    ):
        cited.setdefault(number, []).append(f"H-{by}")
    tried: dict[int, list[str]] = {}
    for number, by in (
        learnings.filter(experiment__trials__isnull=False)
        .order_by("experiment__trials__principle__number")
        .values_list("number", "experiment__trials__principle__number")
    ):
        tried.setdefault(number, []).append(f"P-{by}")
    broken: dict[int, str] = {}
    for number, valid, mark in learnings.filter(
        # The index may not have seen yet what the stage says already.
        Q(experiment__entry__valid=False)
        | Q(experiment__stage=Stage.INVALID.value)
        | Q(experiment__moves__action=Action.INVALIDATE.value)
    ).values_list("number", "experiment__entry__valid", "experiment__entry__mark"):
        broken[number] = (mark if valid is False else "") or WATERMARK
    return {
        number: Marks(
            tuple(cited.get(number, ())),
            tuple(tried.get(number, ())),
            number in broken,
            broken.get(number, ""),
        )
        for number in numbers
    }


def cited_by(found: Judged) -> tuple[tuple[str, str], ...]:
    """Give the hypotheses that cite a learning of one of its tests: key and change."""
    rows = (
        HypothesisRecord.objects.filter(
            learnings__experiment__in=[each.record.experiment_id for each in found.tests]
        )
        .order_by("number")
        .distinct()
    )
    return tuple((each.key, each.change) for each in rows)


def pooled_document(found: Pooled | None) -> dict[str, Any] | None:
    """Write what tests say together for programs."""
    if found is None:
        return None
    return {
        "tests": found.n,
        "mean": found.mean,
        "se": found.se,
        "low": found.low,
        "high": found.high,
        "tau": found.tau,
        "i2": found.i2,
        "expected_low": found.expected_low,
        "expected_high": found.expected_high,
    }


def summary_document(found: Judged) -> dict[str, Any]:
    """Write a principle in a few words for programs."""
    record = found.record
    return {
        "key": record.key,
        "statement": record.statement,
        "status": found.status.value,
        "draft": record.machine,
        "supporting": [each.record.experiment.key for each in _who(found, Reading.SUPPORTS)],
        "contradicting": [each.record.experiment.key for each in _who(found, Reading.CONTRADICTS)],
        "strength": pooled_document(found.strength),
    }


def principle_document(found: Judged) -> dict[str, Any]:
    """Write a principle in full for programs."""
    record = found.record
    adoption = adoption_of(found)
    return summary_document(found) | {
        "detail": record.detail,
        "scope": {
            "holds_for": record.holds_for,
            "not_for": record.not_for,
            "unknown": record.unknown,
            "types": record.types,
            "elements": record.elements,
        },
        "would_change": record.would_change,
        "retired_because": record.retired_because or None,
        "drafted_by": record.drafted_by or None,
        "drafted_from": record.drafted_from,
        "accepted_by": record.accepted_by.email if record.accepted_by else None,
        "scoped_strength": pooled_document(found.scoped),
        "tests": [
            {
                "experiment": each.record.experiment.key,
                "variant": each.record.variant or None,
                "applied": each.record.applied,
                "outside_scope": each.record.outside,
                "reading": each.reading.value,
                "value": each.value,
                "se": each.se,
                "low": each.low,
                "high": each.high,
                "shrunken": each.shrunken,
                "absent": each.problem or None,
            }
            for each in found.tests
        ],
        "guidelines": [
            {
                "id": each.pk,
                "text": each.text,
                "owner": each.owner.email if each.owner else None,
                "due": each.due.isoformat() if each.due else None,
                "link": each.link or None,
                "done_at": each.done_at,
            }
            for each in record.guidelines.select_related("owner")
        ],
        "adoption": {"eligible": adoption.eligible, "live": adoption.live, "share": adoption.share},
        "surfaces": [
            {
                "surface": each.surface,
                "type": each.type or None,
                "state": each.state,
                "weekly_units": each.weekly_units,
                "worth_minor": each.worth_minor,
            }
            for each in adoption.surfaces
        ],
        "cited_by": [key for key, _ in cited_by(found)],
        "made_at": record.made_at,
    }


def _who(found: Judged, reading: Reading) -> list[Tested]:
    return [each for each in found.tests if each.reading is reading]


MOST_SURPRISES: Final = 20


def surprises_of(site: Site, *, most: int = MOST_SURPRISES) -> tuple[EntryRecord, ...]:
    """Give the valid tests whose result was furthest from what was expected, the furthest first."""
    catch_up(site)
    return tuple(
        EntryRecord.objects.filter(site=site, valid=True, surprise__isnull=False)
        .select_related("experiment__hypothesis")
        .defer("words")
        .order_by("-surprise", "-experiment_id")[:most]
    )
