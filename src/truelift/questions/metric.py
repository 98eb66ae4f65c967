"""What is measured of a unit: which events, what they carry, for how long."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from truelift.questions.dimensions import Placeholders, measured, number_of
from truelift.questions.matching import Events, is_text
from truelift.stats.roles import MetricKind


__all__ = ["Amount", "AmountKind", "Counted", "Metric", "MetricKind"]

LONGEST_WINDOW_S: Final = 20 * 366 * 86_400

MOST_STEPS: Final = 10
"""Of a funnel step, the last one included."""


class AmountKind(StrEnum):
    """Where an event's number stands.

    `MONEY`: minor units of one currency; `NUMBER`: the number as it was sent;
    `PROPERTY`: a property.
    """

    MONEY = "money"
    NUMBER = "number"
    PROPERTY = "property"


@dataclass(frozen=True, slots=True)
class Amount:
    """The number of an event that is added up.

    Attributes:
        kind: Where it stands.
        name: The property's name, for `PROPERTY`.
        currency: The one that counts, for `MONEY`; amounts in others are left out.
        trusted: Only events that a secret key sent count.
        counts: 1 for every event that has such a number, in place of the number: by
            this, and not by all events, a mean is taken.
    """

    kind: AmountKind = AmountKind.NUMBER
    name: str = ""
    currency: str = ""
    trusted: bool = False
    counts: bool = False

    def obstacles(self) -> tuple[str, ...]:
        """Say what is wrong with it."""
        if self.kind is AmountKind.PROPERTY and not (self.name and is_text(self.name)):
            return ("the property to add up has no name",)
        if self.kind is AmountKind.MONEY and not self.currency:
            return ("money has no currency",)
        return ()

    def sql(self, values: Placeholders) -> str:
        """Give it as SQL, null where the event has none."""
        number = "value"
        if self.kind is AmountKind.MONEY:
            number = f"CASE WHEN currency = {values.add(self.currency)} THEN value_minor END"
        elif self.kind is AmountKind.PROPERTY:
            number = number_of(f"properties.{self.name}", values)
        if self.trusted:
            number = f"CASE WHEN trusted THEN {number} END"
        number = measured(f"({number})::DOUBLE")
        return f"CASE WHEN ({number}) IS NOT NULL THEN 1.0::DOUBLE END" if self.counts else number


@dataclass(frozen=True, slots=True)
class Counted:
    """Events, and the number of each that is added up.

    Attributes:
        events: Which.
        amount: None counts the events themselves.
    """

    events: Events
    amount: Amount | None = None

    def obstacles(self) -> tuple[str, ...]:
        """Say what is wrong with it."""
        found = self.events.obstacles()
        if not self.events.names and not self.events.where:
            found = (*found, "it names no event")
        return (*found, *(self.amount.obstacles() if self.amount else ()))


@dataclass(frozen=True, slots=True)
class Metric:
    """How a unit's events after its exposure become one number, or two for a ratio.

    A unit without the event counts as zero, whatever the kind.

    Attributes:
        key: Its name.
        kind: `PROPORTION`: 1 with at least one event. `COUNT`: how many. `SUM`: of the
            amounts. `MEAN`: of the unit's own amounts. `RATIO`: over all units, the
            numerator's total by the denominator's. `RETENTION`: 1 with an event between
            `from_s` and `window_s`. `FUNNEL_STEP`: 1 with all steps and then an event.
            `QUANTILE`: of the amounts. `RESTRICTED_MEAN`: how long until the first event, one
            that does not come within the window counted as the whole window.
        counted: The events, and for a ratio the numerator.
        denominator: For a ratio, as it was given; `below` is what counts.
        window_s: Events count up to this long after the unit's first exposure, the
            end included; None: for ever.
        from_s: Of `RETENTION`, and no earlier than so long after it.
        steps: Of `FUNNEL_STEP`, what a unit does before the events, each once the one before
            was done; simultaneous ones stand in any order.
        level: Of `QUANTILE`, which, between 0 and 1.
        per_unit: Of `QUANTILE`, whether a unit is one number, its total (0 without an event);
            else each event's number is one, and those of a unit belong together.
    """

    key: str
    kind: MetricKind
    counted: Counted
    denominator: Counted | None = None
    window_s: int | None = None
    from_s: int = 0
    steps: tuple[Events, ...] = ()
    level: float | None = None
    per_unit: bool = False

    @property
    def below(self) -> Counted | None:
        """What a ratio divides by; None where there is nothing to divide by.

        A denominator that counts the very events whose amounts the numerator adds up counts
        those that have such an amount: an order in another currency adds nothing above,
        and below it would water down the mean.
        """
        amount, below = self.counted.amount, self.denominator
        if below is None or amount is None or below.amount is not None:
            return below
        if below.events != self.counted.events:
            return below
        return Counted(below.events, replace(amount, counts=True))

    def obstacles(self) -> tuple[str, ...]:
        """Say what is wrong with it."""
        found = list(self.counted.obstacles())
        if self.kind is MetricKind.RATIO and self.denominator is None:
            found.append("a ratio needs a denominator")
        if self.kind is not MetricKind.RATIO and self.denominator is not None:
            found.append(f"a {self.kind.value} has no denominator")
        if self.denominator is not None:
            found += self.denominator.obstacles()
        summed = {MetricKind.SUM, MetricKind.MEAN, MetricKind.QUANTILE}
        if self.kind in summed and self.counted.amount is None:
            found.append(f"a {self.kind.value} needs an amount")
        found += self._obstacles_of_kind()
        if self.window_s is not None and self.window_s < 0:
            found.append("its window is negative")
        if self.window_s is not None and self.window_s > LONGEST_WINDOW_S:
            found.append("its window is longer than 20 years")
        return tuple(f"metric {self.key}: {reason}" for reason in found)

    def _obstacles_of_kind(self) -> list[str]:
        """Say what is wrong with what only some kinds have."""
        kind, said = self.kind, self.kind.value.replace("_", " ")
        found = []
        if kind is MetricKind.QUANTILE:
            if self.level is None or not 0 < self.level < 1:
                found.append("a quantile needs its level, between 0 and 1")
        elif self.level is not None or self.per_unit:
            found.append(f"a {said} has no level")
        if kind is MetricKind.RETENTION:
            if self.window_s is None or not 0 <= self.from_s < self.window_s:
                found.append("a retention needs a window that ends after it begins")
        elif self.from_s:
            found.append(f"a {said} counts from the exposure on")
        if kind is MetricKind.FUNNEL_STEP:
            sets = (*self.steps, self.counted.events)
            if not self.steps or len(sets) > MOST_STEPS:
                found.append(f"a funnel step needs 1 to {MOST_STEPS - 1} steps before it")
            if len(set(sets)) < len(sets):
                found.append("two of its steps are the same")
            found += [reason for each in self.steps for reason in each.obstacles()]
        elif self.steps:
            found.append(f"a {said} has no steps before it")
        if kind is MetricKind.RESTRICTED_MEAN and not self.window_s:
            found.append("a restricted mean needs a window")
        return found
