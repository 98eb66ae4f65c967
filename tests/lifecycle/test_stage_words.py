"""One word for each stage, wherever it is shown."""

from __future__ import annotations

import pytest

from truelift.lifecycle.experiment import Stage
from truelift.lifecycle.freeze import FreezeStage
from truelift.lifecycle.functions import Item
from truelift.lifecycle.hypothesis import HypothesisStage
from truelift.lifecycle.idea import IdeaStage
from truelift.lifecycle.insight import InsightStage
from truelift.lifecycle.rollout import RolloutStage
from truelift.lifecycle.signal import SignalStage
from truelift.lifecycle.stage_words import STAGE_WORDS, stage_within, stage_word


@pytest.mark.parametrize(
    ("item", "stages"),
    [
        (Item.SIGNAL, SignalStage),
        (Item.INSIGHT, InsightStage),
        (Item.IDEA, IdeaStage),
        (Item.HYPOTHESIS, HypothesisStage),
        (Item.EXPERIMENT, Stage),
        (Item.ROLLOUT, RolloutStage),
        (Item.FREEZE, FreezeStage),
    ],
)
def test_every_stage_has_one_word_of_its_own_that_begins_with_a_capital(
    item: Item, stages: type[Stage]
) -> None:
    words = [stage_word(item, stage) for stage in stages]

    assert set(STAGE_WORDS[item]) == set(stages)
    assert len(set(words)) == len(words)
    assert all(word[0].isupper() for word in words)


def test_inside_a_sentence_a_stage_loses_its_capital() -> None:
    assert stage_within(Item.EXPERIMENT, "build") == "being built"
    assert stage_within("hypothesis", "ready_for_review") == "in review"


def test_what_has_no_words_of_its_own_is_called_by_its_code() -> None:
    assert stage_word("principle", "not_yet") == "Not yet"
    assert stage_within("warning", "raised") == "raised"
