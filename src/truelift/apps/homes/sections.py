"""The sections of each home, put together from what the other apps know."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from truelift.apps.accounts.models import User
from truelift.apps.alignment.reads import conflicts_of as metric_conflicts_of
from truelift.apps.changes.reads import to_judge
from truelift.apps.commerce.reads import explained
from truelift.apps.drawing.wording import amount, day, lift, rough_money, short_day
from truelift.apps.experiments.domain import day_at
from truelift.apps.experiments.models import DecisionRecord, ExperimentRecord
from truelift.apps.experiments.monitoring_hiding import shown_to_all
from truelift.apps.experiments.reads import experiments_of
from truelift.apps.facts.defining import drift_of, kind_of, shared_metric_of
from truelift.apps.facts.reads import stale
from truelift.apps.freezes.page import answers_now
from truelift.apps.homes.roles import HomeOf
from truelift.apps.progress.reads import latest as latest_figures
from truelift.apps.roadmap.liaison import touching_of
from truelift.apps.roadmap.models import ConflictRecord, ConflictState
from truelift.apps.rollouts.reads import counted
from truelift.apps.scorecard.page import scorecard_page
from truelift.apps.scorecard.reads import latest as latest_scorecard
from truelift.apps.sites.models import Site
from truelift.apps.surfaces.models import SurfaceRecord
from truelift.apps.voice.models import NoteRecord, PhraseRecord
from truelift.apps.voice.reads import calls_held, spikes
from truelift.apps.warnings.reads import standing_of
from truelift.lifecycle.experiment import Stage
from truelift.lifecycle.functions import Item
from truelift.lifecycle.shared_metric import MetricKind
from truelift.lifecycle.stage_words import stage_within
from truelift.lifecycle.vocabulary import words_of


MOST: Final = 4
"""Rows of a section; the page behind it has all."""

MONTH: Final = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a section."""

    what: str
    detail: str = ""
    href: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """What a role looks at first, about one matter.

    Attributes:
        title: What it says, as a sentence.
        rows: At most four.
        more: How many are not listed.
        href: Where all of it stands.
        label: What leads there.
    """

    title: str
    rows: tuple[Row, ...]
    href: str
    label: str
    more: int = 0


@dataclass(frozen=True, slots=True)
class Asking:
    """For whom, where and when."""

    site: Site
    user: User
    now: datetime

    def href(self, rest: str) -> str:
        """Give an address of the site."""
        return f"/s/{self.site.name}/{rest}"


def sections_of(role: HomeOf, site: Site, *, user: User, now: datetime) -> tuple[Section, ...]:
    """Put together what a role looks at first; nothing here is computed from events."""
    asking = Asking(site, user, now)
    found = (make(asking) for make in _SECTIONS[role])
    return tuple(each for each in found if each is not None)


def _section(asking: Asking, title: str, rows: Iterable[Row], *, place: str, label: str) -> Section:
    found = tuple(rows)
    return Section(title, found[:MOST], asking.href(place), label, max(len(found) - MOST, 0))


def _conflicts(asking: Asking) -> Section:
    rows = list(
        ConflictRecord.objects.filter(site=asking.site, state=ConflictState.OPEN).order_by(
            "starts_on", "number"
        )
    )
    return _section(
        asking,
        f"{amount(len(rows), 'conflict stands', 'conflicts stand')} on the roadmap"
        if rows
        else "Nothing on the roadmap is in each other’s way",
        (
            Row(row.sentence, f"from {short_day(row.starts_on)}", asking.href(_conflict(row)))
            for row in rows
        ),
        place="roadmap/conflicts/",
        label="All conflicts",
    )


def _conflict(row: ConflictRecord) -> str:
    return f"roadmap/conflicts/{row.number}/"


