"""Two rates of rare events: the exact test, its edges, and how often it errs."""

from __future__ import annotations

import numpy as np
import pytest

from truelift.stats.spike import P_BELOW_WEEKLY, BadRates, spike


def test_a_planted_spike_fires_and_says_by_how_much() -> None:
    found = spike(14, 12)

    assert found.ratio == pytest.approx(14 / 28 / (12 / 84))
    assert found.p < 0.002
    assert found.fires


@pytest.mark.parametrize(
    ("recent", "prior"),
    [(4, 0), (5, 15), (0, 40), (140, 290)],
    ids=["too few", "the same rate", "nothing lately", "surely higher, by less than half"],
)
def test_it_is_silent_where_one_of_the_three_conditions_fails(recent: int, prior: int) -> None:
    assert not spike(recent, prior).fires


def test_what_was_never_said_before_has_no_ratio_and_may_fire() -> None:
    found = spike(5, 0)

    assert found.ratio is None
    assert found.p == pytest.approx(0.25**5)
    assert found.fires


@pytest.mark.oracle
@pytest.mark.parametrize(("recent", "prior", "share"), [(7, 9, 0.25), (1, 30, 0.4), (60, 90, 0.5)])
def test_the_p_is_that_of_the_exact_binomial_test(recent: int, prior: int, share: float) -> None:
    stats = pytest.importorskip("scipy.stats")
    wanted = stats.binomtest(recent, recent + prior, share, alternative="greater").pvalue

    found = spike(recent, prior, recent_exposure=share, prior_exposure=1 - share)

    assert found.p == pytest.approx(wanted)


def test_what_is_no_rate_is_refused() -> None:
    for given in (
        {"recent": -1, "prior": 0},
        {"recent": 1, "prior": 1, "prior_exposure": 0},
        {"recent": 1, "prior": 0, "recent_exposure": float("inf")},
        {"recent": 1, "prior": 1, "recent_exposure": float("nan")},
    ):
        with pytest.raises(BadRates):
            spike(**given)


def test_of_quiet_quarters_watched_weekly_fewer_than_one_in_twenty_alarms() -> None:
    rng = np.random.default_rng(29)
    alarmed = 0
    for _ in range(1_000):
        days = np.concatenate([[0], np.cumsum(rng.poisson(0.7, 112 + 91))])
        alarmed += any(
            spike(
                int(days[end] - days[end - 28]),
                int(days[end - 28] - days[end - 112]),
                below=P_BELOW_WEEKLY,
            ).fires
            for end in range(112, 112 + 91, 7)
        )

    assert alarmed < 50
