"""“Is anything wrong?”: what monitoring says of a running experiment, laid out for a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType
from typing import Any, Final

from truelift.apps.drawing.series import Band, Line, Series
from truelift.apps.drawing.wording import Kind, Measure, count, percent
from truelift.apps.experiments.methods import method_href
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.experiments.monitoring_alerts import standing_alerts
from truelift.apps.experiments.monitoring_hiding import hides_from
from truelift.apps.experiments.monitoring_models import AlertRecord
from truelift.apps.experiments.wording import counted, moment, sentence_case
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.lifecycle.experiment import Origin, Stage
from truelift.lifecycle.monitoring import AlertStage, Concern, Harm, Level


LIFT: Final = Measure(Kind.LIFT)

_STATES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        Harm.CLEARED.value: ("passed", "Within the margin"),
        Harm.UNCLEAR.value: ("inconclusive", "Not clear yet"),
        Harm.HARM.value: ("watch", "Worse"),
        Harm.TOO_MUCH.value: ("failed", "Worse than agreed"),
    }
)

_GLYPHS: Final[Mapping[str, str]] = MappingProxyType(
    {Level.NOTE.value: "watch", Level.WATCH.value: "watch", Level.STOP.value: "failed"}
)


@dataclass(frozen=True, slots=True)
class AlertRow:
    """An alert as a line.

    Attributes:
        number: What it is addressed by.
        glyph: Shape of its level.
        concern: What kind of thing it is.
        sentence: What is the matter, as far as the person may know it.
        remedy: What to do.
        since: Since when.
        who: Who has taken it on; empty for nobody.
        stage: Where it stands.
        settled: What settled it and when; empty while it is not.
        about: The experiment's name; empty for the whole site.
        href: Its page.
        form: Where it is changed.
    """

    number: int
    glyph: str
    concern: str
    sentence: str
    remedy: str
    since: str
    who: str
    stage: str
    settled: str
    about: str
    href: str
    form: str

    @property
    def free(self) -> bool:
        """Whether nobody has taken it on."""
        return self.stage == AlertStage.OPEN

    @property
    def stands(self) -> bool:
        """Whether it is not settled."""
        return self.stage != AlertStage.RESOLVED


@dataclass(frozen=True, slots=True)
class GuardRow:
    """A guardrail of one treatment.

    Attributes:
        name: Of the metric, and of the treatment where there are several.
        glyph: Shape of how it stands.
        state: That in words.
        reading: Its effect with the interval; or why there is none.
        agreed: The margin in words.
        note: Over which time it is read.
        series: Its course with the band and the margin; None before there are two days.
        headline: What the course shows.
    """

    name: str
    glyph: str
    state: str
    reading: str
    agreed: str
    note: str
    series: Series | None
    headline: str


@dataclass(frozen=True, slots=True)
class Wrong:
    """The section of an experiment's page.

    Attributes:
        answer: Whether anything is wrong, in one sentence.
        grounds: When it was looked at and what is looked at.
        alerts: What stands, the most pressing first; those of the whole site below.
        guards: Its guardrails; none where the person may not know effects yet.
        hidden: Why they are not shown; empty where they are.
        facts: Split, how full it is, power, days left: term and words.
        how: Page of the method of the intervals.
        level: Of the intervals, in words.
    """

    answer: str
    grounds: str
    alerts: tuple[AlertRow, ...]
    guards: tuple[GuardRow, ...]
    hidden: str
    facts: tuple[tuple[str, str], ...]
    how: str
    level: str


def wrong_of(record: ExperimentRecord, *, by: Actor, now: datetime) -> Wrong | None:
    """Lay out what monitoring says; None for what is not watched and has no alert."""
    if record.origin == Origin.IMPORTED:
        return None
    running = record.stage in {Stage.RUNNING, Stage.PAUSED}
    alerts = list(standing_alerts(record.site, record))
    if running:
        alerts += standing_alerts(record.site)
    elif not alerts:
        return None
    hides = hides_from(record, by.user, now=now)
    looks = list(record.watches.order_by("day")) if running else []
    last: Mapping[str, Any] = looks[-1].document if looks else {}
    rows = tuple(alert_row(each, hides=hides) for each in alerts)
    zone = record.site.time_zone
    return Wrong(
        answer=_answer(rows, looked=bool(looks) or not running),
        grounds=_grounds(record, looks[-1].at if looks else None, zone=zone),
        alerts=rows,
        guards=() if hides else _guards([(each.day, each.document) for each in looks]),
        hidden="How the guardrails move is hidden from you until the planned end, by the policy of"
        " the programme. Alerts reach you all the same."
        if hides and last.get("guardrails")
        else "",
        facts=_facts(last),
        how=method_href(f"/s/{record.site.name}/", "sequential"),
        level=percent(1 - last["level"], digits=0) if "level" in last else "",
    )


def alert_row(alert: AlertRecord, *, hides: bool) -> AlertRow:
    """Lay out an alert, without an effect where the person may not know it."""
    zone = alert.site.time_zone
    home = f"/s/{alert.site.name}/"
    settled = ""
    if alert.resolved_at is not None:
        who = str(alert.resolved_by) if alert.resolved_by else "The next look"
        settled = f"{who}, {moment(alert.resolved_at, zone)}: {alert.note}"
    taken = ""
    if alert.acknowledged_by is not None and alert.acknowledged_at is not None:
        taken = f"{alert.acknowledged_by} has it since {moment(alert.acknowledged_at, zone)}"
    return AlertRow(
        number=alert.pk,
        glyph=_GLYPHS[alert.level],
        concern=Concern(alert.concern).called,
        sentence=alert.quiet if hides else alert.sentence,
        remedy=alert.remedy,
        since=moment(alert.opened_at, zone),
        who=taken,
        stage=alert.stage,
        settled=settled,
        about=alert.experiment.name if alert.experiment else "",
        href=f"{home}experiments/{alert.experiment.key}/" if alert.experiment else "",
        form=f"{home}alerts/{alert.pk}/",
    )


@dataclass(frozen=True, slots=True)
class AlertsPage:
    """Every alert of a site.

    Attributes:
        answer: How many stand.
        standing: Those.
        settled: The latest that do not.
    """

    answer: str
    standing: tuple[AlertRow, ...]
    settled: tuple[AlertRow, ...]


MOST_SETTLED: Final = 50


def alerts_page(site: Site, *, by: Actor, now: datetime) -> AlertsPage:
    """Lay out the alerts of a site, the most pressing first."""
    rows = AlertRecord.objects.filter(site=site).select_related(
        "site", "experiment__site", "acknowledged_by", "resolved_by"
    )
    hidden: dict[int, bool] = {}

    def row(alert: AlertRecord) -> AlertRow:
        hides = False
        if alert.experiment is not None:
            pk = alert.experiment.pk
            if pk not in hidden:
                hidden[pk] = hides_from(alert.experiment, by.user, now=now)
            hides = hidden[pk]
        return alert_row(alert, hides=hides)

    standing = sorted(
        rows.exclude(stage=AlertStage.RESOLVED.value).order_by("opened_at", "pk"),
        key=lambda each: -Level(each.level).rank,
    )
    settled = rows.filter(stage=AlertStage.RESOLVED.value).order_by("-resolved_at")[:MOST_SETTLED]
    number = len(standing)
    return AlertsPage(
        answer="Nothing is wrong that anybody would have to look at."
        if not number
        else f"{sentence_case(counted(number, 'thing'))}"
        f" {'is' if number == 1 else 'are'} not as it should be.",
        standing=tuple(row(each) for each in standing),
        settled=tuple(row(each) for each in settled),
    )


def _answer(rows: Sequence[AlertRow], *, looked: bool) -> str:
    if not looked and not rows:
        return "Nothing has been looked at yet."
    stop = sum(each.glyph == "failed" for each in rows)
    if stop:
        return f"Yes: {counted(stop, 'thing has', 'things have')} to be acted on."
    if rows:
        return f"Maybe: {counted(len(rows), 'thing deserves', 'things deserve')} a look."
    return "Nothing is wrong that can be seen so far."


def _grounds(record: ExperimentRecord, at: datetime | None, *, zone: str) -> str:
    if at is None:
        if record.stage in {Stage.RUNNING, Stage.PAUSED}:
            return "The worker looks every hour; its first look is still to come."
        return "It is no longer watched; what was found stands until somebody settles it."
    return (
        f"Looked at {moment(at, zone)}, and every hour: guardrails of each variant against the"
        " control, the split, whether exposures arrive, its end, and the whole site."
    )


def _guards(looks: Sequence[tuple[date, Mapping[str, Any]]]) -> tuple[GuardRow, ...]:
    if not looks:
        return ()
    last = looks[-1][1].get("guardrails", [])
    several = len({each["variant"] for each in last}) > 1
    return tuple(_guard(each, looks, several=several) for each in last)


def _guard(
    guard: Mapping[str, Any], looks: Sequence[tuple[date, Mapping[str, Any]]], *, several: bool
) -> GuardRow:
    name = f"{guard['name']}, {guard['variant_name']}" if several else str(guard["name"])
    glyph, state = "waiting", "Not read yet"
    reading = f"{sentence_case(guard['waits'])}." if guard["waits"] else ""
    if guard["harm"] is not None:
        glyph, state = _STATES[guard["harm"]]
        value, low, high = changed(guard)
        reading = f"{LIFT.said(value)}, between {LIFT.said(low)} and {LIFT.said(high)}"
    worse = "more" if guard["better"] == "decrease" else "less"
    agreed = (
        "No margin was agreed" if guard["margin"] is None else f"{percent(guard['margin'])} {worse}"
    )
    days = guard["window_days"]
    note = f"Read over {counted(round(days), 'day')} of each visitor’s time" if days >= 1 else ""
    if guard["delayed"]:
        note = f"It takes {counted(round(days), 'day')} to be complete and is read again after them"
    series = _course(guard, looks)
    return GuardRow(
        name=name,
        glyph=glyph,
        state=state,
        reading=reading,
        agreed=agreed,
        note=f"{note}; {count(guard['n'])} visitors." if note else "",
        series=series,
        headline=_headline(name, state, guard),
    )


def changed(guard: Mapping[str, Any]) -> tuple[float, float, float]:
    """Give the change of a guardrail with its interval in the metric's own direction."""
    value, low, high = guard["value"], guard["low"], guard["high"]
    if guard["better"] == "increase":
        return -value, -high, -low
    return value, low, high


