"""Which explorers there are: for each question its address, its first look and its layout."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, cast

from truelift.apps.explorers.form import ExplorerForm
from truelift.apps.explorers.inputs import Input, InputKind, inputs_of
from truelift.apps.explorers.page import Asked, ExplorerPage
from truelift.apps.explorers.sessions_page import sessions_page
from truelift.apps.explorers.trend_page import trend_page
from truelift.apps.measurement.funnel_form import default_steps
from truelift.apps.measurement.periods import Period
from truelift.questions.document import Json
from truelift.questions.parse import QUESTIONS


COMMON: Final = frozenset({"since", "until", "time_zone", "as_of", "by", "against", "segment"})
"""Members that the shell fills in: the period, the breakdown, the comparison."""

WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "amount.kind=": "nothing",
        "interval=": "a day",
        "hour": "an hour",
        "day": "a day",
        "week": "a week",
        "month": "a month",
        "money": "revenue",
        "number": "the events’ value",
        "property": "a property",
    }
)
"""What choices are called where their own word says too little."""


@dataclass(frozen=True, slots=True)
class Explorer:
    """One question as a page.

    Attributes:
        question: Its name in `QUESTIONS`.
        folder: Its address under the site's, with the family's first.
        title: In tabs and saved views.
        asks: The page's heading while there is nothing to say.
        offers: What an empty site will see here.
        page: Lays out an answer.
        bar: Members that stand in the bar, in this order; the others are behind "More".
        labels: Member → what a person reads.
        first: From the names of a site's events, the question of a first look.
        compares: Whether the question itself holds the period before (`against`).
    """

    question: str
    folder: str
    title: str
    asks: str
    offers: str
    page: Callable[[Asked], ExplorerPage]
    bar: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    first: Callable[[Sequence[str]], Mapping[str, Json]] = lambda _seen: {}
    first_by: str = ""
    compares: bool = False

    @property
    def family(self) -> str:
        """The first part of the address: explorers that share it are tabs of one place."""
        return self.folder.partition("/")[0]

    @property
    def members(self) -> Mapping[str, Json]:
        """The members of the question's JSON."""
        return cast("Mapping[str, Json]", QUESTIONS[self.question].schema["properties"])

    def empty(self) -> ExplorerForm:
        """Give the form with nothing typed in."""
        members = self.members
        found = inputs_of(QUESTIONS[self.question].schema, labels=self.labels, words=WORDS)
        return ExplorerForm(
            inputs=tuple(each for each in found if each.name.partition(".")[0] not in COMMON),
            period=Period(),
            has_period="since" in members and "until" in members,
            has_by="by" in members,
        )


def goal(seen: Sequence[str]) -> str:
    """Propose what people come for: the last of the usual steps, else the most frequent event."""
    steps = default_steps(seen)
    return steps[-1] if steps else (seen[0] if seen else "page_view")


def _trend(seen: Sequence[str]) -> Mapping[str, Json]:
    return {"event": goal(seen), "moving_average": 7}


_ALL: Final = (
    Explorer(
        question="trend",
        folder="trends",
        title="Trends",
        asks="How often does it happen, and since when?",
        offers="Here an event stands day by day, with its moving average and the period before.",
        page=trend_page,
        bar=("event", "interval", "moving_average", "amount.kind"),
        labels={
            "event": "Event",
            "interval": "Point for",
            "moving_average": "Moving average over",
            "amount.kind": "Add up",
            "amount.name": "Property to add up",
            "amount.currency": "Currency",
            "amount.trusted": "Only from a secret key",
        },
        first=_trend,
        compares=True,
    ),
    Explorer(
        question="sessions",
        folder="sessions",
        title="Sessions",
        asks="How many sessions are there, and which of them engage?",
        offers="Here sessions stand day by day and by group, with what became of them.",
        page=sessions_page,
        bar=("key_events",),
        labels={"key_events": "Key event", "max_rows": "Rows at most"},
        first=lambda seen: {"key_events": goal(seen)},
        first_by="device",
    ),
)

EXPLORERS: Final[Mapping[str, Explorer]] = MappingProxyType(
    {each.question: each for each in _ALL if each.question in QUESTIONS}
)
"""Every explorer whose question exists, by the question's name, in reading order."""


def tabs_of(explorer: Explorer) -> tuple[Explorer, ...]:
    """List the explorers of one place of the rail; one alone needs no tabs."""
    found = tuple(each for each in EXPLORERS.values() if each.family == explorer.family)
    return found if len(found) > 1 else ()


def event_inputs(form: ExplorerForm) -> tuple[Input, ...]:
    """Give the inputs in which names of events are typed."""
    kinds = {InputKind.EVENTS, InputKind.EVENT_LIST}
    return tuple(each for each in form.inputs if each.kind in kinds)
