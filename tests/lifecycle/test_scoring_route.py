"""What is tested, and where everything else goes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from truelift.lifecycle.scoring_route import Learnable, Route, routed


SOUND = Learnable(
    evidence=2, mde=0.08, weekly_units=48_200, if_wins="Ship it", if_loses="Keep the old one"
)


@pytest.mark.parametrize(
    ("known", "route"),
    [
        (SOUND, Route.TEST),
        (replace(SOUND, mde=0.2), Route.BOLD_TEST),
        (replace(SOUND, mde=0.356), Route.LADDER),
        (replace(SOUND, defect=True), Route.SHIP),
        (replace(SOUND, evidence=0), Route.RESEARCH),
        (replace(SOUND, evidence=0, problem=False), Route.DROP),
        (replace(SOUND, if_loses="  ship IT "), Route.DROP),
        (replace(SOUND, mde=None), Route.UNKNOWN),
    ],
)
def test_each_fact_alone_decides_where_a_proposal_goes(known: Learnable, route: Route) -> None:
    found = routed(known)

    assert found.route is route
    assert all(reason.endswith(".") for reason in found.reasons)


def test_a_defect_is_shipped_whatever_else_is_missing() -> None:
    assert routed(Learnable(defect=True, problem=False)).route is Route.SHIP


def test_two_thousand_visitors_a_week_are_no_test() -> None:
    found = routed(replace(SOUND, mde=0.356, weeks=4, weekly_units=2000))

    assert found.reasons[0].startswith("2,000 people a week: a change of 36%")
    assert found.reasons[0].endswith("Use other evidence.")


def test_a_test_says_what_is_still_undecided() -> None:
    found = routed(replace(SOUND, if_loses=""))

    assert found.route is Route.TEST
    assert "Nobody has said what would be done" in found.reasons[1]
