"""Sessions by hand, and against a loop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from truelift.sequences import compiled
from truelift.sequences.sessions import ELSEWHERE, UNSAID, SessionRules, session_starts


pytestmark = pytest.mark.usefixtures("either_way")

MINUTE = 60_000
HOUR = 60 * MINUTE


@pytest.fixture(params=["compiled", "numpy"])
def either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut with the compiled loop, and with the passes that stand in for it."""
    if request.param == "numpy":
        monkeypatch.setattr(compiled, "IS_THERE", False)
    elif not compiled.IS_THERE:
        pytest.skip("no compiler was at hand")


def starts(*rows: tuple[int, int], rules: SessionRules | None = None) -> list[int]:
    table = np.array(sorted(rows), dtype=np.int64).reshape(-1, 2)
    found = session_starts(unit=table[:, 0], at_ms=table[:, 1], rules=rules)
    return [int(row) for row in found]


def named(*rows: tuple[int, int, int], rules: SessionRules | None = None) -> list[int]:
    """Cut events that also say a campaign; simultaneous ones stay in the order given."""
    table = np.array(sorted(rows, key=lambda row: row[:2]), dtype=np.int64).reshape(-1, 3)
    found = session_starts(unit=table[:, 0], at_ms=table[:, 1], campaign=table[:, 2], rules=rules)
    return [int(row) for row in found]


def test_thirty_minutes_without_an_event_do_not_end_a_session_and_a_millisecond_more_does() -> None:
    assert starts((1, 0), (1, 30 * MINUTE)) == [0]
    assert starts((1, 0), (1, 30 * MINUTE + 1)) == [0, 1]


def test_midnight_does_not_end_a_session() -> None:
    assert starts((1, 24 * HOUR - MINUTE), (1, 24 * HOUR + MINUTE)) == [0]


def test_a_session_lasts_a_day_and_no_longer() -> None:
    half_hours = [(1, n * 30 * MINUTE) for n in range(100)]

    assert starts(*half_hours) == [0, 49, 98]


def test_people_do_not_share_sessions() -> None:
    assert starts((1, 0), (2, 1), (2, 2)) == [0, 1]


def test_nobody_has_no_sessions() -> None:
    assert starts() == []


def test_somebody_who_never_pauses_is_cut_every_day_from_their_own_beginning() -> None:
    hourly = [(1, n * 20 * MINUTE) for n in range(1000)]

    assert starts((0, 0), *hourly) == [0, *range(1, 1001, 73)]


def test_another_campaign_begins_a_session_and_the_same_one_does_not() -> None:
    assert named((1, 0, 7), (1, 1, 7), (1, 2, 8), (1, 3, 7)) == [0, 2, 3]


def test_an_event_that_names_no_campaign_changes_nothing() -> None:
    assert named((1, 0, 7), (1, 1, ELSEWHERE), (1, 2, UNSAID), (1, 3, 7)) == [0]
    assert named((1, 0, ELSEWHERE), (1, 1, ELSEWHERE)) == [0]


def test_a_campaign_after_a_visit_that_came_from_elsewhere_begins_a_session() -> None:
    assert named((1, 0, ELSEWHERE), (1, 1, UNSAID), (1, 2, 7)) == [0, 2]


def test_the_first_word_about_where_a_visit_came_from_begins_no_session() -> None:
    assert named((1, 0, UNSAID), (1, 1, 7)) == [0]


def test_a_pause_forgets_the_campaign() -> None:
    later = 31 * MINUTE

    assert named((1, 0, 7), (1, later, UNSAID), (1, later + 1, 8)) == [0, 1]


def test_people_do_not_share_campaigns() -> None:
    assert named((1, 0, 7), (2, 0, UNSAID), (2, 1, 8)) == [0, 1]


def test_a_campaign_is_remembered_when_a_day_is_over() -> None:
    rules = SessionRules(inactivity_ms=10, longest_ms=15)

    assert named((1, 0, 7), (1, 10, UNSAID), (1, 20, UNSAID), (1, 25, 7), rules=rules) == [0, 2]


def test_simultaneous_campaigns_are_taken_in_their_order() -> None:
    assert named((1, 0, 7), (1, 0, 8), (1, 0, 8)) == [0, 1]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(
            st.integers(1, 3), st.integers(0, 60), st.sampled_from([UNSAID, ELSEWHERE, 0, 1])
        ),
        max_size=40,
    ),
    inactivity=st.integers(0, 8),
    longest=st.integers(1, 20),
)
def test_sessions_with_campaigns_agree_with_a_loop(
    rows: list[tuple[int, int, int]], inactivity: int, longest: int
) -> None:
    rules = SessionRules(inactivity_ms=inactivity, longest_ms=longest)

    found = named(*rows, rules=rules)

    expected = []
    begun = last = (0, 0, UNSAID)
    standing = UNSAID
    for n, row in enumerate(sorted(rows, key=lambda row: row[:2])):
        person, at, campaign = row
        pauses = n == 0 or person != last[0] or at - last[1] > inactivity
        if pauses:
            standing = UNSAID
        changes = campaign >= 0 and standing not in {UNSAID, campaign}
        if pauses or changes or at - begun[1] > longest:
            expected.append(n)
            begun = row
        if campaign >= 0 or (campaign == ELSEWHERE and standing == UNSAID):
            standing = campaign
        last = row
    assert found == expected


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(st.integers(1, 3), st.integers(0, 60)), max_size=40),
    inactivity=st.integers(0, 8),
    longest=st.integers(1, 20),
)
def test_sessions_agree_with_a_loop(
    rows: list[tuple[int, int]], inactivity: int, longest: int
) -> None:
    rules = SessionRules(inactivity_ms=inactivity, longest_ms=longest)

    found = starts(*rows, rules=rules)

    expected = []
    begun = last = (0, 0)
    for n, row in enumerate(sorted(rows)):
        same = n > 0 and row[0] == last[0]
        if not same or row[1] - last[1] > inactivity or row[1] - begun[1] > longest:
            expected.append(n)
            begun = row
        last = row
    assert found == expected