def _decisions_due(asking: Asking) -> Section:
    rows = [
        each
        for each in experiments_of(asking.site).filter(stage=Stage.ANALYSED.value)
        if each.method
    ]
    return _section(
        asking,
        f"{amount(len(rows), 'result waits', 'results wait')} for a decision"
        if rows
        else "No result waits for a decision",
        (
            Row(
                each.name,
                f"{each.decision_owner} decides" if each.decision_owner else "nobody decides yet",
                asking.href(f"experiments/{each.key}/"),
            )
            for each in rows
        ),
        place="experiments/?stage=analysed",
        label="All results",
    )


_FOLDERS: Final = {"experiment": "experiments", "hypothesis": "hypotheses", "rollout": "winners"}


def _stuck(asking: Asking) -> Section:
    kept = latest_figures(asking.site)
    items = kept.document["reasons"]["items"] if kept else []
    stalled = [each for each in items if each["trouble"] == "stalled"]
    return _section(
        asking,
        f"{amount(len(stalled), 'item has', 'items have')} not moved for two weeks"
        if stalled
        else "Nothing has been stuck for two weeks",
        (
            Row(
                each["name"],
                f"{amount(each['days'], 'day')}; {each['area']}",
                asking.href(f"{_FOLDERS[each['kind']]}/{each['key']}/")
                if each["kind"] in _FOLDERS
                else "",
            )
            for each in stalled
        ),
        place="progress/",
        label="Why work is stuck",
    )


def _validity(asking: Asking) -> Section:
    rows = []
    for record in experiments_of(asking.site).filter(
        stage__in=[each.value for each in (Stage.RUNNING, Stage.STOPPED, Stage.ANALYSED)]
    )[:40]:
        doubts = _doubts(record, now=asking.now)
        if doubts:
            rows.append(
                Row(record.name, "; ".join(doubts), asking.href(f"experiments/{record.key}/"))
            )
    return _section(
        asking,
        f"{amount(len(rows), 'test does', 'tests do')} not pass every check"
        if rows
        else "Every test that runs or waits passes its checks",
        rows,
        place="experiments/",
        label="All experiments",
    )


def _doubts(record: ExperimentRecord, *, now: datetime) -> list[str]:
    text = getattr(record, "newest_text", None)
    if not text:
        return []
    document = shown_to_all(record, json.loads(text), now=now)
    checks = document.get("integrity") or ()
    return [
        str(each.get("detail") or each.get("check"))
        for each in checks
        if each.get("status") in ("fail", "warn")
    ][:2]


def _late_feeds(asking: Asking) -> Section:
    late = stale(asking.site, now=asking.now)
    return _section(
        asking,
        f"{amount(len(late), 'feed is', 'feeds are')} late" if late else "Every feed came in time",
        (Row(each.sentence, each.owner, asking.href(f"feeds/{each.name}/")) for each in late),
        place="feeds/",
        label="All feeds",
    )


def _drivers(asking: Asking) -> Section:
    found = explained(asking.site)
    if found is None:
        kind = kind_of(asking.site)
        many = words_of(kind).many
        moved = words_of(kind).driven(is_money=kind is MetricKind.REVENUE)
        return _section(
            asking,
            f"What moves {moved} per session cannot be said yet",
            [Row(f"It takes whole weeks of sessions and {many} by source, as a feed or events.")],
            place="drivers/",
            label="What is missing",
        )
    rows = [
        Row(f"{name}: {rough_money(comes_to, found.currency)}" if found.currency else name, means)
        for name, means, comes_to in found.told
    ]
    if found.worse_traffic:
        rows.insert(0, Row("More is spent, more people come, and less is earned."))
    return _section(asking, found.sentence.rstrip("."), rows, place="drivers/", label="The drivers")


def _against(asking: Asking) -> Section:
    rows = metric_conflicts_of(asking.site)
    return _section(
        asking,
        f"{amount(len(rows), 'team metric rises', 'team metrics rise')} at the cost of all"
        if rows
        else "No team’s metric works against the shared one",
        (
            Row(
                each.sentence,
                rough_money(each.at_stake_minor, asking.site.currency)
                if each.at_stake_minor
                else "",
                asking.href(f"team-metrics/{each.metric.number}/"),
            )
            for each in rows
        ),
        place="team-metrics/",
        label="Team metrics",
    )


