"""`truelift ask`: a question about what a site's visitors did, answered from the lake."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from truelift.errors import Refusal


if TYPE_CHECKING:
    from truelift.lake.lake import Asked, Lake
    from truelift.questions.document import Json
    from truelift.questions.forms import Context
    from truelift.questions.parse import AnyQuestion
    from truelift.questions.question import Question

_BEGAN = time.time()

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)

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
Segment = Annotated[str | None, typer.Option("--segment", help="Only a saved segment.")]
Where = Annotated[
    list[str] | None, typer.Option("--where", help="Only events with NAME=VALUE; may repeat.")
]

SEGMENT_DIMENSIONS = ("device", "channel", "country", "browser", "source")

IN_JSON_ONLY = ("events", "pages", "engaged", "bounced", "bounce_rate", "key_sessions", "measured")
"""What a table leaves out, so that a row of sessions fits a terminal."""


class BadQuestionFile(Refusal):
    """The file of a question holds no JSON object."""

    code = "questions.bad_file"

    def __init__(self, *, path: Path, reason: str) -> None:
        super().__init__(
            f"{path} holds no question: {reason}. docs/questions.schema.json says what it takes.",
            path=str(path),
            reason=reason,
        )


class NoSuchSegment(Refusal):
    """A segment that nobody saved."""

    code = "questions.no_such_segment"

    def __init__(self, *, segment: str) -> None:
        super().__init__(
            f"There is no segment {segment[:60]!r}. Say what it is with --where NAME=VALUE.",
            segment=segment[:60],
        )


@app.command()
def funnel(
    site: Site,
    steps: Annotated[
        str | None, typer.Option("--steps", help="Names of events in order, with commas.")
    ] = None,
    window: Annotated[
        str | None, typer.Option("--window", help="From the first step: 30m, 1h, 7d (default).")
    ] = None,
    order: Annotated[
        str | None, typer.Option("--order", help="ordered (default), strict or any.")
    ] = None,
    exclude: Annotated[
        str | None, typer.Option("--exclude", help="An event that ends an attempt.")
    ] = None,
    by: By = None,
    since: Since = None,
    until: Until = None,
    segment: Segment = None,
    where: Where = None,
    unit: Annotated[str | None, typer.Option("--unit", help="person (default) or session.")] = None,
    as_of: Annotated[
        str | None, typer.Option("--as-of", help="When windows are judged to be over; now.")
    ] = None,
    question: QuestionFile = None,
    repeat: Repeat = 1,
    as_json: AsJson = False,
) -> None:
    """Count who gets how far through some steps, in order, within one window."""
    if steps is None and question is None:
        _wrong("Say which steps: --steps view_item,add_to_cart,purchase (or --question FILE).")
    given = {
        "steps": _names(steps),
        "window": window,
        "order": order,
        "exclude": exclude,
        "by": by,
        "since": since,
        "until": until,
        "where": _conditions(where, segment),
        "unit": unit,
        "as_of": as_of,
    }
    _run("funnel", site, given, question, repeat=repeat, as_json=as_json, show=_show_funnel)


@app.command()
def trend(
    site: Site,
    event: Annotated[
        str | None, typer.Option("--event", help="Its name; every event when left out.")
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option("--metric", help="count (default), revenue, value, or a property to add up."),
    ] = None,
    interval: Annotated[
        str | None, typer.Option("--interval", help="hour, day (default) or week.")
    ] = None,
    since: Since = None,
    until: Until = None,
    segment: Segment = None,
    where: Where = None,
    question: QuestionFile = None,
    repeat: Repeat = 1,
    as_json: AsJson = False,
) -> None:
    """Count an event, and the people behind it, over time; empty intervals are rows of zero."""
    conditions = _conditions(where, segment)
    events: object = event
    if conditions:
        events = {"where": conditions} | ({"names": [event]} if event else {})
    given = {
        "event": events,
        "amount": _amount(metric),
        "interval": interval,
        "since": since,
        "until": until,
    }
    _run("trend", site, given, question, repeat=repeat, as_json=as_json, show=_show_rows)


@app.command()
def sessions(
    site: Site,
    by: Annotated[
        str | None,
        typer.Option("--by", help="Dimension, property, entry_page, exit_page or day."),
    ] = None,
    key_event: Annotated[
        str | None, typer.Option("--key-event", help="What counts as converted; purchase.")
    ] = None,
    since: Since = None,
    until: Until = None,
    question: QuestionFile = None,
    repeat: Repeat = 1,
    as_json: AsJson = False,
) -> None:
    """Count sessions: cut after 30 minutes without an event, and after a day."""
    given = {"by": by, "key_events": key_event, "since": since, "until": until}
    _run("sessions", site, given, question, repeat=repeat, as_json=as_json, show=_show_rows)


@app.command()
def channels(
    site: Site,
    key_event: Annotated[
        str | None, typer.Option("--key-event", help="What counts as converted; purchase.")
    ] = None,
    since: Since = None,
    until: Until = None,
    repeat: Repeat = 1,
    as_json: AsJson = False,
) -> None:
    """Count sessions, and how many of them convert, by the channel that brought them."""
    given = {"by": "channel", "key_events": key_event, "since": since, "until": until}
    _run(
        "sessions",
        site,
        given,
        None,
        repeat=repeat,
        as_json=as_json,
        show=_show_rows,
        title="channels",
    )


@app.command()
def segments(
    site: Site,
    metric: Annotated[
        str, typer.Option("--metric", help="The event whose rate per session is compared.")
    ] = "purchase",
    since: Since = None,
    until: Until = None,
    as_json: AsJson = False,
) -> None:
    """Compare how sessions convert across the values of every common dimension."""
    from truelift.questions.parse import parse_question

    lake, context = _site(site)
    start_ms = _start_ms()
    rows: list[Json] = []
    took = 0.0
    asked: Asked[Any] | None = None
    for dimension in SEGMENT_DIMENSIONS:
        given = {"question": "sessions", "by": dimension, "key_events": metric, "max_rows": 20}
        period = {name: at for name, at in (("since", since), ("until", until)) if at is not None}
        asked = lake.ask(site, _any(parse_question({**given, **period}, context)))
        took += asked.took_ms
        for row in asked.answer.document()["rows"]:
            value = row["by"][dimension]
            rows.append({"dimension": dimension, "value": value, **_without(row, "by")})
    if asked is not None:
        document = {"question": "segments", "metric": metric, "rows": rows}
        _print({**document, **_position(asked, took, start_ms)}, as_json=as_json, show=_show_rows)


@app.command()
def events(
    site: Site,
    since: Since = None,
    until: Until = None,
    repeat: Repeat = 1,
    as_json: AsJson = False,
) -> None:
    """List the events that a site has, with how often and when last."""
    given = {"since": since, "until": until}
    _run("events", site, given, None, repeat=repeat, as_json=as_json, show=_show_rows)


@app.command()
def checks(site: Site, repeat: Repeat = 1, as_json: AsJson = False) -> None:
    """Hold what arrives against what funnels, revenue and experiments need."""
    _run("checks", site, {}, None, repeat=repeat, as_json=as_json, show=_show_rows)


@app.command()
def recent(site: Site, repeat: Repeat = 1, as_json: AsJson = False) -> None:
    """Show the events that arrived last, also the ones that were kept apart."""
    _run("recent", site, {}, None, repeat=repeat, as_json=as_json, show=_show_rows)


def _run(
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
    from truelift.questions.parse import parse_question

    stated = {key: value for key, value in given.items() if value is not None}
    document = {**_document(file), **stated}
    lake, context = _site(site)
    question = parse_question({"question": name, **document}, context)
    if question.name != name:
        raise BadQuestionFile(path=file or Path("-"), reason=f"it asks {question.name}, not {name}")
    start_ms = _start_ms()
    runs: list[Asked[Any]] = [lake.ask(site, _any(question)) for _ in range(repeat)]
    answer = runs[0].answer.document()
    if title:
        answer = {**answer, "question": title}
    answer = {**answer, **_position(runs[0], runs[0].took_ms, start_ms)}
    if repeat > 1:
        answer["runs_ms"] = [round(run.took_ms, 1) for run in runs]
    _print(answer, as_json=as_json, show=show)


def _site(site: str) -> tuple[Lake, Context]:
    from truelift.lake.home import Home
    from truelift.lake.lake import Lake
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
    )
    return Lake(home), context


def _any(question: AnyQuestion) -> Question[Any, Any]:
    return question


def _document(file: Path | None) -> dict[str, object]:
    """Read a question's file.

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


