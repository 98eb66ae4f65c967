"""The fourteen rules: when each is broken, and what keeps it from being."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from truelift.lifecycle.conflict import Conflict, ConflictContext, Season, conflicts
from truelift.lifecycle.conflict_rules import Resolution, Rule, Severity
from truelift.lifecycle.roadmap_item import (
    Asset,
    Audience,
    Dependency,
    DependencyKind,
    ItemKind,
    ItemStage,
    RoadmapItem,
    Touch,
)
from truelift.lifecycle.surface import Surface


TODAY = date(2026, 2, 2)
START = date(2026, 3, 2)
END = date(2026, 3, 16)
DAY = timedelta(days=1)

SURFACES = (
    Surface("Home"),
    Surface("Product page", funnel="purchase", step=1),
    Surface("Cart", funnel="purchase", step=2, bundle="checkout.js"),
    Surface("Drawer", funnel="purchase", step=2),
    Surface("Checkout", funnel="purchase", step=3, bundle="checkout.js"),
)

TEST = RoadmapItem(
    key="EXP-1",
    kind=ItemKind.EXPERIMENT,
    what="Shorter headline",
    stage=ItemStage.PLANNED,
    surfaces=("Cart",),
    elements=("headline",),
    start=START,
    end=END,
    metric="purchase rate",
    owner="ada",
    events=("purchase",),
)
OTHER = replace(TEST, key="EXP-2", what="New picture", elements=("picture",), owner="ben")
RELEASE = RoadmapItem(
    key="RM-1",
    kind=ItemKind.RELEASE,
    what="New cart",
    stage=ItemStage.PLANNED,
    surfaces=("Cart",),
    start=date(2026, 3, 9),
    end=date(2026, 3, 11),
    owner="cleo",
)
CAMPAIGN = replace(RELEASE, kind=ItemKind.CAMPAIGN, what="Spring sale", traffic_change=0.2)
FREEZE = replace(RELEASE, key="FR-1", kind=ItemKind.FREEZE, what="", agreed=True, of="EXP-9")
HOLDOUT = replace(
    OTHER, what="Nobody sees offers", surfaces=(), elements=(), metric="", holdout=True
)
TRACKING = replace(
    RELEASE, surfaces=("Home",), touches=frozenset({Touch.TRACKING}), events=("purchase",)
)
FEATURE = replace(RELEASE, surfaces=("Home",), features=("Delivery promise",))
SPEAKS = replace(TEST, references=("delivery  promise",))


def found(
    *items: RoadmapItem, context: ConflictContext | None = None, today: date = TODAY
) -> tuple[Conflict, ...]:
    return conflicts(items, surfaces=SURFACES, today=today, context=context or ConflictContext())


def rules(*items: RoadmapItem, context: ConflictContext | None = None) -> set[Rule]:
    return {each.rule for each in found(*items, context=context) if each.rule is not Rule.C11}


def only_for(*values: str) -> dict[str, Audience]:
    return {"country": Audience(allow=frozenset(values))}


PAIRS: dict[Rule, tuple[RoadmapItem, RoadmapItem]] = {
    Rule.C1: (TEST, replace(OTHER, elements=("  Headline ",))),
    Rule.C2: (TEST, OTHER),
    Rule.C3: (TEST, replace(OTHER, surfaces=("Drawer",))),
    Rule.C4: (replace(TEST, surfaces=("Product page",)), replace(OTHER, surfaces=("Checkout",))),
    Rule.C5: (TEST, replace(OTHER, surfaces=("Home",))),
    Rule.C6: (TEST, RELEASE),
    Rule.C7: (SPEAKS, FEATURE),
    Rule.C8: (TEST, CAMPAIGN),
    Rule.C10: (replace(RELEASE, key="RM-2"), FREEZE),
    Rule.C12: (TEST, TRACKING),
    Rule.C14: (TEST, HOLDOUT),
}
"""Of every rule of two items the plainest case."""

SEVERITIES = {
    Rule.C1: Severity.BLOCK,
    Rule.C2: Severity.PLAN_NEEDED,
    Rule.C3: Severity.PLAN_NEEDED,
    Rule.C4: Severity.WARN,
    Rule.C5: Severity.INFO,
    Rule.C6: Severity.BLOCK,
    Rule.C7: Severity.BLOCK,
    Rule.C8: Severity.WARN,
    Rule.C9: Severity.WARN,
    Rule.C10: Severity.BLOCK,
    Rule.C11: Severity.WARN,
    Rule.C12: Severity.BLOCK,
    Rule.C13: Severity.WARN,
    Rule.C14: Severity.PLAN_NEEDED,
}


@pytest.mark.parametrize("rule", PAIRS)
def test_every_rule_is_broken_alone_by_its_plainest_case(rule: Rule) -> None:
    (conflict,) = [each for each in found(*PAIRS[rule]) if each.rule is not Rule.C11]

    assert conflict.rule is rule
    assert conflict.severity is SEVERITIES[rule]
    assert {conflict.first, conflict.second} == {each.key for each in PAIRS[rule]}
    assert conflict.starts == max(each.start for each in PAIRS[rule] if each.start)
    assert conflict.resolutions == rule.resolutions
    owners = {each.key: each.owner for each in PAIRS[rule]}
    assert set(conflict.owners) == set(owners.values())
    assert conflict.owners[0] == owners[conflict.first]


@pytest.mark.parametrize("rule", PAIRS)
def test_no_rule_is_broken_from_the_day_on_which_the_first_is_over(rule: Rule) -> None:
    first, second = PAIRS[rule]
    length = (second.end or END) - (second.start or START)
    later = replace(second, start=first.end, end=(first.end or END) + length)
    last = replace(later, start=(first.end or END) - DAY)

    assert rules(first, later) == set()
    assert rule in rules(first, last)


@pytest.mark.parametrize("rule", PAIRS)
@pytest.mark.parametrize("stage", [ItemStage.DONE, ItemStage.CANCELLED])
def test_what_is_over_or_cancelled_is_in_nobodys_way(rule: Rule, stage: ItemStage) -> None:
    first, second = PAIRS[rule]

    assert found(first, replace(second, stage=stage)) == ()
    assert found(replace(first, stage=stage), second) == ()


@pytest.mark.parametrize("rule", PAIRS)
def test_what_ended_before_today_is_no_conflict_any_more(rule: Rule) -> None:
    last = max(each.end for each in PAIRS[rule] if each.end)

    assert found(*PAIRS[rule], today=last) == ()


@pytest.mark.parametrize(
    ("rule", "stays"),
    [
        (Rule.C1, False),
        (Rule.C2, False),
        (Rule.C3, False),
        (Rule.C4, False),
        (Rule.C5, False),
        (Rule.C6, True),
        (Rule.C7, True),
        (Rule.C8, True),
        (Rule.C12, True),
        (Rule.C14, False),
    ],
)
def test_ranges_apart_in_one_layer_settle_what_is_statistical_and_nothing_else(
    rule: Rule, *, stays: bool
) -> None:
    first, second = PAIRS[rule]
    apart = (
        replace(first, layer="checkout", low=0.0, high=0.1 + 0.2),
        replace(second, layer="checkout", low=0.3, high=1.0),
    )

    assert rules(*apart) == ({rule} if stays else set())


@pytest.mark.parametrize(
    ("rule", "stays"),
    [
        (Rule.C1, False),
        (Rule.C2, False),
        (Rule.C3, False),
        (Rule.C4, False),
        (Rule.C5, False),
        (Rule.C6, True),
        (Rule.C7, True),
        (Rule.C8, False),
        (Rule.C10, True),
        (Rule.C12, True),
        (Rule.C14, False),
    ],
)
def test_audiences_that_share_nobody_settle_what_visitors_would_meet(
    rule: Rule, *, stays: bool
) -> None:
    first, second = PAIRS[rule]
    apart = replace(first, audience=only_for("de")), replace(second, audience=only_for("fr"))

    assert rules(*apart) == ({rule} if stays else set())


def test_code_that_runs_one_test_at_a_time_blocks_tests_that_share_nobody() -> None:
    first, second = PAIRS[Rule.C1]
    apart = (
        replace(first, layer="checkout", high=0.5, shared_code=True),
        replace(second, layer="checkout", low=0.5),
    )

    assert rules(*apart) == {Rule.C1}


def test_ranges_that_share_a_part_or_stand_in_two_layers_exclude_nobody() -> None:
    share = replace(TEST, layer="a", high=0.5), replace(OTHER, layer="a", low=0.4)
    two = replace(TEST, layer="a", high=0.5), replace(OTHER, layer="b", low=0.5)

    assert rules(*share) == {Rule.C2}
    assert rules(*two) == {Rule.C2}


def test_tests_on_a_fifth_of_the_visitors_each_share_a_twenty_fifth_of_them() -> None:
    (conflict,) = found(replace(TEST, allocation=0.2), replace(OTHER, allocation=0.2))

    assert conflict.exposure == pytest.approx(0.04)


def test_what_was_measured_is_taken_before_what_the_rules_say() -> None:
    apart = replace(TEST, audience=only_for("de")), replace(OTHER, audience=only_for("fr"))
    some = ConflictContext(measured={("EXP-2", "EXP-1"): 0.25})
    none = ConflictContext(measured={("EXP-1", "EXP-2"): 0.0})

    (conflict,) = [each for each in found(*apart, context=some) if each.rule is Rule.C2]

    assert conflict.audience == 0.25
    assert rules(TEST, OTHER, context=none) == set()


def test_a_metric_in_common_counts_from_one_visitor_in_a_hundred() -> None:
    first, second = PAIRS[Rule.C5]

    assert rules(replace(first, allocation=0.1), replace(second, allocation=0.1)) == {Rule.C5}
    assert rules(replace(first, allocation=0.1), replace(second, allocation=0.09)) == set()


def test_a_metric_in_common_is_not_told_beside_something_worse() -> None:
    assert Rule.C5 not in rules(TEST, OTHER)


def test_who_has_not_said_which_part_needs_a_plan_and_reads_why() -> None:
    (conflict,) = [each for each in found(TEST, replace(OTHER, elements=())) if each.second]

    assert conflict.rule is Rule.C2
    assert "Nobody has said which part" in conflict.sentence


def test_only_what_can_change_who_arrives_is_upstream() -> None:
    first, second = PAIRS[Rule.C4]

    assert rules(replace(first, changes_reach=False), second) == {Rule.C5}
    assert rules(replace(second, changes_reach=False), first) == {Rule.C4}


def test_a_test_that_begins_at_the_same_step_is_not_upstream_of_one_that_goes_further() -> None:
    further = replace(OTHER, surfaces=("Cart", "Checkout"))

    assert rules(TEST, further) == {Rule.C2}


@pytest.mark.parametrize(
    ("surface", "touch", "blocked"),
    [
        ("Cart", Touch.CODE, True),
        ("Cart", Touch.FLAG, True),
        ("Cart", Touch.CONTENT, True),
        ("Cart", Touch.TRAFFIC, False),
        ("Checkout", Touch.CODE, True),
        ("Checkout", Touch.FLAG, True),
        ("Checkout", Touch.CONTENT, False),
        ("Home", Touch.CODE, False),
    ],
)
def test_a_change_on_the_surface_or_in_its_shared_code_blocks(
    surface: str, touch: Touch, *, blocked: bool
) -> None:
    change = replace(RELEASE, surfaces=(surface,), touches=frozenset({touch}))

    conflict = next((each for each in found(TEST, change) if each.rule is Rule.C6), None)

    assert (conflict is not None) is blocked
    assert conflict is None or conflict.surface == "Cart"


def test_what_was_judged_harmless_for_a_test_blocks_no_other() -> None:
    harmless = replace(RELEASE, benign=frozenset({"EXP-1"}))

    assert rules(TEST, harmless) == set()
    assert rules(replace(TEST, key="EXP-3"), harmless) == {Rule.C6}


def test_a_flag_for_others_does_not_reach_a_test_and_code_does() -> None:
    test = replace(TEST, audience=only_for("de"))
    flag = replace(RELEASE, audience=only_for("fr"), touches=frozenset({Touch.FLAG}))

    assert rules(test, flag) == set()
    assert rules(test, replace(flag, touches=frozenset({Touch.CODE}))) == {Rule.C6}


def test_a_dependency_names_a_feature_in_motion_as_its_words_do() -> None:
    speaks = replace(TEST, dependencies=(Dependency("RM-1", DependencyKind.REFERENCES_FEATURE),))

    assert rules(speaks, replace(FEATURE, features=())) == {Rule.C7}


def test_content_that_speaks_of_a_feature_waits_for_it_as_a_test_does() -> None:
    words = replace(RELEASE, key="RM-2", kind=ItemKind.CONTENT, surfaces=("Home",))
    speaks = replace(words, references=("Delivery promise",))

    assert rules(speaks, replace(FEATURE, surfaces=("Checkout",))) == {Rule.C7}


@pytest.mark.parametrize(
    ("change", "warned"), [(0.2, True), (-0.3, True), (0.19, False), (0.0, False)]
)
def test_a_fifth_of_the_traffic_more_or_less_is_a_warning(change: float, *, warned: bool) -> None:
    campaign = replace(CAMPAIGN, traffic_change=change)

    assert (Rule.C8 in rules(TEST, campaign)) is warned


def test_a_freeze_binds_when_it_is_agreed_and_never_its_own_kind() -> None:
    change = replace(RELEASE, key="RM-2")

    assert rules(change, replace(FREEZE, agreed=False)) == set()
    assert rules(change, replace(FREEZE, agreed=False, stage=ItemStage.RUNNING)) == {Rule.C10}
    assert rules(replace(change, surfaces=("Home",)), FREEZE) == set()
    assert rules(replace(FREEZE, key="FR-2"), FREEZE) == set()
    assert rules(replace(CAMPAIGN, key="RM-2"), FREEZE) == set()


def test_a_change_of_events_that_a_test_does_not_use_is_in_nobodys_way() -> None:
    assert rules(TEST, replace(TRACKING, events=("search",))) == set()


def test_two_who_hold_users_out_are_in_each_others_way_once() -> None:
    assert [each.identity for each in found(HOLDOUT, replace(HOLDOUT, key="EXP-0"))] == [
        (Rule.C14, "EXP-0", "EXP-2")
    ]


SALE = Season("Christmas", date(2026, 3, 15), date(2026, 3, 20))


@pytest.mark.parametrize(
    ("season", "warned"),
    [
        (SALE, True),
        (replace(SALE, start=END), False),
        (replace(SALE, surfaces=frozenset({"Home"})), False),
        (replace(SALE, surfaces=frozenset({"Cart", "Home"})), True),
    ],
)
def test_a_test_in_a_season_is_warned(season: Season, *, warned: bool) -> None:
    context = ConflictContext(seasons=(season,))

    assert rules(TEST, context=context) == ({Rule.C9} if warned else set())
    assert rules(RELEASE, context=context) == set()


def test_seasons_of_one_test_are_one_conflict() -> None:
    easter = Season("Easter", date(2026, 3, 4), date(2026, 3, 6))

    (conflict,) = found(TEST, context=ConflictContext(seasons=(SALE, easter)))

    assert (conflict.first, conflict.second) == ("EXP-1", "")
    assert conflict.starts == date(2026, 3, 4)
    assert conflict.days == 3
    assert "Easter and Christmas" in conflict.sentence


def test_who_comes_last_to_a_full_week_is_warned() -> None:
    early = replace(TEST, surfaces=("Home",), metric="", effort={"build": 4})
    late = replace(OTHER, metric="", start=START + DAY, effort={"build": 3.5, "analysis": 1})
    context = ConflictContext(capacity={"build": 5, "qa": 1, "analysis": 1})

    (conflict,) = found(late, early, context=context)

    assert conflict.identity == (Rule.C11, "EXP-2", "")
    assert conflict.starts == date(2026, 2, 23)
    assert "build has 6.5 of 5 days of work in the week of 23 February 2026" in conflict.sentence


def test_work_is_done_before_the_start_and_analysed_after_the_end() -> None:
    one = replace(TEST, surfaces=("Home",), metric="", effort={"build": 5, "analysis": 5})
    context = ConflictContext(capacity={"build": 5, "analysis": 5})
    after = replace(one, key="EXP-2", surfaces=(), start=START + 7 * DAY, end=END + 7 * DAY)
    beside = replace(after, start=START, end=END)

    assert found(one, after, context=context) == ()
    assert [each.first for each in found(one, beside, context=context)] == ["EXP-2"]


def test_free_days_move_work_to_the_week_before() -> None:
    one = replace(TEST, surfaces=("Home",), metric="", effort={"build": 5})
    full = ConflictContext(capacity={"build": 4}, free=frozenset({date(2026, 2, 27)}))

    assert len(found(one, context=ConflictContext(capacity={"build": 4}))) == 1
    assert found(one, context=full) == ()


@pytest.mark.parametrize(
    ("shares", "warned"), [((0.5, 0.5), False), ((0.5, 0.6), True), ((0.4, 0.4, 0.3), True)]
)
def test_tests_of_a_surface_take_no_more_than_all_visitors(
    shares: tuple[float, ...], *, warned: bool
) -> None:
    tests = [replace(TEST, key=f"EXP-{n}", allocation=each) for n, each in enumerate(shares)]

    full = [each for each in found(*tests) if each.rule is Rule.C11]

    assert [each.first for each in full] == ([f"EXP-{len(shares) - 1}"] if warned else [])


def test_tests_of_a_layer_with_ranges_apart_take_one_place() -> None:
    halves = [
        replace(TEST, key="EXP-1", layer="a", high=0.5),
        replace(TEST, key="EXP-2", layer="a", low=0.5, start=START + DAY),
        replace(TEST, key="EXP-3", allocation=0.1, start=START + 2 * DAY),
    ]

    full = [each for each in found(*halves) if each.rule is Rule.C11]

    assert [each.first for each in full] == ["EXP-3"]
    assert "tests take 110 % of the visitors of Cart" in full[0].sentence


@pytest.mark.parametrize(
    ("asset", "today", "severity"),
    [
        (Asset("film", due=date(2026, 2, 27)), TODAY, None),
        (Asset("film", due=date(2026, 3, 2)), TODAY, Severity.WARN),
        (Asset("film", due=date(2026, 3, 2), done=True), TODAY, None),
        (Asset("film"), TODAY, Severity.WARN),
        (Asset("film", lead_days=5), TODAY, None),
        (Asset("film", lead_days=5), date(2026, 2, 23), Severity.WARN),
        (Asset("film", due=date(2026, 2, 20)), date(2026, 2, 21), Severity.WARN),
        (Asset("film", due=date(2026, 2, 27)), date(2026, 2, 27), None),
        (Asset("film", due=date(2026, 2, 28)), date(2026, 2, 28), Severity.BLOCK),
        (Asset("film", due=date(2026, 2, 20)), date(2026, 2, 28), Severity.BLOCK),
    ],
)
def test_what_is_missing_warns_and_blocks_two_days_before_the_start(
    asset: Asset, today: date, severity: Severity | None
) -> None:
    late = found(replace(TEST, assets=(asset,)), today=today)

    assert [each.severity for each in late] == ([] if severity is None else [severity])
    assert all(each.rule is Rule.C13 and "film" in each.sentence for each in late)


@pytest.mark.parametrize(
    ("needed", "seconds"),
    [
        (replace(RELEASE, surfaces=("Home",), end=START), []),
        (replace(RELEASE, surfaces=("Home",), end=START + DAY), ["RM-1"]),
        (replace(RELEASE, surfaces=("Home",), end=None, start=None), ["RM-1"]),
        (replace(RELEASE, stage=ItemStage.DONE), []),
        (replace(RELEASE, stage=ItemStage.CANCELLED), [""]),
    ],
)
def test_what_an_item_needs_before_is_over_before(needed: RoadmapItem, seconds: list[str]) -> None:
    needs = replace(TEST, dependencies=(Dependency("RM-1", DependencyKind.NEEDS_BEFORE),))
    blocks = replace(needed, dependencies=(Dependency("EXP-1", DependencyKind.BLOCKS),))

    late = found(needs, replace(needed, start=needed.start and START - 9 * DAY))

    assert [(each.rule, each.second) for each in late] == [(Rule.C13, key) for key in seconds]
    assert [each.second for each in found(TEST, replace(blocks, start=None))] == seconds


def test_what_runs_has_what_it_needs() -> None:
    running = replace(TEST, stage=ItemStage.RUNNING, assets=(Asset("film"),))

    assert found(running) == ()


@pytest.mark.parametrize("rule", [Rule.C1, Rule.C2, Rule.C3, Rule.C4, Rule.C5])
def test_wash_out_parts_a_test_from_the_next(rule: Rule) -> None:
    first, second = PAIRS[rule]
    after = replace(second, start=END, end=END + 14 * DAY)
    context = ConflictContext(washout_days=3)

    (conflict,) = [each for each in found(first, after, context=context) if each.second]

    assert (conflict.rule, conflict.starts, conflict.days) == (rule, END, 3)
    assert rules(first, replace(after, start=END + 3 * DAY), context=context) == set()


def test_a_release_needs_no_wash_out() -> None:
    after = replace(RELEASE, start=END, end=END + DAY)

    assert found(TEST, after, context=ConflictContext(washout_days=3)) == ()


def test_the_policy_can_weigh_a_rule_otherwise() -> None:
    lenient = ConflictContext(severities={Rule.C6: Severity.WARN})

    (conflict,) = found(TEST, RELEASE, context=lenient)

    assert conflict.severity is Severity.WARN
    assert not conflict.stops


def test_what_runs_without_an_end_goes_on_and_what_is_planned_takes_a_day() -> None:
    open_end = replace(TEST, end=None, start=date(2026, 1, 5))
    running = replace(open_end, stage=ItemStage.RUNNING)

    assert rules(running, RELEASE) == {Rule.C6}
    assert rules(open_end, RELEASE) == set()
    assert rules(replace(TEST, start=RELEASE.start, end=None), RELEASE) == {Rule.C6}
    assert rules(replace(TEST, start=None), RELEASE) == set()


def test_one_pair_has_one_conflict_of_a_rule_however_many_places_it_shares() -> None:
    wide = replace(RELEASE, surfaces=("Checkout", "Cart", "Home"))

    (conflict,) = found(replace(TEST, surfaces=("Home", "Cart", "Checkout")), wide)

    assert "changes Cart, Checkout and Home under EXP-1" in conflict.sentence


@pytest.mark.parametrize("rule", PAIRS)
def test_a_conflict_stays_the_same_when_the_later_of_two_becomes_the_earlier(rule: Rule) -> None:
    first, second = PAIRS[rule]
    second = replace(second, end=END)
    earlier = replace(second, start=START - 3 * DAY)
    later = replace(second, start=START + 3 * DAY)

    assert [each.identity for each in found(first, earlier) if each.second] == [
        each.identity for each in found(first, later) if each.second
    ]


def test_a_deputy_is_asked_for_an_owner_who_left_and_one_owner_once() -> None:
    left = replace(TEST, owner_active=False, deputy="dora")

    assert found(left, RELEASE)[0].owners == ("dora", "cleo")
    assert found(TEST, replace(RELEASE, owner="ada"))[0].owners == ("ada",)


def test_the_headline_test_waits_for_the_update_of_the_feature_it_speaks_of() -> None:
    headline = replace(
        TEST, surfaces=("Home",), what="Headline names the size guide", references=("size guide",)
    )
    update = replace(
        FEATURE, surfaces=("Product page",), what="New size guide", features=("Size guide",)
    )

    (conflict,) = found(headline, update)

    assert conflict.rule is Rule.C7
    assert conflict.severity is Severity.BLOCK
    assert conflict.sentence == (
        "EXP-1 “Headline names the size guide” speaks of size guide, which RM-1 “New size guide”"
        " changes from 9 March 2026 for 2 days."
    )


def test_the_video_test_and_the_new_layout_of_one_sprint_cannot_both_stay() -> None:
    video = replace(TEST, surfaces=("Product page",), elements=("hero video",))
    layout = replace(RELEASE, surfaces=("Product page",), what="New layout", end=END)

    (conflict,) = found(video, layout)

    assert conflict.rule is Rule.C6
    assert conflict.owners == ("ada", "cleo")
    assert Resolution.MOVE in conflict.resolutions
    assert found(video, replace(layout, start=END, end=END + 5 * DAY)) == ()


_days = st.integers(0, 40).map(lambda days: START + timedelta(days=days))
_names = st.sampled_from([surface.name for surface in SURFACES])


@st.composite
def _items(draw: st.DrawFn) -> list[RoadmapItem]:
    kinds = st.sampled_from(list(ItemKind))
    return [
        RoadmapItem(
            key=f"I-{number}",
            kind=draw(kinds),
            what="",
            stage=draw(st.sampled_from([ItemStage.PLANNED, ItemStage.CANCELLED])),
            surfaces=tuple(draw(st.lists(_names, max_size=2))),
            elements=tuple(draw(st.lists(st.sampled_from("ab"), max_size=1))),
            start=(start := draw(_days)),
            end=start + timedelta(days=draw(st.integers(1, 20))),
            metric=draw(st.sampled_from(["", "orders"])),
            layer=draw(st.sampled_from(["", "a"])),
            low=(low := draw(st.sampled_from([0.0, 0.5]))),
            high=low + 0.5,
            holdout=draw(st.booleans()),
            touches=draw(st.frozensets(st.sampled_from(list(Touch)), max_size=2)),
            features=tuple(draw(st.lists(st.just("f"), max_size=1))),
            references=tuple(draw(st.lists(st.just("f"), max_size=1))),
            events=("purchase",),
            traffic_change=0.3,
            agreed=draw(st.booleans()),
            effort={"build": 2.0},
        )
        for number in range(draw(st.integers(2, 6)))
    ]


KNOWN = ConflictContext(
    seasons=(Season("Easter", date(2026, 3, 20), date(2026, 3, 30)),),
    capacity={"build": 3.0},
    washout_days=2,
)


@settings(max_examples=60, deadline=None)
@given(items=_items(), data=st.data())
def test_the_order_of_the_items_plays_no_role_and_neither_does_who_is_asked_about(
    items: list[RoadmapItem], data: st.DataObject
) -> None:
    whole = found(*items, context=KNOWN)
    key = data.draw(st.sampled_from(items)).key

    asked = conflicts(items, surfaces=SURFACES, today=TODAY, context=KNOWN, about=key)

    assert found(*data.draw(st.permutations(items)), context=KNOWN) == whole
    assert asked == tuple(each for each in whole if each.is_about(key))
    assert len({each.identity for each in whole}) == len(whole)
    assert all(one.starts <= next_one.starts for one, next_one in pairwise(whole))


@settings(max_examples=60, deadline=None)
@given(items=_items())
def test_what_is_cancelled_stands_in_no_conflict(items: list[RoadmapItem]) -> None:
    gone = {each.key for each in items if each.stage is ItemStage.CANCELLED}

    assert not any({each.first, each.second} & gone for each in found(*items, context=KNOWN))


@settings(max_examples=60, deadline=None)
@given(items=_items(), longer=st.integers(1, 10))
def test_a_longer_item_has_every_conflict_of_the_shorter_for_as_long(
    items: list[RoadmapItem], longer: int
) -> None:
    stretched = replace(items[0], end=(items[0].end or END) + timedelta(days=longer))

    before = {each.identity: each.days for each in found(*items) if each.second}
    after = {each.identity: each.days for each in found(stretched, *items[1:]) if each.second}

    assert all(after.get(identity, 0) >= days for identity, days in before.items())


def test_the_guide_tells_every_rule_as_it_is() -> None:
    guide = Path(__file__).parents[2] / "docs" / "guide" / "conflicts.md"
    rows = [
        [cell.strip() for cell in line.strip("|\n").split("|")]
        for line in guide.read_text("utf-8").splitlines()
        if line.startswith("| C")
    ]

    assert [(row[0].lower(), row[1], row[3], row[4]) for row in rows] == [
        (
            rule.value,
            rule.called,
            rule.severity.called,
            " · ".join(each.called for each in rule.resolutions),
        )
        for rule in Rule
    ]
