"""One funnel beside another: two periods, or two kinds of people, and what differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from truelift.questions.dimensions import Placeholders
from truelift.questions.document import Json, instant
from truelift.questions.forms import Context, Field, record
from truelift.questions.funnel import (
    MEMBERS,
    Funnel,
    FunnelAnswer,
    FunnelGroup,
    StepCount,
    funnel_of,
)
from truelift.questions.funnel_tally import Tally
from truelift.questions.matching import BadQuestion, Condition
from truelift.questions.members import SINCE, UNTIL, WHERE, Members
from truelift.questions.question import Scan
from truelift.questions.shares import Span, difference, share_of


@dataclass(frozen=True, slots=True)
class Rates:
    """A share in one funnel and in the other, of units whose window is over.

    Attributes:
        arrived: In the first funnel, units that could go on.
        passed: Of those, the ones that did.
        against_arrived: And in the other.
        against_passed: And in the other.
    """

    arrived: int
    passed: int
    against_arrived: int
    against_passed: int

    @property
    def here(self) -> Span | None:
        """The share in the first funnel; None of nobody."""
        return share_of(self.arrived, self.passed) if self.arrived else None

    @property
    def there(self) -> Span | None:
        """The share in the other; None of nobody."""
        return share_of(self.against_arrived, self.against_passed) if self.against_arrived else None

    @property
    def difference(self) -> Span | None:
        """The first share less the other, at 95 %; None where either is undefined."""
        here, there = self.here, self.there
        return None if here is None or there is None else difference(here, there)

    def document(self) -> dict[str, Json]:
        """Write it as JSON."""
        here, there, gap = self.here, self.there, self.difference
        return {
            "rate": None if here is None else here.value,
            "against": None if there is None else there.value,
            "difference": None if gap is None else gap.document(),
        }


@dataclass(frozen=True, slots=True)
class ComparedStep:
    """One step in both funnels.

    Attributes:
        here: In the first funnel.
        there: In the other.
        from_first: Of the units at step 1, the share that got here.
        from_before: Of the units at the step before that this one needs; None at step 1.
    """

    here: StepCount
    there: StepCount
    from_first: Rates
    from_before: Rates | None

    def document(self) -> dict[str, Json]:
        """Write it as a row of the answer."""
        theirs = self.there.document()
        return {
            **self.here.document(),
            "against": {
                name: value
                for name, value in theirs.items()
                if name not in {"step", "event", "optional"}
            },
            "from_first": self.from_first.document(),
            "from_before": None if self.from_before is None else self.from_before.document(),
        }


@dataclass(frozen=True, slots=True)
class ComparedGroup:
    """One value of what was grouped by, in both funnels."""

    value: str | None
    steps: tuple[ComparedStep, ...]


@dataclass(frozen=True, slots=True)
class FunnelComparison:
    """Two answers side by side.

    Attributes:
        here: The first.
        there: What it is compared with.
        groups: The values that stand alone in both, in the order of the first.
    """

    here: FunnelAnswer
    there: FunnelAnswer
    groups: tuple[ComparedGroup, ...]

    def document(self) -> dict[str, Json]:
        """Write it in the shape of `ask funnel --against-since`."""
        question = self.here.question
        groups: list[Json] = [
            {
                **question.group_document(group.value, 0),
                "steps": [step.document() for step in group.steps],
            }
            for group in self.groups
        ]
        return {
            "question": "funnel_compare",
            "semantics": {**question.semantics(), "rates_of": "units_whose_window_is_over"},
            "period": _period(question),
            "against": _period(self.there.question),
            "groups": groups,
            "immature": self.here.immature,
            "against_immature": self.there.immature,
        }


def side_by_side(here: FunnelAnswer, there: FunnelAnswer) -> FunnelComparison:
    """Compare two answers of funnels with the same steps: periods, segments, what differs.

    Shares are of units whose windows are all over, in both: who is still under way is
    neither lost nor through, and a recent period has more of them.

    Assumes:
        Units of the two are different ones, or few are in both; the interval is for
        two independent shares.

    Raises:
        BadQuestion: Their steps or what they are grouped by are not the same.
    """
    titles = [[step.events.title for step in each.question.steps] for each in (here, there)]
    needed = [each.question.rules.optional for each in (here, there)]
    if titles[0] != titles[1] or needed[0] != needed[1] or here.question.by != there.question.by:
        reason = "the two funnels have different steps or groups"
        raise BadQuestion(question="funnel", reasons=(reason,))
    others = {group.value: group for group in there.groups if not group.others}
    return FunnelComparison(
        here=here,
        there=there,
        groups=tuple(
            ComparedGroup(group.value, tuple(_steps(group, others[group.value])))
            for group in here.groups
            if not group.others and group.value in others
        ),
    )


def _steps(here: FunnelGroup, there: FunnelGroup) -> Iterator[ComparedStep]:
    before: int | None = None
    for nth, step in enumerate(here.steps):
        yield ComparedStep(
            here=step,
            there=there.steps[nth],
            from_first=_rates(here, there, 0, nth),
            from_before=None if before is None else _rates(here, there, before, nth),
        )
        if not step.optional:
            before = nth


def _rates(here: FunnelGroup, there: FunnelGroup, before: int, nth: int) -> Rates:
    return Rates(
        *(
            group.steps[place].units - group.steps[place].open
            for group in (here, there)
            for place in (before, nth)
        )
    )


def _period(question: Funnel) -> dict[str, Json]:
    return {
        "since": None if question.since is None else instant(question.since),
        "until": None if question.until is None else instant(question.until),
        "where": [
            {"field": held.field, "comparison": held.comparison.value, "values": list(held.values)}
            for held in question.where
        ],
    }


@dataclass(frozen=True, slots=True)
class FunnelCompare:
    """A funnel and the same one of another period, or under other conditions, in one answer.

    Attributes:
        funnel: The first.
        against: What it is compared with; its steps and groups are the same.
    """

    funnel: Funnel
    against: Funnel

    def __post_init__(self) -> None:
        same = replace(
            self.against,
            since=self.funnel.since,
            until=self.funnel.until,
            where=self.funnel.where,
        )
        if same != self.funnel:
            reason = "two funnels are compared that differ in more than period and conditions"
            raise BadQuestion(question="funnel", reasons=(reason,))
        if self.against == self.funnel:
            raise BadQuestion(question="funnel", reasons=("it is compared with itself",))

    @property
    def name(self) -> str:
        """The word that its document is asked by."""
        return "funnel_compare"

    @property
    def since(self) -> datetime | None:
        """No attempt of either began before this."""
        either = (self.funnel.since, self.against.since)
        return None if None in either else min(filter(None, either))

    @property
    def until(self) -> datetime | None:
        """No attempt of either began at or after this."""
        either = (self.funnel.until, self.against.until)
        return None if None in either else max(filter(None, either))

    @property
    def as_of(self) -> datetime:
        """Windows that end at or after this instant are still open."""
        return self.funnel.as_of

    def scan(self) -> Scan:
        """Read what both read, one after the other."""
        values = Placeholders()
        bounds = [self.funnel.bounds(), self.against.bounds()]
        sinces, untils = zip(*bounds, strict=True)
        return Scan(
            sql=f"""
            SELECT * FROM (
                SELECT 0::TINYINT AS side, * FROM ({self.funnel.select(values)})
                UNION ALL
                SELECT 1::TINYINT AS side, * FROM ({self.against.select(values)})
            )
            ORDER BY side, {self.funnel.ordering()}
            """,
            parameters=values.values,
            since=None if None in sinces else min(filter(None, sinces)),
            until=None if None in untils else max(filter(None, untils)),
        )

    def partial(self, rows: pa.Table) -> tuple[Tally, Tally]:
        """Count the units of one bucket, twice."""
        here = rows.filter(pc.equal(rows["side"], 0))
        there = rows.filter(pc.equal(rows["side"], 1))
        return self.funnel.partial(here), self.against.partial(there)

    def merge(self, left: tuple[Tally, Tally], right: tuple[Tally, Tally]) -> tuple[Tally, Tally]:
        """Add the groups of two buckets."""
        return self.funnel.merge(left[0], right[0]), self.against.merge(left[1], right[1])

    def answer(self, partial: tuple[Tally, Tally]) -> FunnelComparison:
        """Put both side by side."""
        return side_by_side(self.funnel.answer(partial[0]), self.against.answer(partial[1]))


def _funnel_compare(given: Mapping[str, object], context: Context) -> FunnelCompare:
    members = Members(given)
    funnel = funnel_of(given, context)
    other: Mapping[str, object] = members.get("against", {})
    theirs = Members(other)
    where: tuple[Condition, ...] = theirs.get("where", funnel.where)
    # Another period has both bounds of its own; conditions alone keep the period.
    is_period = "since" in other or "until" in other
    against = replace(
        funnel,
        since=theirs.maybe("since", datetime) if is_period else funnel.since,
        until=theirs.maybe("until", datetime) if is_period else funnel.until,
        where=where,
    )
    return FunnelCompare(funnel=funnel, against=against)


def _against(given: Mapping[str, object], _context: Context) -> Mapping[str, object]:
    return given


AGAINST: Final = record(_against, {"since": SINCE, "until": UNTIL, "where": WHERE})

FORM: Final = record(
    _funnel_compare,
    {**MEMBERS, "against": Field(AGAINST, "The other period, or conditions.", required=True)},
)
"""How it stands in JSON."""
