"""Which explorers there are: for each question its address, its first look and its layout."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, cast

from truelift.apps.explorers.engagement_page import engagement_page
from truelift.apps.explorers.form import ExplorerForm
from truelift.apps.explorers.form_fields_page import form_fields_page
from truelift.apps.explorers.inputs import Input, InputKind, inputs_of
from truelift.apps.explorers.journeys_page import journeys_page
from truelift.apps.explorers.metric_page import metric_page
from truelift.apps.explorers.origins_page import channels_page, landing_pages_page
from truelift.apps.explorers.page import Asked, ExplorerPage
from truelift.apps.explorers.paths_page import paths_page
from truelift.apps.explorers.retention_page import retention_page
from truelift.apps.explorers.segments_page import segments_page
from truelift.apps.explorers.sessions_page import sessions_page
from truelift.apps.explorers.trend_page import trend_page
from truelift.apps.explorers.value_page import value_page
from truelift.apps.explorers.vitals_page import vitals_page
from truelift.apps.lists.places import LISTS
from truelift.apps.measurement.funnel_form import USUAL, Called, default_steps
from truelift.apps.measurement.periods import Period
from truelift.questions.document import Json
from truelift.questions.metric_library import METRIC_LIBRARY, SIGN_UP
from truelift.questions.parse import QUESTIONS


COMMON: Final = frozenset({"since", "until", "time_zone", "as_of", "by", "against", "segment"})
"""Members that the shell fills in: the period, the breakdown, the comparison."""

WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "amount.kind=": "nothing",
        "hour": "Hour",
        "day": "Day",
        "week": "Week",
        "month": "Month",
        "last_non_direct": "Last that is not direct",
        "level=": "Channel",
        "attribution=": "The session’s own",
        "nodes=": "Pages",
        "unit=": "Sessions",
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
        first: From the names of a site's events, and what it calls those of the built-in
            metrics, the question of a first look.
        beside: Address and words of pages that are tabs beside it.
        first_by: The breakdown of a first look.
        first_days: And how many days it goes back.
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
    first: Callable[[Sequence[str], Called], Mapping[str, Json]] = lambda _seen, _called: {}
    beside: tuple[tuple[str, str], ...] = ()
    first_by: str = ""
    first_days: str = "28"
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
        has_by = any(each.name == "by" and not each.is_list for each in found)
        common = COMMON if has_by else COMMON - {"by"}
        return ExplorerForm(
            inputs=tuple(each for each in found if each.name.partition(".")[0] not in common),
            period=Period(),
            has_period="since" in members and "until" in members,
            has_by=has_by,
        )


def goal(seen: Sequence[str], called: Called = USUAL) -> tuple[str, ...]:
    """Propose what people come for: the last of the usual steps, else the most frequent event."""
    steps = default_steps(seen, called)
    return steps[-1] if steps else (seen[0] if seen else "page_view",)


def beginning(seen: Sequence[str], called: Called = USUAL) -> tuple[str, ...]:
    """Propose what people begin with: page views, else the first of the usual steps."""
    if "page_view" in seen:
        return ("page_view",)
    steps = default_steps(seen, called)
    return steps[0] if steps else goal(seen, called)


def _events(names: Sequence[str]) -> Json:
    return names[0] if len(names) == 1 else {"names": list(names)}


def _trend(seen: Sequence[str], called: Called) -> Mapping[str, Json]:
    return {"event": _events(goal(seen, called)), "moving_average": 7}


def _metric(seen: Sequence[str], called: Called) -> Mapping[str, Json]:
    """Propose the first built-in metric all of whose events there are."""
    fits = (
        key
        for key, metric in METRIC_LIBRARY.items()
        if metric.definition is not None
        and all(not set(seen).isdisjoint(called.get(name, (name,))) for name in metric.expects)
    )
    return {"metric": next(fits, "retention_week_1")}


def _key_events(seen: Sequence[str], called: Called) -> Mapping[str, Json]:
    return {"key_events": _events(goal(seen, called))}


def _landing_pages(seen: Sequence[str], called: Called) -> Mapping[str, Json]:
    return {**_key_events(seen, called), "smallest": 20}


def _paths(seen: Sequence[str], called: Called) -> Mapping[str, Json]:
    """Propose the ways from the entrance where pages are known, else from the first step."""
    if "page_view" in seen:
        return {"start": "/"}
    # A way starts at one event, also where the step has several names.
    return {"start": beginning(seen, called)[0], "nodes": "events"}


def _journeys(seen: Sequence[str], called: Called) -> Mapping[str, Json]:
    """Propose the usual steps; with page views, from the entrance."""
    steps: list[Json] = [
        names[0] if len(names) == 1 else {"name": names[0], "events": _events(names)}
        for names in default_steps(seen, called)
    ]
    entrance: list[Json] = [{"name": "landing", "events": "/"}] if "page_view" in seen else []
    return {"surfaces": [*entrance, *steps[-4:]], "window": "7d"}


def _segments(seen: Sequence[str], called: Called) -> Mapping[str, Json]:
    """Propose the share who get there; the built-in metric of orders holds all of their names."""
    names = goal(seen, called)
    orders = called.get("purchase", ())
    return {"metric": "order_rate" if set(names) <= set(orders) else names[0]}


def _retention(seen: Sequence[str], called: Called) -> Mapping[str, Json]:
    return {
        "cohort": _events(beginning(seen, called)),
        "return": _events(goal(seen, called)),
        "interval": "week",
        "intervals": 8,
    }


def _time_to_value(seen: Sequence[str], called: Called) -> Mapping[str, Json]:
    steps = default_steps(seen, called)
    signed = called.get(SIGN_UP, (SIGN_UP,))
    # A trial begins with the sign-up; whoever looks at a page before has not begun one.
    trial = next((names for names in steps[:-1] if set(names) & set(signed)), None)
    return {
        "start": _events(trial or beginning(seen, called)),
        "value": _events(goal(seen, called)),
        "interval": "day",
        "intervals": 30,
    }


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
            "interval": "A point for each",
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
        question="metric_value",
        folder="trends/metrics",
        title="Metrics",
        asks="What was it, and since when?",
        offers="Here a metric stands day by day, with every change of its definition.",
        page=metric_page,
        bar=("metric", "interval"),
        labels={"metric": "Metric", "interval": "A point for each"},
        first=_metric,
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
        first=_key_events,
        first_by="device",
    ),
    Explorer(
        question="channels",
        folder="sessions/channels",
        title="Channels",
        asks="What brings sessions, and which of them convert?",
        offers="Here channels stand with their sessions, and what those are worth.",
        page=channels_page,
        bar=("level", "attribution", "key_events"),
        labels={"level": "Rows for", "key_events": "Key event", "attribution": "Attribution"},
        first=_key_events,
    ),
    Explorer(
        question="landing_pages",
        folder="sessions/landing-pages",
        title="Landing pages",
        asks="Where do sessions begin, and which beginnings convert?",
        offers="Here the pages stand with which sessions begin, and what became of them.",
        page=landing_pages_page,
        bar=("key_events", "smallest"),
        labels={"key_events": "Key event", "smallest": "People at least"},
        first=_landing_pages,
    ),
    Explorer(
        question="page_engagement",
        folder="sessions/pages",
        title="Pages",
        asks="Which pages hold people, and where do they leave?",
        offers="Here pages stand with how long they hold people, how far these scroll, and exits.",
        page=engagement_page,
        bar=("by", "smallest"),
        labels={
            "by": "By",
            "smallest": "Page views at least",
            "beats": "Heartbeat event",
            "every_s": "Seconds between heartbeats",
            "first_s": "Seconds before the first",
            "page_view": "Property with the page view’s id",
            "time": "Property with the milliseconds",
            "scroll": "Property with the percent scrolled",
        },
        first=lambda _seen, _called: {"by": ["path"], "smallest": 20},
    ),
    Explorer(
        question="web_vitals",
        folder="sessions/web-vitals",
        title="Web vitals",
        asks="Are pages fast enough, and which are not?",
        offers="Here pages stand with how long they take to show, to answer and to keep still.",
        page=vitals_page,
        bar=("by", "smallest"),
        labels={
            "by": "By",
            "smallest": "Page views at least",
            "event": "Event with the readings",
            "page_view": "Property with the page view’s id",
        },
        first=lambda _seen, _called: {"by": ["path"]},
    ),
    Explorer(
        question="form_fields",
        folder="sessions/forms",
        title="Forms",
        asks="At which field do people hesitate, and at which do they leave?",
        offers="Here the fields of a form stand with who completes them, how long it takes, and"
        " who leaves there.",
        page=form_fields_page,
        bar=("submitted", "experiment"),
        labels={
            "submitted": "The form is sent",
            "experiment": "By the variants of test",
            "focused": "A field is entered",
            "completed": "It is completed",
            "abandoned": "It is left",
            "field": "Property with the field",
            "focus_ms": "Property with the milliseconds",
            "refocus": "Property with the returns",
            "corrections": "Property with the corrections",
        },
        first=lambda _seen, _called: {},
        first_days="90",
    ),
    Explorer(
        question="paths",
        folder="paths",
        title="Paths",
        asks="Where do people go from here, or come from?",
        offers="Here the ways away from a page or event stand, or those up to it, with the loops.",
        page=paths_page,
        bar=("start", "end", "nodes", "unit"),
        labels={"start": "Starting at", "end": "Or ending at", "nodes": "Made of", "unit": "Count"},
        first=_paths,
    ),
    Explorer(
        question="journeys",
        folder="paths/journeys",
        title="Journeys",
        asks="Over which surfaces do people get there, and where do they drop out?",
        offers="Here surfaces stand in their order, on the site and off it, with who drops out.",
        page=journeys_page,
        bar=("surfaces", "window"),
        labels={"surfaces": "Surfaces, in order", "window": "Within"},
        first=_journeys,
        first_days="90",
    ),
    Explorer(
        question="segments",
        folder="segments",
        title="Segments",
        asks="For whom is it different?",
        offers="Here a metric stands for every device, country, source and kind of visitor.",
        page=segments_page,
        bar=("metric", "by", "min_units"),
        labels={
            "metric": "Metric or event",
            "by": "Also by",
            "min_units": "People at least",
            "window": "Within",
        },
        first=_segments,
        beside=(("segments/saved", "Saved segments"),),
    ),
    Explorer(
        question="retention",
        folder="retention",
        title="Retention",
        asks="Who comes back, and when?",
        offers="Here cohorts of people stand with the share of them that comes back.",
        page=retention_page,
        bar=("cohort", "return", "interval", "intervals", "amount.kind"),
        labels={
            "cohort": "People who did",
            "return": "Came back with",
            "interval": "Interval",
            "intervals": "Intervals",
            "amount.kind": "Worth",
        },
        first=_retention,
        first_days="90",
    ),
    Explorer(
        question="time_to_value",
        folder="retention/time-to-value",
        title="Time to value",
        asks="How long does it take them to get there?",
        offers="Here stands what share of people got to an event by when.",
        page=value_page,
        bar=("start", "value", "interval", "intervals"),
        labels={
            "start": "From",
            "value": "To",
            "interval": "Measured in",
            "intervals": "Shown",
        },
        first=_time_to_value,
        first_days="90",
    ),
)

EXPLORERS: Final[Mapping[str, Explorer]] = MappingProxyType(
    {each.question: each for each in _ALL if each.question in QUESTIONS}
)
"""Every explorer whose question exists, by the question's name, in reading order."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an explorer is, for what leads there: saved views, files."""

    question: str
    folder: str
    title: str


FUNNEL: Final = Place("funnel", "funnels", "Funnels")
"""The funnel has a page of its own, beside the ones here."""

PLACES: Final[Mapping[str, Place]] = MappingProxyType(
    {
        FUNNEL.question: FUNNEL,
        **{name: Place(each.question, each.folder, each.title) for name, each in EXPLORERS.items()},
        **{name: Place(name, each.folder, each.title) for name, each in LISTS.items()},
    }
)
"""Every explorer and every list that a view can be saved of."""


def tabs_of(explorer: Explorer) -> tuple[Explorer, ...]:
    """List the explorers of one place of the rail."""
    return tuple(each for each in EXPLORERS.values() if each.family == explorer.family)


def event_inputs(form: ExplorerForm) -> tuple[Input, ...]:
    """Give the inputs in which names of events are typed."""
    kinds = {InputKind.EVENTS, InputKind.EVENT_LIST}
    return tuple(each for each in form.inputs if each.kind in kinds)
