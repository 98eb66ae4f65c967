"""The normal belief held against gbstats, the beta-binomial one against scipy's integration."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.oracle.asking_gbstats import Gbstats
from tests.stats.estimated import estimates_of
from truelift.stats.bayesian import Bayesian, NormalPrior
from truelift.stats.beta_binomial import BetaPrior, believe_shares


pytestmark = pytest.mark.oracle


def random_questions(rng: np.random.Generator, count: int) -> list[dict[str, Any]]:
    questions: list[dict[str, Any]] = []
    for _ in range(count):
        control, treatment = (
            {"kind": "mean", "n": n, "sum": n * mean, "sum_squares": n * (mean**2 + spread**2)}
            for n, mean, spread in zip(
                rng.integers(50, 50_000, 2).tolist(),
                rng.uniform(1, 1.3, 2).tolist(),
                rng.uniform(0.5, 3, 2).tolist(),
                strict=True,
            )
        )
        questions.append(
            {
                "test": "bayesian",
                "control": control,
                "treatment": treatment,
                "alpha": float(rng.choice([0.01, 0.05, 0.1])),
                "difference": str(rng.choice(["relative", "absolute"])),
                "inverse": bool(rng.random() < 0.5),
                "prior": {
                    "mean": float(rng.normal(0, 0.1)),
                    "sd": float(rng.uniform(0.02, 0.5)),
                    "proper": bool(rng.random() < 0.7),
                },
            }
        )
    return questions


def test_random_comparisons_are_gbstats_to_nine_digits(gbstats: Gbstats) -> None:
    questions = random_questions(np.random.default_rng(6), 200)
    # Without a prior gbstats answers with the estimate itself and its standard error.
    flat = [question | {"prior": {"proper": False}} for question in questions]

    theirs, estimated = gbstats(questions), gbstats(flat)

    for question, answer, plain in zip(questions, theirs, estimated, strict=True):
        said, control = question["prior"], question["control"]
        prior = NormalPrior(said["mean"], said["sd"]) if said["proper"] else None
        method = Bayesian(prior, less_is_better=question["inverse"])
        if question["difference"] == "absolute":
            method = method.on_absolute_scale(np.asarray(control["sum"] / control["n"]))
        estimates = estimates_of(plain["value"], se=plain["sd"])

        belief = method.believe(estimates, alpha=question["alpha"])

        assert belief.value == pytest.approx(answer["value"], rel=1e-9)
        assert belief.sd == pytest.approx(answer["sd"], rel=1e-9)
        assert (belief.low, belief.high) == pytest.approx((answer["low"], answer["high"]), rel=1e-9)
        assert belief.chance_to_win == pytest.approx(answer["chance_to_win"], rel=1e-9, abs=1e-14)
        # scipy's truncated normal, by which gbstats finds its risks, has fewer digits far out.
        assert (belief.loss_if_control, belief.loss_if_treatment) == pytest.approx(
            tuple(answer["risk"]), rel=1e-9, abs=1e-11
        )


@pytest.mark.parametrize("prior", [BetaPrior(), BetaPrior(0.5, 0.5)])
@pytest.mark.parametrize(
    ("control", "treatment"), [((3, 1000), (9, 900)), ((50, 100), (60, 110)), ((9, 10), (10, 10))]
)
def test_beta_binomial_beliefs_are_scipys_integrals(
    prior: BetaPrior, control: tuple[int, int], treatment: tuple[int, int]
) -> None:
    stats, integrate = (pytest.importorskip(f"scipy.{part}") for part in ("stats", "integrate"))
    c, t = (
        stats.beta(had + prior.successes, n - had + prior.failures)
        for had, n in (control, treatment)
    )
    breaks = sorted(float(at) for at in np.r_[c.ppf([0.01, 0.5, 0.99]), t.ppf([0.01, 0.5, 0.99])])

    def integral(inner: Any, points: list[float] | None = None) -> float:
        return float(integrate.quad(inner, 0, 1, epsabs=1e-11, limit=800, points=points)[0])

    belief = believe_shares(
        control_successes=np.asarray(control[0]),
        control_n=np.asarray(control[1]),
        successes=np.asarray(treatment[0]),
        n=np.asarray(treatment[1]),
        prior=prior,
    )

    # Over the control's own quantiles: its density is too steep a hill for scipy.
    assert belief.chance_to_win == pytest.approx(integral(lambda u: t.sf(c.ppf(u))), abs=1e-9)
    assert belief.loss_if_treatment == pytest.approx(
        integral(lambda x: t.cdf(x) * c.sf(x), breaks), abs=1e-11
    )
    for end, share in ((belief.low, 0.025), (belief.high, 0.975)):
        below = integral(lambda u, end=end: t.cdf(c.ppf(u) + end))
        assert below == pytest.approx(share, abs=1e-8)
