"""Where a split comes apart, as a line of the integrity card."""

from __future__ import annotations

from truelift.apps.experiments.checks import causes_document, segment_split
from truelift.apps.experiments.integrity_card import TITLES, integrity_card
from truelift.stats.plan import AnalysisPlan, PlannedMetric, PlannedVariant
from truelift.stats.roles import MetricKind, MetricRole, VariantRole
from truelift.stats.split_causes import CellCounts
from truelift.stats.status import Status


PLAN = AnalysisPlan(
    experiment="x",
    variants=(PlannedVariant("a", VariantRole.CONTROL), PlannedVariant("b", VariantRole.TREATMENT)),
    metrics=(PlannedMetric("orders", MetricRole.PRIMARY, MetricKind.PROPORTION),),
)


def device(phones: tuple[int, int], desktops: tuple[int, int]) -> tuple[CellCounts, ...]:
    return (CellCounts("device", ("phone", "desktop"), (phones, desktops)),)


def test_a_split_as_planned_in_every_segment_passes_without_a_table() -> None:
    check, causes = segment_split(PLAN, device((500, 510), (400, 395)), units={"a": 900, "b": 905})

    assert check.status is Status.OK
    assert check.detail == "The split is as planned in each of two segments of one dimension."
    assert causes == ()


def test_the_segment_that_loses_visitors_is_named_with_its_counts() -> None:
    check, causes = segment_split(
        PLAN, device((5000, 4000), (4000, 4010)), units={"a": 9000, "b": 8010}
    )

    (table,) = causes_document(causes)
    assert check.status is Status.WARN
    assert check.detail == (
        "The split differs between segments; look at Device: phone (5,000 to 4,000)."
    )
    assert [each["cell"] for each in table["cells"] if each["carries"]] == ["phone"]


def test_segments_that_lean_against_each_other_are_found_though_the_whole_is_even() -> None:
    check, causes = segment_split(
        PLAN, device((5000, 4000), (4000, 5000)), units={"a": 9000, "b": 9000}
    )

    assert check.status is Status.WARN
    assert causes


def test_what_cannot_be_checked_is_neither_passed_nor_failed() -> None:
    check, _ = segment_split(PLAN, (), units={"a": 10, "b": 10})
    passed = {"check": "bots", "status": "ok", "value": 0.0, "detail": "None."}
    waiting = {
        "check": check.check,
        "status": check.status.value,
        "value": check.value,
        "detail": check.detail,
    }

    card = integrity_card([passed, waiting], home="/s/shop/")

    assert check.detail.startswith("Not yet, because ")
    assert [(light.said, light.title) for light in card.lights] == [
        ("passed", "No robots counted"),
        ("not yet", "Split by segment"),
    ]
    assert card.headline == "The measurement can be trusted: one check passed"


def test_every_line_that_can_deserve_a_look_says_what_to_do_and_how_it_is_checked() -> None:
    # Robots are kept apart whatever their share: there is nothing to do.
    for check in set(TITLES) - {"bots"}:
        told = {"check": check, "status": "warn", "value": 0.5, "detail": "Look."}

        (light,) = integrity_card([told], home="/s/shop/").lights

        assert light.to_do, check
        assert light.href.startswith("/s/shop/methods/"), check
