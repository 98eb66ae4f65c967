"""What may be asked of a programme: figures of a day, what is in trouble, what a widget shows."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import Any, Final

from truelift.apps.progress.figures import Document, figures_of
from truelift.apps.progress.history import History, history_of
from truelift.apps.progress.models import FiguresRecord
from truelift.apps.progress.troubles import Found, by_quarter, trouble_document, troubles_of
from truelift.apps.sites.models import Site
from truelift.errors import Refusal
from truelift.lifecycle.programme_causes import organisational_share, pareto


class SingleNumber(Refusal):
    """A rate was asked for without what it has to be read with."""

    code = "progress.single_number"

    def __init__(self, *, figure: str, together: Sequence[str]) -> None:
        super().__init__(
            f"{figure!r} is not given alone: without the others it rewards programmes that test"
            f" only what is sure. Ask for {', '.join(together)}.",
            figure=figure,
            together=tuple(together),
        )


class NoSuchFigure(Refusal):
    """The programme has no figure of this name."""

    code = "progress.no_such_figure"

    def __init__(self, *, figure: str) -> None:
        super().__init__(
            f"There is no figure {figure[:40]!r}. There are {', '.join(PARTS)}.", figure=figure[:40]
        )


PARTS: Final = (
    "tests",
    "velocity",
    "lead_times",
    "stages",
    "approvals",
    "results",
    "power",
    "impact",
    "backlog",
    "work",
    "implementation",
    "overrides",
    "duplicates",
    "evidence",
    "rework",
    "quadrant",
    "imported",
    "reasons",
)
"""Parts of the document that a widget may show, each whole."""

ONLY_TOGETHER: Final = {
    **dict.fromkeys(("win_rate", "learning_rate", "inconclusive", "n", "wins"), ("results",)),
    **dict.fromkeys(("plain", "plain_sum", "shipped", "cumulative"), ("impact",)),
}
"""Numbers that somebody may want to show alone, and the part that has them with the others."""


def computed(site: Site, *, now: datetime) -> Document:
    """Compute the figures as they stand at a moment, with the reasons of what is in trouble."""
    history = history_of(site, as_of=now)
    return {**figures_of(history), "reasons": reasons_document(troubles_of(history))}


def reasons_document(found: Sequence[Found]) -> Document:
    """Write what is in trouble, and the Pareto of its reasons, whole and by quarter."""
    return {
        "items": [trouble_document(each) for each in found],
        **_pareto(found),
        "quarters": [
            {"quarter": name, **_pareto(items)} for name, items in by_quarter(found).items()
        ],
    }


def _pareto(found: Iterable[Found]) -> Document:
    reasons = [each.reason for each in found]
    return {
        "n": len(reasons),
        "organisational": organisational_share(reasons),
        "pareto": [
            {
                "reason": bar.reason.value,
                "area": bar.reason.area.value,
                "count": bar.count,
                "share": bar.share,
                "together": bar.together,
            }
            for bar in pareto(reasons)
        ],
    }


def latest(site: Site) -> FiguresRecord | None:
    """Give the figures of the last day that was kept."""
    return FiguresRecord.objects.filter(site=site).order_by("-day").first()


def figures_at(site: Site, day: date) -> FiguresRecord | None:
    """Give the figures of one day."""
    return FiguresRecord.objects.filter(site=site, day=day).first()


def days_kept(site: Site) -> tuple[date, ...]:
    """List the days whose figures were kept, the newest first."""
    return tuple(
        FiguresRecord.objects.filter(site=site).order_by("-day").values_list("day", flat=True)
    )


def trouble_list(site: Site, *, now: datetime) -> tuple[History, tuple[Found, ...]]:
    """List what is in trouble now, with the history that it was found in."""
    history = history_of(site, as_of=now)
    return history, troubles_of(history)


def widget(document: Document, names: Sequence[str]) -> Document:
    """Give whole parts of a document, and refuse a number that misleads alone (R088).

    Raises:
        SingleNumber: It was asked for without what it is read with.
        NoSuchFigure: There is none of this name.
    """
    for name in names:
        if name in ONLY_TOGETHER:
            raise SingleNumber(figure=name, together=ONLY_TOGETHER[name])
        if name not in PARTS:
            raise NoSuchFigure(figure=name)
    return {
        "site": document["site"],
        "as_of": document["as_of"],
        # A day that was kept before a figure was thought of does not have it.
        **{name: document.get(name) for name in names},
    }


def as_csv(document: Document) -> str:
    """Write every number of a document as rows of name and value; rates with their intervals."""
    text = io.StringIO()
    out = csv.writer(text)
    out.writerow(["figure", "value"])
    out.writerows(_flat("", {name: document[name] for name in document if name != "reasons"}))
    for bar in document.get("reasons", {}).get("pareto", ()):
        out.writerow([f"reasons.{bar['area']}.{bar['reason']}", bar["count"]])
    return text.getvalue()


def _flat(prefix: str, value: Any) -> Iterator[tuple[str, object]]:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        for name, each in value.items():
            yield from _flat(f"{prefix}.{name}" if prefix else name, each)
    elif isinstance(value, list):
        for number, each in enumerate(value):
            label = _label(each) or str(number)
            yield from _flat(f"{prefix}.{label}", each)
    elif value is not None:
        yield prefix, _safe(value)


def _label(each: object) -> str:
    if not isinstance(each, dict):
        return ""
    if each.get("functions"):
        return "_or_".join(each["functions"])
    names = ("period", "stage", "metric", "experiment", "key", "surface")
    return next((str(each[name]) for name in names if each.get(name)), "")


def _safe(value: object) -> object:
    """Keep a spreadsheet from taking a text for a formula."""
    if isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r"}:
        return f"'{value}"
    return value