def _against_if_any(asking: Asking) -> Section | None:
    """Give the conflicts of metrics where one stands; where none does, it takes no room."""
    found = _against(asking)
    return found if found.rows else None


def _heard(asking: Asking) -> Section:
    rows = spikes(asking.site)
    return _section(
        asking,
        f"Customers speak more of {amount(len(rows), 'theme')}"
        if rows
        else "Customers speak of what they spoke of before",
        (
            Row(
                each.name,
                f"{each.recent} in four weeks, {each.prior} in the twelve before"
                f"{'; a draft' if each.draft else ''}",
                asking.href("voice/"),
            )
            for each in rows
        ),
        place="voice/",
        label="Customer voice",
    )


def _may_deploy(asking: Asking) -> Section:
    answers = answers_now(asking.site, now=asking.now)
    own = set(
        SurfaceRecord.objects.filter(site=asking.site, owner=asking.user).values_list(
            "name", flat=True
        )
    )
    shown = [each for each in answers if each.surface in own] if own else list(answers)
    held = [each for each in shown if each.word != "Yes"]
    of = "of your surfaces" if own else "of the surfaces"
    return _section(
        asking,
        f"{len(held)} {of} {'waits' if len(held) == 1 else 'wait'} with deploys"
        if held
        else "All of your surfaces may be deployed now"
        if own
        else "Every surface may be deployed now",
        (Row(f"{each.surface}: {each.word}", each.why, asking.href("freezes/")) for each in held),
        place="freezes/",
        label="Freezes and checks",
    )


def _to_judge(asking: Asking) -> Section:
    rows = to_judge(asking.site)
    return _section(
        asking,
        f"{amount(len(rows), 'change needs', 'changes need')} a word of what it did to a test"
        if rows
        else "No change waits for a word of what it did to a test",
        (
            Row(
                f"{each.experiment.name}: {each.change.what}",
                day(day_at(asking.site, each.at)),
                asking.href(f"contaminations/{each.pk}/"),
            )
            for each in rows
        ),
        place="changes/",
        label="All changes",
    )


def _releases(asking: Asking) -> Section:
    rows = [each for each in touching_of(asking.site, now=asking.now) if each.waits]
    return _section(
        asking,
        f"{amount(len(rows), 'release touches', 'releases touch')} what is tested"
        if rows
        else "No release ahead touches what is tested",
        (
            Row(
                each.what,
                f"{short_day(each.starts)}, on {', '.join(each.surfaces)}",
                asking.href(f"roadmap/items/{each.release}/"),
            )
            for each in rows
        ),
        place="roadmap/liaison/",
        label="Releases and tests",
    )


def _notes(asking: Asking) -> Section:
    rows = list(
        NoteRecord.objects.filter(site=asking.site, owner=asking.user, erased_at=None)
        .select_related("signal")
        .order_by("-day", "-pk")[: MOST + 1]
    )
    return _section(
        asking,
        "What became of your notes" if rows else "You have not brought a note yet",
        (
            Row(
                f"“{each.text[:120]}”",
                stage_within(Item.SIGNAL, each.signal.stage)
                if each.signal
                else "counted among the themes",
                asking.href(f"voice/notes/{each.key}/"),
            )
            for each in rows
        ),
        place="voice/notes/",
        label="All notes",
    )


def _call(asking: Asking) -> Section:
    held = calls_held(asking.site)
    today = day_at(asking.site, asking.now)
    last = max((each.day for each in held), default=None)
    due = last is None or today - last > MONTH
    said = "The monthly call has not been held yet" if last is None else (
        f"The monthly call is due: the last was on {day(last)}"
        if due
        else f"The last call was on {day(last)}"
    )  # fmt: skip
    return _section(
        asking,
        said,
        [Row("Thirty minutes, three questions: objections, questions before they commit, why not.")]
        if due
        else [],
        place="voice/",
        label="The calls",
    )


