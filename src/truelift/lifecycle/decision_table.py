"""Reads the decision table of a brief: how an experiment ended, and what was agreed for that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from truelift.lifecycle.brief import Situation
from truelift.lifecycle.experiment import Advice, Choice


@dataclass(frozen=True, slots=True)
class Shown:
    """What an analysis shows of one treatment.

    Attributes:
        outcome: Of the metric that decides: `WIN`, `NULL`, `LOSS` or `INCONCLUSIVE`.
        harmed: Whether a guardrail got worse beyond its margin.
    """

    outcome: Situation
    harmed: bool = False


@dataclass(frozen=True, slots=True)
class Agreed:
    """What was agreed before the launch for the way in which an experiment ended.

    Attributes:
        situation: How it ended.
        choice: What was agreed.
        computed: What would be recommended without a table.
    """

    situation: Situation
    choice: Choice
    computed: Choice

    @property
    def sentence(self) -> str:
        """The agreement as a full sentence."""
        said = (
            f"By the table agreed before the launch: after {self.situation.called},"
            f" “{self.choice}”."
        )
        if self.choice is not self.computed:
            said += f" Without the table it would be “{self.computed}”."
        return said


def situation_of(shown: Sequence[Shown]) -> Situation | None:
    """Say how an experiment ended; nothing where no treatment can be judged.

    A treatment that harms a guardrail is out of the question, so the others speak. Among
    them the best one does: a win first, then what is unclear, then no difference.
    """
    if not shown:
        return None
    clean = {each.outcome for each in shown if not each.harmed}
    if not clean:
        return Situation.HARM
    order = (Situation.WIN, Situation.INCONCLUSIVE, Situation.NULL, Situation.LOSS)
    return next((each for each in order if each in clean), None)


def agreed_for(
    table: Mapping[Situation, Choice], shown: Sequence[Shown], *, computed: Advice
) -> Agreed | None:
    """Give what a decision table says about a result.

    Nothing is said where the table leaves the situation open, and where the statistics do
    not let anybody decide: a broken result, or a test that is to go on.
    """
    if computed in {Advice.KEEP_RUNNING, Advice.INVALID}:
        return None
    situation = situation_of(shown)
    if situation is None or situation not in table:
        return None
    return Agreed(situation, table[situation], Choice(computed.value))
