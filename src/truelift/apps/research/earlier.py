"""Earlier work of a site: what is like something new, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

from truelift.apps.research.models import HypothesisRecord
from truelift.apps.sites.models import Site
from truelift.lifecycle.hypothesis import Finding, HypothesisStage
from truelift.lifecycle.hypothesis_lint import Contradiction
from truelift.lifecycle.similarity import SHOWN_FROM, Likeness, Work, alike, changed_since


SPEAKS_AGAINST_FROM = 0.45
"""From this likeness on, a test that found the opposite is named."""

_ENDED = frozenset({"stopped", "analysed", "decided", "learned", "closed", "invalid"})


@dataclass(frozen=True, slots=True)
class Earlier:
    """A piece of earlier work as it is shown.

    Attributes:
        work: The work.
        score: How like it is, from 0 to 1.
        path: Where its page is, below the site's.
        since: What is different now, in sentences.
        counts: Whether it has to be answered, and is not merely worth a look: drafts are not.
    """

    work: Work
    score: float
    path: str
    since: tuple[str, ...]
    counts: bool


@dataclass(frozen=True, slots=True)
class Found:
    """What there is already.

    Attributes:
        shown: Earlier work that is much the same, the most alike first.
        against: Earlier work that found the opposite.
    """

    shown: tuple[Earlier, ...]
    against: tuple[Contradiction, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys of what has to be answered."""
        return tuple(each.work.key for each in self.shown if each.counts)


NOTHING = Found((), ())


def earlier_work(site: Site, new: Work, *, now: datetime, before: int | None = None) -> Found:
    """Look for earlier work that is like something new.

    Hypotheses, experiments that ended without one, and learnings are looked at.

    Args:
        site: The site.
        new: What is proposed.
        now: The moment.
        before: Only hypotheses with a smaller number; None: all.
    """
    today = now.astimezone(ZoneInfo(site.time_zone)).date()
    tests = _tests(site)
    rows = [*_hypotheses(site, tests, before=before), *_experiments(tests), *_learnings(site)]
    places = {each.work.key: each for each in rows}
    works = [each.work for each in rows]
    near = alike(new, works, at_least=SPEAKS_AGAINST_FROM, most=20)
    return Found(
        shown=tuple(
            replace(
                places[each.work.key],
                score=each.score,
                since=changed_since(new, each.work, today=today),
            )
            for each in near
            if each.score >= SHOWN_FROM
        )[:5],
        against=tuple(_against(near)),
    )


def work_of(record: HypothesisRecord) -> Work:
    """Give a hypothesis as likeness sees it."""
    return Work(
        key=record.key,
        change=record.change,
        reason=record.reason,
        surface=record.surface,
        element=record.element,
        metric=record.metric,
        audience=record.audience,
    )


def _against(near: Iterable[Likeness]) -> Iterable[Contradiction]:
    for each in near:
        if each.work.contradicted:
            yield Contradiction(key=each.work.key, text=f"{each.work.change.rstrip('.')}.")


_FOUND = {
    Finding.SUPPORTED.value: "Its test supported it.",
    Finding.CONTRADICTED.value: "Its test found the opposite.",
    Finding.UNRESOLVED.value: "Its test could not tell.",
}

_STANDS = {
    HypothesisStage.DRAFT.value: "It is a draft.",
    HypothesisStage.READY_FOR_REVIEW.value: "It waits for its review.",
    HypothesisStage.ACCEPTED.value: "It is accepted and waits for its test.",
}


