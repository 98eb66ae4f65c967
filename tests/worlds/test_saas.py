"""The third worked example: trials that stop at the payroll, and value that takes its time."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.worlds.companies import BuiltCompany, built_company, effect_of


pytestmark = [pytest.mark.world, pytest.mark.timeout(150)]


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> BuiltCompany:
    return built_company("saas", tmp_path_factory.mktemp("saas") / "home", scale=0.1)


def test_trials_stop_where_a_payroll_has_to_be_connected(company: BuiltCompany) -> None:
    planted = company.truth["leak"]
    until = company.truth["experiments"]["skip-payroll"]["since"]

    answer = company.ask("funnel", steps=company.truth["steps"], window="30d", until=until)

    steps = answer["groups"][0]["steps"]
    rates = {after["event"]: after["units"] / before["units"] for before, after in pairwise(steps)}
    assert min(rates, key=lambda each: rates[each]) == planted["step"]
    assert rates[planted["step"]] == pytest.approx(planted["rate"], abs=0.08)


def test_time_to_value_and_who_is_still_there_are_as_planted(company: BuiltCompany) -> None:
    until = company.truth["experiments"]["skip-payroll"]["since"]

    waits = company.ask(
        "time_to_value", start="sign_up", value="activated", intervals=14, until=until
    )
    stays = company.ask(
        "retention", cohort="activated", **{"return": "rota_opened"}, interval="week",
        clock="own", intervals=4, until=until,
    )  # fmt: skip

    (curve,) = waits["groups"]
    # Four of five never come to it: there is no median, and that is said.
    assert curve["median"] is None
    assert 11 < curve["restricted_mean"] < 14
    assert curve["rows"][14]["share"] == pytest.approx(
        company.truth["activation"]["share"], abs=0.06
    )
    fourth = stays["curves"][0]["cells"][4]
    assert fourth["rate"] == pytest.approx(company.truth["retention"]["active"], abs=0.1)


def test_guided_setup_and_letters_help_and_are_shipped(company: BuiltCompany) -> None:
    last = company.snapshot("guided-setup")

    activated, still_there = effect_of(last, "activation_rate"), effect_of(last, "day_30")
    test = company.did["tests"]["guided-setup"]

    assert activated["outcome"] == "win"
    assert activated["relative"]["low"] < 0.38 < activated["relative"]["high"] + 0.1
    assert effect_of(last, "days_to_value")["absolute"]["value"] < 0
    (waits,) = last["survival"]
    control, guided = waits["variants"]
    # Fewer than half ever get there: there is no median, and a mean up to the end of the window.
    assert (control["median_days"], guided["median_days"]) == (None, None)
    assert guided["restricted_mean_days"] < control["restricted_mean_days"] < 14
    assert still_there["guardrail"] == "held"
    assert (test["snapshots"][-1]["advice"], test["stage"]) == ("ship", "closed")


def test_letters_outside_the_product_stand_in_the_journey(company: BuiltCompany) -> None:
    since = company.truth["experiments"]["guided-setup"]["since"]
    surfaces = ["sign_up", "email_opened", "payroll_connected"]

    answer = company.ask("journeys", surfaces=surfaces, window="30d", since=since)

    opened = next(row for row in answer["rows"] if row["surface"] == "email_opened")
    assert opened["people"] > 20
    assert opened["onward"] > 5


def test_rotas_that_nobody_works_by_are_no_win(company: BuiltCompany) -> None:
    trap = company.truth["trap"]
    test = company.did["tests"][trap["experiment"]]
    last = company.snapshot(trap["experiment"])

    assert effect_of(last, "publish_rate")["outcome"] == "win"
    assert effect_of(last, "activation_rate")["relative"]["value"] < 0
    assert {effect_of(last, each)["guardrail"] for each in ("day_30", "activation_rate")} <= {
        "undecided",
        "broken",
    }
    assert [each["advice"] for each in test["snapshots"]] == ["iterate", "iterate"]
    assert test["stage"] == "closed"
    assert any("What are we waiting for?" in each for each in company.did["said"])
