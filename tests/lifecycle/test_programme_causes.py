"""Which guard means which cause, and which causes come first."""

from __future__ import annotations

import pytest

from truelift.lifecycle.programme_causes import (
    Area,
    Bar,
    Reason,
    guess_inconclusive,
    guess_invalid,
    guess_stalled,
    guess_unimplemented,
    organisational_share,
    pareto,
)


@pytest.mark.parametrize(
    ("codes", "reason"),
    [
        (["experiment.no_decision_owner", "brief.no_slot"], Reason.NO_OWNER),
        (["brief.not_acknowledged"], Reason.NO_SLOT),
        (["qa.no_run", "brief.not_acknowledged"], Reason.NO_SLOT),
        (["people.unsigned_analytics"], Reason.APPROVAL),
        (["brief.goals_not_approved"], Reason.APPROVAL),
        (["brief.legal_not_signed"], Reason.APPROVAL),
        (["roadmap.conflict"], Reason.CONFLICT),
        (["qa.cells_missing"], Reason.INSTRUMENTATION),
        (["brief.measurement_unsound"], Reason.INSTRUMENTATION),
        (["experiment.too_few_visitors"], Reason.TRAFFIC),
        (["experiment.no_hypothesis"], Reason.EVIDENCE),
        (["brief.no_decision"], Reason.EVIDENCE),
        (["people.function"], Reason.REMIT),
        ([], Reason.NOBODY_ACTED),
    ],
)
def test_the_guard_that_refuses_the_next_step_names_the_cause(
    codes: list[str], reason: Reason
) -> None:
    assert guess_stalled(codes) is reason


@pytest.mark.parametrize(
    ("checks", "said", "reason"),
    [
        (["srm"], "", Reason.SPLIT),
        ([], "A release contaminated it.", Reason.CONFLICT),
        ([], "The payment provider had an outage.", Reason.OUTSIDE),
        (["tracking"], "Orders were not counted.", Reason.TRACKING),
    ],
)
def test_what_is_said_of_an_invalid_result_names_its_cause(
    checks: list[str], said: str, reason: Reason
) -> None:
    assert guess_invalid(checks, said=said) is reason


def test_an_unclear_result_is_noise_an_early_end_or_the_idea() -> None:
    assert guess_inconclusive(chance=0.7, early=True) is Reason.STOPPED_EARLY
    assert guess_inconclusive(chance=0.7, early=False) is Reason.TRAFFIC
    assert guess_inconclusive(chance=0.1, early=False) is Reason.NO_EFFECT
    assert guess_inconclusive(chance=None, early=False) is Reason.NO_EFFECT


def test_a_winner_is_not_live_for_want_of_a_person_time_or_an_end() -> None:
    assert guess_unimplemented(owner=False, begun=True) is Reason.NO_OWNER
    assert guess_unimplemented(owner=True, begun=False) is Reason.NO_SLOT
    assert guess_unimplemented(owner=True, begun=True) is Reason.NOBODY_ACTED


def test_the_most_frequent_reason_comes_first_and_shares_add_up() -> None:
    reasons = [Reason.TRAFFIC, Reason.NO_SLOT, Reason.NO_SLOT, Reason.SPLIT]

    assert pareto(reasons) == (
        Bar(Reason.NO_SLOT, 2, 0.5, 0.5),
        Bar(Reason.SPLIT, 1, 0.25, 0.75),
        Bar(Reason.TRAFFIC, 1, 0.25, 1.0),
    )
    assert organisational_share(reasons) == 0.5
    assert organisational_share([]) is None
    assert pareto([]) == ()


def test_every_reason_lies_somewhere_and_says_what_it_is() -> None:
    assert {each.area for each in Reason} == set(Area)
    assert all(each.meaning for each in Reason)
