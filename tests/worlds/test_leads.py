"""The first worked example: a form with two questions too many, and a test that must not win."""

from __future__ import annotations

import pytest

from tests.worlds.companies import BuiltCompany, built_company, effect_of


pytestmark = [pytest.mark.world, pytest.mark.timeout(150)]


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> BuiltCompany:
    return built_company("leads", tmp_path_factory.mktemp("leads") / "home", scale=0.1)


def test_the_form_shows_the_two_fields_at_which_people_hesitate(company: BuiltCompany) -> None:
    planted = company.truth["form"]
    # Before the shorter form was tried.
    until = company.truth["experiments"]["shorter-form"]["since"]

    answer = company.ask("form_fields", until=until)

    rows = {row["field"]: row for row in answer["rows"]}
    assert list(rows) == list(planted["fields"])
    hesitated, others = planted["hesitated"], rows.keys() - set(planted["hesitated"])
    for field in hesitated:
        row, true = rows[field], planted["fields"][field]
        assert row["focus"]["p50_s"] > 1.5 * max(rows[each]["focus"]["p50_s"] for each in others)
        assert row["refocused"] > 2 * max(rows[each]["refocused"] for each in others)
        assert row["corrected"] > 1.5 * max(rows[each]["corrected"] for each in others)
        assert row["abandonment"]["low"] < 1 - true["completes"] < row["abandonment"]["high"]
    assert max(rows.values(), key=lambda row: row["abandonment"]["value"])["field"] in hesitated
    asked = sum(rows[field]["left_here"] for field in hesitated)
    assert asked > answer["whole"]["left"] / 3


def test_a_fifth_more_leads_are_not_recommended_when_sales_takes_on_fewer(
    company: BuiltCompany,
) -> None:
    trap = company.truth["trap"]
    snapshots = company.did["tests"][trap["experiment"]]["snapshots"]
    last = company.snapshot(trap["experiment"])

    leads = effect_of(last, "lead_rate")
    quality = effect_of(last, "mql_to_sql")

    assert trap["qualified_leads"] == pytest.approx(1.02)
    assert leads["outcome"] == "win"
    assert leads["relative"]["low"] < trap["leads"] - 1 < leads["relative"]["high"]
    assert quality["relative"]["low"] < trap["mql_to_sql"] - 1 < quality["relative"]["high"]
    assert quality["guardrail"] in {"undecided", "broken"}
    assert [each["advice"] for each in snapshots] == ["iterate", "iterate"]
    assert last["macro_conflict"].startswith("Lead rate is a micro metric and won, but")
    for effect in (leads, quality):
        assert f"{effect['relative']['value']:+.1%}".replace("-", "−") in last["macro_conflict"]


def test_the_two_fields_that_the_shorter_form_lacks_are_seen_by_variant(
    company: BuiltCompany,
) -> None:
    test = company.truth["experiments"]["shorter-form"]

    answer = company.ask(
        "form_fields", experiment="shorter-form", since=test["since"], until=test["until"]
    )

    long, short = answer["variants"]
    assert (long["variant"], short["variant"]) == (test["control"], test["treatment"])
    fields = [{row["field"] for row in each["rows"]} for each in (long, short)]
    assert fields[0] - fields[1] == set(company.truth["form"]["hesitated"])
    assert short["whole"]["completion"]["low"] > long["whole"]["completion"]["value"]


def test_nothing_is_decided_before_sales_has_spoken(company: BuiltCompany) -> None:
    trap = company.truth["trap"]
    test = company.did["tests"][trap["experiment"]]
    early, late = (each["as_of"] for each in test["snapshots"])

    said = [each for each in company.did["said"] if "I may not ship it yet" in each]

    assert early < trap["mature_at"] < late
    assert test["moves"]["decide"] > trap["mature_at"]
    assert test["stage"] == "closed"
    assert len(said) == 1
    assert "what comes late is not known of everybody yet" in said[0]


def test_the_year_has_tests_places_and_plans_and_the_way_to_sales_is_known(
    company: BuiltCompany,
) -> None:
    answer = company.ask("time_to_value", start="generate_lead", value="sql", intervals=42)

    stages = {key: each["stage"] for key, each in company.did["tests"].items()}
    assert stages["pick-a-slot"] == "running"
    assert {stages[key] for key in stages.keys() - {"pick-a-slot"}} == {"closed"}
    assert (company.did["surfaces"], company.did["roadmap"]) == (6, 4)
    (curve,) = answer["groups"]
    share = company.truth["stages"]["mql"] * company.truth["stages"]["sql"]
    assert curve["rows"][42]["share"] == pytest.approx(share, abs=0.04)
    # Nobody hears from sales in the first days, and who does not by the sixth week never does.
    assert curve["rows"][3]["share"] < share / 8
