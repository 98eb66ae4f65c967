"""What must have been looked at before a start, each lack said by its name."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from truelift.lifecycle.qa import MOST_CELLS, MissingEvent, QaEvidence, matrix_of, qa_obstacles


NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
COMPLETE = QaEvidence(has_matrix=True, covered=0.93, run_at=NOON)


def test_the_matrix_has_the_fewest_cells_that_cover_nine_tenths_of_sessions() -> None:
    counts = {
        ("phone", "Safari"): 500,
        ("phone", "Chrome"): 250,
        ("desktop", "Chrome"): 160,
        ("desktop", "Firefox"): 60,
        ("tablet", "Safari"): 20,
    }

    cells = matrix_of(counts, total=1000)

    assert [(each.device, each.browser, each.share) for each in cells] == [
        ("phone", "Safari", 0.5),
        ("phone", "Chrome", 0.25),
        ("desktop", "Chrome", 0.16),
    ]


def test_sessions_that_nobody_can_name_count_in_the_whole() -> None:
    cells = matrix_of({("phone", "Safari"): 80, ("phone", "Chrome"): 5}, total=100)

    assert sum(each.share for each in cells) == pytest.approx(0.85)


def test_no_traffic_makes_no_matrix_and_a_wide_one_ends() -> None:
    assert matrix_of({}, total=0) == ()
    assert len(matrix_of({("phone", f"b{n}"): 1 for n in range(99)}, total=99)) == MOST_CELLS


def test_complete_evidence_has_no_obstacle() -> None:
    assert COMPLETE.complete
    assert COMPLETE.instrumented
    assert COMPLETE.matrix_complete


LACKS: list[tuple[dict[str, object], str]] = [
    ({"has_matrix": False}, "qa.no_matrix"),
    ({"missing_cells": (("early", "Safari on phone"),)}, "qa.cells_missing"),
    ({"blocking_failures": ("early in Safari on phone",)}, "qa.cells_failed"),
    ({"run_at": None}, "qa.no_run"),
    ({"running": True}, "qa.run_under_way"),
    ({"stale": True}, "qa.run_too_old"),
    ({"broken_visits": ("Variant early could not be opened.",)}, "qa.visit_broken"),
    (
        {"missing_events": (MissingEvent("early", "phone", "primary", "purchase"),)},
        "qa.event_missing",
    ),
]


@pytest.mark.parametrize(("lack", "code"), LACKS)
def test_each_lack_is_said_alone(lack: dict[str, object], code: str) -> None:
    evidence = replace(COMPLETE, **lack)  # type: ignore[arg-type]

    assert [each.code for each in qa_obstacles(evidence)] == [code]
    assert not evidence.complete


def test_a_missing_event_is_named_with_its_variant_and_its_part() -> None:
    missing = MissingEvent("early", "phone", "exposure", "exposure", "It came with variant late.")

    assert missing.sentence == (
        "The exposure event exposure of variant early did not arrive (phone)."
        " It came with variant late."
    )
