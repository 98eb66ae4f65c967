"""Draws the year: plain work that is in nobody's way, and what was put into each other's way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from truelift.lifecycle.change import Change, ChangeKind, Trust
from truelift.lifecycle.conflict_rules import Rule
from truelift.lifecycle.contamination import Scope, UnderTest, Verdict
from truelift.lifecycle.roadmap_item import (
    OVER,
    Asset,
    Audience,
    Dependency,
    DependencyKind,
    ItemKind,
    ItemStage,
    RoadmapItem,
    Touch,
)
from truelift.worlds.roadmap.places import BY_NAME, CHECKOUT, GROUNDS, PRODUCT


TESTS: Final = 40
RELEASES: Final = 60
CAMPAIGNS: Final = 12

PARTS: Final = 5
PART_DAYS: Final = 70
DAYS: Final = PARTS * PART_DAYS + 15
"""A year, in five parts; every ground has one piece of work that matters in each."""

_QUIET: Final = (42, 66)
"""Days of a part on which no test runs on its ground: plain releases are made there."""

_DAY: Final = timedelta(days=1)
_OWNERS: Final = ("ada", "ben", "cleo", "dora", "emil", "fay")
_METRICS: Final = ("order_rate", "revenue_per_visitor", "cart_rate")
_EVENTS: Final[Mapping[str, str]] = MappingProxyType(
    {"order_rate": "purchase", "revenue_per_visitor": "purchase", "cart_rate": "add_to_cart"}
)
_MARKETS: Final = frozenset({"de", "fr", "nl"})
"""Where everybody tests; the holdout has a country of its own."""


@dataclass(frozen=True, slots=True)
class Known:
    """An item of the roadmap, and since when people know of it.

    Attributes:
        item: As it is planned.
        since: The day on which it came onto the roadmap.
        there: Asset → the day on which it was there; one that is not named never was.
    """

    item: RoadmapItem
    since: date
    there: Mapping[str, date] = field(default_factory=lambda: MappingProxyType({}))

    def on(self, day: date) -> RoadmapItem | None:
        """Give the item as it stood on a day; None while nobody knew of it."""
        if day < self.since:
            return None
        item = self.item
        assets = tuple(
            replace(each, done=each.what in self.there and self.there[each.what] <= day)
            for each in item.assets
        )
        firm = item.stage not in OVER | {ItemStage.PROPOSED}
        stage = item.stage
        if firm and item.start is not None and item.end is not None and item.start <= day:
            stage = ItemStage.RUNNING if day < item.end else ItemStage.DONE
        return replace(item, assets=assets, stage=stage)


@dataclass(frozen=True, slots=True)
class Planted:
    """A conflict that was put there.

    Attributes:
        rule: Which of the fourteen.
        keys: The items that it is about.
        story: What happened, in a sentence.
    """

    rule: Rule
    keys: frozenset[str]
    story: str


@dataclass(frozen=True, slots=True)
class Told:
    """A change as the roadmap's receivers hear of it.

    Attributes:
        change: What was changed.
        at: When.
        trust: How its sender proved who it is.
        story: What it is there for; empty for everyday work.
    """

    change: Change
    at: datetime
    trust: Trust = Trust.SIGNED
    story: str = ""


@dataclass(frozen=True, slots=True)
class Spoiled:
    """What a change truly means for a test.

    Attributes:
        test: Key of the test.
        change: How its sender calls the change.
        verdict: Fatal or suspect.
        scope: How near it came.
    """

    test: str
    change: str
    verdict: Verdict
    scope: Scope


@dataclass(frozen=True, slots=True)
class RoadmapYear:
    """The year, and what is true of it.

    Attributes:
        begins: Its first day.
        known: Every item, with since when it is known.
        tested: The tests as they ran.
        told: Every change, in the order of time.
        conflicts: Those that stop an item: all there are.
        turned: Campaigns that turn the traffic under a test: all there are.
        spoiled: Contaminations; of the fatal ones all there are.
        harmless: What looks like a conflict or a contamination and is none, in sentences.
    """

    begins: date
    known: tuple[Known, ...]
    tested: tuple[UnderTest, ...]
    told: tuple[Told, ...]
    conflicts: tuple[Planted, ...]
    turned: tuple[Planted, ...]
    spoiled: tuple[Spoiled, ...]
    harmless: tuple[str, ...]

    def on(self, day: date) -> tuple[RoadmapItem, ...]:
        """Give the roadmap as it stood on a day."""
        return tuple(item for each in self.known if (item := each.on(day)) is not None)


def year_of(seed: int, *, begins: date) -> RoadmapYear:
    """Draw a year; the same seed and first day give the same year."""
    drawn = _Drawing(np.random.default_rng(seed), begins)
    drawn.plant_conflicts_of_tests()
    drawn.plant_conflicts_of_changes()
    drawn.plant_what_is_late()
    drawn.place_what_is_harmless()
    drawn.fill()
    drawn.plant_contaminations()
    return drawn.year()


class _Drawing:
    """A year while it is drawn.

    A part of the year on a ground is used once, so that two stories never meet; plain work
    lies where nothing else is. What is planted is therefore all there is, without anybody
    having looked for it.
    """

    def __init__(self, generator: np.random.Generator, begins: date) -> None:
        self.draw, self.begins = generator, begins
        self.known: list[Known] = []
        self.told: list[Told] = []
        self.conflicts: list[Planted] = []
        self.turned: list[Planted] = []
        self.spoiled: list[Spoiled] = []
        self.harmless: list[str] = []
        self.plain: list[RoadmapItem] = []
        free = [(ground, part) for ground in range(len(GROUNDS)) for part in range(PARTS)]
        self.free = [free[int(n)] for n in generator.permutation(len(free))]
        self.used: list[tuple[int, int]] = []

    def take(self, *, ground: int | None = None, part: int | None = None) -> tuple[int, date]:
        """Take a part of the year on a ground; give the ground and the part's first day."""
        at = next(
            each
            for each in self.free
            if ground in (None, each[0])
            and part in (None, each[1])
            # Some of these two are kept for the stories that need them.
            and (ground is not None or each[0] not in (PRODUCT, CHECKOUT))
        )
        self.free.remove(at)
        self.used.append(at)
        return at[0], self.begins + at[1] * PART_DAYS * _DAY

    def of(self, kind: ItemKind) -> int:
        """Count the items of a kind."""
        return sum(each.item.kind is kind for each in self.known)

    def add(self, kind: ItemKind, start: date, days: int, **said: Any) -> RoadmapItem:  # noqa: ANN401
        """Put an item onto the roadmap, some weeks before it begins."""
        there = said.pop("there", {})
        letter = {ItemKind.EXPERIMENT: "T", ItemKind.FREEZE: "F"}.get(kind, "RM")
        item = RoadmapItem(
            key=f"{letter}-{len(self.known) + 1}",
            kind=kind,
            **{
                "what": f"Work on {said['surfaces'][0]}",
                "stage": ItemStage.SCHEDULED,
                "start": start,
                "end": start + days * _DAY,
                "owner": f"{self.draw.choice(_OWNERS)}@shop.example",
                "team": BY_NAME[said["surfaces"][0]].team,
                **said,
            },
        )
        ahead = int(self.draw.integers(20, 90))
        self.known.append(Known(item, max(start - ahead * _DAY, self.begins), there))
        return item

    def test(
        self,
        at: tuple[int, date],
        *,
        after: int = 3,
        days: int = 21,
        **said: Any,  # noqa: ANN401
    ) -> RoadmapItem:
        """Plan a test on a ground."""
        ground = GROUNDS[at[0]]
        metric = str(self.draw.choice(_METRICS))
        return self.add(
            ItemKind.EXPERIMENT,
            at[1] + after * _DAY,
            days,
            **{
                "surfaces": ground.surfaces[:1],
                "elements": (str(self.draw.choice(ground.elements)),),
                "metric": metric,
                "events": (_EVENTS[metric], "page_view"),
                "audience": {"market": Audience(allow=_MARKETS)},
                "allocation": float(self.draw.choice((0.5, 0.8, 1.0))),
                "why": (f"H-{len(self.known) + 1}",),
                **said,
            },
        )

    def plain_test(self, *, ground: int | None = None, **said: Any) -> RoadmapItem:  # noqa: ANN401
        """Plan a test that has its part of the year for itself."""
        return self.test(
            self.take(ground=ground),
            after=int(self.draw.integers(4, 9)),
            days=int(self.draw.choice((14, 21, 28))),
            **said,
        )

    def within(
        self,
        test: RoadmapItem,
        *,
        kind: ItemKind = ItemKind.RELEASE,
        **said: Any,  # noqa: ANN401
    ) -> RoadmapItem:
        """Plan work on the surface of a test, in its first week."""
        assert test.start is not None  # noqa: S101 - it was planned with days
        start = test.start + int(self.draw.integers(1, 6)) * _DAY
        return self.add(kind, start, 2, **{"surfaces": test.surfaces, **said})

    def conflict(self, rule: Rule, story: str, *items: RoadmapItem) -> None:
        """Write down a conflict that was put there."""
        self.conflicts.append(Planted(rule, frozenset(each.key for each in items), story))

    def tell(
        self,
        name: str,
        at: datetime,
        *,
        kind: ChangeKind = ChangeKind.DEPLOY,
        trust: Trust = Trust.SIGNED,
        story: str = "",
        **said: Any,  # noqa: ANN401
    ) -> None:
        """Let something be changed."""
        change = Change(
            kind=kind,
            external_id=name,
            what=story or "Everyday work",
            **{"env": "production", **said},
            started_at=at,
            finished_at=at + timedelta(minutes=12),
        )
        self.told.append(Told(change, at, trust, story))

    def deploys(self, item: RoadmapItem, *, on: date | None = None, story: str = "") -> str:
        """Let a release be deployed, on its day where nothing else is said."""
        day = on or item.start
        assert day is not None  # noqa: S101 - it was planned with days
        name = f"deploy-{item.key}"
        paths = tuple(f"{BY_NAME[each].code[0]}page.ts" for each in item.surfaces)
        self.tell(name, moment(day, 10), paths=paths, story=story)
        return name

    def plant_conflicts_of_tests(self) -> None:
        """C1, C2, C3 and C14."""
        for rule, story in (
            (Rule.C1, "Two tests change one part of a page."),
            (Rule.C1, "A third idea for the same part came late onto the roadmap."),
            (Rule.C2, "Two tests change two parts of one page, and no plan says how to read it."),
            (Rule.C2, "Two squads planned the same page for the same weeks."),
        ):  # fmt: skip
            at = self.take()
            first, other, _ = GROUNDS[at[0]].elements
            pair = (
                self.test(at, elements=(first,)),
                self.test(at, after=12, elements=(first if rule is Rule.C1 else other,)),
            )
            self.conflict(rule, story, *pair)
        at = self.take(ground=PRODUCT)
        web, app = GROUNDS[PRODUCT].surfaces
        pair = self.test(at, surfaces=(web,)), self.test(at, after=10, surfaces=(app,))
        self.conflict(Rule.C3, "Website and app test the same step of the same people.", *pair)
        at = self.take()
        norway = {"market": Audience(allow=frozenset({"no"}))}
        part = (at[1] - self.begins).days // PART_DAYS
        holdout = self.test(at, after=1, days=38, audience=norway, holdout=True, allocation=1.0)
        test = self.test(self.take(part=part), audience=norway)
        self.conflict(
            Rule.C14, "Norway is held out of every test, and one wants it.", holdout, test
        )

    def plant_conflicts_of_changes(self) -> None:
        """C6, C7, C10 and C12."""
        lands = self.plain_test()
        under = self.within(lands, what="A new layout of the page")
        self.conflict(
            Rule.C6, "A layout change in the sprint of a test; nobody moved.", lands, under
        )
        self.spoils(lands, self.deploys(under, story="It was shipped as planned."), Verdict.FATAL)
        for after in (14, 30):
            test = self.plain_test()
            moved = self.within(test)
            self.conflict(
                Rule.C6, "A release under a test, which was shipped after it.", test, moved
            )
            assert test.end is not None  # noqa: S101 - it was planned with days
            self.deploys(moved, on=test.end + after // 7 * _DAY)
        delivery, payment = GROUNDS[CHECKOUT].surfaces
        test = self.plain_test(ground=CHECKOUT, surfaces=(delivery,))
        shared = self.within(test, surfaces=(payment,))
        self.conflict(Rule.C6, "A release of code that the tested step shares.", test, shared)
        self.spoils(test, self.deploys(shared), Verdict.SUSPECT, Scope.SHARED_BUNDLE)
        for feature in ("same-day delivery", "the loyalty card"):
            test = self.plain_test(
                references=(feature,), what=f"A headline that promises {feature}"
            )
            change = self.within(
                test, surfaces=("Blog",), features=(feature,), what=f"Update of {feature}"
            )
            self.conflict(
                Rule.C7, f"A headline speaks of {feature} while it changes.", test, change
            )
            self.deploys(change)
        ground, start = self.take()
        place = GROUNDS[ground].surfaces[:1]
        freeze = self.add(
            ItemKind.FREEZE, start + 5 * _DAY, 14, surfaces=place, agreed=True, what="Stocktaking"
        )
        release = self.add(ItemKind.RELEASE, start + 9 * _DAY, 1, surfaces=place)
        self.conflict(Rule.C10, "A release in a freeze that was agreed on.", release, freeze)
        self.deploys(release, on=start + 25 * _DAY)
        test = self.plain_test(metric="voucher_rate", events=("voucher_used",))
        tracking = self.within(
            test, surfaces=("Blog",), touches=frozenset({Touch.TRACKING}), events=("voucher_used",)
        )
        self.conflict(Rule.C12, "Vouchers are counted anew in the midst of a test.", test, tracking)

    def plant_what_is_late(self) -> None:
        """C13: warned of before, and in the way from two days before the start."""
        ground, start = self.take()
        first = start + 8 * _DAY
        film = self.test(
            (ground, start),
            after=8,
            what="A video in place of the picture",
            assets=(Asset("the film", "fay@shop.example", first - 4 * _DAY, 10),),
            there={"the film": first + 3 * _DAY},
        )
        self.conflict(Rule.C13, "The film came three days after the start.", film)
        at = self.take()
        needed = self.add(ItemKind.RELEASE, at[1] + 6 * _DAY, 4, surfaces=("Blog",))
        test = self.test(
            at, after=8, dependencies=(Dependency(needed.key, DependencyKind.NEEDS_BEFORE),)
        )
        self.conflict(Rule.C13, "What it needs is over two days after its start.", test, needed)
        self.deploys(needed)

    def place_what_is_harmless(self) -> None:
        """Put beside it what looks alike and is none."""
        pairs: tuple[tuple[str, dict[str, Any], dict[str, Any]], ...] = (
            ("two tests of one part, in one layer with ranges apart",
             {"layer": "page", "high": 0.5}, {"layer": "page", "low": 0.5}),
            ("two tests of one part, one for phones and one for desktops",
             {"audience": _on("phone")}, {"audience": _on("desktop")}),
            ("a test that begins on the day on which the one before it is over",
             {}, {"after": 24, "days": 17}),
        )  # fmt: skip
        for says, one, other in pairs:
            at = self.take()
            element = GROUNDS[at[0]].elements[:1]
            self.test(at, elements=element, **one)
            self.test(at, **{"after": 8, "elements": element, **other})
            self.harmless.append(says)
        self.within(self.plain_test(), stage=ItemStage.CANCELLED)
        self.harmless.append("a release under a test that was cancelled")
        test = self.plain_test()
        judged = self.within(test, benign=frozenset({test.key}))
        self.tell("judged", _in_first_week(test, 3), surfaces=judged.surfaces,
                  planned_for=(test.key,), story="It was judged harmless before.")  # fmt: skip
        self.spoils(test, "judged", Verdict.SUSPECT)
        self.harmless.append("a release under a test that was judged harmless")
        test = self.plain_test()
        assert test.end is not None  # noqa: S101 - it was planned with days
        self.deploys(self.add(ItemKind.RELEASE, test.end, 1, surfaces=test.surfaces))
        self.harmless.append("a release on the day on which a test is over")
        self.within(self.plain_test(), touches=frozenset({Touch.TRACKING}), events=("newsletter",))
        self.harmless.append("another way to count what no test is measured by")
        test = self.plain_test(references=("gift wrapping",))
        assert test.end is not None  # noqa: S101 - it was planned with days
        self.deploys(
            self.add(ItemKind.RELEASE, test.end, 2, surfaces=("Blog",), features=("gift wrapping",))
        )
        self.harmless.append("a feature that changes when the test that speaks of it is over")
        delivery, payment = GROUNDS[CHECKOUT].surfaces
        test = self.plain_test(ground=CHECKOUT, surfaces=(delivery,))
        self.within(test, surfaces=(payment,), touches=frozenset({Touch.CONTENT}))
        self.harmless.append("words of another page that shares no words with the tested one")
        ground, start = self.take()
        first = start + 8 * _DAY
        asset = Asset("the pictures", "fay@shop.example", first - 5 * _DAY, 5)
        self.test((ground, start), after=8, assets=(asset,),
                  there={"the pictures": first - 6 * _DAY})  # fmt: skip
        self.harmless.append("pictures that were there in time")
        at = self.take()
        needed = self.add(ItemKind.RELEASE, at[1] + 1 * _DAY, 2, surfaces=("Blog",))
        self.test(at, after=4, dependencies=(Dependency(needed.key, DependencyKind.NEEDS_BEFORE),))
        self.deploys(needed)
        self.harmless.append("a release that is over before the test that needs it")
        ground, start = self.take()
        place = GROUNDS[ground].surfaces[:1]
        self.add(ItemKind.FREEZE, start + 5 * _DAY, 14, surfaces=place, what="Perhaps quiet weeks",
                 stage=ItemStage.PROPOSED)  # fmt: skip
        self.deploys(self.add(ItemKind.RELEASE, start + 9 * _DAY, 1, surfaces=place))
        self.harmless.append("a release in a freeze that nobody has agreed to")

    def fill(self) -> None:
        """Add plain tests, campaigns and releases, each where nothing else is."""
        for ground in (PRODUCT, CHECKOUT):
            self.plain.append(self.plain_test(ground=ground))
        while self.of(ItemKind.EXPERIMENT) < TESTS:
            self.plain.append(self.plain_test())
        for n in range(CAMPAIGNS):
            test = self.plain[n % len(self.plain)]
            large = n < 5
            campaign = self.within(
                test,
                kind=ItemKind.CAMPAIGN,
                touches=frozenset({Touch.PROMOTION if n % 2 else Touch.TRAFFIC}),
                traffic_change=0.35 if large else 0.1,
            )
            if large:
                keys = frozenset({test.key, campaign.key})
                self.turned.append(Planted(Rule.C8, keys, "A campaign turns the traffic."))
            else:
                self.harmless.append(f"a small campaign, {campaign.key}")
        while self.of(ItemKind.RELEASE) < RELEASES:
            ground, part = self.used[int(self.draw.integers(len(self.used)))]
            start = self.begins + (part * PART_DAYS + int(self.draw.integers(*_QUIET))) * _DAY
            place = str(self.draw.choice(GROUNDS[ground].surfaces))
            self.deploys(self.add(ItemKind.RELEASE, start, 1, surfaces=(place,)))

    def plant_contaminations(self) -> None:
        """Let things be changed that no roadmap spoke of, and what only looks like it."""
        ordinary = iter(self.plain * 4)
        for name, kind, story in (
            ("late-release", ChangeKind.DEPLOY, "Planned for the day before, shipped in week one."),
            ("hotfix", ChangeKind.DEPLOY, "Nobody had planned it."),
            ("flag", ChangeKind.FLAG, "A switch was turned on the page itself."),
            ("price", ChangeKind.PRICE, "The price changed on the tested page."),
        ):
            test = next(ordinary)
            self.tell(name, _in_first_week(test), kind=kind, surfaces=test.surfaces, story=story)
            self.spoils(test, name, Verdict.FATAL)
        test = next(ordinary)
        address = BY_NAME[test.surfaces[0]].patterns[0].replace("**", "some")
        self.tell("words", _in_first_week(test), kind=ChangeKind.CMS,
                  urls=(f"https://www.shop.example{address}",), elements=test.elements,
                  story="The words under test were edited.")  # fmt: skip
        self.spoils(test, "words", Verdict.FATAL, Scope.SAME_ELEMENT)
        test = next(ordinary)
        self.tell("tags", _in_first_week(test), kind=ChangeKind.TAG, surfaces=test.surfaces,
                  story="A tag was published; nobody knows what it does.")  # fmt: skip
        self.spoils(test, "tags", Verdict.SUSPECT)
        cart = next(each for each in self.plain if each.surfaces[0] == "Delivery step")
        self.tell(
            "upstream",
            _in_first_week(cart),
            surfaces=("Landing pages",),
            story="Nearer to the start.",
        )
        self.spoils(cart, "upstream", Verdict.SUSPECT, Scope.UPSTREAM)
        test = next(ordinary)
        first, last = _in_first_week(test), test.end
        assert last is not None  # noqa: S101 - it was planned with days
        nothing: tuple[tuple[str, datetime, dict[str, Any]], ...] = (
            ("staging", first, {"env": "staging"}),
            ("unsigned", first, {"trust": Trust.NONE}),
            ("blog", first, {"surfaces": ("Blog",)}),
            ("before", tests_from(test) - timedelta(minutes=1), {}),
            ("after", moment(last, 0), {}),
        )
        for name, at, said in nothing:
            self.tell(name, at, **{"surfaces": test.surfaces, **said})
            self.harmless.append(f"a change called {name}")

    def spoils(
        self, test: RoadmapItem, change: str, verdict: Verdict, scope: Scope = Scope.PAGE
    ) -> None:
        """Write down what a change means for a test."""
        self.spoiled.append(Spoiled(test.key, change, verdict, scope))

    def year(self) -> RoadmapYear:
        """Give what was drawn."""
        tests = [each.item for each in self.known if each.item.kind is ItemKind.EXPERIMENT]
        return RoadmapYear(
            begins=self.begins,
            known=tuple(self.known),
            tested=tuple(_tested(tests)),
            told=tuple(sorted(self.told, key=lambda each: (each.at, each.change.external_id))),
            conflicts=tuple(self.conflicts),
            turned=tuple(self.turned),
            spoiled=tuple(self.spoiled),
            harmless=tuple(self.harmless),
        )


def _on(device: str) -> dict[str, Audience]:
    return {
        "market": Audience(allow=_MARKETS),
        "device": Audience(allow=frozenset({device})),
    }


def moment(day: date, hour: int) -> datetime:
    """Give an hour of a day; the whole year is told in UTC."""
    return datetime.combine(day, time(hour), tzinfo=UTC)


def tests_from(test: RoadmapItem) -> datetime:
    """Say when a test is switched on: when people are at work."""
    assert test.start is not None  # noqa: S101 - it was planned with days
    return moment(test.start, 7)


def _in_first_week(test: RoadmapItem, days: int = 4) -> datetime:
    return tests_from(test) + days * _DAY


def _tested(tests: Iterable[RoadmapItem]) -> Iterable[UnderTest]:
    for test in tests:
        assert test.end is not None  # noqa: S101 - it was planned with days
        yield UnderTest(
            key=test.key,
            surface=test.surfaces[0],
            elements=test.elements,
            since=tests_from(test),
            until=moment(test.end, 0),
        )
