"""Which snapshots of a group-sequential test are looks, and which lie between two."""

from __future__ import annotations

import pytest

from truelift.apps.experiments.looks import look_at, looks_before, looks_crossed, method_of
from truelift.lifecycle.judging import Inference, Judging
from truelift.stats.effects import FixedHorizon
from truelift.stats.group_sequential import GroupSequential
from truelift.stats.sequential import Sequential


FOUR = Judging(looks=4, spending="obrien-fleming")


def test_the_first_snapshot_beyond_a_planned_share_is_the_look() -> None:
    look = look_at(FOUR, counted=310, needed=1000, before=(), over=False)

    assert look.counts
    assert look.method.looks == (0.31,)
    assert look.next_at == 500


def test_between_two_looks_nothing_is_read_and_the_next_one_is_named() -> None:
    look = look_at(FOUR, counted=490, needed=1000, before=(0.31,), over=False)

    assert not look.counts
    assert look.waiting is not None
    assert look.waiting.startswith("not before the next planned look, at 500 visitors")


def test_a_look_that_comes_late_takes_the_place_of_those_that_it_passed() -> None:
    look = look_at(FOUR, counted=800, needed=1000, before=(0.31,), over=False)

    assert look.method.looks == (0.31, 0.8)
    assert look.next_at == 1000


def test_the_end_is_a_look_that_spends_all_that_is_left_though_fewer_came() -> None:
    look = look_at(FOUR, counted=700, needed=1000, before=(0.31, 0.65), over=True)

    assert look.counts
    assert look.method.closing
    assert look.method.looks == (0.31, 0.65, 0.7)
    assert look.waiting is None


def test_the_last_look_may_be_taken_again_and_takes_its_own_place() -> None:
    first = look_at(FOUR, counted=1010, needed=1000, before=(0.6,), over=False)
    again = look_at(FOUR, counted=1040, needed=1000, before=(0.6, 1.01), over=True)

    assert first.method.looks == (0.6, 1.01)
    assert again.method.looks == (0.6, 1.04)


def test_a_second_snapshot_of_the_same_visitors_at_the_end_is_the_same_look() -> None:
    first = look_at(FOUR, counted=700, needed=1000, before=(0.31,), over=True)
    again = look_at(FOUR, counted=700, needed=1000, before=(0.31, 0.7), over=True)

    assert again.method == first.method


@pytest.mark.parametrize("needed", [None, 0])
def test_what_planned_no_visitors_has_one_look(needed: int | None) -> None:
    look = look_at(FOUR, counted=700, needed=needed, before=(), over=True)

    assert look.method.looks == (1.0,)


def test_at_the_end_without_anybody_there_is_a_look_that_shows_nothing() -> None:
    look = look_at(FOUR, counted=0, needed=1000, before=(), over=True)

    assert look.counts


def test_a_snapshot_hands_its_looks_to_the_next_one() -> None:
    first = look_at(FOUR, counted=310, needed=1000, before=(), over=False)
    between = look_at(FOUR, counted=400, needed=1000, before=(0.31,), over=False)

    assert looks_before(None) == ()
    assert looks_before({"looks": None}) == ()
    assert looks_before({"looks": first.document(found=False)}) == (0.31,)
    assert looks_before({"looks": between.document(found=False)}) == (0.31,)


@pytest.mark.parametrize(
    ("inference", "kind"),
    [
        (Inference.FIXED, FixedHorizon),
        (Inference.SEQUENTIAL, Sequential),
        (Inference.GROUP_SEQUENTIAL, GroupSequential),
    ],
)
def test_every_method_is_the_one_that_was_planned(inference: Inference, kind: type) -> None:
    method = method_of(inference, FOUR, alpha=0.05, look=None)

    assert isinstance(method, kind)
    assert method.name == inference


def test_a_look_that_could_have_ended_the_test_makes_way_for_the_last_one() -> None:
    first = look_at(FOUR, counted=260, needed=1000, before=(), over=False)
    second = look_at(FOUR, counted=510, needed=1000, before=(0.26,), over=False)
    told = {"looks": second.document(found=True)}

    last = look_at(
        FOUR,
        counted=530,
        needed=1000,
        before=looks_before(told),
        over=True,
        crossed=looks_crossed(told),
    )

    assert looks_crossed({"looks": first.document(found=False)}) == ()
    assert looks_crossed(told) == (0.51,)
    assert last.method.looks == (0.26, 0.53)
    assert looks_crossed({"looks": last.document(found=True)}) == (0.51, 0.53)
