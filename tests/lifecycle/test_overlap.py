"""What two items have of each other: days, audience, visitors."""

from __future__ import annotations

from itertools import combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from truelift.lifecycle.overlap import (
    Stay,
    are_exclusive,
    audience_overlap,
    days_together,
    exposure_overlap,
    meetings,
    meetings_between,
)
from truelift.lifecycle.roadmap_item import Audience, ItemKind, RoadmapItem


def item(key: str = "A", *, layer: str = "", low: float = 0.0, high: float = 1.0) -> RoadmapItem:
    return RoadmapItem(key, ItemKind.EXPERIMENT, "", layer=layer, low=low, high=high)


def audience(allow: str = "", deny: str = "") -> Audience:
    return Audience(frozenset(allow.split()), frozenset(deny.split()))


@pytest.mark.parametrize(
    ("first", "second", "shared"),
    [
        (audience(), audience(), 1.0),
        (audience("de"), audience(), 1.0),
        (audience("de"), audience("fr"), 0.0),
        (audience("de fr"), audience("fr it"), 1.0),
        (audience("de"), audience(deny="de"), 0.0),
        (audience("de fr"), audience(deny="de"), 1.0),
        (audience("de fr"), audience("de it", deny="de"), 0.0),
        (audience("de", deny="de"), audience(), 0.0),
        (audience(deny="de"), audience(deny="fr"), 1.0),
    ],
)
def test_audiences_are_apart_when_nobody_is_let_into_both(
    first: Audience, second: Audience, shared: float
) -> None:
    assert audience_overlap({"country": first}, {"country": second}) == shared
    assert audience_overlap({"country": second}, {"country": first}) == shared


def test_one_dimension_apart_is_enough_and_one_that_is_not_named_is_open() -> None:
    mobile, desktop = {"device": audience("mobile")}, {"device": audience("desktop")}
    german = {"country": audience("de")}

    assert audience_overlap({**mobile, **german}, {**desktop, **german}) == 0.0
    assert audience_overlap(mobile, german) == 1.0


@pytest.mark.parametrize(
    ("first", "second", "exclusive"),
    [
        (item(layer="a", high=0.5), item(layer="a", low=0.5), True),
        (item(layer="a", high=0.1 + 0.2), item(layer="a", low=0.3), True),
        (item(layer="a", high=0.6), item(layer="a", low=0.5), False),
        (item(layer="a", high=0.5), item(layer="b", low=0.5), False),
        (item(high=0.5), item(low=0.5), False),
    ],
)
def test_ranges_apart_in_one_layer_exclude_each_other(
    first: RoadmapItem, second: RoadmapItem, *, exclusive: bool
) -> None:
    assert are_exclusive(first, second) is exclusive
    assert are_exclusive(second, first) is exclusive
    assert (exposure_overlap(first, second, audience=1.0) == 0) is exclusive


@pytest.mark.parametrize(
    ("first", "second", "washout", "days"),
    [
        ((0, 14), (7, 21), 0, 7),
        ((0, 14), (14, 21), 0, 0),
        ((0, 14), (14, 21), 3, 3),
        ((0, 14), (17, 21), 3, 0),
        ((0, 14), (7, 21), 3, 10),
        # No longer than the other is there to feel it.
        ((0, 14), (14, 15), 3, 1),
        ((0, 30), (10, 20), 3, 13),
        ((0, 14), (0, 14), 3, 14),
    ],
)
def test_wash_out_is_felt_as_long_as_the_other_is_there(
    first: tuple[int, int], second: tuple[int, int], washout: int, days: int
) -> None:
    one, other = Stay(item("A"), *first), Stay(item("B"), *second)

    assert days_together(one, other, washout_days=washout) == days
    assert days_together(other, one, washout_days=washout) == days


_stays = st.lists(st.tuples(st.integers(0, 12), st.integers(1, 6)), max_size=8).map(
    lambda spans: sorted(
        (Stay(item(f"I-{n}"), start, start + days) for n, (start, days) in enumerate(spans)),
        key=lambda stay: stay.start,
    )
)


def keys(pairs: object) -> list[tuple[str, str]]:
    return sorted((one.item.key, other.item.key) for one, other in pairs)  # type: ignore[attr-defined]


@settings(max_examples=50, deadline=None)
@given(stays=_stays, split=st.integers(0, 8))
def test_every_pair_that_shares_a_day_is_met_once_and_no_other(
    stays: list[Stay], split: int
) -> None:
    def share(pair: tuple[Stay, Stay]) -> bool:
        return days_together(*pair) > 0

    these, those = stays[::2], stays[1::2]

    assert keys(meetings(stays)) == keys(filter(share, combinations(stays, 2)))
    assert keys(meetings_between(these, those)) == keys(filter(share, product(these, those)))
    about = f"I-{split}"
    assert keys(meetings(stays, about=about)) == [
        pair for pair in keys(meetings(stays)) if about in pair
    ]
    assert keys(meetings_between(these, those, about=about)) == [
        pair for pair in keys(meetings_between(these, those)) if about in pair
    ]