def _names(text: str | None) -> list[str] | None:
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def _conditions(where: Sequence[str] | None, segment: str | None) -> list[dict[str, Json]] | None:
    if segment is not None:
        raise NoSuchSegment(segment=segment)
    found: list[dict[str, Json]] = []
    for condition in where or ():
        name, equals, value = condition.partition("=")
        if not equals or not name:
            _wrong(f"--where takes NAME=VALUE, not {condition[:60]!r}.")
        found.append({"field": name, "comparison": "is", "values": [value]})
    return found or None


def _amount(metric: str | None) -> dict[str, Json] | None:
    match metric:
        case None | "count" | "people":
            return None
        case "revenue":
            return {"kind": "money"}
        case "value":
            return {"kind": "number"}
        case name:
            return {"kind": "property", "name": name}


def _wrong(message: str) -> NoReturn:
    raise typer.BadParameter(message)


def _position(asked: Asked[Any], took_ms: float, start_ms: float) -> dict[str, Json]:
    return {
        "lake_version": asked.lake_version,
        "journal_position": asked.journal_position,
        "took_ms": round(took_ms, 1),
        "start_ms": round(start_ms, 1),
    }


def _start_ms() -> float:
    """Milliseconds since this process was started, Python's own start included."""
    try:
        # Field 22 of stat, in ticks of 10 ms since boot; names in brackets may hold spaces.
        ticks = Path("/proc/self/stat").read_text(encoding="ascii").rpartition(")")[2].split()[19]
        return time.clock_gettime(time.CLOCK_BOOTTIME) * 1000 - int(ticks) * 10
    except (OSError, ValueError, AttributeError):
        return (time.time() - _BEGAN) * 1000


