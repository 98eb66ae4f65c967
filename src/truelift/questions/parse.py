"""A question as JSON, as `--question FILE.json` takes it, and the frozen value that it means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from truelift.questions import (
    channels,
    checks,
    events_seen,
    funnel,
    funnel_compare,
    funnel_people,
    funnel_times,
    funnel_trend,
    journeys,
    landing_pages,
    metric_value,
    paths,
    retention,
    segments,
    sessions,
    time_to_value,
    trend,
    variant_summaries,
)
from truelift.questions.channels import Channels
from truelift.questions.checks import Checks, RecentEvents
from truelift.questions.document import Json
from truelift.questions.events_seen import EventsSeen
from truelift.questions.forms import Context, Form, Mistakes
from truelift.questions.funnel import Funnel
from truelift.questions.funnel_compare import FunnelCompare
from truelift.questions.funnel_people import FunnelPeople
from truelift.questions.funnel_times import FunnelTimes
from truelift.questions.funnel_trend import FunnelTrend
from truelift.questions.journeys import Journeys
from truelift.questions.landing_pages import LandingPages
from truelift.questions.matching import BadQuestion
from truelift.questions.metric_value import MetricValue
from truelift.questions.paths import Paths
from truelift.questions.retention import Retention
from truelift.questions.segment_form import DEFINITIONS, SEGMENT
from truelift.questions.segments import Segments
from truelift.questions.sessions import Sessions
from truelift.questions.time_to_value import TimeToValue
from truelift.questions.trend import Trend
from truelift.questions.variant_summaries import VariantSummaries
from truelift.questions.within import Within, within


__all__ = ["QUESTIONS", "AnyQuestion", "Context", "parse_question", "schema"]

AnyQuestion = (
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
    | Within[Any, Any]
)


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
    segment = None if whose is None else SEGMENT.read(whose, "segment", context, mistakes)
    if found is None or mistakes.found:
        raise BadQuestion(question=str(name), reasons=mistakes.found)
    return found if segment is None else within(found, segment, now=context.now)


def schema() -> dict[str, Json]:
    """Describe every question as one JSON Schema; `docs/questions.schema.json` is this."""
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


QUESTIONS: Final[Mapping[str, Form[AnyQuestion]]] = {
    "funnel": funnel.FORM,
    "funnel_trend": funnel_trend.FORM,
    "funnel_times": funnel_times.FORM,
    "funnel_people": funnel_people.FORM,
    "funnel_compare": funnel_compare.FORM,
    "trend": trend.FORM,
    "sessions": sessions.FORM,
    "segments": segments.FORM,
    "metric_value": metric_value.FORM,
    "landing_pages": landing_pages.FORM,
    "channels": channels.FORM,
    "variant_summaries": variant_summaries.FORM,
    "events": events_seen.FORM,
    "checks": checks.FORM,
    "recent": checks.RECENT_FORM,
    "retention": retention.FORM,
    "time_to_value": time_to_value.FORM,
    "paths": paths.FORM,
    "journeys": journeys.FORM,
}
"""Every question that a document can ask, by its name."""