def _hypotheses(site: Site, tests: list[_Test], *, before: int | None) -> Iterable[Earlier]:
    rows = HypothesisRecord.objects.filter(site=site)
    if before is not None:
        rows = rows.filter(number__lt=before)
    # The latest test of a hypothesis is the one that counts.
    tested = {each.hypothesis: each for each in tests if each.hypothesis is not None}
    for row in rows.order_by("number").values(
        "pk", "number", "change", "reason", "surface", "element", "metric", "audience", "stage",
        "finding",
    ):  # fmt: skip
        test = tested.get(row["pk"])
        key = f"H-{row['number']}"
        yield Earlier(
            work=Work(
                key=key,
                change=row["change"],
                reason=row["reason"],
                surface=row["surface"] or (test.surface if test else ""),
                element=row["element"],
                metric=row["metric"],
                audience=row["audience"],
                outcome=_FOUND.get(row["finding"], "") or _running(test) or _STANDS[row["stage"]]
                if row["stage"] in _STANDS or row["finding"]
                else "",
                ended_on=test.stopped_on if test else None,
                enough=test.enough if test else None,
                contradicted=row["finding"] == Finding.CONTRADICTED.value,
            ),
            score=0.0,
            path=f"hypotheses/{key}/",
            since=(),
            counts=row["stage"] != HypothesisStage.DRAFT.value,
        )


def _experiments(tests: list[_Test]) -> Iterable[Earlier]:
    """Ended experiments that tested no hypothesis, as imported ones often do."""
    for test in tests:
        if test.hypothesis is not None or test.stage not in _ENDED:
            continue
        yield Earlier(
            work=Work(
                key=test.key,
                change=test.name,
                surface=test.surface,
                outcome=f"It is {test.stage}.",
                ended_on=test.stopped_on,
                enough=test.enough,
            ),
            score=0.0,
            path=f"experiments/{test.key}/",
            since=(),
            counts=True,
        )


def _learnings(site: Site) -> Iterable[Earlier]:
    # Experiments know hypotheses; the other way is only this question, asked late.
    from truelift.apps.experiments.models import LearningRecord

    for row in (
        LearningRecord.objects.filter(site=site)
        .order_by("number")
        .values(
            "number", "text", "scope", "made_at", "experiment__surface",
            "experiment__hypothesis__metric", "experiment__hypothesis__surface",
            "experiment__hypothesis__element", "experiment__hypothesis__finding",
        )
    ):  # fmt: skip
        key = f"L-{row['number']}"
        yield Earlier(
            work=Work(
                key=key,
                change=row["text"],
                reason=row["scope"],
                surface=row["experiment__hypothesis__surface"] or row["experiment__surface"],
                element=row["experiment__hypothesis__element"] or "",
                metric=row["experiment__hypothesis__metric"] or "",
                outcome="It was learned from a test.",
                ended_on=_day(row["made_at"], site),
                contradicted=row["experiment__hypothesis__finding"] == Finding.CONTRADICTED.value,
            ),
            score=0.0,
            path=f"learnings/#{key}",
            since=(),
            counts=True,
        )


@dataclass(frozen=True, slots=True)
class _Test:
    """An experiment as far as likeness needs it.

    Attributes:
        enough: Whether it was planned long enough for its sample size; None: nobody knows.
    """

    key: str
    name: str
    surface: str
    stage: str
    hypothesis: int | None
    stopped_on: date | None
    enough: bool | None


def _tests(site: Site) -> list[_Test]:
    from truelift.apps.experiments.models import ExperimentRecord

    return [
        _Test(
            key=row["key"],
            name=row["name"],
            surface=row["surface"],
            stage=row["stage"],
            hypothesis=row["hypothesis_id"],
            stopped_on=_day(row["stopped_at"], site),
            enough=_enough(row["weeks_needed"], row["starts_on"], row["ends_on"]),
        )
        for row in ExperimentRecord.objects.filter(site=site)
        .order_by("pk")
        .values(
            "key", "name", "surface", "stage", "hypothesis_id", "stopped_at", "weeks_needed",
            "starts_on", "ends_on",
        )
    ]  # fmt: skip


def _running(test: _Test | None) -> str:
    if test is None or test.stage in _ENDED:
        return ""
    return f"Its test {test.key} is {test.stage}."


def _enough(weeks: int | None, starts: date | None, ends: date | None) -> bool | None:
    if weeks is None or starts is None or ends is None:
        return None
    return (ends - starts).days >= 7 * weeks


def _day(at: object, site: Site) -> date | None:
    return at.astimezone(ZoneInfo(site.time_zone)).date() if isinstance(at, datetime) else None
