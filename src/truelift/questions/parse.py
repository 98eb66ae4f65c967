"""A question as JSON, as `--question FILE.json` takes it, and the frozen value that it means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from typing_extensions import override

from truelift.questions.document import Json
from truelift.questions.forms import Context, Form, Mistakes
from truelift.questions.matching import BadQuestion


if TYPE_CHECKING:
    from truelift.questions.channels import Channels
    from truelift.questions.checks import Checks, RecentEvents
    from truelift.questions.events_seen import EventsSeen
    from truelift.questions.form_fields import FormFields
    from truelift.questions.funnel import Funnel
    from truelift.questions.funnel_compare import FunnelCompare
    from truelift.questions.funnel_people import FunnelPeople
    from truelift.questions.funnel_times import FunnelTimes
    from truelift.questions.funnel_trend import FunnelTrend
    from truelift.questions.journeys import Journeys
    from truelift.questions.landing_pages import LandingPages
    from truelift.questions.metric_value import MetricValue
    from truelift.questions.page_engagement import PageEngagement
    from truelift.questions.paths import Paths
    from truelift.questions.retention import Retention
    from truelift.questions.segments import Segments
    from truelift.questions.sessions import Sessions
    from truelift.questions.time_to_value import TimeToValue
    from truelift.questions.trend import Trend
    from truelift.questions.variant_summaries import VariantSummaries
    from truelift.questions.web_vitals import WebVitals
    from truelift.questions.within import Within

    _Question = (
        Funnel
        | FunnelTrend
        | FunnelTimes
        | FunnelPeople
        | FunnelCompare
        | Trend
        | Sessions
        | Segments
        | MetricValue
        | LandingPages
        | Channels
        | VariantSummaries
        | EventsSeen
        | Checks
        | RecentEvents
        | Retention
        | TimeToValue
        | Paths
        | Journeys
        | PageEngagement
        | WebVitals
        | FormFields
        | Within[Any, Any]
    )


__all__ = ["QUESTIONS", "AnyQuestion", "Context", "parse_question", "schema"]

AnyQuestion: TypeAlias = "_Question"


class Forms(Mapping[str, Form[AnyQuestion]]):
    """Forms by the names of their questions; a question is loaded when its form is wanted."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = places

    @override
    def __getitem__(self, name: str) -> Form[AnyQuestion]:
        module, _, form = self._places[name].partition(".")
        found = getattr(import_module(f"truelift.questions.{module}"), form or "FORM")
        return cast("Form[AnyQuestion]", found)

    @override
    def __contains__(self, name: object) -> bool:
        return name in self._places

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    @override
    def __len__(self) -> int:
        return len(self._places)


QUESTIONS: Final = Forms(
    {
        "funnel": "funnel",
        "funnel_trend": "funnel_trend",
        "funnel_times": "funnel_times",
        "funnel_people": "funnel_people",
        "funnel_compare": "funnel_compare",
        "trend": "trend",
        "sessions": "sessions",
        "segments": "segments",
        "metric_value": "metric_value",
        "landing_pages": "landing_pages",
        "channels": "channels",
        "variant_summaries": "variant_summaries",
        "events": "events_seen",
        "checks": "checks",
        "recent": "checks.RECENT_FORM",
        "retention": "retention",
        "time_to_value": "time_to_value",
        "paths": "paths",
        "journeys": "journeys",
        "page_engagement": "page_engagement",
        "web_vitals": "web_vitals",
        "form_fields": "form_fields",
    }
)
"""Every question that a document can ask, by its name: its module, whose `FORM` it has."""


def parse_question(document: object, context: Context) -> AnyQuestion:
    """Take a decoded JSON document for the question that it is, perhaps within a segment.

    Raises:
        BadQuestion: With everything that is wrong, each with its place.
        NoSuchSegment: Its segment is a name under which none was saved.
    """
    if not isinstance(document, Mapping):
        raise BadQuestion(question="question", reasons=("it is not an object",))
    name = document.get("question")
    form = QUESTIONS.get(name) if isinstance(name, str) else None
    if form is None:
        reason = f"question is none of {', '.join(QUESTIONS)}"
        raise BadQuestion(question="question", reasons=(reason,))
    mistakes = Mistakes()
    rest = {key: value for key, value in document.items() if key not in {"question", "segment"}}
    found = form.read(rest, "", context, mistakes)
    whose = document.get("segment")
    segment = None
    if whose is not None:
        from truelift.questions.segment_form import SEGMENT

        segment = SEGMENT.read(whose, "segment", context, mistakes)
    if found is None or mistakes.found:
        raise BadQuestion(question=str(name), reasons=mistakes.found)
    if segment is None:
        return found
    from truelift.questions.within import within

    return within(found, segment, now=context.now)


def schema() -> dict[str, Json]:
    """Describe every question as one JSON Schema; `docs/questions.schema.json` is this."""
    from truelift.questions.segment_form import DEFINITIONS, SEGMENT

    variants: list[Json] = []
    for name, form in QUESTIONS.items():
        properties = cast("Mapping[str, Json]", form.schema["properties"])
        required = cast("list[Json]", form.schema["required"])
        variants.append(
            {
                **form.schema,
                "title": name,
                "properties": {
                    "question": {"const": name},
                    "segment": SEGMENT.schema,
                    **properties,
                },
                "required": ["question", *required],
            }
        )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A question that `truelift ask --question FILE.json` answers",
        "oneOf": variants,
        "$defs": dict(DEFINITIONS),
    }
