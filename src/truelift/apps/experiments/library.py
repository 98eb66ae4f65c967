"""The pages of decisions, learnings and metrics as values."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, Q

from truelift.apps.briefs.models import MetricClassRecord
from truelift.apps.briefs.reads import class_of_metric, metric_classes
from truelift.apps.experiments.models import (
    DecisionRecord,
    ExperimentRecord,
    LearningRecord,
    MetricRecord,
)
from truelift.apps.experiments.reads import metrics_of
from truelift.apps.experiments.wording import (
    ADVICE,
    CHOICES,
    counted,
    definition,
    moment,
    sentence_case,
)
from truelift.apps.lists.page import Page
from truelift.apps.sites.models import Site
from truelift.lifecycle.brief import MetricClass
from truelift.lifecycle.experiment import Choice, Stage


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """A line of the decision log."""

    record: DecisionRecord
    when: str
    choice: str
    glyph: str
    advice: str
    by: str


@dataclass(frozen=True, slots=True)
class DecisionsPage:
    """The decision log."""

    answer: str
    grounds: str
    rows: tuple[DecisionRow, ...]
    any: bool = False


@dataclass(frozen=True, slots=True)
class LearningRow:
    """A learning, with what it came from."""

    record: LearningRecord
    when: str
    choice: str


@dataclass(frozen=True, slots=True)
class LearningsPage:
    """What was learned.

    Attributes:
        open: Experiments whose learning nobody has written yet: key and name.
    """

    answer: str
    grounds: str
    rows: tuple[LearningRow, ...]
    open: tuple[tuple[str, str], ...]
    any: bool = False


@dataclass(frozen=True, slots=True)
class MetricRow:
    """A version of a metric.

    Attributes:
        worth: What it is worth as the one that decides.
        because: What it guards and what proves it; or that nobody has said so.
    """

    record: MetricRecord
    definition: str
    current: bool
    worth: str = ""
    because: str = ""


@dataclass(frozen=True, slots=True)
class MetricsPage:
    """The registry of metrics."""

    answer: str
    rows: tuple[MetricRow, ...]


_GLYPHS = {"ship": "passed", "iterate": "waiting", "stop": "missing"}


def decisions_page(site: Site, listed: Page) -> DecisionsPage:
    """Lay out a page of the decisions of a site."""
    rows = tuple(
        DecisionRow(
            record=each,
            when=moment(each.decided_at, site.time_zone),
            choice=CHOICES[each.choice],
            glyph=_GLYPHS[each.choice],
            advice=ADVICE[each.advice].rstrip(".") if each.advice else "",
            by=(str(each.by) if each.by else "The operator")
            + (", entered by the operator" if each.by and each.operator else ""),
        )
        for each in listed.records
    )
    made = DecisionRecord.objects.filter(experiment__site=site).aggregate(
        any=Count("pk"),
        against=Count("pk", filter=Q(against_advice=True)),
        shipped=Count("pk", filter=Q(choice=Choice.SHIP.value)),
    )
    against, shipped = made["against"], made["shipped"]
    if not made["any"]:
        return DecisionsPage("Nothing has been decided yet.", "", ())
    said = (
        f"{sentence_case(counted(made['any'], 'decision'))}, {counted(shipped, 'change')} to ship"
    )
    grounds = (
        f"{sentence_case(counted(against, 'was', 'were'))} taken against the recommendation."
        if against
        else "All of them follow what the analysis recommended."
    )
    return DecisionsPage(f"{said}.", grounds, rows, any=True)


def learnings_page(site: Site, listed: Page) -> LearningsPage:
    """Lay out a page of the learnings of a site."""
    rows = tuple(
        LearningRow(
            record=each,
            when=moment(each.made_at, site.time_zone),
            choice=CHOICES[each.experiment.decision.choice]
            if hasattr(each.experiment, "decision")
            else "",
        )
        for each in listed.records
    )
    here = LearningRecord.objects.filter(site=site)
    known = here.count() if listed.narrowed else listed.total
    unwritten = ExperimentRecord.objects.filter(site=site, stage=Stage.DECIDED).order_by(
        "-made_at", "-pk"
    )
    waiting = tuple(unwritten.values_list("key", "name"))
    answer = (
        f"{sentence_case(counted(known, 'thing'))} {'is' if known == 1 else 'are'} known."
        if known
        else "Nothing has been written down yet."
    )
    grounds = (
        f"{sentence_case(counted(len(waiting), 'experiment'))}"
        f" {'waits' if len(waiting) == 1 else 'wait'} for {'its' if len(waiting) == 1 else 'their'}"
        " learning."
        if waiting
        else ""
    )
    return LearningsPage(answer, grounds, rows, waiting, any=bool(known))


def metrics_page(site: Site) -> MetricsPage:
    """Lay out the metrics of a site, each version, the newest of a key first."""
    found = list(metrics_of(site))
    newest: dict[str, int] = {}
    for metric in found:
        newest[metric.key] = max(newest.get(metric.key, 0), metric.version)
    known = metric_classes(site)
    rows = tuple(
        MetricRow(
            record=each,
            definition=definition(each),
            current=newest[each.key] == each.version,
            worth=class_of_metric(each, known).capitalize(),
            because=_because(known.get(each.key)),
        )
        for each in found
    )
    deciding = sum(
        class_of_metric(row.record, known) is MetricClass.MACRO for row in rows if row.current
    )
    can = f"{deciding} of them {'is' if deciding == 1 else 'are'} an outcome of the business"
    answer = (
        f"{sentence_case(counted(len(newest), 'metric'))}; {can}."
        if rows
        else "No metric is defined yet."
    )
    return MetricsPage(answer, rows)


def _because(row: MetricClassRecord | None) -> str:
    if row is None:
        return "by what it counts"
    parts = []
    if row.guards:
        parts.append(f"guards what is {row.guards}")
    if row.proxy_of:
        parts.append(f"leads to {row.proxy_of}")
    if row.because:
        parts.append(row.because)
    return "; ".join(parts)