def _phrases(asking: Asking) -> Section:
    rows = list(PhraseRecord.objects.filter(site=asking.site).order_by("-pk")[: MOST + 1])
    return _section(
        asking,
        "Words that move people" if rows else "No phrase has been kept yet",
        (Row(f"“{each.text}”", each.effect or each.said_by) for each in rows),
        place="voice/phrases/",
        label="The phrase bank",
    )


def _metric(asking: Asking) -> Section:
    metric, drift = shared_metric_of(asking.site), drift_of(asking.site, now=asking.now)
    rows = []
    if drift is not None and drift.share is not None:
        rows.append(
            Row(
                f"Analytics and ledger are {lift(drift.share)} apart",
                f"{day(drift.since)} to {day(drift.until - timedelta(days=1))}"
                + ("; more than the 2% that are allowed" if drift.beyond else ""),
            )
        )
    return _section(
        asking,
        "Nobody has proposed a shared metric"
        if metric is None
        else f"The shared metric, version {metric.definition.version}, is {metric.state.value}"
        .replace("_", " "),
        rows,
        place="shared-metric/",
        label="The shared metric",
    )  # fmt: skip


def _unrealised(asking: Asking) -> Section:
    counter, _ = counted(asking.site, now=asking.now)
    if counter.value is None:
        said = counter.problem or "Nothing is lost to winners that wait, as far as it is known"
    else:
        lost = rough_money(counter.value, asking.site.currency)
        said = f"Winners that are not live have cost about {lost}"
    rows = (
        [Row(f"Each further day costs about {rough_money(counter.per_day, asking.site.currency)}")]
        if counter.per_day
        else []
    )
    return _section(asking, said.rstrip("."), rows, place="winners/", label="Winners to live")


def _returns(asking: Asking) -> Section:
    kept = latest_scorecard(asking.site)
    if kept is None:
        return _section(
            asking,
            "The first scorecard is made this night",
            [],
            place="scorecard/",
            label="Scorecard",
        )
    page = scorecard_page(kept.document, kept=kept.day, quarters=())
    return _section(
        asking,
        page.answer.rstrip("."),
        [Row(page.returns.said, page.returns.grounds), Row(page.stage)],
        place="scorecard/",
        label="Scorecard",
    )


def _decided(asking: Asking) -> Section:
    rows = list(
        DecisionRecord.objects.filter(
            experiment__site=asking.site, decided_at__gt=asking.now - MONTH
        )
        .select_related("experiment")
        .order_by("-decided_at")
    )
    return _section(
        asking,
        f"{amount(len(rows), 'test was', 'tests were')} decided in the last month"
        if rows
        else "Nothing was decided in the last month",
        (
            Row(
                f"{each.experiment.name}: {each.choice}",
                each.reason,
                asking.href(f"experiments/{each.experiment.key}/"),
            )
            for each in rows
        ),
        place="decisions/",
        label="All decisions",
    )


def _warned(asking: Asking) -> Section:
    rows = standing_of(asking.site)
    return _section(
        asking,
        f"{amount(len(rows), 'warning stands', 'warnings stand')}" if rows else "No warning stands",
        (
            Row(
                each.sentence,
                str(each.owner or "nobody’s yet"),
                asking.href(f"warnings/{each.key}/"),
            )
            for each in rows
        ),
        place="warnings/",
        label="All warnings",
    )


_SECTIONS: Final[Mapping[HomeOf, tuple[Callable[[Asking], Section | None], ...]]] = (
    MappingProxyType(
        {
            HomeOf.LEAD: (_decisions_due, _conflicts, _against_if_any, _stuck),
            HomeOf.ANALYST: (_validity, _late_feeds, _to_judge),
            HomeOf.MARKETER: (_drivers, _against, _heard),
            HomeOf.ENGINEER: (_may_deploy, _releases, _to_judge),
            HomeOf.CUSTOMERS: (_notes, _call, _phrases),
            HomeOf.FINANCE: (_metric, _unrealised, _returns),
            HomeOf.STAKEHOLDER: (_returns, _decided, _warned),
        }
    )
)
"""What each looks at first."""
