"""What we know, in twenty lines, for whoever is new (R086)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

from truelift.apps.drawing.wording import lift
from truelift.apps.experiments.models import LearningRecord
from truelift.apps.memory.models import WATERMARK, EntryRecord
from truelift.apps.memory.principles import Judged, judged, surprises_of
from truelift.apps.research.models import CitationRecord
from truelift.apps.sites.models import Site
from truelift.lifecycle.principle import PrincipleStatus, Reading


LINES: Final = 20


@dataclass(frozen=True, slots=True)
class Known:
    """One thing that is known.

    Attributes:
        key: Of the principle, learning or experiment.
        text: The sentence.
        grounds: On what it stands, in a few words.
        path: Where its page is, below the site's.
        glyph: The mark of how sure it is.
    """

    key: str
    text: str
    grounds: str
    path: str
    glyph: str


def what_we_know(site: Site, *, most: int = LINES) -> tuple[Known, ...]:
    """Give the most useful lines: what tests support, what they contest, learnings, surprises."""
    found = [each for each in judged(site) if not each.record.machine]
    lines = [
        *_principles(found, PrincipleStatus.SUPPORTED, "passed"),
        *_principles(found, PrincipleStatus.CONTESTED, "watch"),
    ]
    told = {
        each.record.experiment_id
        for one in found
        if one.status in {PrincipleStatus.SUPPORTED, PrincipleStatus.CONTESTED}
        for each in one.tests
    }
    surprising = [
        Known(
            each.experiment.key,
            f"{each.experiment.name}: {lift(each.value)} where {lift(each.expected)} was expected.",
            "One of the most surprising tests",
            f"experiments/{each.experiment.key}/",
            "watch",
        )
        for each in surprises_of(site, most=3)
        if each.value is not None and each.expected is not None
    ]
    room = max(0, most - len(lines) - len(surprising))
    return tuple([*lines, *_learnings(site, told, most=room), *surprising][:most])


def _principles(found: list[Judged], status: PrincipleStatus, glyph: str) -> list[Known]:
    chosen = [each for each in found if each.status is status]
    chosen.sort(
        key=lambda each: -abs(each.expected.mean / each.expected.se) if each.expected else 0
    )
    return [
        Known(
            each.record.key,
            each.record.statement,
            grounds_of(each),
            f"principles/{each.record.key}/",
            glyph,
        )
        for each in chosen
    ]


def grounds_of(found: Judged) -> str:
    """Say on how many tests a principle stands and what it is worth, in a few words."""
    support, against = found.count(Reading.SUPPORTS), found.count(Reading.CONTRADICTS)
    counted = len(found.tests) - found.count(Reading.INVALID)
    said = f"{support} of {counted} test{'s' if counted != 1 else ''} support it"
    if against:
        said += f", {against} contradict{'s' if against == 1 else ''} it"
    if found.expected is not None:
        said += f"; together {lift(found.expected.mean)}"
    return f"{said}."


def _learnings(site: Site, told: set[int], *, most: int) -> list[Known]:
    """Give learnings of valid tests, those that hypotheses cite most first."""
    cited = Counter(
        CitationRecord.objects.filter(learning__site=site).values_list("learning_id", flat=True)
    )
    invalid = set(
        EntryRecord.objects.filter(site=site, valid=False).values_list("experiment_id", flat=True)
    )
    rows = [
        each
        for each in LearningRecord.objects.filter(site=site)
        .select_related("experiment")
        .order_by("-number")
        if each.experiment_id not in told and each.experiment_id not in invalid
    ]
    rows.sort(key=lambda each: (-cited[each.pk], -each.number))
    return [
        Known(
            each.key,
            each.text,
            f"Holds for {each.scope[:1].lower()}{each.scope[1:]}",
            f"learnings/#{each.key}",
            "passed",
        )
        for each in rows[:most]
    ]


def digest_document(site: Site) -> dict[str, Any]:
    """Write it for programs."""
    return {
        "known": [
            {"key": each.key, "text": each.text, "grounds": each.grounds, "path": each.path}
            for each in what_we_know(site)
        ],
        "left_out": WATERMARK,
    }
