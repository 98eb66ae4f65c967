"""The board: all work that is not over by stage, each with its age and whom it waits for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote, urlencode

from django.db.models import Count, F, Model, OuterRef, Subquery, Window
from django.db.models.functions import Coalesce

from truelift.apps.accounts.models import User
from truelift.apps.drawing.wording import count
from truelift.apps.experiments.models import ExperimentRecord, MoveRecord
from truelift.apps.experiments.wording import STAGES, sentence_case
from truelift.apps.explorers.reads import Kept, views_of
from truelift.apps.intake.models import IdeaRecord, SignalRecord
from truelift.apps.intake.reads import waiting_signals
from truelift.apps.lists.listing import SURFACE, Filter, Rows, words_in
from truelift.apps.lists.page import Input, inputs_of, said_otherwise
from truelift.apps.research.models import HypothesisRecord, InsightRecord
from truelift.apps.rollouts.models import RolloutMoveRecord, RolloutRecord
from truelift.apps.sites.models import Site
from truelift.lifecycle.experiment import Stage
from truelift.lifecycle.functions import Item
from truelift.lifecycle.hypothesis import HypothesisStage
from truelift.lifecycle.idea import OPEN as OPEN_IDEAS
from truelift.lifecycle.insight import InsightStage
from truelift.lifecycle.rollout import OPEN as OPEN_ROLLOUTS
from truelift.lifecycle.stage_words import stage_word


SHOWN: Final = 12
"""Cards of a column; the list behind its head shows all."""

LATE_DAYS: Final = 14
"""Days in one stage after which work counts as stuck."""

ANALYSTS: Final = "an analyst"


@dataclass(frozen=True, slots=True)
class Card:
    """An item on the board.

    Attributes:
        age: How long it has been in its stage.
        late: Whether that is longer than work should rest.
        who: Whom it waits for.
    """

    key: str
    title: str
    href: str
    stage: str
    age: str
    days: int
    late: bool
    who: str


@dataclass(frozen=True, slots=True)
class Column:
    """A stage of the chain: the items that have rested in it longest.

    Attributes:
        count: How many are in it.
        more: How many of them are not shown.
        href: The list that shows all.
    """

    title: str
    count: int
    more: int
    href: str
    cards: tuple[Card, ...]


@dataclass(frozen=True, slots=True)
class Board:
    """The board, with what its filters and saved views need."""

    answer: str
    grounds: str
    columns: tuple[Column, ...]
    inputs: tuple[Input, ...]
    views: tuple[Kept, ...]
    query: str
    file: str
    narrowed: bool
    title: str = "Board"
    name: str = "board"
    orders: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class _Lane:
    """One column and where its items come from.

    Attributes:
        rows: The items that are in it, each with `since`, the moment it came there.
        key: The key of an item.
        folder: Where items have their pages.
        list: The list that shows them, with its filter.
        words: Fields that a search looks into; `prefix` stands before their number.
        mine: The field with the person it waits for; empty for none in particular.
    """

    title: str
    rows: Callable[[Site, datetime], Rows]
    name: Callable[[Any], str]
    stage: Callable[[Any], str]
    who: Callable[[Any], str]
    folder: str
    list: str
    words: tuple[str, ...]
    prefix: str = ""
    mine: str = ""
    surface: str = "surface"


def _last_move(moves: type[Model], of: str) -> Subquery:
    """Give when an item took its last step."""
    found = moves._default_manager.filter(**{of: OuterRef("pk")}).order_by("-pk")  # noqa: SLF001
    return Subquery(found.values("moved_at")[:1])


def _experiments(*stages: Stage) -> Callable[[Site, datetime], Rows]:
    return lambda site, _now: (
        ExperimentRecord.objects.filter(site=site, stage__in=stages)
        .select_related("decision_owner", "made_by")
        .annotate(since=Coalesce(_last_move(MoveRecord, "experiment"), F("made_at")))
    )


def _named(person: User | None, otherwise: str) -> str:
    return str(person) if person else otherwise


def _experiment(title: str, *stages: Stage, who: Callable[[Any], str], mine: str = "") -> _Lane:
    return _Lane(
        title=title,
        rows=_experiments(*stages),
        name=lambda row: row.name,
        stage=lambda row: STAGES[row.stage][1],
        who=who,
        folder="experiments",
        list="experiments/?" + urlencode({"stage": stages[0].value}),
        words=("name", "key"),
        mine=mine,
    )


_LANES: Final = (
    _Lane(
        "Signals",
        lambda site, now: (
            SignalRecord.objects.filter(waiting_signals(now), site=site)
            .select_related("triaged_by")
            .annotate(since=Coalesce("triaged_at", "made_at"))
        ),
        lambda row: row.title,
        lambda row: stage_word(Item.SIGNAL, row.stage),
        lambda row: _named(row.triaged_by, ANALYSTS),
        "signals",
        "signals/",
        ("title",),
        "S-",
        "triaged_by",
    ),
    _Lane(
        "Insights",
        lambda site, _now: (
            InsightRecord.objects.filter(
                site=site, stage__in=[InsightStage.DRAFT.value, InsightStage.STALE.value]
            )
            .select_related("made_by")
            .annotate(since=Coalesce("held_since", "made_at"))
        ),
        lambda row: row.problem or "No problem stated yet",
        lambda row: stage_word(Item.INSIGHT, row.stage),
        lambda row: _named(row.made_by, ANALYSTS) if row.stage == InsightStage.DRAFT else ANALYSTS,
        "insights",
        "insights/",
        ("problem",),
        "I-",
        "made_by",
    ),
    _Lane(
        "Ideas",
        lambda site, _now: IdeaRecord.objects.filter(
            site=site, stage__in=[each.value for each in OPEN_IDEAS]
        ).annotate(since=F("made_at")),
        lambda row: row.change,
        lambda row: stage_word(Item.IDEA, row.stage),
        lambda _row: ANALYSTS,
        "ideas",
        "ideas/",
        ("change",),
        "ID-",
    ),
    _Lane(
        "Hypotheses",
        lambda site, _now: (
            HypothesisRecord.objects.filter(site=site)
            .exclude(stage=HypothesisStage.TESTED.value)
            # One that an experiment tests already is further on, in that experiment's column.
            .filter(experiments=None)
            .select_related("made_by")
            .annotate(since=Coalesce("accepted_at", "submitted_at", "made_at"))
        ),
        lambda row: row.change or "No change stated yet",
        lambda row: stage_word(Item.HYPOTHESIS, row.stage),
        lambda row: {
            HypothesisStage.DRAFT.value: _named(row.made_by, ANALYSTS),
            HypothesisStage.READY_FOR_REVIEW.value: "a reviewer",
        }.get(row.stage, "a brief"),
        "hypotheses",
        "hypotheses/",
        ("change",),
        "H-",
        "made_by",
    ),
    _experiment(
        "Brief and build",
        Stage.BRIEFED,
        Stage.DESIGNED,
        Stage.BUILD,
        Stage.QA,
        who=lambda row: _named(row.made_by, "its author"),
        mine="made_by",
    ),
    _experiment("Ready", Stage.READY, Stage.SCHEDULED, who=lambda _row: "its launch"),
    _experiment("Running", Stage.RUNNING, Stage.PAUSED, who=lambda _row: "its end"),
    _experiment(
        "To decide",
        Stage.STOPPED,
        Stage.ANALYSED,
        Stage.INVALID,
        who=lambda row: (
            ANALYSTS
            if row.stage == Stage.STOPPED
            else _named(row.decision_owner, "a decision-owner")
        ),
        mine="decision_owner",
    ),
    _experiment("To learn", Stage.DECIDED, who=lambda _row: ANALYSTS),
    _Lane(
        "To live",
        lambda site, _now: (
            RolloutRecord.objects.filter(
                site=site, stage__in=[each.value for each in OPEN_ROLLOUTS]
            )
            .select_related("owner", "experiment")
            .annotate(since=Coalesce(_last_move(RolloutMoveRecord, "rollout"), F("decided_at")))
        ),
        lambda row: row.experiment.name,
        lambda row: stage_word(Item.ROLLOUT, row.stage),
        lambda row: _named(row.owner, "an owner"),
        "winners",
        "winners/",
        ("experiment__name",),
        "R-",
        "owner",
        "experiment__surface",
    ),
)


def _nothing(rows: Rows, value: str, now: datetime) -> Rows:
    """Each lane narrows by its own fields; see `_lane_rows`."""
    del value, now
    return rows


FILTERS: Final = (
    Filter("text", "Words", _nothing),
    SURFACE,
    Filter("mine", "Waits for me", _nothing, tick=True),
    Filter("stuck", "Stuck", _nothing, tick=True),
)


def board_of(site: Site, given: Mapping[str, str], *, reader: User, now: datetime) -> Board:
    """Lay out the board: one query for each column.

    Args:
        site: Whose.
        given: The address after the question mark.
        reader: Who looks.
        now: The present moment.
    """
    values = {each.name: each.of(given) for each in FILTERS}
    held = said_otherwise(FILTERS, values)
    columns = tuple(_column(lane, site, values, reader=reader, now=now) for lane in _LANES)
    work = sum(column.count for column in columns)
    late = sum(card.late for column in columns for card in column.cards)
    fullest = max(columns, key=lambda column: column.count)
    return Board(
        answer=f"{count(work)} {'item is' if work == 1 else 'items are'} under way; most wait under"
        f" “{fullest.title}”."
        if work
        else "Nothing is under way.",
        grounds=f"Of the oldest in each column, {late} {'has' if late == 1 else 'have'} rested for"
        f" more than {LATE_DAYS} days."
        if late
        else f"Nothing has rested for more than {LATE_DAYS} days.",
        columns=columns,
        inputs=inputs_of(FILTERS, values),
        views=tuple(each for each in views_of(site, reader) if each.view.explorer == "board"),
        query=urlencode(held),
        file="?" + urlencode({**held, "format": "csv"}),
        narrowed=bool(held),
    )


def board_rows(board: Board) -> list[dict[str, str | int]]:
    """Give the cards of a board as rows of a file."""
    return [
        {
            "column": column.title,
            "key": card.key,
            "title": card.title,
            "stage": card.stage,
            "days": card.days,
            "waits_for": card.who,
        }
        for column in board.columns
        for card in column.cards
    ]


def _column(
    lane: _Lane, site: Site, values: Mapping[str, str], *, reader: User, now: datetime
) -> Column:
    rows = _lane_rows(lane, site, values, reader=reader, now=now)
    found = list(rows.order_by("since", "pk").annotate(many=Window(Count("pk")))[:SHOWN])
    total = found[0].many if found else 0
    return Column(
        title=lane.title,
        count=total,
        more=total - len(found),
        href=f"/s/{site.name}/{lane.list}",
        cards=tuple(_card(lane, row, site, now=now) for row in found),
    )


def _lane_rows(
    lane: _Lane, site: Site, values: Mapping[str, str], *, reader: User, now: datetime
) -> Rows:
    rows = lane.rows(site, now)
    if values["text"]:
        rows = words_in(*lane.words, key=lane.prefix)(rows, values["text"], now)
    if values["surface"]:
        rows = rows.filter(**{f"{lane.surface}__icontains": values["surface"]})
    if values["mine"]:
        rows = rows.filter(**{lane.mine: reader}) if lane.mine else rows.none()
    if values["stuck"]:
        rows = rows.filter(since__lt=now - timedelta(days=LATE_DAYS))
    return rows


def _card(lane: _Lane, row: Any, site: Site, *, now: datetime) -> Card:  # noqa: ANN401
    days = max(0, (now - row.since).days)
    return Card(
        key=row.key,
        title=sentence_case(lane.name(row)),
        href=f"/s/{site.name}/{lane.folder}/{quote(row.key, safe='')}/",
        stage=lane.stage(row),
        age="since today" if not days else f"for {days} day{'' if days == 1 else 's'}",
        days=days,
        late=days > LATE_DAYS,
        who=lane.who(row),
    )
