"""How the demo company plans: its roadmap, what was in each other's way, and who moved."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from truelift.apps.roadmap.colliding import recompute, resolve
from truelift.apps.roadmap.fields import ItemFields
from truelift.apps.roadmap.landing import QA, look_after_landing_pages
from truelift.apps.roadmap.models import AssetRecord, ConflictRecord
from truelift.apps.roadmap.priorities import write_priorities
from truelift.apps.roadmap.services import (
    add_dependency,
    add_item,
    change_asset,
    change_item,
    move_item,
    set_stage,
    write_asset,
)
from truelift.apps.sites.models import Site
from truelift.lifecycle.conflict_rules import Resolution, Rule
from truelift.lifecycle.roadmap_item import DependencyKind, ItemKind, ItemStage
from truelift.worlds.calendar import Calendar
from truelift.worlds.cast import Cast, Part
from truelift.worlds.work import Work


AGREED_AGO: Final = 62
"""Days ago on which they agreed on what the business goes for."""

MOVED_AGO: Final = 6
LOOKED_AGO: Final = 4


class Planning:
    """The roadmap of the company, as it came to be."""

    def __init__(
        self,
        site: Site,
        *,
        calendar: Calendar,
        cast: Cast,
        works: Sequence[Work],
        priorities: Sequence[tuple[str, str]],
        tests: Mapping[str, int],
        team: str,
    ) -> None:
        """Put it on the calendar.

        Args:
            site: The company's.
            calendar: Its days.
            cast: Who plays whom.
            works: What is planned beside the tests.
            priorities: What the business goes for, and why.
            tests: Planned test → which of the priorities it serves, from 1.
            team: Whose the tests are.
        """
        self.site, self.days, self.cast, self.tests = site, calendar, cast, tests
        self.who, self.team, self.goals = cast.who, team, priorities
        self.keys: dict[str, str] = {}
        self.priorities: tuple[str, ...] = ()
        self._on(AGREED_AGO, 10, self._agrees)
        for work in works:
            self._plans(work)
        self._on(LOOKED_AGO, 14, self._places_tests)
        # As the worker does every night: what was planned elsewhere is looked at, too.
        for weeks in (1, 3, 5):
            self._on(7 * weeks + 1, 3, self._looks)
        self.days.at(self.days.ends, self._looks)

    def _on(self, days_ago: int, hour: int, step: Callable[[], object]) -> None:
        self.days.at(self.days.ago(days_ago, hour=hour), step)

    def _looks(self) -> None:
        recompute(self.site, now=self.days.moment())
        look_after_landing_pages(self.site, now=self.days.moment())

    def _agrees(self) -> None:
        day = self.days.ends.date()
        made = write_priorities(
            self.site,
            f"{day.year}-Q{(day.month + 2) // 3}",
            self.goals,
            by=self.cast[Part.LEAD],
            now=self.days.moment(),
            because="What we heard from the board.",
        )
        self.priorities = tuple(each.key for each in made.priorities.order_by("position"))

    def _priority(self, place: int) -> str:
        # What was planned before they agreed goes by none of them.
        return self.priorities[place - 1] if place and self.priorities else ""

    def _checks_pages(self, work: Work) -> None:
        """Check the pages of a campaign as drafts; whether they are published is another thing."""
        asset = AssetRecord.objects.get(site=self.site, item=self.keys[work.key], what=QA)
        by, now = self.who[work.owner], self.days.moment()
        change_asset(self.site, asset.pk, done=True, by=by, now=now)

    def _plans(self, work: Work) -> None:
        """Let a work come onto the roadmap, become firm, begin and be over, each on its day."""
        self._on(work.known_ago, 9, partial(self._adds, work))
        if work.checked_ago is not None:
            self._on(work.checked_ago, 16, partial(self._checks_pages, work))
        if work.moved_to is not None:
            self._on(MOVED_AGO, 15, partial(self._moves, work))
        if not work.firm:
            self._on(work.known_ago - 1, 10, partial(self._becomes, work, ItemStage.PLANNED))
            return
        scheduled = work.known_ago - 1 if work.moved_to is None else MOVED_AGO - 1
        over = work.start + work.days + work.over_after
        for days_ago, stage in (
            (scheduled, ItemStage.SCHEDULED),
            (-work.start, ItemStage.RUNNING),
            (-over, ItemStage.DONE),
        ):
            self._on(days_ago, 12, partial(self._becomes, work, stage))

    def _adds(self, work: Work) -> None:
        made = add_item(
            self.site,
            ItemKind(work.kind),
            ItemFields(
                what=work.what,
                surfaces=work.surfaces,
                elements=work.elements,
                why=(work.why,),
                start=self._day(work.start),
                end=self._day(work.start + work.days),
                metric=work.metric,
                owner=f"{work.owner}@{self.cast.domain}",
                team=work.team,
                priority=self._priority(work.priority),
                touches=work.touches,
                traffic_change=work.traffic_change,
                effort=dict(work.effort),
                landing=work.landing or None,
            ),
            by=self.who[work.owner],
            now=self.days.moment(),
        )
        self.keys[work.key] = made.key
        what, name = work.late
        if what:
            write_asset(
                self.site,
                made.key,
                what=what,
                owner=f"{name}@{self.cast.domain}",
                due=self._day(-2),
                lead_days=10,
                by=self.who[work.owner],
                now=self.days.moment(),
            )
        if work.needs:
            add_dependency(
                self.site,
                made.key,
                self.keys[work.needs],
                DependencyKind.NEEDS_BEFORE,
                by=self.who[work.owner],
                now=self.days.moment(),
            )

    def _day(self, days: int) -> str:
        return self._date(days).date().isoformat()

    def _date(self, days: int) -> datetime:
        # Noon is the same day on both sides of every border of a day.
        return self.days.ago(-days, hour=12)

    def _becomes(self, work: Work, stage: ItemStage) -> None:
        set_stage(
            self.site, self.keys[work.key], stage, by=self.who[work.owner], now=self.days.moment()
        )

    def _moves(self, work: Work) -> None:
        """Answer a conflict with a move, and move."""
        assert work.moved_to is not None  # noqa: S101 - only such a work is moved
        key, by = self.keys[work.key], self.who[work.owner]
        found = ConflictRecord.objects.get(site=self.site, second=key, rule=Rule.C6.value)
        resolve(self.site, found.number, Resolution.MOVE, by=by, now=self.days.moment())
        start = self._date(work.moved_to).date()
        move_item(
            self.site,
            key,
            start,
            start + timedelta(days=work.days),
            by=by,
            now=self.days.moment(later=15),
            reason="The test of the delivery cost is over then.",
        )

    def _places_tests(self) -> None:
        for key, place in self.tests.items():
            change_item(
                self.site,
                key,
                ItemFields(team=self.team, priority=self._priority(place)),
                by=self.cast[Part.PRODUCT],
                now=self.days.moment(),
            )
