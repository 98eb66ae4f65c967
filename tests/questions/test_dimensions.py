"""The rooms agree on what a dimension is."""

from __future__ import annotations

from truelift.lake.schema import DIMENSIONS as IN_THE_LAKE
from truelift.lake.schema import EVENTS
from truelift.questions.dimensions import COLUMNS, DIMENSIONS


def test_questions_and_lake_name_the_same_dimensions() -> None:
    assert DIMENSIONS == IN_THE_LAKE


def test_every_column_that_a_condition_may_name_is_stored() -> None:
    assert set(COLUMNS) <= set(EVENTS.names)
