"""What the commands of `truelift ask` share: their options, and asking the lake."""

from __future__ import annotations

import functools
import inspect
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar, get_type_hints

import typer
from typing_extensions import override

from truelift.cli.ask.shown import print_answer
from truelift.errors import Refusal


if TYPE_CHECKING:
    from truelift.lake.lake import Asked, Lake
    from truelift.questions.document import Json
    from truelift.questions.forms import Context
    from truelift.questions.parse import AnyQuestion
    from truelift.questions.question import Question

_BEGAN = time.time()


Command = TypeVar("Command", bound=Callable[..., None])


class AskApp(typer.Typer):
    """Commands that each take a segment; none of them needs to know of it."""

    @override
    def command(self, *given: Any, **settings: Any) -> Callable[[Command], Command]:
        """Add a command, with `--segment` and `--segment-file` as its last options."""
        add = super().command(*given, **settings)

        def added(function: Command) -> Command:
            add(_with_segment(function))
            return function

        return added


def _question() -> None:
    """Do nothing; but for this Typer would take a single loaded command for the whole program."""


app = AskApp(
    callback=_question,
    add_completion=False,
    no_args_is_help=True,
    help="A question about what a site's visitors did, answered from the lake.",
)

Site = Annotated[str, typer.Option("--site", help="Whose visitors.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Repeat = Annotated[
    int, typer.Option("--repeat", min=1, max=10_000, help="Ask so often in one process.")
]
QuestionFile = Annotated[
    Path | None,
    typer.Option("--question", help="JSON with the full question; docs/questions.schema.json."),
]
Since = Annotated[
    str | None, typer.Option("--since", help="A time, or a day of the site; nothing before it.")
]
Until = Annotated[str | None, typer.Option("--until", help="Nothing at or after it.")]
By = Annotated[str | None, typer.Option("--by", help="Dimension or property to group by.")]
Segment = Annotated[
    str | None,
    typer.Option("--segment", help="Only the people of a saved segment: NAME or NAME@VERSION."),
]
SegmentFile = Annotated[
    Path | None,
    typer.Option("--segment-file", help="Only the people of whom the JSON of a file holds."),
]
Where = Annotated[
    list[str] | None, typer.Option("--where", help="Only events with NAME=VALUE; may repeat.")
]


class BadQuestionFile(Refusal):
    """The file of a question holds no JSON object."""

    code = "questions.bad_file"

    def __init__(self, *, path: Path, reason: str) -> None:
        super().__init__(
            f"{path} cannot be asked: {reason}. docs/questions.schema.json says what it takes.",
            path=str(path),
            reason=reason,
        )


_whose: ContextVar[object] = ContextVar("whose", default=None)
"""The segment that the running command was given, as JSON."""


def _with_segment(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of segments and keep what they say for `run`."""

    @functools.wraps(function)
    def asked(**given: Any) -> None:  # noqa: ANN401 - whatever the command takes
        name, file = given.pop("segment"), given.pop("segment_file")
        if name is not None and file is not None:
            wrong("Say either --segment or --segment-file.")
        token = _whose.set(name if file is None else read_object(file))
        try:
            function(**given)
        finally:
            _whose.reset(token)

    hints = get_type_hints(function, include_extras=True)
    hints |= {"segment": Segment, "segment_file": SegmentFile}
    plain = inspect.signature(function)
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None)
        for name in ("segment", "segment_file")
    ]
    asked.__annotations__ = hints
    asked.__signature__ = plain.replace(  # type: ignore[attr-defined]
        parameters=[
            each.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=hints[each.name])
            for each in (*plain.parameters.values(), *added)
        ]
    )
    return asked


def in_segment(document: Mapping[str, object]) -> dict[str, object]:
    """Put the segment that the command was given into a question's document."""
    whose = _whose.get()
    return {**document} if whose is None else {**document, "segment": whose}


def run(
    name: str,
    site: str,
    given: Mapping[str, object],
    file: Path | None,
    *,
    repeat: int,
    as_json: bool,
    show: Callable[[Mapping[str, Any]], None],
    title: str | None = None,
) -> None:
    """Ask one question, of flags and perhaps a file, and print its answer."""
    from truelift.questions.parse import parse_question

    stated = {key: value for key, value in given.items() if value is not None}
    document = in_segment({**read_object(file), **stated})
    lake, context = lake_of(site)
    question = parse_question({"question": name, **document}, context)
    if question.name != name:
        raise BadQuestionFile(path=file or Path("-"), reason=f"it asks {question.name}, not {name}")
    started = start_ms()
    runs: list[Asked[Any]] = [lake.ask(site, any_question(question)) for _ in range(repeat)]
    answer = runs[0].answer.document()
    if title:
        answer = {**answer, "question": title}
    answer = {**answer, **position_of(runs[0], runs[0].took_ms, started)}
    if repeat > 1:
        answer["runs_ms"] = [round(run.took_ms, 1) for run in runs]
    print_answer(answer, as_json=as_json, show=show)


def lake_of(site: str) -> tuple[Lake, Context]:
    """Open the lake, and say what a site leaves out of its questions."""
    from truelift.lake.home import Home
    from truelift.lake.lake import Lake
    from truelift.lake.metrics import saved_metrics
    from truelift.lake.segments import saved_segments
    from truelift.lake.sites import site_settings
    from truelift.questions.forms import Context
    from truelift.settings import settings_from

    home = Home.of(settings_from())
    settings = site_settings(home, site)
    context = Context(
        now=datetime.now(UTC),
        time_zone=settings.time_zone,
        currency=settings.currency,
        trusted=settings.server_orders_only,
        deducted=settings.deducted,
        segments=saved_segments(home, site),
        metrics=saved_metrics(home, site),
        event_names=dict(settings.event_names),
    )
    return Lake(home, settings_from().executor), context


def called(site: str, event: str) -> dict[str, Json]:
    """Give the names under which a site sends an event of the built-in metrics."""
    from truelift.lake.home import Home
    from truelift.lake.sites import site_settings
    from truelift.settings import settings_from

    ours = dict(site_settings(Home.of(settings_from()), site).event_names)
    return {"names": list(ours.get(event, (event,)))}


def any_question(question: AnyQuestion) -> Question[Any, Any]:
    """Forget which question it is."""
    return question


def read_object(file: Path | None) -> dict[str, object]:
    """Read the JSON object of a question's or segment's file; nothing where there is none.

    Raises:
        BadQuestionFile: It is no JSON object.
    """
    if file is None:
        return {}

    def refused(constant: str) -> NoReturn:
        raise ValueError(f"{constant} is not JSON")

    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
        found = json.loads(text, parse_constant=refused)
    except (OSError, ValueError, RecursionError) as error:
        raise BadQuestionFile(path=file, reason=str(error)) from error
    if not isinstance(found, dict):
        raise BadQuestionFile(path=file, reason="it is not an object")
    return found


def names(text: str | None) -> list[str] | None:
    """Take names with commas between them."""
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def conditions(where: Sequence[str] | None) -> list[dict[str, Json]] | None:
    """Take NAME=VALUE conditions."""
    found: list[dict[str, Json]] = []
    for condition in where or ():
        name, equals, value = condition.partition("=")
        if not equals or not name:
            wrong(f"--where takes NAME=VALUE, not {condition[:60]!r}.")
        found.append({"field": name, "comparison": "is", "values": [value]})
    return found or None


def amount(metric: str | None) -> dict[str, Json] | None:
    """Take what is added up: a column or a property."""
    match metric:
        case None | "count" | "people":
            return None
        case "revenue":
            return {"kind": "money"}
        case "value":
            return {"kind": "number"}
        case name:
            return {"kind": "property", "name": name}


def wrong(message: str) -> NoReturn:
    """Refuse what was typed."""
    raise typer.BadParameter(message)


def position_of(asked: Asked[Any], took_ms: float, start_ms: float) -> dict[str, Json]:
    """Say when an answer is true, what is missing in it, and what it took."""
    return {
        "lake_version": asked.lake_version,
        "journal_position": asked.journal_position,
        "unread": list(asked.unread),
        "remarks": [each.document() for each in asked.remarks],
        "took_ms": round(took_ms, 1),
        "start_ms": round(start_ms, 1),
    }


def start_ms() -> float:
    """Milliseconds since this process was started, Python's own start included."""
    try:
        # Field 22 of stat, in ticks of 10 ms since boot; names in brackets may hold spaces.
        ticks = Path("/proc/self/stat").read_text(encoding="ascii").rpartition(")")[2].split()[19]
        return time.clock_gettime(time.CLOCK_BOOTTIME) * 1000 - int(ticks) * 10
    except (OSError, ValueError, AttributeError):
        return (time.time() - _BEGAN) * 1000