def _headline(name: str, state: str, guard: Mapping[str, Any]) -> str:
    if guard["harm"] is None:
        return f"{name}: not read yet"
    value, _, _ = changed(guard)
    return f"{name}: {state[0].lower()}{state[1:]}, {LIFT.said(value)} so far"


def _course(
    guard: Mapping[str, Any], looks: Sequence[tuple[date, Mapping[str, Any]]]
) -> Series | None:
    points = []
    for at, document in looks:
        for each in document.get("guardrails", []):
            same = (each["metric"], each["variant"]) == (guard["metric"], guard["variant"])
            if same and each["harm"] is not None:
                points.append((at, changed(each)))
    if len(points) < 2:
        return None
    bound = guard["margin"]
    lines = [
        Line(
            label=str(guard["variant_name"]),
            values=tuple(value for _, (value, _, _) in points),
            focus=True,
        )
    ]
    if bound is not None:
        limit = bound if guard["better"] == "decrease" else -bound
        lines.append(
            Line(
                label="agreed margin",
                values=(limit,) * len(points),
                meaning="worse",
                dashed=True,
            )
        )
    return Series(
        days=tuple(at for at, _ in points),
        lines=tuple(lines),
        band=Band(
            low=tuple(low for _, (_, low, _) in points),
            high=tuple(high for _, (_, _, high) in points),
            label="interval that holds at every look",
        ),
        measure=LIFT,
        from_zero=True,
    )


def _facts(last: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    if not last:
        return ()
    found = [("Split", str(last["split"]["detail"]))]
    units, needed = last.get("units"), last.get("needed")
    if units is not None:
        of = f" of {count(needed)} planned, {percent(units / needed, digits=0)}" if needed else ""
        found.append(("Visitors", f"{count(units)}{of}"))
    power, worth = last.get("power"), last.get("worth")
    if power is not None and worth:
        planned = percent(last["power_planned"], digits=0)
        said = f"a lift of {percent(worth)} would be found with a chance of"
        said += f" {percent(power, digits=0)}; {planned} are planned for the end"
        found.append(("Power by now", said))
    left, fill = last.get("days_left"), last.get("days_to_fill")
    if left is not None:
        said = counted(left, "day") if left else "the planned end is over"
        if fill is not None and needed:
            said += (
                f"; at the pace of the last week it is full in {counted(fill, 'day')}"
                if fill
                else "; it is full"
            )
        found.append(("Left", said))
    return tuple(found)