def _print(
    document: Mapping[str, Any], *, as_json: bool, show: Callable[[Mapping[str, Any]], None]
) -> None:
    if as_json:
        typer.echo(json.dumps(document, ensure_ascii=False))
    else:
        show(document)


def _show_funnel(document: Mapping[str, Any]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    for group in document["groups"]:
        by = ", ".join(f"{name}: {_shown(value)}" for name, value in group["by"].items())
        if group.get("others"):
            by = f"{group['others']} more"
        table = Table("step", "event", title=escape(by) or None, title_justify="left")
        for heading in ("units", "of first", "of before", "still open"):
            table.add_column(heading, justify="right")
        first = before = None
        for step in group["steps"]:
            table.add_row(
                str(step["step"]),
                escape(step["event"]),
                f"{step['units']:,}",
                _share(step["units"], first),
                _share(step["units"], before),
                f"{step['immature']:,}" if step["immature"] else "",
            )
            first = step["units"] if first is None else first
            before = step["units"]
        console.print(table)
    _show_moment(document)


def _show_rows(document: Mapping[str, Any]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    rows = document["rows"]
    flat = [_flat(row) for row in rows]
    columns = [n for n in dict.fromkeys(n for row in flat for n in row) if n not in IN_JSON_ONLY]
    table = Table(box=None, pad_edge=False)
    for name in columns:
        is_number = all(isinstance(row.get(name), int | float | None) for row in flat)
        table.add_column(escape(name), justify="right" if is_number else "left", overflow="fold")
    for row in flat:
        table.add_row(*(escape(_cell(row[name])) if name in row else "" for name in columns))
    if rows:
        Console().print(table)
    else:
        typer.echo("Nothing yet.")
    _show_moment(document)


def _show_moment(document: Mapping[str, Any]) -> None:
    typer.echo(
        f"lake {document['lake_version']}, journal {document['journal_position']:,},"
        f" {document['took_ms']:,.0f} ms"
    )


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    by = row.get("by", {})
    return {**by, **_without(row, "by")}


def _without(row: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != name}


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.3f}".rstrip("0").rstrip(".")
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else _shown(value)


def _shown(value: object) -> str:
    return "(none)" if value is None else str(value)


def _share(units: int, of: int | None) -> str:
    return f"{units / of:.1%}" if of else ""
